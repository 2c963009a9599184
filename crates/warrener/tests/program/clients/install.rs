//! Pinned clients, installed once into a folder under `target/`.

use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{folder, sources};
use crate::process::{self, Outcome};

/// Fetching a small package over a slow line.
const LIMIT: Duration = Duration::from_secs(180);

/// pika: a folder for `PYTHONPATH`.
pub(crate) fn pika() -> Result<PathBuf, String> {
    python_packages("pika", "python")
}

/// curl, which nobody but the system's packages installs.
pub(crate) fn curl() -> Result<(), String> {
    answers(Command::new("curl").arg("--version"), "curl")
}

/// Celery and Flower: a folder for `PYTHONPATH`.
pub(super) fn celery() -> Result<PathBuf, String> {
    python_packages("celery", "celery")
}

/// Prometheus' own reader of metrics: a folder for `PYTHONPATH`.
pub(crate) fn prometheus_client() -> Result<PathBuf, String> {
    python_packages("prometheus_client", "prometheus")
}

fn python_packages(name: &str, language: &str) -> Result<PathBuf, String> {
    answers(Command::new("python3").arg("--version"), "python3")?;
    let requirements = folder(language).join("requirements.txt");
    once(name, &read(&requirements)?, |fresh| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(["--root-user-action=ignore", "--no-deps", "--require-hashes", "--target"])
            .arg(fresh)
            .arg("--requirement")
            .arg(&requirements);
        succeeds(&mut pip, "pip").map(drop)
    })
}

/// amqplib: a folder for `NODE_PATH`.
pub(crate) fn amqplib() -> Result<PathBuf, String> {
    answers(Command::new("node").arg("--version"), "node")?;
    let lock = folder("node").join("package-lock.json");
    let installed = once("amqplib", &read(&lock)?, |fresh| {
        for name in ["package.json", "package-lock.json"] {
            let copied = fs::copy(folder("node").join(name), fresh.join(name));
            copied.map_err(|error| error.to_string())?;
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(fresh);
        succeeds(&mut npm, "npm").map(drop)
    })?;
    Ok(installed.join("node_modules"))
}

/// The C programs: a folder with one executable each.
pub(super) fn librabbitmq() -> Result<PathBuf, String> {
    let pkg_config = |asked: &[&str]| {
        let mut command = Command::new("pkg-config");
        command.args(asked).arg("librabbitmq");
        succeeds(&mut command, "librabbitmq for pkg-config").map(|outcome| outcome.text())
    };
    let version = pkg_config(&["--modversion"])?;
    let flags = pkg_config(&["--cflags", "--libs"])?;
    answers(Command::new("cc").arg("--version"), "cc")?;

    let names = sources("c", ".c");
    let mut pins = version;
    for name in names.iter().map(String::as_str).chain(["session.h"]) {
        pins.push_str(&read(&folder("c").join(name))?);
    }
    once("librabbitmq", &pins, |fresh| {
        for name in names.iter().filter(|name| *name != "session.c") {
            let mut cc = Command::new("cc");
            cc.args(["-std=c11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror", "-o"])
                .arg(fresh.join(name.trim_end_matches(".c")))
                .args([folder("c").join(name), folder("c").join("session.c")])
                .args(flags.split_whitespace());
            succeeds(&mut cc, "cc")?;
        }
        Ok(())
    })
}

/// The distribution's Java client and what it needs, of which nobody but the system's packages installs anything.
const JARS: [&str; 3] = ["amqp-client.jar", "slf4j-api.jar", "slf4j-nop.jar"];

/// The Java programs: a folder with their classes.
pub(super) fn java() -> Result<PathBuf, String> {
    answers(Command::new("javac").arg("-version"), "javac")?;
    let mut pins = String::new();
    for jar in JARS.map(|jar| Path::new("/usr/share/java").join(jar)) {
        let target =
            fs::canonicalize(&jar).map_err(|error| format!("{}: {error}", jar.display()))?;
        pins.push_str(&target.to_string_lossy());
    }
    let names = sources("java", ".java");
    for name in &names {
        pins.push_str(&read(&folder("java").join(name))?);
    }
    once("java", &pins, |fresh| {
        let mut javac = Command::new("javac");
        javac.args(["-Xlint:all,-auxiliaryclass", "-Werror", "-d"]).arg(fresh);
        javac.arg("-cp").arg(class_path(fresh));
        javac.args(names.iter().map(|name| folder("java").join(name)));
        succeeds(&mut javac, "javac").map(drop)
    })
}

/// Where Java finds the classes in `folder`, and the client.
pub(super) fn class_path(folder: &Path) -> String {
    let jars = JARS.map(|jar| format!("/usr/share/java/{jar}"));
    format!("{}:{}", folder.display(), jars.join(":"))
}

/// The five commands of amqp-tools, which nobody but the system's packages installs.
pub(super) fn amqp_tools() -> Result<(), String> {
    for name in ["publish", "consume", "get", "declare-queue", "delete-queue"] {
        answers(Command::new(format!("amqp-{name}")).arg("--usage"), "amqp-tools")?;
    }
    Ok(())
}

/// The folder that `make` fills, made once for these pins. Whoever else makes it at the same time
/// makes the same, and a folder is put in its place only when it is complete.
fn once(
    name: &str,
    pins: &str,
    make: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients");
    let installed = all.join(name);
    let is_done = || fs::read_to_string(installed.join("pins")).is_ok_and(|found| found == pins);
    if is_done() {
        return Ok(installed);
    }
    let fresh = (|| {
        fs::create_dir_all(&all)?;
        tempfile::Builder::new().prefix(name).tempdir_in(&all)
    })()
    .map_err(|error| error.to_string())?;
    make(fresh.path())?;
    let placed = (|| {
        fs::write(fresh.path().join("pins"), pins)?;
        if installed.exists() && !is_done() {
            fs::remove_dir_all(&installed)?;
        }
        fs::rename(fresh.keep(), &installed)
    })();
    match placed {
        Err(error) if !is_done() => Err(error.to_string()),
        _ => Ok(installed),
    }
}

/// Whether `command` can be run at all.
fn answers(command: &mut Command, what: &str) -> Result<(), String> {
    succeeds(command, what).map(drop)
}

fn succeeds(command: &mut Command, what: &str) -> Result<Outcome, String> {
    let outcome = process::run(command, LIMIT).map_err(|error| format!("no {what} ({error})"))?;
    if outcome.status.success() {
        return Ok(outcome);
    }
    Err(format!("no {what}: {}", outcome.stderr.trim()))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

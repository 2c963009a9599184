//! Java: the client of the distribution, with its own recovery and its own classes for calls.

use core::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use super::{LIMIT, Target, install, programs, unless_missing};
use crate::broker::{Broker, Shared, free_port};
use crate::process;

static BROKER: Shared = Shared::new();
static PROGRAMS: LazyLock<Result<PathBuf, String>> = LazyLock::new(install::java);

programs!(run, "java", ".java", [publisher_confirms, recovery, rpc]);

fn run(name: &str) {
    let Some(programs) = unless_missing(&PROGRAMS, &format!("java::{name}")) else { return };
    let mut java = Command::new("java");
    // A small machine for a small program; it starts sooner so.
    java.args(["-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"]);
    java.arg(install::class_path(programs)).arg(class(name));
    if name == "recovery" {
        run_with_restarts(&mut java);
    } else {
        Target::of(&BROKER).satisfies(&mut java);
    }
}

/// `publisher_confirms` is the class `PublisherConfirms`.
fn class(name: &str) -> String {
    let mut class = String::new();
    for word in name.split('_') {
        let (first, rest) = word.split_at(1);
        write!(class, "{}{rest}", first.to_uppercase()).expect("a string takes all");
    }
    class
}

/// Runs a program that says when its broker is to be restarted, and how.
fn run_with_restarts(java: &mut Command) {
    let mut restarting = Restarting::start();
    java.env("AMQP_URL", &restarting.url);
    java.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = java.spawn().expect("java was there before");
    let said = answer_restarts(&mut child, &mut restarting);
    let status = process::wait(&mut child, LIMIT);
    let mut complaint = String::new();
    let stderr = child.stderr.as_mut().expect("a pipe");
    stderr.read_to_string(&mut complaint).expect("text");
    assert!(
        status.is_some_and(|status| status.success()),
        "{status:?}\n{said}{complaint}-- log of the broker\n{}",
        restarting.log()
    );
}

/// Restarts the broker as often as the program asks for it; the answer is all that it said. It has a deadline of its own.
fn answer_restarts(child: &mut Child, restarting: &mut Restarting) -> String {
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut said = String::new();
    for line in BufReader::new(child.stdout.take().expect("a pipe")).lines() {
        let line = line.expect("text");
        if let Some(how) = line.strip_prefix("restart ") {
            restarting.restart(how);
            // A program that has ended meanwhile says why.
            let _ = stdin.write_all(b"done\n");
        }
        said.push_str(&line);
        said.push('\n');
    }
    said
}

/// A broker that ends and begins again at the same address, on the same data.
struct Restarting {
    url: String,
    ours: Option<(Broker, tempfile::TempDir, String)>,
}

impl Restarting {
    /// Ours, or the one that `WARRENER_TEST_URL` names, which the command `WARRENER_TEST_RESTART` restarts.
    fn start() -> Self {
        if let Ok(url) = std::env::var("WARRENER_TEST_URL") {
            return Self { url, ours: None };
        }
        let data = tempfile::tempdir().expect("a folder");
        let address = format!("127.0.0.1:{}", free_port());
        let broker = Broker::start_on(data.path(), &["--listen", &address]);
        let url = format!("amqp://guest:guest@{address}/%2F");
        Self { url, ours: Some((broker, data, address)) }
    }

    fn restart(&mut self, how: &str) {
        let Some((broker, data, address)) = self.ours.take() else {
            let command = std::env::var("WARRENER_TEST_RESTART").expect("a command to restart it");
            let status = Command::new("sh").args(["-c", &command]).status().expect("a shell");
            assert!(status.success(), "{command}: {status}");
            return;
        };
        match how {
            "in order" => assert!(broker.terminate().success(), "an orderly end"),
            "by a kill" => broker.kill(),
            _ => panic!("restart {how}?"),
        }
        let broker = Broker::start_on(data.path(), &["--listen", &address]);
        self.ours = Some((broker, data, address));
    }

    fn log(&self) -> String {
        self.ours.as_ref().map_or_else(String::new, |(broker, ..)| broker.last_words())
    }
}

//! `warrener doctor`: whether this machine gives a broker what it needs, and what to change where it does not.

#![expect(clippy::disallowed_methods, reason = "one of the things looked at is the clock")]

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::config::{Config, Storage};
use crate::configuration::{Sources, load};
use crate::limits::{self, DESCRIPTORS_RESERVED};

/// Looks at everything and prints a line for each; an error when something should be changed.
pub(crate) fn run(sources: &Sources) -> Result<(), String> {
    let loaded = load(sources).map_err(|mistakes| mistakes.join("\n"))?;
    let config = &loaded.settings.server;
    let findings = findings(config, &Machine::look(config));
    for finding in &findings {
        let (mark, line) = match finding {
            Ok(line) => ("good  ", line),
            Err(line) => ("change", line),
        };
        writeln!(io::stdout(), "{mark} {line}").map_err(|error| error.to_string())?;
    }
    match findings.iter().filter(|finding| finding.is_err()).count() {
        0 => Ok(()),
        count => Err(format!("{count} things to change; the broker would start all the same")),
    }
}

/// What is as it should be, or what to change.
type Finding = Result<String, String>;

/// What there is.
#[derive(Debug, Default)]
struct Machine {
    /// The limit of open files: what a process begins with may be raised to this.
    descriptors: Option<u64>,
    disk: Option<Disk>,
    /// Seconds since 1970.
    now: u64,
    memory_bytes: Option<u64>,
}

/// The data directory, and what is below it.
#[derive(Debug, Default)]
struct Disk {
    directory: PathBuf,
    /// Why nothing can be written there.
    refused: Option<String>,
    free_bytes: u64,
    total_bytes: u64,
    /// When something was written last, in seconds since 1970.
    written: Option<u64>,
}

/// The year 2025: no machine's clock should be before this program.
const OLDEST: u64 = 1_735_689_600;

/// A clock may be corrected by so much.
const CORRECTION_SECONDS: u64 = 60;

fn findings(config: &Config, machine: &Machine) -> Vec<Finding> {
    let mut findings = vec![descriptors(config, machine.descriptors), clock(machine)];
    findings.extend(memory(config, machine.memory_bytes));
    match &machine.disk {
        Some(disk) => findings.extend([directory(disk), space(config, disk)]),
        None => findings.push(Ok("disk: nothing is kept there".to_owned())),
    }
    findings
}

fn descriptors(config: &Config, limit: Option<u64>) -> Finding {
    let connections = config.limits.connections as u64;
    let needed = connections + 2 * DESCRIPTORS_RESERVED as u64;
    match limit {
        Some(limit) if limit < needed => Err(format!(
            "open files: at most {limit}, and {connections} connections (max_connections) need {needed}; raise it \
             (LimitNOFILE={needed} in a unit, ulimit -Hn {needed} in a shell), or lower max_connections"
        )),
        Some(limit) => Ok(format!("open files: up to {limit}")),
        None => Ok("open files: without a limit".to_owned()),
    }
}

fn clock(machine: &Machine) -> Finding {
    let written = machine.disk.as_ref().and_then(|disk| disk.written).unwrap_or_default();
    if machine.now < OLDEST {
        return Err(
            "clock: it stands before the year 2025; set it (timedatectl set-ntp true), or what expires by the \
                    clock will do so when it is set"
                .to_owned(),
        );
    }
    if written > machine.now + CORRECTION_SECONDS {
        let behind = written - machine.now;
        return Err(format!(
            "clock: it is {behind} seconds behind what was written last into the data directory; set it (timedatectl \
             set-ntp true): until it has caught up, the broker goes on from the time it remembers"
        ));
    }
    Ok("clock: later than everything it was used for".to_owned())
}

fn memory(config: &Config, bytes: Option<u64>) -> Option<Finding> {
    let (all, budget) = (bytes?, config.memory_budget_bytes?);
    Some(if budget + budget / 2 + (64 << 20) > all {
        Err(format!(
            "memory: memory_budget is {} MiB, with which the process takes up to half as much again, and there are {} \
             MiB; lower it",
            budget >> 20,
            all >> 20
        ))
    } else {
        Ok(format!("memory: {} MiB, with a budget of {} MiB", all >> 20, budget >> 20))
    })
}

fn directory(disk: &Disk) -> Finding {
    let directory = disk.directory.display();
    match &disk.refused {
        Some(why) => Err(format!(
            "data directory: {directory} cannot be written: {why}; let this user create and write it, or name another \
             (data_dir)"
        )),
        None => Ok(format!("data directory: {directory} can be written")),
    }
}

fn space(config: &Config, disk: &Disk) -> Finding {
    let limit = config.disk_free_bytes;
    let limit = limit.unwrap_or_else(|| limits::disk_free_bytes(Some(disk.total_bytes)));
    let free = disk.free_bytes >> 20;
    if disk.free_bytes < limit {
        return Err(format!(
            "disk: {free} MiB are free, and publishers wait below {} MiB (disk_free_limit); free some space or use another \
             disk",
            limit >> 20
        ));
    }
    Ok(format!("disk: {free} MiB are free, publishers wait below {} MiB", limit >> 20))
}

impl Machine {
    fn look(config: &Config) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let disk = match &config.storage {
            Storage::Memory => None,
            Storage::Directory(directory) => Some(Disk::look(directory)),
        };
        let memory_bytes = crate::memory::available_bytes(Path::new("/"));
        Self { descriptors: hard_limit(), disk, now, memory_bytes }
    }
}

#[cfg(unix)]
fn hard_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum
}

#[cfg(not(unix))]
const fn hard_limit() -> Option<u64> {
    None
}

impl Disk {
    /// Nothing is left behind, the directory least of all: a start makes it.
    fn look(directory: &Path) -> Self {
        let exists = directory.ancestors().find(|path| path.is_dir()).unwrap_or(directory);
        let probe = exists.join(format!(".warrener-doctor-{}", std::process::id()));
        let refused = fs::File::create_new(&probe).err().map(|error| error.to_string());
        let _ = fs::remove_file(&probe);
        let (free_bytes, total_bytes) = space_of(exists);
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let times = entries.filter_map(|entry| entry.metadata().ok()?.modified().ok());
        let seconds =
            times.filter_map(|time| Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs()));
        let directory = directory.to_owned();
        Self { directory, refused, free_bytes, total_bytes, written: seconds.max() }
    }
}

#[cfg(unix)]
fn space_of(path: &Path) -> (u64, u64) {
    let found = rustix::fs::statvfs(path);
    found.map_or((u64::MAX, u64::MAX), |it| {
        (it.f_bavail.saturating_mul(it.f_frsize), it.f_blocks.saturating_mul(it.f_frsize))
    })
}

#[cfg(not(unix))]
const fn space_of(_path: &Path) -> (u64, u64) {
    (u64::MAX, u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn good() -> Machine {
        let disk = Disk { free_bytes: 50 * GIB, total_bytes: 100 * GIB, ..Disk::default() };
        Machine {
            descriptors: Some(1 << 20),
            disk: Some(disk),
            now: OLDEST + 1,
            memory_bytes: Some(GIB),
        }
    }

    fn complaints(config: &Config, machine: &Machine) -> Vec<String> {
        findings(config, machine).into_iter().filter_map(Result::err).collect()
    }

    #[test]
    fn a_good_machine_needs_no_change() {
        let config = Config { memory_budget_bytes: Some(GIB / 4), ..Config::in_memory() };
        assert_eq!(complaints(&config, &good()), [""; 0]);
        assert_eq!(complaints(&config, &Machine { disk: None, ..good() }), [""; 0]);
    }

    #[test]
    fn each_thing_that_is_wrong_is_told_with_what_to_change() {
        let disk = |change: fn(&mut Disk)| {
            let mut machine = good();
            machine.disk.as_mut().map(change);
            machine
        };
        let budget = Config { memory_budget_bytes: Some(GIB), ..Config::in_memory() };
        for (config, machine, words) in [
            (Config::in_memory(), Machine { descriptors: Some(1024), ..good() }, "LimitNOFILE="),
            (Config::in_memory(), Machine { now: 0, ..good() }, "before the year 2025"),
            (
                Config::in_memory(),
                disk(|it| it.written = Some(OLDEST + 3600)),
                "3599 seconds behind",
            ),
            (Config::in_memory(), disk(|it| it.free_bytes = 1), "disk_free_limit"),
            (Config::in_memory(), disk(|it| it.refused = Some("no".into())), "data_dir"),
            (budget, good(), "memory_budget"),
        ] {
            let complaints = complaints(&config, &machine);
            let [complaint] = &complaints[..] else { panic!("{words}: {complaints:?}") };
            assert!(complaint.contains(words), "{complaint}");
        }
    }

    #[test]
    fn looking_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let looked = Disk::look(&folder.path().join("not/yet"));
        assert!(looked.refused.is_none() && looked.free_bytes > 0, "{looked:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

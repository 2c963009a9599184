//! Child processes that are given a time to end in.

use core::time::Duration;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Instant;

/// How often a condition is looked at while waiting for it.
const GLANCE: Duration = Duration::from_millis(5);

/// What a process left behind.
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Standard output as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// Runs `command` to its end with nothing to read; an error says why there is no outcome.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<Outcome, String> {
    run_with_input(command, Vec::new(), limit)
}

/// Runs `command` to its end, with `input` to read.
pub(crate) fn run_with_input(
    command: &mut Command,
    input: Vec<u8>,
    limit: Duration,
) -> Result<Outcome, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.process_group(0).spawn().map_err(|error| format!("{name}: {error}"))?;
    let mut stdin = child.stdin.take().expect("a pipe");
    let writing = thread::spawn(move || stdin.write_all(&input));
    let stdout = collect(child.stdout.take().expect("a pipe"));
    let stderr = collect(child.stderr.take().expect("a pipe"));
    let status = wait(&mut child, limit);
    if status.is_none() {
        kill_group(&mut child);
    }
    // A program that does not read all its input is not at fault.
    let _ = writing.join().expect("the writer");
    let stdout = stdout.join().expect("the reader");
    let stderr = String::from_utf8_lossy(&stderr.join().expect("the reader")).into_owned();
    match status {
        Some(status) => Ok(Outcome { status, stdout, stderr }),
        None => Err(format!("{name} did not end within {limit:?}\n{stderr}")),
    }
}

/// The exit status of `child`, if it ends within `limit`.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let mut status = None;
    eventually(limit, || {
        status = child.try_wait().expect("our own child");
        status.is_some()
    });
    status
}

/// Looks at `condition` until it holds, or until `limit` has passed: then false.
pub(crate) fn eventually(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(GLANCE);
    }
}

/// Sends a signal, by its name, to one process.
pub(crate) fn signal(name: &str, child: &Child) {
    send(name, &child.id().to_string());
}

/// Kills a child that leads its own group, and whatever it started, without any chance to say so.
pub(crate) fn kill_group(child: &mut Child) {
    send("KILL", &format!("-{}", child.id()));
    child.wait().expect("our own child");
}

fn send(signal: &str, target: &str) {
    let status = Command::new("kill")
        .args(["-s", signal, "--", target])
        .stderr(Stdio::null())
        .status()
        .expect("kill is part of every Unix");
    assert!(status.success(), "kill -s {signal} -- {target}");
}

fn collect(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut all = Vec::new();
        pipe.read_to_end(&mut all).expect("a pipe of our own child");
        all
    })
}

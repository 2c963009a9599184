//! Log lines on their way to standard error. Whoever has something to say never waits for whoever reads it: a log that nobody
//! reads would otherwise hold up every task that writes a line.

use core::time::Duration;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread;

use tracing_subscriber::fmt::MakeWriter;

use crate::gauges::Level;
use crate::limits::LINE_BYTES_WAITING;
use crate::poison::LockOrStop;

/// The process has one standard error, and so one of these at most.
static LINES: OnceLock<Arc<Lines>> = OnceLock::new();

/// Lines that wait to be written.
#[derive(Debug, Default)]
struct Lines {
    waiting: Mutex<Waiting>,
    /// There is something to write.
    more: Condvar,
    /// All is written.
    written: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    octets: Vec<u8>,
    /// How many lines found no room since that was last said.
    left_out: u64,
    /// Some are being written just now.
    writing: bool,
}

/// What one event's line is written to.
#[derive(Clone, Debug)]
pub(crate) struct Line(Arc<Lines>);

/// From now on lines are written by a thread of their own.
pub(crate) fn start() -> io::Result<Line> {
    let lines = LINES.get_or_init(Arc::default);
    let theirs = Arc::clone(lines);
    thread::Builder::new()
        .name("log-lines".to_owned())
        .spawn(move || theirs.write_to(io::stderr))?;
    Ok(Line(Arc::clone(lines)))
}

/// Writes a line after those that wait. Standard error may be closed; then nobody listens.
pub(crate) fn say(line: &str) {
    match LINES.get() {
        Some(lines) => drop(lines.push(line.as_bytes())),
        None => drop(io::stderr().write_all(line.as_bytes())),
    }
}

/// Waits until all lines are written, but no longer than this: the last ones before the process ends.
pub(crate) fn finish(limit: Duration) {
    let Some(lines) = LINES.get() else { return };
    let waiting = lines.waiting.lock_or_stop();
    let waits = |waiting: &mut Waiting| waiting.writing || !waiting.octets.is_empty();
    drop(lines.written.wait_timeout_while(waiting, limit, waits));
}

/// How much waits.
pub(crate) fn level() -> Level {
    let octets = LINES.get().map_or(0, |lines| lines.waiting.lock_or_stop().octets.len());
    Level::new(octets as u64, LINE_BYTES_WAITING as u64)
}

impl Lines {
    /// Whether there was room.
    fn push(&self, line: &[u8]) -> bool {
        let mut waiting = self.waiting.lock_or_stop();
        let fits = waiting.octets.len() + line.len() <= LINE_BYTES_WAITING;
        if fits {
            waiting.octets.extend_from_slice(line);
            self.more.notify_one();
        } else {
            waiting.left_out += 1;
        }
        fits
    }

    /// Writes what comes, for ever.
    fn write_to<W: Write>(&self, out: impl Fn() -> W) {
        let mut octets = Vec::new();
        loop {
            let left_out = self.take(&mut octets);
            // Standard error may be closed; then nobody listens.
            let _ = out().write_all(&octets);
            octets.clear();
            if left_out > 0 {
                tracing::warn!(
                    "{left_out} lines were left out here: this log is not read as fast as it is written"
                );
            }
        }
    }

    /// Waits for lines and takes them all; and says how many found no room behind them.
    fn take(&self, octets: &mut Vec<u8>) -> u64 {
        let mut waiting = self.waiting.lock_or_stop();
        waiting.writing = false;
        if waiting.octets.is_empty() {
            self.written.notify_all();
        }
        while waiting.octets.is_empty() {
            waiting = self.more.wait(waiting).expect("a panic elsewhere has stopped the broker");
        }
        core::mem::swap(octets, &mut waiting.octets);
        waiting.writing = true;
        core::mem::take(&mut waiting.left_out)
    }
}

/// An event's line comes in one piece.
impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Line {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_left_out_whole_and_counted() {
        let lines = Lines::default();
        let line = [b'x'; 1_000];
        let fitted = (0..2_000).filter(|_| lines.push(&line)).count();
        assert_eq!(fitted, LINE_BYTES_WAITING / line.len());
        let mut octets = Vec::new();
        assert_eq!(lines.take(&mut octets), 2_000 - fitted as u64);
        assert_eq!(octets.len(), fitted * line.len());
        assert!(lines.push(&line), "there is room again");
        octets.clear();
        assert_eq!(lines.take(&mut octets), 0);
        assert_eq!(octets, line);
    }
}

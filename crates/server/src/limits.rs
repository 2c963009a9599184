//! Every bound the server keeps, in one place.

use core::time::Duration;

/// How long a peer has to log in and open a virtual host before it is cut off.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a shutdown waits for peers to take their close before it goes on without them.
pub(crate) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// So many lines of one kind are written about one source within this time; the rest are counted.
pub(crate) const REPEATED_LINES: u64 = 100;
pub(crate) const REPEATED_WINDOW: Duration = Duration::from_secs(10);

/// And so many sources are told apart.
pub(crate) const REPEATED_SOURCES: usize = 1 << 12;

/// How much of the time for a shutdown peers have to take their close; what is left is for the disk.
pub(crate) const PARTING_PART: f32 = 0.75;

/// How long the end of a process that has panicked waits for its last line to be taken.
pub(crate) const LAST_LINE: Duration = Duration::from_millis(50);

/// How many octets of lines may wait for whoever reads the log; lines beyond that are counted.
pub(crate) const LINE_BYTES_WAITING: usize = 1 << 20;

/// And for how long the end of the process waits for them.
pub(crate) const LAST_LINES: Duration = Duration::from_secs(1);

/// Which lines are logged unless told otherwise.
pub(crate) const LOG_FILTER: &str = "info";

/// Connections the kernel may hold for us between two accepts.
pub(crate) const ACCEPT_BACKLOG: u32 = 1024;

/// How many file descriptors are kept for what is no connection: the log opens a file for each 64 MiB, and for each that it
/// rewrites.
pub(crate) const DESCRIPTORS_RESERVED: usize = 32;

/// How often the descriptors that are no connections' are counted.
pub(crate) const DESCRIPTORS_EVERY: Duration = Duration::from_secs(1);

/// How long it takes until the log says again that nobody is let in.
pub(crate) const SAY_AGAIN: Duration = Duration::from_secs(60);

/// How many passwords are checked at a time, and how many checks may wait; logins beyond that wait to wait.
pub(crate) const PASSWORD_CHECKS: usize = 2;
pub(crate) const PASSWORD_CHECKS_WAITING: usize = 1024;

/// Of how many users it is remembered that their password was right.
pub(crate) const PASSWORDS_REMEMBERED: usize = 1 << 16;

/// So many failed logins from one source are refused at once; then each refusal takes twice as long as the one before.
pub(crate) const ATTEMPTS_FREE: u32 = 3;
pub(crate) const ATTEMPTS_PAUSE: Duration = Duration::from_millis(100);
pub(crate) const ATTEMPTS_PAUSE_MAX: Duration = Duration::from_secs(3);

/// After so long without one, a source's failed logins are forgotten.
pub(crate) const ATTEMPTS_FORGOTTEN: Duration = Duration::from_secs(60);

/// And so many sources are remembered.
pub(crate) const ATTEMPTS_SOURCES: usize = 1 << 14;

/// How long accepting rests when the process has no file descriptor left.
pub(crate) const ACCEPT_REST: Duration = Duration::from_millis(100);

/// More worker threads than this bring nothing while one turn runs at a time.
pub(crate) const WORKER_THREADS_MAX: usize = 8;

/// How much one read takes from a socket at most, and so the length of the buffers lent for it.
pub(crate) const READ_BYTES: usize = 64 << 10;

/// After so many events or octets of one connection, its task lets others have their turn.
pub(crate) const EVENTS_IN_A_ROW: usize = 256;
pub(crate) const BYTES_IN_A_ROW: usize = 256 << 10;

/// With less room than this left in a buffer it is made new, lest reads become small.
pub(crate) const READ_ROOM_BYTES: usize = 16 << 10;

/// An unfinished frame of up to this many octets is copied out of a lent buffer; a longer one keeps the buffer.
pub(crate) const UNFINISHED_COPY_BYTES: usize = 8 << 10;

/// How many pieces one write takes at most.
pub(crate) const WRITE_SLICES: usize = 64;

/// When this much of what the broker handed out has left a connection, the broker is told without waiting for an
/// occasion. A small part of what the broker lets wait (`Limits::outbound_high_bytes`).
pub(crate) const DRAINED_BYTES: u64 = 128 << 10;

/// When what a connection holds of unfinished messages has changed by this much, the broker is told.
pub(crate) const UNFINISHED_STEP_BYTES: usize = 256 << 10;

/// How many events of one connection one turn handles at most: the others wait for so long.
pub(crate) const EVENTS_PER_TURN: usize = 1_024;

/// How long a publisher is not read whose messages went to sockets that were all full, at a time; how often at most
/// without anything going to them again; and how often in vain until a consumer counts as one that does not read.
pub(crate) const HEADWAY_PAUSE: Duration = Duration::from_millis(1);
pub(crate) const HEADWAY_PAUSES: u16 = 1_000;
pub(crate) const HEADWAY_LOST: u16 = 20;

/// With this many octets waiting for the disk, nothing more is read from anybody: a quarter of the memory budget, which does
/// not count them, but at least two batches of the log.
pub(crate) fn backlog_bytes(memory_budget_bytes: u64) -> u64 {
    const LEAST: u64 = 8 << 20;
    const MOST: u64 = 64 << 20;
    (memory_budget_bytes / 4).clamp(LEAST, MOST)
}

/// And with this many records.
pub(crate) const BACKLOG_RECORDS: usize = 1 << 18;

/// Publishers wait while less than this is free on the disk: the smaller of 1 GiB and 5 % of it, but never less than two
/// segments of the log and the largest message.
pub(crate) fn disk_free_bytes(total_bytes: Option<u64>) -> u64 {
    const GIBIBYTE: u64 = 1 << 30;
    let segment_bytes = u64::from(warrener_store::Config::new(0).segment_bytes);
    let message_bytes = warrener_broker::Limits::default().message_bytes;
    let part = total_bytes.map_or(GIBIBYTE, |total| total / 20);
    part.min(GIBIBYTE).max(2 * segment_bytes + message_bytes)
}

/// How long the end of a connection waits for its peer to hang up, so that the last words are not lost.
pub(crate) const LINGER: Duration = Duration::from_secs(2);

/// And how much of what the peer still sends is thrown away meanwhile.
pub(crate) const LINGER_BYTES: usize = 1 << 20;

/// How many octets of AMQP, and of its records, a TLS session holds for a socket that takes no more.
pub(crate) const TLS_WRITE_BYTES: usize = 64 << 10;

/// How many octets of AMQP one message of a WebSocket carries at most.
pub(crate) const WEB_SOCKET_WRITE_BYTES: usize = 64 << 10;

/// How often the files of the TLS settings are looked at. A change is used when they have rested for so long.
pub(crate) const TLS_FILES_EVERY: Duration = Duration::from_secs(1);

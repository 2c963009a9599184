//! How full the queues between the server's threads are, and how full they may become.

use core::fmt;

/// What waits between two threads, at one moment. Every one of these has a bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gauges {
    /// Connections there are, logged in or not.
    pub connections: Level,
    /// Records on their way to the disk; beyond the bound nothing is read from those who publish.
    pub disk_records: Level,
    /// And their octets.
    pub disk_bytes: Level,
    /// Works of the log that are given to its three threads and not done: commits, reads, rewrites.
    pub log_commits: Level,
    /// The same of reads.
    pub log_reads: Level,
    /// The same of rewrites.
    pub log_rewrites: Level,
    /// Passwords that wait to be checked; further logins wait to wait.
    pub password_checks: Level,
    /// Octets that wait to be written to all connections' sockets; the bound is the broker's for each connection, times
    /// the connections there are.
    pub outbound_bytes: Level,
    /// Octets of log lines that wait for whoever reads standard error; further lines are left out, and counted.
    pub line_bytes: Level,
}

/// How much there is, and how much there may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// What there is.
    pub now: u64,
    /// The most there may be, or where who fills it is held up.
    pub bound: u64,
}

impl Level {
    pub(crate) const fn new(now: u64, bound: u64) -> Self {
        Self { now, bound }
    }
}

impl Gauges {
    /// All of them with their names, for whoever lists them.
    #[must_use]
    pub const fn all(&self) -> [(&'static str, Level); 9] {
        [
            ("connections", self.connections),
            ("disk_records", self.disk_records),
            ("disk_bytes", self.disk_bytes),
            ("log_commits", self.log_commits),
            ("log_reads", self.log_reads),
            ("log_rewrites", self.log_rewrites),
            ("password_checks", self.password_checks),
            ("outbound_bytes", self.outbound_bytes),
            ("line_bytes", self.line_bytes),
        ]
    }
}

/// `now/bound`.
impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.now, self.bound)
    }
}

//! What can go wrong, by who is to blame.

use crate::log::{Epoch, RecordId};
use core::fmt;
use std::io;

/// Why the log has stopped. It never starts again by itself: after a failed write or sync nobody knows what is on disk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The disk was full while opening, even without the reserve.
    #[error("the disk is full: {doing}")]
    Full {
        /// What was being done.
        doing: String,
    },
    /// The disk failed a read, a write or a sync.
    #[error("the disk failed ({kind}): {doing}")]
    Io {
        /// The operating system's kind of error.
        kind: io::ErrorKind,
        /// What was being done.
        doing: String,
    },
    /// The log is not what was written.
    #[error("damaged: {0}")]
    Corrupt(Damage),
    /// A newer version wrote it. Nothing was changed.
    #[error("{file}: version {found} of the {what}, and this program reads up to {known}")]
    TooNew {
        /// The file.
        file: String,
        /// What has that version: the format of the files, or the records, which are the host's.
        what: &'static str,
        /// Its version.
        found: u16,
        /// The greatest version known.
        known: u16,
    },
    /// Another process has it open.
    #[error("another process has the log open")]
    Locked,
    /// There is not a greater epoch than this one.
    #[error("epoch {} is the last there can be", .0.0)]
    OutOfEpochs(Epoch),
}

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file's name within the log's directory.
    pub file: String,
    /// The offset in bytes at which it was noticed.
    pub offset: u64,
    /// What was expected there.
    pub what: &'static str,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {}: {}", self.file, self.offset, self.what)
    }
}

/// Why an append was not taken: the caller's mistake, or too late.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Before [`LogEvent::Ready`](crate::LogEvent::Ready).
    #[error("the log is not open yet")]
    NotReady,
    /// After the log was closed, fenced or failed.
    #[error("the log has stopped")]
    Stopped,
    /// Ids only grow.
    #[error("record {id} is not after record {last}")]
    NotGrowing {
        /// The id given.
        id: RecordId,
        /// The greatest so far.
        last: RecordId,
    },
    /// A record of a group is on disk with the whole group: it cannot come after something else.
    #[error("a record in a group does not wait for others")]
    WaitsInGroup,
    /// A digest, a list of references, or a body in a group is longer than the format can say.
    #[error("the record's {what} is longer than {limit}")]
    TooLong {
        /// Which part.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
}

/// Why a record could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// It was released, or never there.
    #[error("there is no such record")]
    Missing,
    /// What is on disk is not what was written.
    #[error("damaged: {0}")]
    Corrupt(Damage),
    /// The disk failed.
    #[error("the disk failed to read ({0})")]
    Io(io::ErrorKind),
}

//! What a host should know, and most should log.

use warrener_broker::{
    CommandError, CommandId, ConnectionId, Effect, Outcome, RecordError, RecordId, RecoveryError,
    Warning,
};
use warrener_endpoint::connection::Misuse;
use warrener_store::{Cut, Damage, LoadError, Location, LogError, Refused};
use warrener_time::Time;

/// Something happened that is not for a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A crash left a torn end in the log. It was never said to be durable, and is cut off.
    TornEnd(Cut),
    /// Everything durable is back: connections may come.
    Ready {
        /// How many records were replayed.
        records: u64,
        /// The present. It is later than what the host said when the clock was set back since the last record: the host's
        /// clock must go on from here.
        present: Time,
    },
    /// Less room is left on the disk than there should be: publishers wait.
    DiskLow {
        /// How many octets are free.
        free_bytes: u64,
        /// How many should be.
        limit_bytes: u64,
    },
    /// There is enough room again.
    DiskEnough {
        /// How many octets are free.
        free_bytes: u64,
    },
    /// The disk is full: what is durable waits until there is room.
    DiskFull,
    /// There is room again.
    DiskRelieved,
    /// A part of the log could not be read while giving space back; it is kept as it is.
    Damaged(Damage),
    /// A client could not be told what the broker had for it, so its connection is closed.
    Unsayable(ConnectionId, Misuse),
    /// The answer to a [command](crate::Node::command).
    Done(CommandId, Box<Result<Outcome, CommandError>>),
    /// Something for a client [without a wire](crate::Node::open_session).
    Session(ConnectionId, Box<Effect>),
    /// The broker has something to tell the people who run it.
    Warning(Warning),
    /// The log is closed after [`Node::close`](crate::Node::close): everything is on disk.
    Closed,
    /// The node has stopped for ever. What was confirmed is on disk.
    Failed(NodeError),
}

/// Why a node has stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The log failed.
    #[error("{0}")]
    Log(LogError),
    /// The log does not take what the broker wants kept.
    #[error("the broker and its log disagree: {0}")]
    Refused(Refused),
    /// Another owner has taken over the log.
    #[error("another broker has taken over the log")]
    Fenced,
    /// A record cannot be read back.
    #[error("record {id}: {error}")]
    Load {
        /// Which.
        id: RecordId,
        /// Why not.
        error: LoadError,
    },
    /// What the records say does not fit together.
    #[error("{}{error}", before(.at))]
    Recovery {
        /// Why not.
        error: RecoveryError,
        /// Where the record lies that showed it.
        at: Option<Location>,
    },
    /// A record is not what this version of the broker wrote.
    #[error("{}record {id}: {error}", before(.at))]
    Record {
        /// Which.
        id: RecordId,
        /// Where it lies.
        at: Option<Location>,
        /// Why not.
        error: RecordError,
    },
}

/// The place, in front of what is wrong there.
fn before(at: &Option<Location>) -> String {
    at.as_ref().map(|at| format!("{at}: ")).unwrap_or_default()
}

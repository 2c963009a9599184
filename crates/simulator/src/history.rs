//! What happened in a run, as its clients saw it: what the checkers judge.

use core::fmt;

/// A message, numbered in the order of publishing over the whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

/// A channel that published or consumed, numbered in the order of opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorId(pub u64);

/// One of the run's queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(pub usize);

/// One thing that a client did or saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A persistent message was published towards these queues.
    Published {
        /// The message.
        id: MessageId,
        /// By whom.
        by: ActorId,
        /// Where it belongs.
        to: Vec<QueueId>,
    },
    /// The broker confirmed it, or refused to.
    Confirmed {
        /// The message.
        id: MessageId,
        /// basic.ack rather than basic.nack.
        accepted: bool,
    },
    /// It was delivered.
    Delivered {
        /// The message.
        id: MessageId,
        /// Out of which queue.
        from: QueueId,
        /// To whom.
        to: ActorId,
        /// The flag it carried.
        redelivered: bool,
    },
    /// Its consumer sent an acknowledgement, which may or may not have arrived.
    Acked {
        /// The message.
        id: MessageId,
        /// Out of which queue.
        from: QueueId,
    },
    /// The server lost its power and came back.
    Restarted,
    /// All faults are over; what follows empties the queues.
    Healed,
    /// So many messages were ready in a queue when it should have been empty.
    Left {
        /// The queue.
        queue: QueueId,
        /// How many.
        messages: u32,
    },
}

impl fmt::Display for Happened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Published { id, by, to } => {
                let to: Vec<usize> = to.iter().map(|queue| queue.0).collect();
                write!(f, "message {} published by channel {} to queues {to:?}", id.0, by.0)
            }
            Self::Confirmed { id, accepted: true } => write!(f, "message {} confirmed", id.0),
            Self::Confirmed { id, accepted: false } => write!(f, "message {} refused", id.0),
            Self::Delivered { id, from, to, redelivered } => {
                let again = if *redelivered { ", again" } else { "" };
                write!(
                    f,
                    "message {} delivered from queue {} to channel {}{again}",
                    id.0, from.0, to.0
                )
            }
            Self::Acked { id, from } => {
                write!(f, "message {} acknowledged to queue {}", id.0, from.0)
            }
            Self::Restarted => f.write_str("the server lost its power and came back"),
            Self::Healed => f.write_str("all faults are over"),
            Self::Left { queue, messages } => {
                write!(f, "{messages} messages are left in queue {}", queue.0)
            }
        }
    }
}

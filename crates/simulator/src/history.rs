//! What happened in a run, as its clients saw it: what the judges look at.

use warrener_broker::Alarm;
use warrener_time::Time;

use crate::workload::{Options, Topology};

/// A message, numbered in the order of publishing over the whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

/// A client, numbered in the order of dialling. Each has one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorId(pub u64);

/// One of the run's queues: those of the topology first, then those that clients made for themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(pub usize);

/// A whole run.
#[derive(Clone, Debug)]
pub struct Story {
    /// How it was set up.
    pub options: Options,
    /// The queues and exchanges that were there.
    pub topology: Topology,
    /// What happened, in order.
    pub moments: Vec<Moment>,
}

impl Story {
    /// How much clients and operators asked for: publishes, settlements, declarations, and whatever else.
    #[must_use]
    pub fn operations(&self) -> u64 {
        let counted = self.moments.iter().filter(|moment| moment.what.is_operation());
        counted.count() as u64
    }
}

/// One thing that happened, and when by the world's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub at: Time,
    /// What.
    pub what: Happened,
}

/// A message that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The message.
    pub id: MessageId,
    /// By whom.
    pub by: ActorId,
    /// Its number on the channel, counted from confirm.select on; 0 where nothing is confirmed.
    pub tag: u64,
    /// The transaction it belongs to, counted on its channel.
    pub transaction: Option<u64>,
    /// Where it belongs.
    pub to: Vec<QueueId>,
    /// Whether it is to survive a restart.
    pub persistent: bool,
    /// Whether it comes back when nobody wants it.
    pub mandatory: bool,
    /// Its priority.
    pub priority: Option<u8>,
    /// Its own time to live, in milliseconds.
    pub expiration_ms: Option<u64>,
    /// The length of its body, in octets.
    pub bytes: u64,
}

/// A message that was delivered, or got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The message.
    pub id: MessageId,
    /// Out of which queue.
    pub from: QueueId,
    /// To whom.
    pub to: ActorId,
    /// The flag it carried.
    pub redelivered: bool,
    /// Whether its body is what was published.
    pub whole: bool,
    /// How it died before, the latest death first.
    pub deaths: Vec<Died>,
    /// How often it has failed before, as a quorum queue says.
    pub failures: u64,
    /// The server cannot have sent it before.
    pub not_before: Time,
}

/// One entry of a message's `x-death`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Died {
    /// Where.
    pub queue: QueueId,
    /// Why.
    pub reason: String,
    /// How often.
    pub count: i64,
}

/// How a delivery was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Acknowledged.
    Ack,
    /// By having been sent: the consumer does not acknowledge.
    Sent,
    /// Given back for somebody else.
    Requeue,
    /// Given back for nobody.
    Discard,
}

/// What an operator says about one queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// It keeps messages for so long, at most.
    pub ttl_ms: Option<u64>,
    /// It holds so many messages, at most.
    pub max_length: Option<u64>,
    /// New messages are refused when it is full, rather than old ones dropped.
    pub refuses: bool,
    /// Where what dies here goes.
    pub grave: Option<QueueId>,
}

/// One thing that a client did or saw, or that befell the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A message was published.
    Published(Published),
    /// The broker confirmed publishes, or refused them.
    Confirmed {
        /// On whose channel.
        by: ActorId,
        /// Up to which publish, or which one.
        tag: u64,
        /// Whether everything before it is meant as well.
        multiple: bool,
        /// basic.ack rather than basic.nack.
        accepted: bool,
    },
    /// A message came back.
    Returned {
        /// To whom.
        by: ActorId,
        /// The message.
        id: MessageId,
    },
    /// A message was delivered.
    Delivered(Delivered),
    /// A client settled a delivery, which may or may not have arrived.
    Settled {
        /// Who.
        by: ActorId,
        /// The message.
        id: MessageId,
        /// Out of which queue.
        from: QueueId,
        /// How.
        how: Settlement,
    },
    /// A client asked something that is answered after everything it sent before was done.
    Barrier(ActorId),
    /// A client asks to be given again what it holds.
    Recovering(ActorId),
    /// It was answered: what it was given before counts no more.
    Recovered(ActorId),
    /// What it asked was answered.
    Synced(ActorId),
    /// A client asked for its transaction to be committed.
    Committing(ActorId, u64),
    /// It was.
    Committed(ActorId, u64),
    /// A client asked for its transaction to be forgotten.
    RolledBack(ActorId, u64),
    /// A client purges a queue.
    Purging(QueueId),
    /// A client deletes a queue of the topology, and declares it and its bindings again at once.
    Deleting {
        /// Who.
        by: ActorId,
        /// The queue.
        queue: QueueId,
    },
    /// It is deleted, or was already.
    Deleted {
        /// By whom.
        by: ActorId,
        /// The queue.
        queue: QueueId,
    },
    /// A client asks for one message.
    Getting {
        /// Who.
        by: ActorId,
        /// Out of which queue.
        queue: QueueId,
    },
    /// A client declares, binds, unbinds or deletes something of its own.
    Builds {
        /// Who.
        by: ActorId,
        /// What.
        what: String,
    },
    /// So many messages were in a queue that one client alone publishes to, or were deleted or purged with it.
    Counted {
        /// The queue.
        queue: QueueId,
        /// How many it should have been.
        expected: u64,
        /// How many it was.
        found: u64,
    },
    /// A client consumes a queue without acknowledging: what is under way to it when it goes is lost.
    Careless {
        /// Who.
        by: ActorId,
        /// The queue.
        queue: QueueId,
    },
    /// A client consumes, and is to hold so many messages at most; 0 for any number.
    Consuming {
        /// Who.
        by: ActorId,
        /// Out of which queue.
        queue: QueueId,
        /// How many.
        prefetch: u16,
    },
    /// A client made a queue for itself, which is to go with it.
    Made {
        /// Who.
        by: ActorId,
        /// The queue.
        queue: QueueId,
    },
    /// An operator sets the policy of a queue, or clears it.
    Policing {
        /// The queue.
        queue: QueueId,
        /// The policy.
        policy: Option<Policy>,
    },
    /// That is done.
    Policed(QueueId),
    /// A client is one whose rights may be taken away.
    Visits(ActorId),
    /// An operator takes the right to publish from all who visit.
    Revoking,
    /// It is gone.
    Revoked,
    /// An operator gives it back.
    Granting,
    /// It is there again.
    Granted,
    /// An alarm is on from now on (`true`), or over.
    Alarmed(Alarm, bool),
    /// A client's channel or connection is over, and the broker had not ended it.
    Ended(ActorId),
    /// The broker ended a client's channel or connection.
    Refused {
        /// Whose.
        by: ActorId,
        /// The reply code.
        code: u16,
        /// The reply text.
        text: String,
    },
    /// A client's stream broke.
    Cut(ActorId),
    /// A client vanished, and the server was not told.
    Vanished(ActorId),
    /// A client stopped reading (`true`), or went on.
    Stalled(ActorId, bool),
    /// The server's process was killed; its disk kept what was written.
    Killed,
    /// The power went.
    PowerLost,
    /// The server was asked to end.
    ShuttingDown,
    /// It ended, everything being on disk.
    ShutDown,
    /// The server stopped by itself.
    Failed(String),
    /// The server lets clients in again. The step of its wall clock since the last time, in milliseconds.
    Started(i64),
    /// The disk is about to fail once.
    DiskFault,
    /// The disk is nearly full (`true`), or has room again.
    DiskFull(bool),
    /// So much was in a queue.
    Looked {
        /// The queue.
        queue: QueueId,
        /// Messages waiting.
        ready: u64,
        /// Messages handed out.
        unacked: u64,
    },
    /// A queue or an exchange of the topology that is durable was not there after a start.
    Missing(String),
    /// All faults are over; what follows empties the queues.
    Healed,
    /// A client still waits for an answer that should have come.
    Hangs(ActorId, String),
    /// No client is there any more, and all short times to live are over.
    Quiet,
    /// A queue that clients made for themselves outlived its time.
    Outlived(QueueId),
    /// So many messages were ready in a queue when it should have been empty.
    Left {
        /// The queue.
        queue: QueueId,
        /// How many.
        messages: u64,
    },
    /// What the server still held at the end, with all clients gone and all queues empty: a name and a count each.
    Floor(Vec<(&'static str, u64)>),
    /// A layer said something that it should not say.
    Odd(String),
    /// The world came to a halt.
    Panicked(String),
}

impl Happened {
    const fn is_operation(&self) -> bool {
        matches!(
            self,
            Self::Published(_)
                | Self::Settled {
                    how: Settlement::Ack | Settlement::Requeue | Settlement::Discard,
                    ..
                }
                | Self::Barrier(_)
                | Self::Recovering(_)
                | Self::Committing(..)
                | Self::RolledBack(..)
                | Self::Purging(_)
                | Self::Deleting { .. }
                | Self::Getting { .. }
                | Self::Builds { .. }
                | Self::Counted { .. }
                | Self::Consuming { .. }
                | Self::Made { .. }
                | Self::Policing { .. }
                | Self::Revoking
                | Self::Granting
                | Self::Alarmed(..)
        )
    }
}

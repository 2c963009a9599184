//! What a queue answers.

use crate::entry::{Entry, Seq, Tries};
use warrener_time::Time;

/// A consumer's name, chosen by the host; no two consumers of one queue share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerId(pub u64);

/// What a call led to. Effects are appended in the order in which they happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect<M> {
    /// The entry has left. Every handle given to the queue comes back in exactly one of these.
    Gone {
        /// Which entry.
        seq: Seq,
        /// The handle that came with it.
        handle: M,
        /// What made it leave.
        why: Why,
        /// Whether it had been handed out before it last stood in line.
        redelivered: bool,
    },
    /// The entry is to leave and the host is to say when, because of [`Config::hold`](crate::Config::hold) or
    /// [`Outcome::Hold`]. Until it is settled, it stays counted and is not handed out. Accepted or discarded, it is
    /// [`Effect::Gone`] for the reason given here; requeued, it is back in its place.
    Held {
        /// Which entry.
        seq: Seq,
        /// A copy of its handle.
        handle: M,
        /// What makes it leave.
        why: Why,
    },
    /// A consumer held the entry for too long and no longer holds it; the host forgets what it knew of the delivery.
    TakenBack {
        /// Which entry.
        seq: Seq,
        /// Who held it.
        consumer: ConsumerId,
    },
    /// The entry failed too often and was sent to the last place, see
    /// [`AfterDeliveryLimit::SendBack`](crate::AfterDeliveryLimit::SendBack).
    SentBack {
        /// Which entry.
        seq: Seq,
        /// How often it failed.
        failed: u32,
    },
    /// This consumer is the single active one from now on.
    Activated(ConsumerId),
    /// The queue was unused for too long and should be deleted by the host. Said once, and once more whenever it was
    /// used in between.
    Expired,
}

/// Why an entry left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// A consumer accepted it.
    Accepted,
    /// It failed more often than the delivery limit allows.
    DeliveryLimit,
    /// A consumer refused it for good.
    Discarded,
    /// It waited longer than it may.
    Expired,
    /// It made room.
    MaxLength,
    /// The queue was purged.
    Purged,
    /// The queue was deleted.
    Deleted,
}

/// What becomes of an entry that was handed out, or held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done with: gone as [`Why::Accepted`].
    Accept,
    /// Back to its place in line, to be handed out again.
    Requeue {
        /// Counts towards the delivery limit.
        failed: bool,
    },
    /// As [`Outcome::Requeue`], but not handed out before then: a retry with back-off.
    Retry {
        /// Counts towards the delivery limit.
        failed: bool,
        /// When it may be handed out again.
        not_before: Time,
    },
    /// Refused for good: gone as [`Why::Discarded`], or held if the queue is told so.
    Discard,
    /// As [`Outcome::Discard`], and held whatever the queue is told.
    Hold,
}

/// Whose entries [`Queue::settle_all`](crate::Queue::settle_all) settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Those that this consumer holds. It need not be cancelled, and may be.
    Consumer(ConsumerId),
    /// All that were handed out, to whomever. Held ones are not among them.
    Everyones,
}

/// An entry handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery<M> {
    /// By this it is settled.
    pub seq: Seq,
    /// A copy of its handle.
    pub handle: M,
    /// As published.
    pub bytes: u32,
    /// As published, but never above [`Config::max_priority`](crate::Config::max_priority).
    pub priority: u8,
    /// Who is to have it; `None` after [`Queue::get`](crate::Queue::get).
    pub consumer: Option<ConsumerId>,
    /// Whether it was handed out before.
    pub redelivered: bool,
    /// How often it was handed out before.
    pub tries: Tries,
    /// Whether it counts as accepted already; [`Effect::Gone`] told the rest.
    pub settled: bool,
}

/// An entry that passed through: handed out in the instant in which it was published, and settled with that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Passage {
    /// The number that it was given.
    pub seq: Seq,
    /// Who is to have it.
    pub consumer: ConsumerId,
}

/// A message that was not taken in. Its handle never was the queue's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected<M> {
    /// What was to be published.
    pub entry: Entry<M>,
    /// Why it was not.
    pub why: Refusal,
}

/// Why a message was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A limit is reached, and the queue refuses then.
    #[error("the queue is full")]
    Full {
        /// The message is to be dead-lettered as [`Why::MaxLength`].
        dead_letter: bool,
    },
    /// The queue is deleted.
    #[error("the queue is deleted")]
    Deleted,
}

/// Why a consumer was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConsumeError {
    /// A consumer of this name is there.
    #[error("a consumer of this name is there")]
    Duplicate,
    /// An exclusive consumer is there.
    #[error("an exclusive consumer is there")]
    Exclusive,
    /// It wants to be the only one, and others are there.
    #[error("other consumers are there")]
    InUse,
    /// It wants to be the only one, and the queue serves a single active consumer.
    #[error("a queue with a single active consumer has no exclusive ones")]
    SingleActive,
    /// The queue is deleted.
    #[error("the queue is deleted")]
    Deleted,
}

/// Whether a call left work to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Progress {
    /// Nothing is left to do now.
    Done,
    /// The budget was too small: call again.
    More,
}

/// Why [`Queue::work`](crate::Queue::work) wants to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// Work that was begun is not finished.
    Work,
    /// A message expires.
    Expiry,
    /// A delayed message may be handed out, or a message with a time to live of its own expires.
    Entry,
    /// A consumer holds an entry for too long.
    Delivery,
    /// The queue is unused for too long.
    Unused,
}

/// How much is in a queue. What was purged, deleted or settled does not count any more, even while [`Effect::Gone`] is
/// still to come for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Entries that may be handed out.
    pub ready: u64,
    /// Their bytes.
    pub ready_bytes: u64,
    /// Entries that wait for their time.
    pub delayed: u64,
    /// Their bytes.
    pub delayed_bytes: u64,
    /// Entries handed out and not yet settled.
    pub unacked: u64,
    /// Their bytes.
    pub unacked_bytes: u64,
    /// Entries that are to leave when the host says so.
    pub held: u64,
    /// Their bytes.
    pub held_bytes: u64,
    /// Consumers.
    pub consumers: u64,
}

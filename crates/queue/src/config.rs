//! What a queue and its consumers are told to do.

use core::time::Duration;

/// How a queue behaves. All of it may be changed while the queue lives, with
/// [`Queue::reconfigure`](crate::Queue::reconfigure). The default has no limit, no expiry and no priorities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The highest priority that an entry can have; higher ones are taken down to it (`x-max-priority`). Entries keep
    /// the priority that they were given when this changes.
    pub max_priority: u8,
    /// How many entries may wait (`x-max-length`). Ready, delayed and held ones count, unacknowledged ones do not.
    pub max_length: Option<u64>,
    /// How many bytes the waiting entries may have in all (`x-max-length-bytes`).
    pub max_length_bytes: Option<u64>,
    /// What happens when a limit is reached (`x-overflow`).
    pub overflow: Overflow,
    /// How long an entry may wait (`x-message-ttl`); holds for those already waiting when it changes.
    pub ttl: Option<Duration>,
    /// How long the queue may stay unused, that is without a consumer, without
    /// [`Queue::get`](crate::Queue::get) and without [`Queue::touch`](crate::Queue::touch) (`x-expires`).
    pub expires: Option<Duration>,
    /// How often an entry may fail (`x-delivery-limit`).
    pub delivery_limit: Option<DeliveryLimit>,
    /// Whether only one consumer at a time is served (`x-single-active-consumer`).
    pub single_active: SingleActive,
    /// Entries that expire, overflow, fail too often or are discarded are [`Held`](crate::Effect::Held) until the host
    /// settles them, instead of being gone: what dead-lettering at least once needs.
    pub hold: bool,
}

impl Config {
    /// With [`max_priority`](Self::max_priority) as given.
    #[must_use]
    pub const fn with_max_priority(mut self, max_priority: u8) -> Self {
        self.max_priority = max_priority;
        self
    }

    /// Whether who failed so often must leave.
    pub(crate) fn is_too_much(&self, failures: u32) -> bool {
        self.delivery_limit.is_some_and(|limit| {
            limit.then == AfterDeliveryLimit::Leave && failures > limit.failures
        })
    }

    /// With [`max_length`](Self::max_length) as given.
    #[must_use]
    pub const fn with_max_length(mut self, max_length: Option<u64>) -> Self {
        self.max_length = max_length;
        self
    }

    /// With [`max_length_bytes`](Self::max_length_bytes) as given.
    #[must_use]
    pub const fn with_max_length_bytes(mut self, max_length_bytes: Option<u64>) -> Self {
        self.max_length_bytes = max_length_bytes;
        self
    }

    /// With [`overflow`](Self::overflow) as given.
    #[must_use]
    pub const fn with_overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// With [`ttl`](Self::ttl) as given.
    #[must_use]
    pub const fn with_ttl(mut self, ttl: Option<Duration>) -> Self {
        self.ttl = ttl;
        self
    }

    /// With [`expires`](Self::expires) as given.
    #[must_use]
    pub const fn with_expires(mut self, expires: Option<Duration>) -> Self {
        self.expires = expires;
        self
    }

    /// With [`delivery_limit`](Self::delivery_limit) as given.
    #[must_use]
    pub const fn with_delivery_limit(mut self, delivery_limit: Option<DeliveryLimit>) -> Self {
        self.delivery_limit = delivery_limit;
        self
    }

    /// With [`single_active`](Self::single_active) as given.
    #[must_use]
    pub const fn with_single_active(mut self, single_active: SingleActive) -> Self {
        self.single_active = single_active;
        self
    }

    /// With [`hold`](Self::hold) as given.
    #[must_use]
    pub const fn with_hold(mut self, hold: bool) -> Self {
        self.hold = hold;
        self
    }
}

/// What happens to a message for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The oldest entries of the lowest priority make room; with a limit of zero this may be the new one itself.
    #[default]
    DropHead,
    /// The new one is refused.
    RejectPublish,
    /// The new one is refused, and the refusal says that it is to be dead-lettered.
    RejectPublishDeadLetter,
}

/// How often an entry may fail, and what then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryLimit {
    /// One failure more than this is too many.
    pub failures: u32,
    /// What happens then.
    pub then: AfterDeliveryLimit,
}

/// What happens to an entry that failed too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterDeliveryLimit {
    /// It is gone as [`Why::DeliveryLimit`](crate::Why::DeliveryLimit).
    Leave,
    /// It is kept and takes the last place among those of its priority, which
    /// [`Effect::SentBack`](crate::Effect::SentBack) reports.
    SendBack,
}

/// Whether, and how, one consumer at a time is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SingleActive {
    /// All consumers are served.
    #[default]
    Off,
    /// The one that has been there longest is served until it leaves.
    FirstCome,
    /// The one of the highest priority is served, among equals the one that has been there longest. When a higher one
    /// comes, the active one gets nothing more, and hands over when it has settled all that it holds.
    HighestPriority,
}

/// How a consumer is to be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Consume {
    /// Of those with credit, the highest get everything; equals take turns (`x-priority`).
    pub priority: i32,
    /// The only consumer of the queue, or none.
    pub exclusive: bool,
    /// What it is handed counts as accepted at once (`no-ack`).
    pub settled: bool,
    /// How many entries it may be handed; [`Consume::UNLIMITED`] is not counted down. See
    /// [`Queue::set_credit`](crate::Queue::set_credit).
    pub credit: u32,
    /// An entry that it has held for this long is taken back (`x-consumer-timeout`).
    pub delivery_timeout: Option<Duration>,
}

impl Consume {
    /// Credit that never ends.
    pub const UNLIMITED: u32 = u32::MAX;

    /// With [`priority`](Self::priority) as given.
    #[must_use]
    pub const fn with_priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// With [`exclusive`](Self::exclusive) as given.
    #[must_use]
    pub const fn with_exclusive(mut self, exclusive: bool) -> Self {
        self.exclusive = exclusive;
        self
    }

    /// With [`settled`](Self::settled) as given.
    #[must_use]
    pub const fn with_settled(mut self, settled: bool) -> Self {
        self.settled = settled;
        self
    }

    /// With [`credit`](Self::credit) as given.
    #[must_use]
    pub const fn with_credit(mut self, credit: u32) -> Self {
        self.credit = credit;
        self
    }

    /// With [`delivery_timeout`](Self::delivery_timeout) as given.
    #[must_use]
    pub const fn with_delivery_timeout(mut self, delivery_timeout: Option<Duration>) -> Self {
        self.delivery_timeout = delivery_timeout;
        self
    }
}

/// Unlimited credit, priority zero, shared, to be settled, never too late.
impl Default for Consume {
    fn default() -> Self {
        Self {
            priority: 0,
            exclusive: false,
            settled: false,
            credit: Self::UNLIMITED,
            delivery_timeout: None,
        }
    }
}

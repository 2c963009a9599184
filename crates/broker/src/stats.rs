//! Counters that only grow, for whoever looks.

use crate::arguments::QueueKind;
use crate::dead_letter::DeathReason;

/// What the broker has done since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Messages published.
    pub published: u64,
    /// Messages published that no queue was bound for.
    pub unroutable: u64,
    /// Of those, the ones that went back to their publishers.
    pub returned: u64,
    /// Messages published that are to be confirmed.
    pub published_for_confirm: u64,
    /// Publishes that were confirmed, well or not.
    pub confirmed: u64,
    /// Messages handed to consumers.
    pub delivered: u64,
    /// Messages handed out by basic.get.
    pub got: u64,
    /// Messages acknowledged.
    pub acknowledged: u64,
    /// Messages that died and went, or would have gone, to a dead-letter exchange.
    pub dead_lettered: u64,
    /// Messages that failed too often in a queue that names neither a limit nor a dead-letter exchange, and went to the
    /// end of their queue.
    pub sent_back: u64,
    /// Messages of the broker's own, events and copies of what is watched, that were left out because too many waited.
    pub reports_dropped: u64,
    /// What went through classic queues.
    pub classic: Traffic,
    /// What went through quorum queues.
    pub quorum: Traffic,
    /// What came and went.
    pub churn: Churn,
    /// Why messages of classic queues died.
    pub classic_deaths: DeathsBy,
    /// Why messages of quorum queues died.
    pub quorum_deaths: DeathsBy,
    /// How large published messages were.
    pub sizes: Sizes,
}

impl Stats {
    /// What went through queues of one type.
    #[inline]
    pub(crate) const fn of(&mut self, kind: QueueKind) -> &mut Traffic {
        match kind {
            QueueKind::Classic => &mut self.classic,
            QueueKind::Quorum => &mut self.quorum,
        }
    }

    /// Why messages of queues of one type died.
    pub(crate) const fn deaths_of(&mut self, kind: QueueKind) -> &mut DeathsBy {
        match kind {
            QueueKind::Classic => &mut self.classic_deaths,
            QueueKind::Quorum => &mut self.quorum_deaths,
        }
    }
}

/// Why messages died, by what their queue does with them (RabbitMQ extension: `x-dead-letter-strategy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeathsBy {
    /// Their queue has no dead-letter exchange.
    pub disabled: Deaths,
    /// They are published once to the dead-letter exchange.
    pub at_most_once: Deaths,
    /// They are held until the queues behind the dead-letter exchange have them.
    pub at_least_once: Deaths,
    /// Of those that were held, the ones that those queues have.
    pub confirmed: u64,
}

/// Why messages died.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deaths {
    /// A consumer rejected them.
    pub rejected: u64,
    /// They waited for too long.
    pub expired: u64,
    /// Their queue was too long.
    pub max_length: u64,
    /// They failed too often.
    pub delivery_limit: u64,
}

impl Deaths {
    pub(crate) const fn count(&mut self, reason: DeathReason) {
        *match reason {
            DeathReason::Rejected => &mut self.rejected,
            DeathReason::Expired => &mut self.expired,
            DeathReason::MaxLength => &mut self.max_length,
            DeathReason::DeliveryLimit => &mut self.delivery_limit,
        } += 1;
    }
}

/// The upper bounds of [`Sizes`], in octets (those of RabbitMQ's `rabbitmq_message_size_bytes`).
pub const SIZE_BOUNDS: [u64; 8] =
    [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 50_000_000, 100_000_000];

/// How large published messages were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sizes {
    /// How many were as large as each of [`SIZE_BOUNDS`] at most, and larger than the one before; the last has no bound.
    pub counts: [u64; SIZE_BOUNDS.len() + 1],
    /// All their octets.
    pub bytes: u64,
}

impl Sizes {
    /// A message with a body of so many octets was published.
    #[inline]
    pub(crate) fn add(&mut self, bytes: u64) {
        let place = SIZE_BOUNDS.iter().filter(|bound| bytes > **bound).count();
        self.counts[place] += 1;
        self.bytes += bytes;
    }
}

/// What came and went since the broker began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Churn {
    /// Connections opened.
    pub connections_opened: u64,
    /// Connections closed.
    pub connections_closed: u64,
    /// Channels opened.
    pub channels_opened: u64,
    /// Channels closed.
    pub channels_closed: u64,
    /// Queues declared, those that were there already among them.
    pub queues_declared: u64,
    /// Queues made.
    pub queues_created: u64,
    /// Queues deleted.
    pub queues_deleted: u64,
}

/// What went through a queue, or a channel, since it is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Messages taken in, or published.
    pub published: u64,
    /// Messages handed to consumers that settle them.
    pub delivered: u64,
    /// Messages handed to consumers that need not settle them.
    pub delivered_settled: u64,
    /// Messages handed out by basic.get, to be settled.
    pub got: u64,
    /// Messages handed out by basic.get for good.
    pub got_settled: u64,
    /// How often basic.get found nothing.
    pub got_nothing: u64,
    /// Of all that was handed out, what had been handed out before.
    pub redelivered: u64,
    /// Messages acknowledged.
    pub acknowledged: u64,
}

impl Traffic {
    /// A message went to a consumer.
    #[inline]
    pub(crate) fn deliver(&mut self, settled: bool, redelivered: bool) {
        if settled {
            self.delivered_settled += 1;
        } else {
            self.delivered += 1;
        }
        self.redelivered += u64::from(redelivered);
    }

    /// basic.get took a message.
    pub(crate) fn get(&mut self, settled: bool, redelivered: bool) {
        if settled {
            self.got_settled += 1;
        } else {
            self.got += 1;
        }
        self.redelivered += u64::from(redelivered);
    }

    /// All that was handed out.
    #[must_use]
    pub const fn handed_out(&self) -> u64 {
        self.delivered + self.delivered_settled + self.got + self.got_settled
    }
}

/// What was published to an exchange since it is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Passage {
    /// Messages published to it.
    pub published: u64,
    /// How many queues those went to, added up.
    pub routed: u64,
}

impl Passage {
    /// Nothing yet.
    pub(crate) const NONE: Self = Self { published: 0, routed: 0 };
}

/// What a channel did since it is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelTraffic {
    /// Messages, as a queue counts them.
    pub messages: Traffic,
    /// Publishes that were confirmed, well or not.
    pub confirmed: u64,
    /// Messages that no queue took and that went back.
    pub returned: u64,
    /// Messages that no queue took and that are gone.
    pub dropped: u64,
}

//! Counters that only grow, for whoever looks.

use crate::arguments::QueueKind;

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

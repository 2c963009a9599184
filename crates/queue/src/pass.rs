//! How an entry passes through: published and handed out at once, without ever standing in line.

use crate::consumers::ConsumerKey;
use crate::effect::Passage;
use crate::entry::{Entry, More, Seq, Slot, Tries};
use crate::queue::Queue;
use warrener_time::Time;
#[cfg(warrener_planted)]
use warrener_time::planted::{Bug, planted};

impl<M: Clone> Queue<M> {
    /// Of an entry that its consumer need not settle.
    pub(crate) fn hand_through(&mut self, now: Time) -> Option<Passage> {
        let key = self.taker(now)?;
        let consumer = self.consumers.get(key);
        let acknowledges = !consumer.how.settled;
        #[cfg(warrener_planted)]
        let acknowledges = acknowledges && !planted(Bug::PassUnacknowledged);
        if acknowledges {
            return None;
        }
        let consumer = consumer.id;
        self.consumers.served(key);
        Some(Passage { seq: Seq::new(self.next_number()), consumer })
    }

    /// Of one that it must settle. What makes the entry is asked only if it passes.
    // Inline, because a record is larger than what registers hold, and would be moved at each step.
    #[inline(always)]
    pub(crate) fn hand_into(
        &mut self,
        now: Time,
        entry: impl FnOnce() -> Entry<M>,
    ) -> Option<Passage> {
        let key = self.taker(now)?;
        let consumer = self.consumers.get(key);
        if consumer.how.settled {
            return None;
        }
        let (consumer, holder) = (consumer.id, consumer.holder);
        self.consumers.served(key);
        let seq = Seq::new(self.next_number());
        let Entry { handle, bytes, priority } = entry();
        let level = priority.min(self.config.max_priority);
        let slot = Slot { seq, published: now, handle, bytes, more: More::NOTHING };
        self.unacked.insert(now, holder, level, slot, Tries { acquired: 1, ..Tries::default() });
        if self.unacked.holder(holder).is_due_anew() {
            self.arm_holder(holder);
        }
        Some(Passage { seq, consumer })
    }

    /// Who takes what comes now, if nothing would have to be done or looked at first. Limits do not count: what is handed
    /// out at once was never in the way.
    #[inline]
    fn taker(&mut self, now: Time) -> Option<ConsumerKey> {
        let has_more_to_do = !self.ready.is_empty()
            || !self.returning.is_empty()
            || self.overflowing
            || self.shedding
            || self.stuck
            || self.is_due(now);
        #[cfg(warrener_planted)]
        let has_more_to_do = has_more_to_do && !planted(Bug::PassOthersBy);
        if has_more_to_do { None } else { self.consumers.next() }
    }
}

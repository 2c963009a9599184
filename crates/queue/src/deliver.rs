//! How an entry is handed out: the hot path's second half.

use crate::effect::{ConsumerId, Delivery, Effect, Why};
use crate::entry::{Slot, Tries};
use crate::limits::BY_THE_WAY;
use crate::look::Look;
use crate::queue::Queue;
use crate::unacked::HolderKey;
use alloc::vec::Vec;
use warrener_time::Time;

impl<M: Clone> Queue<M> {
    #[inline]
    pub(crate) fn deliver_next(
        &mut self,
        now: Time,
        out: &mut Vec<Effect<M>>,
    ) -> Option<Delivery<M>> {
        self.stuck = false;
        if !self.catch_up(now, out) || !self.finish_first(now, out) {
            return None;
        }
        if let Some(key) = self.consumers.next()
            && let Some((level, slot)) = self.ready.pop_first()
        {
            let consumer = self.consumers.get(key);
            let (id, holder, settled) = (consumer.id, consumer.holder, consumer.how.settled);
            self.consumers.served(key);
            return Some(self.hand_over(now, level, slot, (Some(id), holder), settled, out));
        }
        self.look_after_limits(now, out);
        None
    }

    pub(crate) fn hand_over_next(
        &mut self,
        now: Time,
        settled: bool,
        out: &mut Vec<Effect<M>>,
    ) -> Option<Delivery<M>> {
        self.come_close(now, out)?;
        for _ in 0..BY_THE_WAY {
            let (level, slot) = self.ready.pop_first()?;
            if self.has_ttl(&slot) && self.deadline(&slot) <= now {
                self.depart(now, level, slot, Why::Expired, out);
                continue;
            }
            return Some(self.hand_over(
                now,
                level,
                slot,
                (None, self.unacked.getter()),
                settled,
                out,
            ));
        }
        None
    }

    pub(crate) fn look_at_next(
        &mut self,
        now: Time,
        out: &mut Vec<Effect<M>>,
    ) -> Option<(ConsumerId, Look<'_, M>)> {
        self.stuck = false;
        if !self.catch_up(now, out) || !self.finish_first(now, out) {
            return None;
        }
        let next = self.consumers.next().filter(|_| self.ready.fronts().next().is_some());
        let Some(key) = next else {
            self.look_after_limits(now, out);
            return None;
        };
        let consumer = self.consumers.get(key).id;
        Some((consumer, self.ready(None).next()?))
    }

    pub(crate) fn look_at_first(
        &mut self,
        now: Time,
        out: &mut Vec<Effect<M>>,
    ) -> Option<Look<'_, M>> {
        self.come_close(now, out)?;
        for _ in 0..BY_THE_WAY {
            let (_, front) = self.ready.fronts().next()?;
            if !self.has_ttl(front) || self.deadline(front) > now {
                break;
            }
            let (level, slot) = self.ready.pop_first()?;
            self.depart(now, level, slot, Why::Expired, out);
        }
        self.ready(None).next()
    }

    /// Whoever asks is not told that there is nothing because more is overdue or to be dropped than one slice does. But
    /// among entries that return, of any priority and from many hands, the next may be the last to come.
    fn come_close(&mut self, now: Time, out: &mut Vec<Effect<M>>) -> Option<()> {
        let _ = self.catch_up(now, out) && self.finish_first(now, out);
        self.returning.is_empty().then_some(())
    }

    /// While entries return or are dropped in slices, what stands first may not be what is to be handed out next. Does
    /// a slice of that, and says whether it is done.
    #[inline]
    fn finish_first(&mut self, now: Time, out: &mut Vec<Effect<M>>) -> bool {
        if self.returning.is_empty() && !self.shedding {
            return true;
        }
        self.finish_some(now, out)
    }

    #[cold]
    fn finish_some(&mut self, now: Time, out: &mut Vec<Effect<M>>) -> bool {
        let _ = self.work_slice(now, &mut { BY_THE_WAY }, out);
        self.returning.is_empty() && !self.shedding
    }

    // Inline, as all that is called here: an entry is larger than what registers hold, and would be moved at each step.
    #[inline(always)]
    fn hand_over(
        &mut self,
        now: Time,
        level: u8,
        slot: Slot<M>,
        (consumer, holder): (Option<ConsumerId>, HolderKey),
        settled: bool,
        out: &mut Vec<Effect<M>>,
    ) -> Delivery<M> {
        let mut tries = Tries::default();
        if let Some(index) = slot.more.extra() {
            self.disarm(&slot);
            tries = self.extras[index].tries;
        }
        let delivery = Delivery {
            seq: slot.seq,
            handle: slot.handle.clone(),
            bytes: slot.bytes,
            priority: level,
            consumer,
            redelivered: slot.more.redelivered(),
            tries,
            settled,
        };
        if settled {
            self.leave_disarmed(slot, Why::Accepted, out);
            return delivery;
        }
        tries.acquired = tries.acquired.saturating_add(1);
        self.unacked.insert(now, holder, level, slot, tries);
        if self.unacked.holder(holder).is_due_anew() {
            self.arm_holder(holder);
        }
        delivery
    }
}

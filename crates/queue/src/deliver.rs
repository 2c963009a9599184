//! How an entry is handed out: the hot path's second half.

use crate::effect::{Delivery, Effect, Why};
use crate::entry::Slot;
use crate::limits::BY_THE_WAY;
use crate::queue::Queue;
use crate::unacked::HolderKey;
use alloc::vec::Vec;
use warrener_time::Time;

impl<M: Clone> Queue<M> {
    pub(crate) fn deliver_next(
        &mut self,
        now: Time,
        out: &mut Vec<Effect<M>>,
    ) -> Option<Delivery<M>> {
        let Some(key) = self.consumers.next() else {
            self.look_after_limits(now, out);
            return None;
        };
        if self.must_work_first() {
            let _ = self.work_slice(now, BY_THE_WAY, out);
            if self.must_work_first() {
                return None;
            }
        }
        let (level, slot) = self.pop_unexpired(now, out)?;
        let consumer = self.consumers.get(key);
        let (id, holder, settled) = (consumer.id, consumer.holder, consumer.how.settled);
        self.consumers.served(key);
        let mut delivery = self.hand_over(now, level, slot, holder, settled, out);
        delivery.consumer = Some(id);
        Some(delivery)
    }

    pub(crate) fn hand_over_next(
        &mut self,
        now: Time,
        settled: bool,
        out: &mut Vec<Effect<M>>,
    ) -> Option<Delivery<M>> {
        if self.must_work_first() {
            // What returns comes back oldest first, so that what is found after one slice is the right one.
            let _ = self.work_slice(now, BY_THE_WAY, out);
        }
        let (level, slot) = self.pop_unexpired(now, out)?;
        Some(self.hand_over(now, level, slot, self.unacked.getter(), settled, out))
    }

    /// Whether what stands first may not be what is to be handed out next.
    fn must_work_first(&self) -> bool {
        self.returning.0 > 0 || self.shedding
    }

    /// The next entry that may be handed out. Those that expired unnoticed leave by the way, a few of them; if there are
    /// more, work is due and has to be done first.
    fn pop_unexpired(&mut self, now: Time, out: &mut Vec<Effect<M>>) -> Option<(u8, Slot<M>)> {
        for _ in 0..BY_THE_WAY {
            let (level, slot) = self.ready.pop_first()?;
            if !self.has_ttl(&slot) {
                return Some((level, slot));
            }
            let deadline = self.deadline(&slot);
            self.disarm(&slot);
            if deadline > now {
                return Some((level, slot));
            }
            self.depart(now, level, slot, Why::Expired, out);
        }
        None
    }

    fn hand_over(
        &mut self,
        now: Time,
        level: u8,
        slot: Slot<M>,
        holder: HolderKey,
        settled: bool,
        out: &mut Vec<Effect<M>>,
    ) -> Delivery<M> {
        let tries = slot.tries(&self.extras);
        let delivery = Delivery {
            seq: slot.seq,
            handle: slot.handle.clone(),
            bytes: slot.bytes,
            priority: level,
            consumer: None,
            redelivered: slot.more.redelivered(),
            tries,
            settled,
        };
        if settled {
            self.leave(slot, Why::Accepted, out);
            return delivery;
        }
        let mut tries = tries;
        tries.acquired = tries.acquired.saturating_add(1);
        self.unacked.insert(now, holder, level, slot, tries);
        if self.unacked.holder(holder).is_due_anew() {
            self.arm_holder(holder);
        }
        delivery
    }
}

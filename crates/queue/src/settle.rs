//! How an entry that was handed out leaves, returns, or is held.

use crate::config::AfterDeliveryLimit;
use crate::effect::{Effect, Outcome, Whose, Why};
use crate::entry::Slot;
use crate::limits::BY_THE_WAY;
use crate::queue::Queue;
use crate::unacked::{Fate, HolderKey, HolderKind, Record};
use crate::work::Pending;
use alloc::vec::Vec;
use warrener_time::Time;
#[cfg(warrener_planted)]
use warrener_time::planted::{Bug, planted};

impl<M: Clone> Queue<M> {
    /// Settles an entry whose record was just taken out.
    // Inline, because a record is larger than what registers hold, and would be moved at each step.
    #[inline(always)]
    pub(crate) fn settle_one(
        &mut self,
        now: Time,
        record: Record<M>,
        outcome: Outcome,
        out: &mut Vec<Effect<M>>,
    ) {
        let holder = record.holder;
        #[cfg(warrener_planted)]
        let outcome = match outcome {
            Outcome::Discard if planted(Bug::DiscardSilently) => Outcome::Accept,
            _ => outcome,
        };
        if outcome == Outcome::Accept {
            self.leave(record.slot, record.leaving.unwrap_or(Why::Accepted), out);
        } else {
            self.settle_otherwise(now, record, outcome, out);
        }
        self.holder_let_go(holder, out);
    }

    /// The entry is not accepted, so that it may return, now or after it was held.
    #[inline(never)]
    fn settle_otherwise(
        &mut self,
        now: Time,
        mut record: Record<M>,
        outcome: Outcome,
        out: &mut Vec<Effect<M>>,
    ) {
        record.slot.extra_mut(record.level, &mut self.extras).tries = record.tries;
        match outcome {
            Outcome::Accept => unreachable!("what is accepted only leaves"),
            Outcome::Discard => match record.leaving {
                Some(why) => self.leave(record.slot, why, out),
                None => self.depart(now, record.level, record.slot, Why::Discarded, out),
            },
            Outcome::Hold => {
                let why = record.leaving.unwrap_or(Why::Discarded);
                self.hold(now, record.level, record.slot, why, out);
            }
            Outcome::Requeue { failed } => self.requeue(now, record, failed, None, out),
            Outcome::Retry { failed, not_before } => {
                self.requeue(now, record, failed, Some(not_before), out);
            }
        }
        // What counted as unacknowledged may count towards the limits now.
        self.overflowing = true;
    }

    pub(crate) fn settle_holders(
        &mut self,
        now: Time,
        whose: Whose,
        outcome: Outcome,
        out: &mut Vec<Effect<M>>,
    ) -> u64 {
        let before = self.unacked.len();
        let holders: Vec<HolderKey> = self
            .unacked
            .holders()
            .filter(|(_, holder)| match (holder.kind, whose) {
                (HolderKind::Consumer { id, .. }, Whose::Consumer(asked)) => id == asked,
                (HolderKind::Consumer { .. } | HolderKind::Getter, Whose::Everyones) => true,
                _ => false,
            })
            .filter(|(_, holder)| holder.len > 0)
            .map(|(key, _)| key)
            .collect();
        let fate = self.fate(now, outcome);
        for key in holders {
            self.settle_holder(key, fate);
        }
        self.choose_active(out);
        let _ = self.work_slice(now, &mut { BY_THE_WAY }, out);
        before - self.unacked.len()
    }

    /// What becomes of entries that were handed out and are settled all at once. It is decided now, so that they count
    /// rightly until it is done, whatever the queue is told meanwhile.
    fn fate(&self, now: Time, outcome: Outcome) -> Fate {
        match outcome {
            Outcome::Discard if self.config.hold => Fate::Settle(Outcome::Hold),
            Outcome::Discard => Fate::Leave(Why::Discarded),
            Outcome::Retry { failed, not_before } if not_before <= now => {
                Fate::Settle(Outcome::Requeue { failed })
            }
            outcome => Fate::Settle(outcome),
        }
    }

    /// Gives everything that a holder has its fate, in slices.
    pub(crate) fn settle_holder(&mut self, key: HolderKey, fate: Fate) {
        let holder = self.unacked.holder(key);
        let (kind, len, bytes) = (holder.kind, holder.len, holder.bytes);
        if let Some(returning) = self.returning.to(fate) {
            returning.0 += len;
            returning.1 += bytes;
        }
        if let Fate::Settle(Outcome::Requeue { .. } | Outcome::Retry { .. }) = fate {
            // Deliveries wait for these, and for nothing that leaves or is held.
            self.pending.push_front(Pending::Settled(key));
        } else {
            self.pending.push_back(Pending::Settled(key));
        }
        let new = self.unacked.settle_all(key, fate);
        self.arm_nothing(key);
        if let HolderKind::Consumer { id, cancelled } = kind {
            match self.consumers.find(id) {
                Some(consumer) if !cancelled => self.consumers.get_mut(consumer).holder = new,
                _ => self.forget_if_done(new),
            }
        }
    }

    /// The entry is to leave: it does, or is held until the host says so.
    pub(crate) fn depart(
        &mut self,
        now: Time,
        level: u8,
        slot: Slot<M>,
        why: Why,
        out: &mut Vec<Effect<M>>,
    ) {
        let held = matches!(why, Why::Expired | Why::DeliveryLimit | Why::Discarded);
        if held && self.config.hold {
            self.hold(now, level, slot, why, out);
        } else {
            self.leave(slot, why, out);
        }
    }

    /// The end of an entry. Its handle goes back to the host.
    #[inline(always)]
    pub(crate) fn leave(&mut self, slot: Slot<M>, why: Why, out: &mut Vec<Effect<M>>) {
        if slot.more.extra().is_some() {
            self.disarm(&slot);
        }
        self.leave_disarmed(slot, why, out);
    }

    /// The end of an entry to which time does nothing any more. What stands beside it is not looked at.
    #[inline(always)]
    pub(crate) fn leave_disarmed(&mut self, slot: Slot<M>, why: Why, out: &mut Vec<Effect<M>>) {
        if let Some(index) = slot.more.extra() {
            self.extras.remove(index);
        }
        let redelivered = slot.more.redelivered();
        out.push(Effect::Gone { seq: slot.seq, handle: slot.handle, why, redelivered });
    }

    /// Forgets the holder of a consumer that is cancelled and has nothing left.
    pub(crate) fn forget_if_done(&mut self, key: HolderKey) {
        let holder = self.unacked.holder(key);
        if holder.len == 0 && matches!(holder.kind, HolderKind::Consumer { cancelled: true, .. }) {
            self.arm_nothing(key);
            self.unacked.remove_holder(key);
        }
    }

    fn hold(&mut self, now: Time, level: u8, slot: Slot<M>, why: Why, out: &mut Vec<Effect<M>>) {
        self.disarm(&slot);
        out.push(Effect::Held { seq: slot.seq, handle: slot.handle.clone(), why });
        let tries = slot.tries(&self.extras);
        self.unacked.hold(now, level, slot, tries, why);
    }

    /// Back to its place in line, unless it failed too often or expired meanwhile.
    fn requeue(
        &mut self,
        now: Time,
        record: Record<M>,
        failed: bool,
        not_before: Option<Time>,
        out: &mut Vec<Effect<M>>,
    ) {
        let Record { mut slot, level, .. } = record;
        #[cfg(warrener_planted)]
        let untold = slot.more;
        slot.more.set_redelivered();
        #[cfg(warrener_planted)]
        if planted(Bug::LoseRedelivered) {
            slot.more = untold;
        }
        let tries = &mut slot.extra_mut(level, &mut self.extras).tries;
        tries.failed = tries.failed.saturating_add(u32::from(failed));
        let tries = *tries;
        #[cfg(warrener_planted)]
        let failed = failed && !planted(Bug::IgnoreDeliveryLimit);
        if let Some(limit) = self.config.delivery_limit
            && failed
            && tries.failed > limit.failures
        {
            match limit.then {
                AfterDeliveryLimit::Leave => {
                    return self.depart(now, level, slot, Why::DeliveryLimit, out);
                }
                AfterDeliveryLimit::SendBack => {
                    self.send_back(now, level, &mut slot);
                    out.push(Effect::SentBack { seq: slot.seq, failed: tries.failed });
                }
            }
        }
        #[cfg(warrener_planted)]
        if planted(Bug::RequeueToTheTail) {
            self.send_back(now, level, &mut slot);
        }
        if self.deadline(&slot) <= now {
            return self.depart(now, level, slot, Why::Expired, out);
        }
        match not_before.filter(|not_before| *not_before > now) {
            Some(not_before) => self.retry_later(level, slot, not_before),
            None => self.stand_again(level, slot),
        }
    }

    /// Gives an entry the last place in line. There it counts as published now, so that the line stays in order of
    /// time; what was left of its time to live becomes its own.
    fn send_back(&mut self, now: Time, level: u8, slot: &mut Slot<M>) {
        let deadline = self.deadline(slot);
        let number = self.next_number();
        let extra = slot.extra_mut(level, &mut self.extras);
        extra.expires = deadline;
        extra.place = number;
        slot.more.set_moved();
        slot.published = now;
    }

    /// A holder holds one less.
    #[inline(always)]
    fn holder_let_go(&mut self, key: HolderKey, out: &mut Vec<Effect<M>>) {
        let holder = self.unacked.holder(key);
        let (is_timed, is_done) = (holder.timeout.is_some(), holder.len == 0);
        if is_timed || is_done {
            self.holder_has_less(key, (is_timed, is_done), out);
        }
    }

    fn holder_has_less(
        &mut self,
        key: HolderKey,
        (is_timed, is_done): (bool, bool),
        out: &mut Vec<Effect<M>>,
    ) {
        if is_timed {
            self.arm_holder(key);
        }
        if is_done {
            self.forget_if_done(key);
            if self.consumers.is_draining() {
                self.choose_active(out);
            }
        }
    }
}

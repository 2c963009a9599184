//! How much may wait, and what happens when it is more (`x-max-length`, `x-max-length-bytes`, `x-overflow`).

use crate::config::Overflow;
use crate::effect::{Effect, Refusal, Why};
use crate::queue::Queue;
use alloc::vec::Vec;
use warrener_time::Time;
#[cfg(warrener_planted)]
use warrener_time::planted::{Bug, planted};

/// How many entries one call drops or expires by the way, before it leaves the rest to [`Queue::work`].
pub(crate) const BY_THE_WAY: u32 = 64;

impl<M: Clone> Queue<M> {
    /// Why a message of this size cannot be taken in. What consumers can be handed at once does not count, as if it had
    /// been.
    pub(crate) fn no_room(&self, bytes: u32) -> Option<Refusal> {
        let dead_letter = match self.config.overflow {
            Overflow::DropHead => return None,
            Overflow::RejectPublish => false,
            Overflow::RejectPublishDeadLetter => true,
        };
        let appetite = if self.stuck { 0 } else { self.consumers.appetite() };
        if appetite > self.counts().ready {
            return None;
        }
        let (length, length_bytes) = self.waiting();
        let too_many = self.config.max_length.is_some_and(|max| length + 1 - appetite > max);
        let too_big =
            self.config.max_length_bytes.is_some_and(|max| length_bytes + u64::from(bytes) > max);
        #[cfg(warrener_planted)]
        if planted(Bug::NeverRefuse) {
            return None;
        }
        (too_many || too_big).then_some(Refusal::Full { dead_letter })
    }

    /// Drops what is too much, a little now and the rest in slices. As long as a consumer can be served, this waits:
    /// what is handed out at once was never in the way.
    #[inline]
    pub(crate) fn look_after_limits(&mut self, now: Time, out: &mut Vec<Effect<M>>) {
        if self.overflowing || self.shedding {
            let mut budget = BY_THE_WAY;
            self.make_room(now, &mut budget, out);
        }
    }

    /// The same, in `budget` steps. What is overdue comes first: what is too much may be what is about to expire, and
    /// what a consumer is to give back may make another one active.
    pub(crate) fn make_room(&mut self, now: Time, budget: &mut u32, out: &mut Vec<Effect<M>>) {
        if self.may_shed() && !self.is_due(now) {
            self.shed(now, budget, out);
        }
    }

    fn may_shed(&self) -> bool {
        let idle = || {
            let nothing = self.ready.len() + self.returning.ready.0 == 0;
            self.stuck || self.consumers.next().is_none() || nothing
        };
        self.shedding || self.overflowing && idle()
    }

    /// Drops what is too much, one entry a step: the oldest of the lowest priority first, delayed ones last.
    fn shed(&mut self, now: Time, budget: &mut u32, out: &mut Vec<Effect<M>>) {
        #[cfg(warrener_planted)]
        if planted(Bug::IgnoreMaxLength) {
            return;
        }
        self.shedding = true;
        if !self.returning.is_empty() {
            return;
        }
        while self.is_over_limit() {
            let lines = [&mut self.ready, &mut self.retrying, &mut self.delayed];
            let Some(lines) = lines.into_iter().find(|lines| !lines.is_empty()) else { break };
            if *budget == 0 {
                return;
            }
            *budget -= 1;
            let (level, slot) = lines.pop_least().expect("it is not empty");
            self.depart(now, level, slot, Why::MaxLength, out);
        }
        (self.overflowing, self.shedding) = (false, false);
    }

    pub(crate) fn is_over_limit(&self) -> bool {
        let (length, bytes) = self.waiting();
        self.config.overflow == Overflow::DropHead
            && (self.config.max_length.is_some_and(|max| length > max)
                || self.config.max_length_bytes.is_some_and(|max| bytes > max))
    }

    /// What counts towards a limit, in entries and in bytes.
    fn waiting(&self) -> (u64, u64) {
        let counts = self.counts();
        (
            counts.ready + counts.delayed + counts.held,
            counts.ready_bytes + counts.delayed_bytes + counts.held_bytes,
        )
    }
}

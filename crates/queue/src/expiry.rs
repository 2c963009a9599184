//! What time does to a queue: messages expire wherever they stand, delayed ones become ready, consumers hold too long,
//! and a queue that nobody uses expires itself.
//!
//! By the queue's own time to live the first of a line always expires first, so that looking at the first of each line
//! is enough. Times to live of single messages, not-before times and consumers' timeouts stand in one index.

use crate::effect::{Effect, Outcome, Timer, Why};
use crate::entry::{Rare, Slot};
use crate::publish::expiry;
use crate::queue::Queue;
use crate::times::Due;
use crate::unacked::{HolderKey, HolderKind};
use alloc::vec::Vec;
use warrener_time::Time;

/// The next thing that time does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// The first of this line expires by the queue's time to live.
    Line(u8),
    Index(Due),
}

impl<M: Clone> Queue<M> {
    /// When an entry that waits, or that returns, is gone; [`Time::MAX`] for never.
    pub(crate) fn deadline(&self, slot: &Slot<M>) -> Time {
        let own = match slot.more.extra() {
            Some(index) => self.extras[index as usize].expires,
            None => Time::MAX,
        };
        own.min(self.line_deadline(slot))
    }

    pub(crate) fn has_ttl(&self, slot: &Slot<M>) -> bool {
        self.config.ttl.is_some() || slot.more.extra().is_some()
    }

    /// Sees to it that an entry that waits expires by its own time to live, if it has one.
    pub(crate) fn arm_expiry(&mut self, slot: &Slot<M>) {
        if let Some(index) = slot.more.extra() {
            let extra = &mut self.extras[index as usize];
            self.times.arm(&mut extra.armed, extra.expires, Due::Entry(index));
        }
    }

    /// Time does nothing to this entry any more, until it is armed again.
    pub(crate) fn disarm(&mut self, slot: &Slot<M>) {
        if let Some(index) = slot.more.extra() {
            let extra = &mut self.extras[index as usize];
            self.times.arm(&mut extra.armed, Time::MAX, Due::Entry(index));
        }
    }

    /// Makes a new entry wait until it may be handed out; only then does it begin to grow old.
    pub(crate) fn delay_new(&mut self, level: u8, mut slot: Slot<M>, rare: Rare) {
        let extra = slot.extra_mut(level, &mut self.extras);
        extra.ttl = rare.ttl;
        extra.fresh = true;
        self.delay(level, slot, rare.not_before.unwrap_or(Time::ZERO));
    }

    /// Makes an entry wait until it may be handed out.
    pub(crate) fn delay(&mut self, level: u8, mut slot: Slot<M>, not_before: Time) {
        let fresh = slot.extra_mut(level, &mut self.extras).fresh;
        let deadline = if fresh { Time::MAX } else { self.deadline(&slot) };
        let index = slot.more.extra().expect("it was just made");
        let extra = &mut self.extras[index as usize];
        extra.delayed = true;
        extra.not_before = not_before;
        self.times.arm(&mut extra.armed, not_before.min(deadline), Due::Entry(index));
        self.delayed.put_back(level, slot, &self.extras);
    }

    /// Sees to it that a holder does not hold its oldest for too long.
    pub(crate) fn arm_holder(&mut self, key: HolderKey) {
        let since = self.unacked.oldest(key).map(|record| record.since);
        let holder = self.unacked.holder_mut(key);
        let at = match (since, holder.timeout) {
            (Some(since), Some(timeout)) => since + timeout,
            _ => Time::MAX,
        };
        self.times.arm(&mut holder.armed, at, Due::Holder(key));
    }

    /// A holder that is about to have nothing has no clock to be set.
    pub(crate) fn arm_nothing(&mut self, key: HolderKey) {
        let holder = self.unacked.holder_mut(key);
        self.times.arm(&mut holder.armed, Time::MAX, Due::Holder(key));
    }

    pub(crate) fn next_timeout(&self) -> Option<(Time, Timer)> {
        if !self.pending.is_empty() || self.shedding {
            return Some((Time::ZERO, Timer::Work));
        }
        let due = self.next_due().map(|(at, next)| match next {
            Next::Line(_) => (at, Timer::Expiry),
            Next::Index(Due::Entry(_)) => (at, Timer::Entry),
            Next::Index(Due::Holder(_)) => (at, Timer::Delivery),
        });
        let unused = self.unused_deadline().map(|at| (at, Timer::Unused));
        due.into_iter().chain(unused).min_by_key(|(at, _)| *at)
    }

    /// Does what is due by `now`, in the order in which it was due, one thing a step.
    pub(crate) fn do_what_is_due(&mut self, now: Time, budget: &mut u32, out: &mut Vec<Effect<M>>) {
        while *budget > 0 {
            let Some((_, next)) = self.next_due().filter(|(at, _)| *at <= now) else { break };
            *budget -= 1;
            match next {
                Next::Line(level) => {
                    let slot = self.ready.pop_front(level).expect("its first was just looked at");
                    self.depart(now, level, slot, Why::Expired, out);
                }
                Next::Index(Due::Entry(index)) => self.entry_is_due(now, index, out),
                Next::Index(Due::Holder(key)) => self.holder_is_due(now, key, out),
            }
        }
        if self.unused_deadline().is_some_and(|at| at <= now) {
            self.said_expired = true;
            out.push(Effect::Expired);
        }
    }

    fn next_due(&self) -> Option<(Time, Next)> {
        let indexed = self.times.first().map(|(at, due)| (at, Next::Index(due)));
        if self.config.ttl.is_none() {
            return indexed;
        }
        let lines =
            self.ready.fronts().map(|(level, slot)| (self.line_deadline(slot), Next::Line(level)));
        lines.chain(indexed).min_by_key(|(at, _)| *at).filter(|(at, _)| *at != Time::MAX)
    }

    fn line_deadline(&self, slot: &Slot<M>) -> Time {
        self.config.ttl.map_or(Time::MAX, |ttl| expiry(slot.published, ttl))
    }

    fn unused_deadline(&self) -> Option<Time> {
        if self.deleted || self.said_expired || !self.consumers.is_empty() {
            return None;
        }
        self.config.expires.map(|expires| self.last_used + expires)
    }

    fn entry_is_due(&mut self, now: Time, index: u32, out: &mut Vec<Effect<M>>) {
        let extra = &mut self.extras[index as usize];
        self.times.arm(&mut extra.armed, Time::MAX, Due::Entry(index));
        let (level, delayed, not_before) = (extra.level, extra.delayed, extra.not_before);
        let (place, fresh) = (extra.place, extra.fresh);
        let line = if delayed { &mut self.delayed } else { &mut self.ready };
        let Some(mut slot) = line.remove(level, place, &self.extras) else {
            assert!(!self.pending.is_empty(), "only what is purged is armed and in no line");
            return;
        };
        let deadline = if fresh { Time::MAX } else { self.deadline(&slot) };
        if deadline <= now {
            return self.depart(now, level, slot, Why::Expired, out);
        }
        if not_before > now {
            // The time to live that it was armed for was since made longer.
            return self.delay(level, slot, not_before);
        }
        let number = self.next_number();
        let extra = slot.extra_mut(level, &mut self.extras);
        extra.delayed = false;
        if !fresh {
            self.arm_expiry(&slot);
            return self.ready.put_back(level, slot, &self.extras);
        }
        extra.fresh = false;
        extra.place = number;
        extra.expires = extra.ttl.map_or(Time::MAX, |ttl| expiry(now, ttl));
        slot.more.set_moved();
        slot.published = now;
        self.stand_last(now, level, slot, out);
        self.overflowing = true;
    }

    fn holder_is_due(&mut self, now: Time, key: HolderKey, out: &mut Vec<Effect<M>>) {
        let holder = self.unacked.holder_mut(key);
        let HolderKind::Consumer { id, .. } = holder.kind else {
            unreachable!("only consumers have a timeout");
        };
        let record = self.unacked.remove_oldest(key).expect("a holder is armed for its oldest");
        out.push(Effect::TakenBack { seq: record.slot.seq, consumer: id });
        self.settle_one(now, record, Outcome::Requeue { failed: false }, out);
    }
}

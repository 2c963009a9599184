//! What time does to a queue: messages expire wherever they stand, delayed ones become ready, consumers hold too long,
//! and a queue that nobody uses expires itself.
//!
//! By the queue's own time to live the first of a line always expires first, so that looking at the first of each line
//! is enough. Times to live of single messages, not-before times and consumers' timeouts stand in one index.

use crate::effect::{Effect, Outcome, Timer, Why};
use crate::entry::{Rare, Slot, Standing};
use crate::limits::BY_THE_WAY;
use crate::publish::expiry;
use crate::queue::Queue;
use crate::sorted::Near;
use crate::times::{AHEAD, Due, Hint, Whom};
use crate::unacked::{HolderKey, HolderKind};
use alloc::vec::Vec;
use warrener_time::Time;

/// From how many entries on a line is too long for the caches.
const LONG: u64 = 10_000;

/// The next thing that time does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// The first of this line expires by the queue's time to live.
    Line {
        level: u8,
        retrying: bool,
    },
    Index(Due),
}

impl<M: Clone> Queue<M> {
    /// When an entry that waits, or that returns, is gone; [`Time::MAX`] for never.
    pub(crate) fn deadline(&self, slot: &Slot<M>) -> Time {
        match slot.more.extra().map(|index| &self.extras[index]) {
            None => self.line_deadline(slot.published),
            Some(extra) if extra.standing == Standing::Delayed => {
                extra.begun(extra.not_before).min(self.line_deadline(extra.not_before))
            }
            Some(extra) => extra.expires.min(self.line_deadline(slot.published)),
        }
    }

    pub(crate) fn has_ttl(&self, slot: &Slot<M>) -> bool {
        self.config.ttl.is_some() || slot.more.extra().is_some()
    }

    /// Sees to it that time does to an entry that waits what it is to do, besides the queue's own time to live.
    pub(crate) fn arm(&mut self, slot: &Slot<M>) {
        if let Some(index) = slot.more.extra() {
            let extra = &mut self.extras[index];
            let at = match extra.standing {
                Standing::Ready => extra.expires,
                Standing::Delayed => extra.not_before,
                Standing::Retrying => extra.not_before.min(extra.expires),
            };
            let ready = extra.standing == Standing::Ready;
            let hint = Hint { level: extra.level, ready, near: Near::default() };
            self.times.arm(&mut extra.armed, at, Due::entry(slot.seq, index), hint);
        }
    }

    /// Time does nothing to this entry any more, until it is armed again.
    pub(crate) fn disarm(&mut self, slot: &Slot<M>) {
        if let Some(index) = slot.more.extra() {
            let extra = &mut self.extras[index];
            self.times.disarm(&mut extra.armed, Due::entry(slot.seq, index));
        }
    }

    /// Makes a new entry wait until it may be handed out; only then does it begin to grow old.
    pub(crate) fn delay(&mut self, level: u8, mut slot: Slot<M>, rare: Rare) {
        let extra = slot.extra_mut(level, &mut self.extras);
        extra.standing = Standing::Delayed;
        extra.expires = rare.ttl.map_or(Time::MAX, |ttl| expiry(Time::ZERO, ttl));
        extra.not_before = rare.not_before.unwrap_or(Time::ZERO);
        self.arm(&slot);
        self.delayed.put_back(level, slot, &self.extras);
    }

    /// Makes an entry wait until it may be handed out again; it grows older meanwhile.
    pub(crate) fn retry_later(&mut self, level: u8, mut slot: Slot<M>, not_before: Time) {
        let extra = slot.extra_mut(level, &mut self.extras);
        extra.standing = Standing::Retrying;
        extra.not_before = not_before;
        self.arm(&slot);
        self.note_deadline(&slot);
        self.retrying.put_back(level, slot, &self.extras);
    }

    /// Sees to it that a holder does not hold its oldest for too long.
    pub(crate) fn arm_holder(&mut self, key: HolderKey) {
        let since = self.unacked.oldest(key).map(|record| record.since);
        let holder = self.unacked.holder_mut(key);
        let at = match (since, holder.timeout) {
            (Some(since), Some(timeout)) => expiry(since, timeout),
            _ => Time::MAX,
        };
        self.times.arm(&mut holder.armed, at, Due::holder(key), Hint::default());
    }

    /// A holder that is about to have nothing has no clock to be set.
    pub(crate) fn arm_nothing(&mut self, key: HolderKey) {
        let holder = self.unacked.holder_mut(key);
        self.times.disarm(&mut holder.armed, Due::holder(key));
    }

    #[inline]
    pub(crate) fn next_timeout(&self) -> Option<(Time, Timer)> {
        if !self.pending.is_empty() || self.shedding {
            return Some((Time::ZERO, Timer::Work));
        }
        let due = self.next_due().map(|(at, next)| match next {
            Next::Line { .. } => (at, Timer::Expiry),
            Next::Index(due) => match due.whom {
                Whom::Entry(_) => (at, Timer::Entry),
                Whom::Holder(_) => (at, Timer::Delivery),
            },
        });
        match (due, self.unused_deadline()) {
            (due, None) => due,
            (Some(due), Some(unused)) if due.0 <= unused => Some(due),
            (_, Some(unused)) => Some((unused, Timer::Unused)),
        }
    }

    /// Does what is due by `now`, a little of it, so that whatever is asked for next finds the queue as it should be.
    /// Says whether all of it is done.
    #[inline]
    pub(crate) fn catch_up(&mut self, now: Time, out: &mut Vec<Effect<M>>) -> bool {
        if !self.is_due(now) {
            return true;
        }
        self.catch_up_with(now, out)
    }

    #[cold]
    fn catch_up_with(&mut self, now: Time, out: &mut Vec<Effect<M>>) -> bool {
        let mut budget = BY_THE_WAY;
        self.do_what_is_due(now, &mut budget, out);
        !self.is_due(now)
    }

    /// Does what is due by `now`, in the order in which it was due, one thing a step: each as of the time at which it
    /// was due, so that a call that comes late finds what one on time would have left.
    pub(crate) fn do_what_is_due(&mut self, now: Time, budget: &mut u32, out: &mut Vec<Effect<M>>) {
        while *budget > 0
            && self.is_due(now)
            && let Some((at, next)) = self.next_due()
        {
            *budget -= 1;
            match next {
                Next::Line { level, retrying } => self.line_is_due(at, (level, retrying), out),
                Next::Index(due) => match due.whom {
                    Whom::Entry(index) => self.entry_is_due(at, index, out),
                    Whom::Holder(key) => self.holder_is_due(at, key, out),
                },
            }
        }
    }

    fn line_is_due(&mut self, at: Time, (level, retrying): (u8, bool), out: &mut Vec<Effect<M>>) {
        let lines = if retrying { &mut self.retrying } else { &mut self.ready };
        let slot = lines.pop_front(level).expect("its first was just looked at");
        self.depart(at, level, slot, Why::Expired, out);
    }

    /// Says that the queue expires, if it does.
    pub(crate) fn expire_if_unused(&mut self, now: Time, out: &mut Vec<Effect<M>>) {
        if self.unused_deadline().is_some_and(|at| at <= now) {
            self.said_expired = true;
            out.push(Effect::Expired);
        }
    }

    /// Whether something may be due; if so, [`Queue::next_due`] knows. One comparison or two, as every verb asks.
    #[inline]
    pub(crate) fn is_due(&mut self, now: Time) -> bool {
        if self.lines_due <= now {
            self.lines_due = self.next_line().map_or(Time::MAX, |(at, _)| at);
        }
        let next = self.times.next().min(self.lines_due);
        next <= now && next != Time::MAX
    }

    /// An entry stands in line that may be the next to expire by the queue's time to live.
    pub(crate) fn note_deadline(&mut self, slot: &Slot<M>) {
        self.lines_due = self.lines_due.min(self.line_deadline(slot.published));
    }

    #[inline]
    fn next_due(&self) -> Option<(Time, Next)> {
        if self.times.next() < self.lines_due {
            return self.times.first().map(|(at, due)| (at, Next::Index(due)));
        }
        let line = self.config.ttl.and_then(|_| self.next_line());
        let indexed = self.times.first().map(|(at, due)| (at, Next::Index(due)));
        match (line, indexed) {
            (Some(line), Some(indexed)) if line.0 <= indexed.0 => Some(line),
            (line, None) => line,
            (_, indexed) => indexed,
        }
    }

    /// The line whose first expires next by the queue's time to live, and when.
    fn next_line(&self) -> Option<(Time, Next)> {
        let mut next = None;
        for (lines, retrying) in [(&self.ready, false), (&self.retrying, true)] {
            if lines.is_empty() {
                continue;
            }
            for (level, slot) in lines.fronts() {
                let at = self.line_deadline(slot.published);
                if next.is_none_or(|(earliest, _)| at < earliest) && at != Time::MAX {
                    next = Some((at, Next::Line { level, retrying }));
                }
            }
        }
        next
    }

    /// When an entry that waits since then is gone by the queue's time to live.
    fn line_deadline(&self, since: Time) -> Time {
        self.config.ttl.map_or(Time::MAX, |ttl| expiry(since, ttl))
    }

    pub(crate) fn unused_deadline(&self) -> Option<Time> {
        let expires = self.config.expires?;
        let is_used = self.deleted || self.said_expired || !self.consumers.is_empty();
        (!is_used).then(|| self.last_used + expires)
    }

    /// Has what will be needed fetched before the next entries are due.
    fn look_ahead(&mut self) {
        if self.ready.len() < LONG {
            return;
        }
        let is_here = match self.times.look_ahead() {
            Some(next) => self.ready.fetch(next),
            None => return,
        };
        if !is_here {
            self.find_anew();
        }
    }

    #[cold]
    fn find_anew(&mut self) {
        let (mut these, mut len) = ([0; AHEAD], 0);
        for (index, _) in self.times.first_few() {
            these[len] = index;
            len += 1;
        }
        self.ready.find_anew(&mut self.extras, &these[..len]);
    }

    fn entry_is_due(&mut self, at: Time, index: u32, out: &mut Vec<Effect<M>>) {
        self.look_ahead();
        let hint = self.times.first_hint();
        if hint.ready
            && !self.config.hold
            && let Some(slot) = self.ready.remove_at(hint.level, hint.near, index)
        {
            self.times.pop_first();
            return self.leave_disarmed(slot, Why::Expired, out);
        }
        let extra = &self.extras[index];
        let (level, standing, expired) = (extra.level, extra.standing, extra.expires <= at);
        let lines = match standing {
            Standing::Ready => &mut self.ready,
            Standing::Delayed => &mut self.delayed,
            Standing::Retrying => &mut self.retrying,
        };
        let Some(slot) = lines.remove(extra, &self.extras) else {
            assert!(!self.pending.is_empty(), "only what is purged is armed and in no line");
            return self.times.first_is_done(&mut self.extras[index].armed);
        };
        self.times.first_is_done(&mut self.extras[index].armed);
        match standing {
            Standing::Delayed => self.begin_to_wait(at, level, slot, out),
            Standing::Ready | Standing::Retrying if expired => {
                self.depart(at, level, slot, Why::Expired, out);
            }
            Standing::Ready | Standing::Retrying => self.stand_again(level, slot),
        }
    }

    /// A message that was to be handed out later takes the last place, as if it were published now.
    fn begin_to_wait(&mut self, at: Time, level: u8, mut slot: Slot<M>, out: &mut Vec<Effect<M>>) {
        let number = self.next_number();
        // Only when more was overdue than one call may do is the line ahead of the time at which this was due. What is
        // left of its time to live becomes its own then.
        slot.published = self.ready.fit_published(level, number, at, &self.extras);
        let deadline = if slot.published > at { self.line_deadline(at) } else { Time::MAX };
        let extra = slot.extra_mut(level, &mut self.extras);
        extra.standing = Standing::Ready;
        extra.place = number;
        extra.expires = extra.begun(at).min(deadline);
        slot.more.set_moved();
        self.stand_last(at, level, slot, out);
    }

    /// Takes its place in line again.
    pub(crate) fn stand_again(&mut self, level: u8, mut slot: Slot<M>) {
        slot.extra_mut(level, &mut self.extras).standing = Standing::Ready;
        self.arm(&slot);
        self.note_deadline(&slot);
        self.ready.put_back(level, slot, &self.extras);
    }

    fn holder_is_due(&mut self, at: Time, key: HolderKey, out: &mut Vec<Effect<M>>) {
        let holder = self.unacked.holder_mut(key);
        let HolderKind::Consumer { id, .. } = holder.kind else {
            unreachable!("only consumers have a timeout");
        };
        let record = self.unacked.remove_oldest(key).expect("a holder is armed for its oldest");
        out.push(Effect::TakenBack { seq: record.slot.seq, consumer: id });
        self.settle_one(at, record, Outcome::Requeue { failed: false }, out);
    }
}

//! How a message gets in line: published, or put back after a restart.

use crate::effect::{Effect, Refusal, Why};
use crate::entry::{Entry, More, Rare, Restored, Seq, Slot, Tries};
use crate::queue::Queue;
use crate::ready::Lines;
use crate::times::{Due, Hint};
use crate::work::Pending;
use alloc::vec::Vec;
use core::time::Duration;
use warrener_time::Time;
#[cfg(warrener_planted)]
use warrener_time::planted::{Bug, planted};

impl<M: Clone> Queue<M> {
    pub(crate) fn refusal(&self, entry: &Entry<M>) -> Option<Refusal> {
        if self.deleted {
            return Some(Refusal::Deleted);
        }
        self.no_room(entry.bytes)
    }

    /// The hot path: for a plain entry a number, a place at the end of its line, and nothing else.
    #[inline]
    pub(crate) fn take_in(
        &mut self,
        now: Time,
        entry: Entry<M>,
        rare: Rare,
        out: &mut Vec<Effect<M>>,
    ) -> Seq {
        let seq = Seq::new(self.next_number());
        let level = entry.priority.min(self.config.max_priority);
        let slot = Slot {
            seq,
            published: now,
            handle: entry.handle,
            bytes: entry.bytes,
            more: More::NOTHING,
        };
        if rare.ttl.is_none() && rare.not_before.is_none() && self.config.ttl.is_none() {
            self.ready.push_plain(level, slot, &self.extras);
        } else {
            self.take_in_timed(now, level, slot, rare, out);
        }
        if self.config.max_length.is_some() || self.config.max_length_bytes.is_some() {
            self.overflowing = true;
            self.look_after_limits(now, out);
        }
        seq
    }

    /// The same for an entry to which time does something.
    fn take_in_timed(
        &mut self,
        now: Time,
        level: u8,
        mut slot: Slot<M>,
        rare: Rare,
        out: &mut Vec<Effect<M>>,
    ) {
        if rare.not_before.is_some_and(|not_before| not_before > now) {
            return self.delay(level, slot, rare);
        }
        if let Some(ttl) = rare.ttl {
            slot.extra_mut(level, &mut self.extras).expires = expiry(now, ttl);
        }
        self.stand_last(now, level, slot, out);
    }

    /// Takes the last place in line, and has it for this instant at least if someone can be served.
    #[inline]
    pub(crate) fn stand_last(
        &mut self,
        now: Time,
        level: u8,
        slot: Slot<M>,
        out: &mut Vec<Effect<M>>,
    ) {
        let never = || self.deadline(&slot) <= now + Duration::from_micros(1);
        if self.has_ttl(&slot) && self.consumers.next().is_none() && never() {
            return self.depart(now, level, slot, Why::Expired, out);
        }
        self.note_deadline(&slot);
        let (seq, extra) = (slot.seq, slot.more.extra());
        self.ready.push(level, slot, &self.extras);
        if let Some(index) = extra {
            let near = self.ready.near_back(level);
            let extra = &mut self.extras[index];
            let (at, hint) = (extra.expires, Hint { near, level, ready: true });
            self.times.arm(&mut extra.armed, at, Due::entry(seq, index), hint);
        }
    }

    pub(crate) fn put_in(&mut self, now: Time, entry: Entry<M>, restored: Restored) {
        let Restored { seq, published, rare, redelivered, tries, held } = restored;
        #[cfg(warrener_planted)]
        let published = if planted(Bug::RestartTimeToLive) { now } else { published };
        let taken = seq.number() <= self.last_number
            && (self.unacked.get(seq).is_some()
                || [&self.ready, &self.delayed]
                    .into_iter()
                    .chain(self.pending.iter().filter_map(Pending::lines))
                    .any(|lines| lines.holds(seq.number(), &self.extras)));
        assert!(!taken, "entry {seq} is there already");
        let level = entry.priority.min(self.config.max_priority);
        let mut slot =
            Slot { seq, published, handle: entry.handle, bytes: entry.bytes, more: More::NOTHING };
        if redelivered {
            slot.more.set_redelivered();
        }
        if tries != Default::default() {
            slot.extra_mut(level, &mut self.extras).tries = tries;
        }
        self.continue_after(seq);
        if let Some((why, since)) = held {
            slot.published = published;
            return self.unacked.hold(since, level, slot, tries, why);
        }
        if self.config.is_too_much(tries.failed) {
            slot.published = published;
            return self.put_among_the_dead(now, level, slot, tries);
        }
        if rare.not_before.is_some_and(|not_before| not_before > published) {
            return self.delay(level, slot, rare);
        }
        slot.published = self.ready.fit_published(level, seq.number(), published, &self.extras);
        if let Some(ttl) = rare.ttl {
            slot.extra_mut(level, &mut self.extras).expires = expiry(published, ttl);
        }
        self.arm(&slot);
        self.note_deadline(&slot);
        self.ready.put_back(level, slot, &self.extras);
    }

    /// An entry that failed too often, and had not left when what it is restored from was written.
    #[cold]
    fn put_among_the_dead(&mut self, now: Time, level: u8, slot: Slot<M>, tries: Tries) {
        let why = Why::DeliveryLimit;
        if self.config.hold {
            return self.unacked.hold(now, level, slot, tries, why);
        }
        if !matches!(self.pending.back(), Some(Pending::Lines(_, Why::DeliveryLimit))) {
            self.pending.push_back(Pending::Lines(Lines::new(), why));
        }
        if let Some(Pending::Lines(lines, _)) = self.pending.back_mut() {
            lines.put_back(level, slot, &self.extras);
        }
    }

    pub(crate) const fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }
}

/// When an entry expires that began to wait at `since`: never in the very instant in which it began, so that a time to
/// live of zero means "hand it out now or never".
pub(crate) fn expiry(since: Time, ttl: Duration) -> Time {
    #[cfg(warrener_planted)]
    let ttl = if planted(Bug::DeliverExpired) { ttl * 8 } else { ttl };
    since + ttl.max(Duration::from_micros(1))
}

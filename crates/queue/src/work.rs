//! What takes long, in slices: purging, deleting, settling everything at once, dropping what is too much, expiring.

use crate::consumers::{Consumer, Consumers};
use crate::effect::{Effect, Outcome, Progress, Why};
use crate::queue::Queue;
use crate::ready::Lines;
use crate::unacked::{Fate, HolderKey, HolderKind};
use alloc::vec::Vec;
use core::mem;
use warrener_time::Time;

/// Work that was begun. Its entries are counted as what they will be already.
#[derive(Clone, Debug)]
pub(crate) enum Pending<M> {
    /// These leave.
    Lines(Lines<M>, Why),
    /// What this holder has leaves or returns, see [`HolderKind::Settled`].
    Settled(HolderKey),
    /// All entries have gone, and what they took of memory follows a little at a time.
    Memory,
}

impl<M> Pending<M> {
    /// The lines of entries that leave, if it is that.
    pub(crate) const fn lines(&self) -> Option<&Lines<M>> {
        match self {
            Self::Lines(lines, _) => Some(lines),
            Self::Settled(_) | Self::Memory => None,
        }
    }
}

/// Entries in pending work that count as waiting already, and their bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Returning {
    pub(crate) ready: (u64, u64),
    pub(crate) retrying: (u64, u64),
    pub(crate) held: (u64, u64),
}

impl Returning {
    /// Whether none of them returns to a line; deliveries do not wait for what is to be held.
    pub(crate) const fn is_empty(&self) -> bool {
        self.ready.0 + self.retrying.0 == 0
    }

    /// Where entries of this fate are counted, if they stay.
    pub(crate) const fn to(&mut self, fate: Fate) -> Option<&mut (u64, u64)> {
        match fate {
            Fate::Settle(Outcome::Requeue { .. }) => Some(&mut self.ready),
            Fate::Settle(Outcome::Retry { .. }) => Some(&mut self.retrying),
            Fate::Settle(Outcome::Hold) => Some(&mut self.held),
            Fate::Settle(Outcome::Accept | Outcome::Discard) | Fate::Leave(_) => None,
        }
    }
}

impl<M: Clone> Queue<M> {
    pub(crate) fn work_slice(
        &mut self,
        now: Time,
        budget: &mut u32,
        out: &mut Vec<Effect<M>>,
    ) -> Progress {
        // First what is to happen on time: a huge purge makes no message late.
        self.do_what_is_due(now, budget, out);
        while *budget > 0
            && let Some(pending) = self.pending.pop_front()
        {
            if let Some(rest) = self.work_on(now, pending, budget, out) {
                self.pending.push_front(rest);
            }
        }
        if self.overflowing || self.shedding {
            self.make_room(now, budget, out);
        }
        let is_done = self.pending.is_empty() && !self.shedding && !self.is_due(now);
        match self.unused_deadline() {
            Some(at) if at <= now => Progress::More,
            _ if is_done => Progress::Done,
            _ => Progress::More,
        }
    }

    pub(crate) fn remove_waiting(&mut self, why: Why) -> u64 {
        let ready = self.counts().ready;
        for lines in [&mut self.ready, &mut self.delayed, &mut self.retrying] {
            if !lines.is_empty() {
                let lines = mem::replace(lines, Lines::new());
                self.pending.push_back(Pending::Lines(lines, why));
            }
        }
        for pending in &self.pending {
            if let Pending::Settled(key) = pending {
                let holder = self.unacked.holder_mut(*key);
                if let HolderKind::Settled(fate) = &mut holder.kind
                    && self.returning.to(*fate).is_some()
                {
                    *fate = Fate::Leave(why);
                }
            }
        }
        self.returning = Returning::default();
        ready
    }

    pub(crate) fn remove_held(&mut self, why: Why) {
        let holder = self.unacked.queue();
        if self.unacked.holder(holder).len > 0 {
            self.settle_holder(holder, Fate::Leave(why));
        }
    }

    pub(crate) fn remove_everything(&mut self) -> u64 {
        let ready = self.remove_waiting(Why::Deleted);
        self.deleted = true;
        // All at once: to take one out takes the longer, the more different priorities there are.
        let consumers =
            mem::replace(&mut self.consumers, Consumers::new(self.config.single_active));
        for (_, Consumer { holder, .. }) in consumers.iter() {
            let holder = *holder;
            let kind = &mut self.unacked.holder_mut(holder).kind;
            if let HolderKind::Consumer { cancelled, .. } = kind {
                *cancelled = true;
            }
            self.forget_if_done(holder);
        }
        let holders: Vec<HolderKey> = self
            .unacked
            .holders()
            .filter(|(_, holder)| holder.len > 0)
            .filter(|(_, holder)| !matches!(holder.kind, HolderKind::Settled(_)))
            .map(|(key, _)| key)
            .collect();
        for key in holders {
            self.settle_holder(key, Fate::Leave(Why::Deleted));
        }
        self.pending.push_back(Pending::Memory);
        ready
    }

    /// Does some of it, and gives back what is left.
    fn work_on(
        &mut self,
        now: Time,
        mut pending: Pending<M>,
        budget: &mut u32,
        out: &mut Vec<Effect<M>>,
    ) -> Option<Pending<M>> {
        while *budget > 0 {
            *budget -= 1;
            match &mut pending {
                Pending::Memory => {
                    if !self.extras.give_back_some() && !self.unacked.give_back_some() {
                        return None;
                    }
                    *budget = budget.saturating_sub(CHUNK_STEPS);
                }
                Pending::Lines(lines, why) => {
                    let (_, slot) = lines.pop_least()?;
                    self.leave(slot, *why, out);
                }
                Pending::Settled(key) => {
                    let Some(record) = self.unacked.remove_oldest(*key) else {
                        self.unacked.remove_holder(*key);
                        return None;
                    };
                    let HolderKind::Settled(fate) = self.unacked.holder(*key).kind else {
                        unreachable!("a holder that was settled stays so");
                    };
                    if let Some((len, bytes)) = self.returning.to(fate) {
                        *len -= 1;
                        *bytes -= u64::from(record.slot.bytes);
                    }
                    match fate {
                        Fate::Settle(outcome) => self.settle_one(now, record, outcome, out),
                        Fate::Leave(why) => self.leave(record.slot, why, out),
                    }
                }
            }
        }
        Some(pending)
    }
}

/// What giving a chunk of memory back is counted as.
const CHUNK_STEPS: u32 = 64;

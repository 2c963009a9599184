//! The loss of power, and what it leaves.

use super::{Contents, NameChange, SimulatedDisk, State};
use core::ops::Range;
use std::collections::BTreeSet;

/// What is written altogether or not at all, when nothing is torn.
const PAGE_BYTES: usize = 4096;

impl SimulatedDisk {
    /// Lets the power go at the operation with this number (the first is 0): it and all later ones fail until
    /// [`restart`](Self::restart).
    pub fn cut_power_at(&self, operation: u64) {
        self.state().power_cut_at = Some(operation);
    }

    /// Lets the power go now.
    pub fn cut_power(&self) {
        self.state().off = true;
    }

    /// The process ends, and the operating system lives on: everything that was written is there for the next one,
    /// synced or not. Older handles are dead, and the lock is free.
    pub fn end_process(&self) {
        let mut state = self.state();
        state.boot += 1;
        state.locked = false;
        state.forget_lost_files();
    }

    /// Whether the power has gone.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.state().off
    }

    /// The power comes back after a loss of it. `choose(n)` picks a number below `n` each time that chance has a say in
    /// what is left of something that was not synced. Older handles are dead, and the lock is free.
    pub fn restart(&self, mut choose: impl FnMut(usize) -> usize) {
        let mut state = self.state();
        for change in core::mem::take(&mut state.unsynced_names) {
            if choose(2) == 0 {
                continue;
            }
            match change {
                NameChange::Put(name, index) => {
                    state.synced_names.insert(name, index);
                }
                NameChange::Rename(from, to, index) => {
                    // A name that never came to be, or went meanwhile, has nothing to leave.
                    state.synced_names.remove(&from);
                    state.synced_names.insert(to, index);
                }
                NameChange::Remove(name) => {
                    state.synced_names.remove(&name);
                }
            }
        }
        state.names = state.synced_names.clone();
        state.forget_lost_files();
        for contents in &mut state.files {
            contents.lose_power(&mut choose);
        }
        state.boot += 1;
        state.off = false;
        state.locked = false;
        state.power_cut_at = None;
    }
}

impl State {
    /// Files without any name, now or after a loss of power, are gone with the last handle to them.
    fn forget_lost_files(&mut self) {
        let unsynced = self.unsynced_names.iter().filter_map(|change| match change {
            NameChange::Put(_, index) | NameChange::Rename(_, _, index) => Some(index),
            NameChange::Remove(_) => None,
        });
        let named: BTreeSet<usize> = self
            .names
            .values()
            .chain(self.synced_names.values())
            .chain(unsynced)
            .copied()
            .collect();
        for (index, contents) in self.files.iter_mut().enumerate() {
            if !named.contains(&index) {
                *contents = Contents::default();
            }
        }
    }
}

impl Contents {
    /// What of it was written and not synced; from now on there is nothing.
    pub(super) fn take_dirty(&mut self) -> Range<usize> {
        let end = self.dirty_to.min(self.seen.len());
        let dirty = self.dirty_from.min(end)..end;
        (self.dirty_from, self.dirty_to) = (self.seen.len(), 0);
        dirty
    }

    fn lose_power(&mut self, choose: &mut impl FnMut(usize) -> usize) {
        let dirty = self.take_dirty();
        if !dirty.is_empty() || self.synced.len() != self.seen.len() {
            self.seen = self.what_is_left(&dirty, choose);
            self.synced.clone_from(&self.seen);
        } else if self.lost {
            self.seen.clone_from(&self.synced);
        }
        self.dirty_from = self.seen.len();
        self.lost = false;
    }

    /// Page by page the new bytes, the old ones, or some of each; the length anything between the two.
    fn what_is_left(
        &self,
        dirty: &Range<usize>,
        choose: &mut impl FnMut(usize) -> usize,
    ) -> Vec<u8> {
        let (short, long) = {
            let (a, b) = (self.seen.len(), self.synced.len());
            (a.min(b), a.max(b))
        };
        let length = match choose(4) {
            0 => self.synced.len(),
            1 | 2 => self.seen.len(),
            _ => short + choose(long - short + 1),
        };
        let mut left = self.synced.clone();
        left.resize(length, 0);
        let last = dirty.end.min(length);
        let mut start = dirty.start;
        while start < last {
            let end = ((start / PAGE_BYTES + 1) * PAGE_BYTES).min(last);
            let fresh = match choose(4) {
                0 => 0,
                1 | 2 => end - start,
                _ => choose(end - start + 1),
            };
            let end_of_fresh = (start + fresh).min(self.seen.len());
            if start < end_of_fresh {
                left[start..end_of_fresh].copy_from_slice(&self.seen[start..end_of_fresh]);
            }
            start = end;
        }
        left
    }
}

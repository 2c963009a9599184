//! The targets that one key, pattern or exchange leads to.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::slice;

use crate::hashing::Hashing;
use crate::index::Index;
use crate::slots::Slots;
use crate::targets::{Meaning, Targets};

/// A set of targets in four bytes: none, one by its number, or the number of a list. Each target counts how often it
/// was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Posting(u32);

impl Posting {
    pub(crate) const EMPTY: Self = Self(u32::MAX);
    const LIST: u32 = 1 << 31;

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == u32::MAX
    }

    /// Whether it is one target by its number.
    #[inline]
    const fn is_one(self) -> bool {
        self.0 & Self::LIST == 0
    }

    const fn list(self) -> Option<u32> {
        if self.0 & Self::LIST != 0 && !self.is_empty() { Some(self.0 & !Self::LIST) } else { None }
    }
}

impl Default for Posting {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// A posting, and beside it what its target stands for while there is only one: who finds it by a key need not look
/// elsewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lead<D> {
    posting: Posting,
    only: Meaning<D>,
}

impl<D> Default for Lead<D> {
    fn default() -> Self {
        Self { posting: Posting::EMPTY, only: Meaning::default() }
    }
}

impl<D: Copy> Lead<D> {
    pub(crate) const fn is_empty(&self) -> bool {
        self.posting.is_empty()
    }

    /// Its only target and what that stands for.
    #[inline]
    pub(crate) const fn only(&self) -> Option<(u32, Meaning<D>)> {
        if self.posting.is_one() { Some((self.posting.0, self.only)) } else { None }
    }

    /// Its targets, each once.
    #[inline]
    pub(crate) fn targets<'a>(&'a self, postings: &'a Postings) -> &'a [u32] {
        postings.targets(&self.posting)
    }

    pub(crate) fn contains(&self, hashing: &Hashing, postings: &Postings, target: u32) -> bool {
        postings.contains(hashing, &self.posting, target)
    }

    pub(crate) fn add(
        &mut self,
        hashing: &Hashing,
        postings: &mut Postings,
        table: &Targets<D>,
        target: u32,
    ) {
        postings.add(hashing, &mut self.posting, target);
        self.learn(table);
    }

    /// Takes a target that was added as often as it was taken, and once more.
    pub(crate) fn take(
        &mut self,
        hashing: &Hashing,
        postings: &mut Postings,
        table: &Targets<D>,
        target: u32,
    ) {
        postings.take(hashing, &mut self.posting, target);
        self.learn(table);
    }

    fn learn(&mut self, table: &Targets<D>) {
        self.only =
            if self.posting.is_one() { table.meaning(self.posting.0) } else { Meaning::default() };
    }
}

/// The lists of all postings of a router.
#[derive(Clone, Debug)]
pub(crate) struct Postings {
    lists: Slots<List>,
}

/// Targets in the order of their arrival, but that the last one takes the place of one that goes.
#[derive(Clone, Debug, Default)]
struct List {
    targets: Vec<u32>,
    /// How often more than once the target was added, for those that were.
    repeats: BTreeMap<u32, u32>,
    /// Where each target is, once the list is too long to scan.
    positions: Option<Box<Index>>,
}

const SCAN_MAX: usize = 32;

impl Postings {
    pub(crate) const fn new() -> Self {
        Self { lists: Slots::new() }
    }

    /// The targets, each once.
    #[inline]
    pub(crate) fn targets<'a>(&'a self, posting: &'a Posting) -> &'a [u32] {
        match posting.list() {
            Some(list) => &self.lists[list].targets,
            None if posting.is_empty() => &[],
            None => slice::from_ref(&posting.0),
        }
    }

    pub(crate) fn contains(&self, hashing: &Hashing, posting: &Posting, target: u32) -> bool {
        match posting.list() {
            Some(list) => self.lists[list].position(hashing, target).is_some(),
            None => *posting == Posting(target),
        }
    }

    pub(crate) fn add(&mut self, hashing: &Hashing, posting: &mut Posting, target: u32) {
        let list = match posting.list() {
            Some(list) => list,
            None if posting.is_empty() => {
                *posting = Posting(target);
                return;
            }
            None => {
                let targets = Vec::from([posting.0]);
                let list = self.lists.insert(List { targets, ..List::default() });
                *posting = Posting(list | Posting::LIST);
                list
            }
        };
        self.lists[list].add(hashing, target);
    }

    /// Takes a target that was added as often as it was taken, and once more.
    pub(crate) fn take(&mut self, hashing: &Hashing, posting: &mut Posting, target: u32) {
        let Some(number) = posting.list() else {
            *posting = Posting::EMPTY;
            return;
        };
        let list = &mut self.lists[number];
        list.take(hashing, target);
        if let [last] = list.targets[..]
            && list.repeats.is_empty()
        {
            self.lists.remove(number);
            *posting = Posting(last);
        }
    }

    pub(crate) fn holds_no_memory(&self) -> bool {
        self.lists.holds_no_memory()
    }
}

impl List {
    fn add(&mut self, hashing: &Hashing, target: u32) {
        if self.position(hashing, target).is_some() {
            *self.repeats.entry(target).or_default() += 1;
            return;
        }
        self.targets.push(target);
        let position = (self.targets.len() - 1) as u32;
        if let Some(positions) = &mut self.positions {
            positions.insert(hashing.of_step(0, target), position, |at| key_of(&self.targets, at));
        } else if self.targets.len() > SCAN_MAX {
            let mut positions = Index::new();
            for (position, target) in self.targets.iter().enumerate() {
                let hash = hashing.of_step(0, *target);
                positions.insert(hash, position as u32, |at| key_of(&self.targets, at));
            }
            self.positions = Some(Box::new(positions));
        }
    }

    fn take(&mut self, hashing: &Hashing, target: u32) {
        if let Some(repeats) = self.repeats.get_mut(&target) {
            *repeats -= 1;
            if *repeats == 0 {
                self.repeats.remove(&target);
            }
            if self.repeats.is_empty() {
                // An emptied map keeps its last node.
                self.repeats = BTreeMap::new();
            }
            return;
        }
        let position = self.position(hashing, target).expect("a target that was added is listed");
        let last = (self.targets.len() - 1) as u32;
        if let Some(positions) = &mut self.positions {
            positions.remove(hashing.of_step(0, target), position, |at| key_of(&self.targets, at));
            if position != last {
                let hash = hashing.of_step(0, self.targets[last as usize]);
                positions.replace(hash, last, position, |at| key_of(&self.targets, at));
            }
        }
        self.targets.swap_remove(position as usize);
        if self.targets.len() <= SCAN_MAX / 2 {
            self.positions = None;
        }
        if self.targets.len() * 4 < self.targets.capacity() {
            self.targets.shrink_to(self.targets.len() * 2);
        }
    }

    fn position(&self, hashing: &Hashing, target: u32) -> Option<u32> {
        match &self.positions {
            Some(positions) => positions.find(
                hashing.of_step(0, target),
                || target.to_be_bytes(),
                |position| self.targets[position as usize] == target,
            ),
            None => self.targets.iter().position(|other| *other == target).map(|at| at as u32),
        }
    }
}

fn key_of(targets: &[u32], position: u32) -> Box<[u8]> {
    Box::new(targets[position as usize].to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_posting_is_a_counted_set(
            commands in proptest::collection::vec((0_u32..3, 0_u32..80), 0..500),
            everything_collides: bool,
        ) {
            let mut hashing = Hashing::new(1);
            hashing.everything_collides = everything_collides;
            let mut postings = Postings::new();
            let mut posting = Posting::EMPTY;
            let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
            for (command, target) in commands {
                if command > 0 {
                    postings.add(&hashing, &mut posting, target);
                    *counts.entry(target).or_default() += 1;
                } else if let Some(count) = counts.get_mut(&target) {
                    postings.take(&hashing, &mut posting, target);
                    *count -= 1;
                    if *count == 0 {
                        counts.remove(&target);
                    }
                }
                let mut targets = postings.targets(&posting).to_vec();
                targets.sort_unstable();
                prop_assert!(targets.iter().eq(counts.keys()));
            }
            for (target, count) in counts {
                for _ in 0..count {
                    postings.take(&hashing, &mut posting, target);
                }
            }
            prop_assert_eq!(posting, Posting::EMPTY);
            prop_assert!(postings.holds_no_memory());
        }
    }
}

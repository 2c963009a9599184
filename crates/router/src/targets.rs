//! Targets as numbers.

use core::hash::Hash;

use hashbrown::HashTable;

use crate::bindings::Ends;
use crate::hashing::Hashing;
use crate::slots::Slots;

/// Every target that some binding leads to, by number.
///
/// What a number stands for lies apart from the list of its bindings: routing reads only the former.
#[derive(Clone, Debug)]
pub(crate) struct Targets<D> {
    meanings: Slots<Meaning<D>>,
    bindings: Slots<Ends>,
    /// Destinations are the embedder's own values, not a stranger's bytes: a plain hash table serves.
    destinations: Numbers,
}

/// What a number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning<D> {
    Destination(D),
    /// The exchange of this index.
    Exchange(u32),
}

/// A hash table of numbers that cannot be iterated.
#[derive(Clone, Debug, Default)]
struct Numbers(HashTable<u32>);

impl<D: Copy> Targets<D> {
    #[inline]
    pub(crate) fn meaning(&self, target: u32) -> Meaning<D> {
        self.meanings[target]
    }
}

impl<D: Copy + Eq + Hash> Targets<D> {
    pub(crate) fn new() -> Self {
        Self { meanings: Slots::new(), bindings: Slots::new(), destinations: Numbers::default() }
    }

    pub(crate) fn find(&self, hashing: &Hashing, destination: &D) -> Option<u32> {
        let is_it = |target: &u32| self.meanings[*target] == Meaning::Destination(*destination);
        self.destinations.0.find(hashing.of_value(destination), is_it).copied()
    }

    /// Gives a number to a target that has none.
    pub(crate) fn insert(&mut self, hashing: &Hashing, meaning: Meaning<D>) -> u32 {
        let target = self.meanings.insert(meaning);
        let same = self.bindings.insert(Ends::default());
        assert_eq!(target, same, "a target has one number in both tables");
        if let Meaning::Destination(destination) = meaning {
            let hash = hashing.of_value(&destination);
            let rehash = |target: &u32| hash_of(hashing, self.meanings[*target]);
            self.destinations.0.insert_unique(hash, target, rehash);
        }
        target
    }

    /// Forgets a target that no binding leads to.
    pub(crate) fn remove(&mut self, hashing: &Hashing, target: u32) {
        let meaning = self.meanings[target];
        if let Meaning::Destination(destination) = meaning {
            let hash = hashing.of_value(&destination);
            if let Ok(entry) = self.destinations.0.find_entry(hash, |other| *other == target) {
                entry.remove();
            }
            let (len, capacity) = (self.destinations.0.len(), self.destinations.0.capacity());
            if len * 4 < capacity {
                let rehash = |target: &u32| hash_of(hashing, self.meanings[*target]);
                self.destinations.0.shrink_to(len * 2, rehash);
            }
        }
        self.meanings.remove(target);
        self.bindings.remove(target);
    }

    /// The list of the bindings that lead to a target.
    pub(crate) fn bindings(&self, target: u32) -> &Ends {
        &self.bindings[target]
    }

    pub(crate) fn bindings_mut(&mut self, target: u32) -> &mut Ends {
        &mut self.bindings[target]
    }

    /// One more than the largest number in use.
    #[inline]
    pub(crate) const fn bound(&self) -> usize {
        self.meanings.bound()
    }

    pub(crate) fn holds_no_memory(&self) -> bool {
        self.meanings.holds_no_memory()
            && self.bindings.holds_no_memory()
            && self.destinations.0.capacity() == 0
    }
}

fn hash_of<D: Hash>(hashing: &Hashing, meaning: Meaning<D>) -> u64 {
    match meaning {
        Meaning::Destination(destination) => hashing.of_value(&destination),
        Meaning::Exchange(_) => 0,
    }
}

/// What a free slot holds.
impl<D> Default for Meaning<D> {
    fn default() -> Self {
        Self::Exchange(u32::MAX)
    }
}

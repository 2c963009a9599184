//! Direct exchanges: the key, byte for byte.

use alloc::boxed::Box;

use crate::hashing::Hashing;
use crate::posting::{Lead, Postings};
use crate::table::{Entry, Table};
use crate::targets::Targets;

/// The keys of one direct exchange.
#[derive(Clone, Debug)]
pub(crate) struct Direct<D>(Table<Key<D>>);

#[derive(Clone, Debug)]
struct Key<D> {
    hash: u32,
    lead: Lead<D>,
    text: Box<[u8]>,
}

impl<D> Default for Key<D> {
    fn default() -> Self {
        Self { hash: 0, lead: Lead::default(), text: Box::default() }
    }
}

impl<D> Entry for Key<D> {
    #[inline]
    fn hash(&self) -> u32 {
        self.hash
    }
}

/// Whether both are the same. Most keys are so short that a call would cost more than to compare both ends, which meet or
/// overlap.
#[inline]
fn same(one: &[u8], other: &[u8]) -> bool {
    match one.len() {
        len if len != other.len() => false,
        16..=32 => {
            one.first_chunk::<16>() == other.first_chunk::<16>()
                && one.last_chunk::<16>() == other.last_chunk::<16>()
        }
        _ => one == other,
    }
}

impl<D> Direct<D> {
    pub(crate) const fn new() -> Self {
        Self(Table::new())
    }

    /// What a key leads to.
    pub(crate) fn find(&self, hashing: &Hashing, key: &[u8]) -> Option<&Lead<D>> {
        let found = self.0.find(hashing.of_bytes(key), || key, |it| same(&it.text, key));
        found.map(|it| &it.lead)
    }

    /// What most keys lead to: those that are found at once.
    #[inline(always)]
    pub(crate) fn find_at_once(&self, hashing: &Hashing, key: &[u8]) -> Option<&Lead<D>> {
        let found = self.0.find_at_home(hashing.of_bytes(key), |it| same(&it.text, key));
        found.map(|it| &it.lead)
    }
}

impl<D: Copy> Direct<D> {
    pub(crate) fn add(
        &mut self,
        hashing: &Hashing,
        postings: &mut Postings,
        targets: &Targets<D>,
        key: &[u8],
        target: u32,
    ) {
        let hash = hashing.of_bytes(key);
        if let Some(known) = self.0.find_mut(hash, || key, |it| same(&it.text, key)) {
            known.lead.add(hashing, postings, targets, target);
            return;
        }
        let mut lead = Lead::default();
        lead.add(hashing, postings, targets, target);
        self.0.insert(Key { hash, lead, text: key.into() }, |it| it.text.clone());
    }

    /// Takes back what was added.
    pub(crate) fn take(
        &mut self,
        hashing: &Hashing,
        postings: &mut Postings,
        targets: &Targets<D>,
        key: &[u8],
        target: u32,
    ) {
        let hash = hashing.of_bytes(key);
        let is_it = |it: &Key<D>| same(&it.text, key);
        let known = self.0.find_mut(hash, || key, is_it).expect("a key that was added is there");
        known.lead.take(hashing, postings, targets, target);
        if known.lead.is_empty() {
            self.0.remove(hash, || key, is_it, |it| it.text.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::targets::Meaning;
    use std::vec::Vec;

    #[test]
    fn keys_of_every_length_are_told_apart() {
        let hashing = Hashing::new(1);
        let mut postings = Postings::new();
        let mut direct = Direct::new();
        // One of each length, and one more that differs from it in one byte, wherever that is.
        let texts: Vec<Vec<u8>> = (0..70_usize)
            .flat_map(|len| {
                (0..=len).map(move |at| {
                    let mut text = [b'a'].repeat(len);
                    text.get_mut(at).into_iter().for_each(|byte| *byte = b'b');
                    text
                })
            })
            .collect();
        let mut targets = Targets::new();
        for (target, text) in (0..).zip(&texts) {
            targets.insert(&hashing, Meaning::Destination(target));
            direct.add(&hashing, &mut postings, &targets, text, target);
        }
        for (target, text) in (0..).zip(&texts) {
            let found = direct.find(&hashing, text).expect("it was added");
            assert_eq!(found.only(), Some((target, Meaning::Destination(target))));
        }
        for (target, text) in (0..).zip(&texts) {
            direct.take(&hashing, &mut postings, &targets, text, target);
            assert!(direct.find(&hashing, text).is_none());
        }
        assert!(direct.0.holds_no_memory());
    }
}

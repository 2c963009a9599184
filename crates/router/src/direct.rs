//! Direct exchanges: the key, byte for byte.

use alloc::boxed::Box;

use crate::hashing::Hashing;
use crate::posting::{Posting, Postings};
use crate::table::{Entry, Table};

/// The keys of one direct exchange.
#[derive(Clone, Debug)]
pub(crate) struct Direct(Table<Key>);

#[derive(Clone, Debug, Default)]
struct Key {
    hash: u32,
    posting: Posting,
    text: Box<[u8]>,
}

impl Entry for Key {
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

impl Direct {
    pub(crate) const fn new() -> Self {
        Self(Table::new())
    }

    #[inline]
    pub(crate) fn find(&self, hashing: &Hashing, key: &[u8]) -> Option<&Posting> {
        let found = self.0.find(hashing.of_bytes(key), || key, |it| same(&it.text, key));
        found.map(|it| &it.posting)
    }

    pub(crate) fn add(
        &mut self,
        hashing: &Hashing,
        postings: &mut Postings,
        key: &[u8],
        target: u32,
    ) {
        let hash = hashing.of_bytes(key);
        if let Some(known) = self.0.find_mut(hash, || key, |it| same(&it.text, key)) {
            postings.add(hashing, &mut known.posting, target);
            return;
        }
        let mut posting = Posting::EMPTY;
        postings.add(hashing, &mut posting, target);
        self.0.insert(Key { hash, posting, text: key.into() }, |it| it.text.clone());
    }

    /// Takes back what was added.
    pub(crate) fn take(
        &mut self,
        hashing: &Hashing,
        postings: &mut Postings,
        key: &[u8],
        target: u32,
    ) {
        let hash = hashing.of_bytes(key);
        let is_it = |it: &Key| same(&it.text, key);
        let known = self.0.find_mut(hash, || key, is_it).expect("a key that was added is there");
        postings.take(hashing, &mut known.posting, target);
        if known.posting.is_empty() {
            self.0.remove(hash, || key, is_it, |it| it.text.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
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
        for (target, text) in (0..).zip(&texts) {
            direct.add(&hashing, &mut postings, text, target);
        }
        for (target, text) in (0..).zip(&texts) {
            let found = direct.find(&hashing, text).expect("it was added");
            assert_eq!(postings.targets(found), [target]);
        }
        for (target, text) in (0..).zip(&texts) {
            direct.take(&hashing, &mut postings, text, target);
            assert!(direct.find(&hashing, text).is_none());
        }
        assert!(direct.0.holds_no_memory());
    }
}

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

impl Direct {
    pub(crate) const fn new() -> Self {
        Self(Table::new())
    }

    #[inline]
    pub(crate) fn find(&self, hashing: &Hashing, key: &[u8]) -> Option<&Posting> {
        let found = self.0.find(hashing.of_bytes(key), || key, |it| *it.text == *key);
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
        if let Some(known) = self.0.find_mut(hash, || key, |it| *it.text == *key) {
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
        let is_it = |it: &Key| *it.text == *key;
        let known = self.0.find_mut(hash, || key, is_it).expect("a key that was added is there");
        postings.take(hashing, &mut known.posting, target);
        if known.posting.is_empty() {
            self.0.remove(hash, || key, is_it, |it| it.text.clone());
        }
    }
}

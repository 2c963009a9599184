//! Direct exchanges: the key, byte for byte.

use alloc::boxed::Box;

use crate::hashing::Hashing;
use crate::index::Index;
use crate::posting::{Posting, Postings};
use crate::slots::Slots;

/// The keys of one direct exchange.
#[derive(Clone, Debug)]
pub(crate) struct Direct {
    index: Index,
    keys: Slots<Key>,
}

#[derive(Clone, Debug, Default)]
struct Key {
    text: Box<[u8]>,
    posting: Posting,
}

impl Direct {
    pub(crate) const fn new() -> Self {
        Self { index: Index::new(), keys: Slots::new() }
    }

    #[inline]
    pub(crate) fn find(&self, hashing: &Hashing, key: &[u8]) -> Option<&Posting> {
        Some(&self.keys[self.number(hashing, key)?].posting)
    }

    pub(crate) fn add(
        &mut self,
        hashing: &Hashing,
        postings: &mut Postings,
        key: &[u8],
        target: u32,
    ) {
        let number = match self.number(hashing, key) {
            Some(number) => number,
            None => {
                let number = self.keys.insert(Key { text: key.into(), posting: Posting::EMPTY });
                let hash = hashing.of_bytes(key);
                self.index.insert(hash, number, |it| self.keys[it].text.clone());
                number
            }
        };
        postings.add(hashing, &mut self.keys[number].posting, target);
    }

    /// Takes back what was added.
    pub(crate) fn take(
        &mut self,
        hashing: &Hashing,
        postings: &mut Postings,
        key: &[u8],
        target: u32,
    ) {
        let number = self.number(hashing, key).expect("a key that was added is there");
        let posting = &mut self.keys[number].posting;
        postings.take(hashing, posting, target);
        if posting.is_empty() {
            let hash = hashing.of_bytes(key);
            self.index.remove(hash, number, |it| self.keys[it].text.clone());
            self.keys.remove(number);
        }
    }

    #[inline]
    fn number(&self, hashing: &Hashing, key: &[u8]) -> Option<u32> {
        self.index.find(hashing.of_bytes(key), || key, |it| *self.keys[it].text == *key)
    }
}

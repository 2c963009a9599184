//! From keys that live elsewhere to their numbers.

use alloc::boxed::Box;

use crate::table::{Entry, Table};

/// A [`Table`] of numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index(Table<Numbered>);

#[derive(Clone, Copy, Debug, Default)]
struct Numbered {
    hash: u32,
    number: u32,
}

impl Entry for Numbered {
    #[inline]
    fn hash(&self) -> u32 {
        self.hash
    }
}

impl Index {
    pub(crate) const fn new() -> Self {
        Self(Table::new())
    }

    pub(crate) fn holds_no_memory(&self) -> bool {
        self.0.holds_no_memory()
    }

    /// The number of the key with this hash for which `is_it` holds; `key` is only asked after an attack.
    #[inline]
    pub(crate) fn find<K: AsRef<[u8]>>(
        &self,
        hash: u32,
        key: impl FnOnce() -> K,
        is_it: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        self.0.find(hash, key, |entry| is_it(entry.number)).map(|entry| entry.number)
    }

    /// Adds a key that is not there. `key_of` gives the key behind a number; it is only asked after an attack.
    pub(crate) fn insert(&mut self, hash: u32, number: u32, key_of: impl Fn(u32) -> Box<[u8]>) {
        self.0.insert(Numbered { hash, number }, |entry| key_of(entry.number));
    }

    /// Changes the number of a key that is there, whose number is `from`.
    pub(crate) fn replace(
        &mut self,
        hash: u32,
        from: u32,
        to: u32,
        key_of: impl Fn(u32) -> Box<[u8]>,
    ) {
        let entry = self.0.find_mut(hash, || key_of(from), |entry| entry.number == from);
        entry.expect("the key to replace is there").number = to;
    }

    /// Removes a key that is there, by its number. The last one takes all memory with it.
    pub(crate) fn remove(&mut self, hash: u32, number: u32, key_of: impl Fn(u32) -> Box<[u8]>) {
        let is_it = |entry: &Numbered| entry.number == number;
        // The key that goes is still in `key_of`'s reach and no longer in the table.
        self.0.remove(hash, || key_of(number), is_it, |entry| key_of(entry.number));
    }
}

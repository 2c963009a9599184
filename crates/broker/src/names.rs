//! Names to ids: a map that is looked up and never walked, because the order of a hash map is nobody's to rely on.

use core::borrow::Borrow;
use core::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// A seeded hash table without iteration.
#[derive(Debug)]
pub(crate) struct Map<K, V> {
    hasher: FixedState,
    table: HashTable<(K, V)>,
}

impl<K: Eq + Hash, V> Map<K, V> {
    pub(crate) fn new(seed: u64) -> Self {
        Self { hasher: FixedState::with_seed(seed), table: HashTable::new() }
    }

    #[inline]
    pub(crate) fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        self.table.find(hash, |(own, _)| own.borrow() == key).map(|(_, value)| value)
    }

    /// Puts `value` under `key`, and hands back what was there.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let hash = self.hasher.hash_one(&key);
        let hasher = &self.hasher;
        match self.table.entry(hash, |(own, _)| *own == key, |(own, _)| hasher.hash_one(own)) {
            Entry::Occupied(mut entry) => Some(core::mem::replace(&mut entry.get_mut().1, value)),
            Entry::Vacant(entry) => {
                entry.insert((key, value));
                None
            }
        }
    }

    pub(crate) fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        let entry = self.table.find_entry(hash, |(own, _)| own.borrow() == key).ok()?;
        let ((_, value), _) = entry.remove();
        Some(value)
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_found_replaced_and_taken_out() {
        let mut map = Map::new(1);
        assert_eq!(map.insert("a", 1), None);
        assert_eq!(map.insert("b", 2), None);
        assert_eq!(map.insert("a", 3), Some(1));
        assert_eq!((map.get("a"), map.get("c"), map.len()), (Some(&3), None, 2));
        assert_eq!((map.remove("a"), map.remove("a"), map.len()), (Some(3), None, 1));
    }
}

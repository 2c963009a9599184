//! A hash table that stays bounded when every key collides.
//!
//! It maps keys that live elsewhere to numbers. A bucket is one cache line of seven entries, so that a look-up that ends
//! in its first bucket, as nearly all do, costs one miss. An entry goes into the first bucket with room among
//! [`WINDOW`] buckets, which lie at a stride of its own from its home; every full bucket that it passes counts it, and a
//! look-up stops at the first bucket that nothing passed. What finds no room in its window, which takes an attack, goes
//! into an ordered map: such a key costs a logarithm instead of a walk over all the others.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::mem;

/// Entries a bucket.
const WAYS: usize = 7;
/// Buckets in which an entry may be. At most one in six is full, so that by chance a window is as good as never.
const WINDOW: usize = 16;

/// See the module. Hashes are 32 bits wide, and kept, so that growing asks for no key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    buckets: Vec<Bucket>,
    len: usize,
    spilled: BTreeMap<Box<[u8]>, Spilled>,
}

#[derive(Clone, Debug, Default)]
#[repr(align(64))]
struct Bucket {
    /// A byte for each entry, zero when it is free and else of its hash, so that all are compared at once. The highest
    /// byte counts the entries that passed this bucket because it was full; at 255 it counts no more, either way.
    tags: u64,
    hashes: [u32; WAYS],
    numbers: [u32; WAYS],
}

/// The lowest bit of the byte of every entry.
const EVERY: u64 = 0x0001_0101_0101_0101;

#[derive(Clone, Copy, Debug)]
struct Spilled {
    hash: u32,
    number: u32,
}

impl Index {
    pub(crate) const fn new() -> Self {
        Self { buckets: Vec::new(), len: 0, spilled: BTreeMap::new() }
    }

    pub(crate) fn holds_no_memory(&self) -> bool {
        self.buckets.capacity() == 0 && self.spilled.is_empty()
    }

    /// The number of the key with this hash for which `is_it` holds; `key` is only asked after an attack.
    #[inline]
    pub(crate) fn find<K: AsRef<[u8]>>(
        &self,
        hash: u32,
        key: impl FnOnce() -> K,
        mut is_it: impl FnMut(u32) -> bool,
    ) -> Option<u32> {
        let home = self.home(hash)?;
        let bucket = &self.buckets[home];
        let found = bucket.numbers_of(hash).find(|number| is_it(*number));
        if found.is_some() || bucket.passed() == 0 {
            return found;
        }
        self.find_further(hash, home, key, is_it)
    }

    #[cold]
    fn find_further<K: AsRef<[u8]>>(
        &self,
        hash: u32,
        home: usize,
        key: impl FnOnce() -> K,
        mut is_it: impl FnMut(u32) -> bool,
    ) -> Option<u32> {
        for at in self.window(hash, home).skip(1) {
            let bucket = &self.buckets[at];
            let found = bucket.numbers_of(hash).find(|number| is_it(*number));
            if found.is_some() || bucket.passed() == 0 {
                return found;
            }
        }
        self.find_spilled(key)
    }

    /// Shows every number that may be the key's, without deciding.
    #[inline]
    pub(crate) fn candidates<K: AsRef<[u8]>>(
        &self,
        hash: u32,
        key: impl FnOnce() -> K,
        mut visit: impl FnMut(u32),
    ) {
        let Some(home) = self.home(hash) else { return };
        let bucket = &self.buckets[home];
        bucket.numbers_of(hash).for_each(&mut visit);
        if bucket.passed() > 0 {
            self.further_candidates(hash, home, key, visit);
        }
    }

    #[cold]
    fn further_candidates<K: AsRef<[u8]>>(
        &self,
        hash: u32,
        home: usize,
        key: impl FnOnce() -> K,
        mut visit: impl FnMut(u32),
    ) {
        for at in self.window(hash, home).skip(1) {
            let bucket = &self.buckets[at];
            bucket.numbers_of(hash).for_each(&mut visit);
            if bucket.passed() == 0 {
                return;
            }
        }
        self.find_spilled(key).into_iter().for_each(visit);
    }

    /// Reads the bucket where a look-up of this hash will begin. The result is meaningless; reading several buckets
    /// before looking into the first lets the misses overlap.
    #[inline]
    pub(crate) fn touch(&self, hash: u32) -> u32 {
        self.home(hash).map_or(0, |home| self.buckets[home].hashes[0])
    }

    /// Adds a key that is not there. `key_of` gives the key behind a number of this table; it is only asked after an
    /// attack.
    pub(crate) fn insert(&mut self, hash: u32, number: u32, key_of: impl Fn(u32) -> Box<[u8]>) {
        if self.len >= self.capacity() {
            let buckets = self.buckets.len();
            self.rebuild(buckets + buckets / 4 + 1, &key_of);
        }
        self.len += 1;
        self.place_or_spill(Spilled { hash, number }, &key_of);
    }

    /// Changes the number of a key that is there, whose number is `from`.
    pub(crate) fn replace(
        &mut self,
        hash: u32,
        from: u32,
        to: u32,
        key_of: impl Fn(u32) -> Box<[u8]>,
    ) {
        match self.locate(hash, from) {
            Some((bucket, way, _)) => self.buckets[bucket].numbers[way] = to,
            None => {
                let spilled = self.spilled.get_mut(&key_of(from));
                spilled.expect("the key to replace is there").number = to;
            }
        }
    }

    /// Removes a key that is there, by its number. The last one takes all memory with it.
    pub(crate) fn remove(&mut self, hash: u32, number: u32, key_of: impl Fn(u32) -> Box<[u8]>) {
        let passed = match self.locate(hash, number) {
            Some((bucket, way, distance)) => {
                self.buckets[bucket].tags &= !(0xff << (8 * way));
                distance
            }
            None => {
                self.spilled.remove(&key_of(number)).expect("the key to remove is there");
                WINDOW
            }
        };
        let home = self.home(hash).unwrap_or_default();
        for bucket in self.window(hash, home).take(passed) {
            self.buckets[bucket].unpass();
        }
        self.len -= 1;
        if self.len == 0 {
            *self = Self::new();
        } else if self.buckets.len() > 8 && self.len * 4 < self.buckets.len() * WAYS {
            // The key that goes is still in `key_of`'s reach and no longer in the table.
            self.rebuild(self.len * 2 / WAYS + 1, &key_of);
        }
    }

    fn find_spilled<K: AsRef<[u8]>>(&self, key: impl FnOnce() -> K) -> Option<u32> {
        if self.spilled.is_empty() {
            return None;
        }
        self.spilled.get(key().as_ref()).map(|spilled| spilled.number)
    }

    /// Where the entry of this hash and number is: bucket, way, and distance from home.
    fn locate(&self, hash: u32, number: u32) -> Option<(usize, usize, usize)> {
        let home = self.home(hash)?;
        self.window(hash, home).enumerate().find_map(|(distance, at)| {
            let bucket = &self.buckets[at];
            let is_it = |way: &usize| bucket.hashes[*way] == hash && bucket.numbers[*way] == number;
            bucket.ways(hash).find(is_it).map(|way| (at, way, distance))
        })
    }

    /// Puts an entry into its window; `false` when that is full.
    fn place(&mut self, hash: u32, number: u32) -> bool {
        let home = self.home(hash).unwrap_or_default();
        for at in self.window(hash, home) {
            let bucket = &mut self.buckets[at];
            if let Some(way) = bucket.free_way() {
                bucket.tags |= u64::from(tag(hash)) << (8 * way);
                bucket.hashes[way] = hash;
                bucket.numbers[way] = number;
                return true;
            }
            bucket.pass();
        }
        false
    }

    fn place_or_spill(&mut self, entry: Spilled, key_of: &impl Fn(u32) -> Box<[u8]>) {
        if !self.place(entry.hash, entry.number) {
            self.spilled.insert(key_of(entry.number), entry);
        }
    }

    /// Moves every entry into a table of another size. Homes keep the order of hashes, so this walks both in order.
    fn rebuild(&mut self, buckets: usize, key_of: &impl Fn(u32) -> Box<[u8]>) {
        let mut fresh = Vec::new();
        fresh.reserve_exact(buckets);
        fresh.resize_with(buckets, Bucket::default);
        let buckets = mem::replace(&mut self.buckets, fresh);
        let spilled = mem::take(&mut self.spilled);
        for bucket in &buckets {
            for way in (0..WAYS).filter(|way| bucket.is_taken(*way)) {
                let (hash, number) = (bucket.hashes[way], bucket.numbers[way]);
                self.place_or_spill(Spilled { hash, number }, key_of);
            }
        }
        for (key, entry) in spilled {
            if !self.place(entry.hash, entry.number) {
                self.spilled.insert(key, entry);
            }
        }
    }

    #[inline]
    fn home(&self, hash: u32) -> Option<usize> {
        let buckets = self.buckets.len();
        if buckets == 0 { None } else { Some(((u64::from(hash) * buckets as u64) >> 32) as usize) }
    }

    /// The buckets where an entry may be: all of a small table.
    fn window(&self, hash: u32, home: usize) -> impl Iterator<Item = usize> + use<> {
        let buckets = self.buckets.len();
        let stride = match buckets {
            ..=WINDOW => 1,
            // A part of the hash that the home does not depend on.
            _ => {
                1 + ((u64::from(hash.wrapping_mul(0x9e37_79b1)) * (buckets as u64 - 1)) >> 32)
                    as usize
            }
        };
        let next = move |at: &usize| {
            let at = at + stride;
            Some(if at < buckets { at } else { at - buckets })
        };
        core::iter::successors(Some(home), next).take(buckets.min(WINDOW))
    }

    /// How many entries fit before the table grows: eleven sixteenths of all places, or all of a single bucket.
    const fn capacity(&self) -> usize {
        match self.buckets.len() {
            1 => WAYS,
            buckets => buckets * WAYS * 11 / 16,
        }
    }
}

impl Bucket {
    /// The entries that may have this hash: all that do, and few others.
    #[inline]
    fn ways(&self, hash: u32) -> impl Iterator<Item = usize> + use<> {
        let differing = self.tags ^ (EVERY * u64::from(tag(hash)));
        // Exact for every byte: a free entry must not show, for its hash is an old one.
        let low = EVERY * 0x7f;
        let mut same = !(((differing & low) + low) | differing) & (EVERY << 7);
        core::iter::from_fn(move || {
            let way = (same.trailing_zeros() / 8) as usize;
            same &= same.wrapping_sub(1);
            (way < WAYS).then_some(way)
        })
    }

    /// The numbers of the entries of this hash.
    #[inline]
    fn numbers_of(&self, hash: u32) -> impl Iterator<Item = u32> {
        self.ways(hash).filter(move |way| self.hashes[*way] == hash).map(|way| self.numbers[way])
    }

    fn free_way(&self) -> Option<usize> {
        (0..WAYS).find(|way| !self.is_taken(*way))
    }

    const fn is_taken(&self, way: usize) -> bool {
        (self.tags >> (8 * way)) as u8 != 0
    }

    #[inline]
    const fn passed(&self) -> u8 {
        (self.tags >> 56) as u8
    }

    fn pass(&mut self) {
        if self.passed() < u8::MAX {
            self.tags += 1 << 56;
        }
    }

    fn unpass(&mut self) {
        if self.passed() < u8::MAX {
            self.tags -= 1 << 56;
        }
    }
}

/// A byte of the hash, never zero. Homes depend on its other end.
#[inline]
const fn tag(hash: u32) -> u8 {
    let tag = hash as u8;
    if tag == 0 { 1 } else { tag }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;
    use proptest::prelude::*;

    fn key_of(number: u32) -> Box<[u8]> {
        Box::new(number.to_be_bytes())
    }

    fn find(index: &Index, hash: u32, number: u32) -> Option<u32> {
        index.find(hash, || key_of(number), |other| other == number)
    }

    #[test]
    fn a_bucket_is_a_cache_line() {
        assert_eq!(size_of::<Bucket>(), 64);
    }

    /// Found: some keys by walking, the others by an ordered map.
    #[test]
    fn keys_that_all_collide_are_found_in_bounded_steps() {
        let mut index = Index::new();
        for number in 0..100_000 {
            index.insert(0xdead_beef, number, key_of);
        }
        let steps = Cell::new(0);
        for number in 0..100_000_u32 {
            let found = index.find(
                0xdead_beef,
                || key_of(number),
                |other| {
                    steps.set(steps.get() + 1);
                    other == number
                },
            );
            assert_eq!(found, Some(number));
        }
        assert!(steps.get() <= 100_000 * WAYS * WINDOW);
        for number in 0..100_000 {
            index.remove(0xdead_beef, number, key_of);
        }
        assert!(index.holds_no_memory());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The top bits of a hash choose the home: a handful of hashes makes windows overflow, next to one another.
        #[test]
        fn it_holds_what_a_list_holds(
            commands in proptest::collection::vec((any::<bool>(), 0_u32..400, 0_u32..6), 0..600),
        ) {
            let mut index = Index::new();
            let mut list: Vec<(u32, u32)> = Vec::new();
            for (add, number, hash) in commands {
                let known = list.iter().position(|(_, other)| *other == number);
                match (add, known) {
                    (true, None) => {
                        let hash = hash << 26 | 5;
                        index.insert(hash, number, key_of);
                        list.push((hash, number));
                    }
                    (false, Some(at)) => {
                        let (hash, number) = list.swap_remove(at);
                        index.remove(hash, number, key_of);
                        prop_assert_eq!(find(&index, hash, number), None);
                    }
                    (true, Some(at)) => {
                        let (hash, number) = list[at];
                        index.replace(hash, number, number + 1_000, key_of);
                        prop_assert_eq!(index.find(hash, || key_of(number), |it| it > 999),
                            Some(number + 1_000));
                        // A spilled key keeps its old name: put the number back under it.
                        index.replace(hash, number + 1_000, number, |it| key_of(it - 1_000));
                    }
                    (false, None) => {}
                }
                prop_assert_eq!(index.len, list.len());
                for (hash, number) in &list {
                    prop_assert_eq!(find(&index, *hash, *number), Some(*number));
                }
            }
            for (hash, number) in list {
                index.remove(hash, number, key_of);
            }
            prop_assert!(index.holds_no_memory());
        }
    }
}

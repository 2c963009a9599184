//! A hash table that stays bounded when every key collides.
//!
//! Entries lie in groups of seven, and every group has a word of tags: a byte of each entry's hash. The tags lie apart
//! from the entries, so that those of a million entries are two megabytes, and nearly every look-up of something that
//! is not there ends in them. An entry holds what it leads to: both come with one fetch.
//!
//! An entry goes into the first group with room among [`WINDOW`] groups, which lie at a stride of its own from its home;
//! every full group that it passes counts it in one of two classes, and a look-up stops at the first group that nothing of
//! its class passed. What finds no room in its window, which takes an attack, goes into an ordered map: such a key costs a
//! logarithm instead of a walk over all the others.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::mem;

/// Entries a group.
const WAYS: usize = 7;
/// Most groups of a small table, of which what it takes matters less than how soon an entry is found.
const SMALL_GROUPS_MAX: usize = 1 << 9;
/// Groups in which an entry may be. At most one in eight is full, so that by chance a window is as good as never.
const WINDOW: usize = 16;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table<E> {
    tags: Vec<Tags>,
    entries: Vec<Entries<E>>,
    len: usize,
    spilled: BTreeMap<Box<[u8]>, E>,
}

/// What tells one key from another, or where to ask. The hash is kept, so that growing asks for no key.
pub(crate) trait Entry: Default {
    fn hash(&self) -> u32;
}

/// The entries of a group. Where they are of 32 bytes, none is in two cache lines.
#[derive(Clone, Debug)]
#[repr(align(32))]
struct Entries<E>([E; WAYS]);

/// A byte for each entry of a group, zero when it is free and else of its hash, so that all are compared at once. The
/// halves of the highest byte count the entries that passed the group because it was full, those of either class; at 15
/// one counts no more, either way.
#[derive(Clone, Copy, Debug, Default)]
struct Tags(u64);

/// The most that half a byte counts to.
const COUNT_MAX: u64 = 0xf;

/// The lowest bit of the byte of every entry.
const EVERY: u64 = 0x0001_0101_0101_0101;

/// The entries of a group that may be the one looked for, a bit in the byte of each. The highest byte counts those that
/// passed: where it is not zero for the class of a hash, other groups are to be looked at too.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ways(u64);

impl<E: Entry> Table<E> {
    pub(crate) const fn new() -> Self {
        Self { tags: Vec::new(), entries: Vec::new(), len: 0, spilled: BTreeMap::new() }
    }

    pub(crate) fn holds_no_memory(&self) -> bool {
        self.tags.capacity() == 0 && self.spilled.is_empty()
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// The entry of this hash for which `is_it` holds; `key` is only asked after an attack.
    #[inline]
    pub(crate) fn find<K: AsRef<[u8]>>(
        &self,
        hash: u32,
        key: impl FnOnce() -> K,
        is_it: impl Fn(&E) -> bool,
    ) -> Option<&E> {
        self.find_among(hash, self.glance(hash), key, is_it)
    }

    /// What [`Table::find`] finds, if it is where its look-up begins, as nearly everything is.
    #[inline(always)]
    pub(crate) fn find_at_home(&self, hash: u32, is_it: impl Fn(&E) -> bool) -> Option<&E> {
        self.find_in(self.home(hash), self.glance(hash), hash, &is_it)
    }

    /// What [`Table::find`] finds, for what [`Table::glance`] told.
    #[inline]
    pub(crate) fn find_among<K: AsRef<[u8]>>(
        &self,
        hash: u32,
        ways: Ways,
        key: impl FnOnce() -> K,
        is_it: impl Fn(&E) -> bool,
    ) -> Option<&E> {
        let home = self.home(hash);
        let found = self.find_in(home, ways, hash, &is_it);
        if found.is_some() || !ways.goes_on(hash) {
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
        is_it: impl Fn(&E) -> bool,
    ) -> Option<&E> {
        for at in self.window(hash, home).skip(1) {
            let ways = self.tags[at].ways(hash);
            let found = self.find_in(at, ways, hash, &is_it);
            if found.is_some() || !ways.goes_on(hash) {
                return found;
            }
        }
        if self.spilled.is_empty() {
            return None;
        }
        self.spilled.get(key().as_ref())
    }

    /// What [`Table::find`] finds.
    pub(crate) fn find_mut<K: AsRef<[u8]>>(
        &mut self,
        hash: u32,
        key: impl FnOnce() -> K,
        is_it: impl Fn(&E) -> bool,
    ) -> Option<&mut E> {
        match self.locate(hash, is_it) {
            Some((group, way, _)) => Some(&mut self.entries[group].0[way]),
            None if self.spilled.is_empty() => None,
            None => self.spilled.get_mut(key().as_ref()),
        }
    }

    /// Reads the tags of the group where a look-up of this hash begins, and tells where the entry may be: `None` when
    /// it is certainly not there. Reading those of several before looking into the first lets the misses overlap.
    #[inline]
    pub(crate) fn glance(&self, hash: u32) -> Ways {
        match self.tags.get(self.home(hash)) {
            Some(tags) => tags.ways(hash),
            None => Ways(0),
        }
    }

    /// Adds an entry whose key is not there. `key_of` gives the key behind an entry; it is only asked after an attack.
    pub(crate) fn insert(&mut self, entry: E, key_of: impl Fn(&E) -> Box<[u8]>) {
        if self.len >= self.capacity() {
            let groups = self.tags.len();
            self.rebuild(groups + groups / 4 + 1, &key_of);
        }
        self.len += 1;
        self.place_or_spill(entry, &key_of);
    }

    /// Removes an entry that is there: the one of this hash for which `is_it` holds, and whose key is `key`. The last
    /// one takes all memory with it.
    pub(crate) fn remove<K: AsRef<[u8]>>(
        &mut self,
        hash: u32,
        key: impl FnOnce() -> K,
        is_it: impl Fn(&E) -> bool,
        key_of: impl Fn(&E) -> Box<[u8]>,
    ) -> E {
        let (entry, passed) = match self.locate(hash, is_it) {
            Some((group, way, distance)) => {
                self.tags[group].free(way);
                (mem::take(&mut self.entries[group].0[way]), distance)
            }
            None => {
                let spilled = self.spilled.remove(key().as_ref());
                (spilled.expect("the entry to remove is there"), WINDOW)
            }
        };
        let home = self.home(hash);
        for group in self.window(hash, home).take(passed) {
            self.tags[group].unpass(hash);
        }
        self.len -= 1;
        if self.len == 0 {
            *self = Self::new();
        } else if self.tags.len() > 8 && self.len * 4 < self.tags.len() * WAYS {
            self.rebuild(self.len * 2 / WAYS + 1, &key_of);
        }
        entry
    }

    #[inline]
    fn find_in(
        &self,
        group: usize,
        ways: Ways,
        hash: u32,
        is_it: &impl Fn(&E) -> bool,
    ) -> Option<&E> {
        let Entries(entries) = self.entries.get(group)?;
        let mut found = ways.map(|way| &entries[way]);
        found.find(|entry| entry.hash() == hash && is_it(entry))
    }

    /// Where an entry is, unless it is spilled: group, way, and distance from home.
    fn locate(&self, hash: u32, is_it: impl Fn(&E) -> bool) -> Option<(usize, usize, usize)> {
        let home = self.home(hash);
        for (distance, at) in self.window(hash, home).enumerate() {
            let (mut ways, Entries(group)) = (self.tags[at].ways(hash), &self.entries[at]);
            let found = |way: &usize| group[*way].hash() == hash && is_it(&group[*way]);
            if let Some(way) = ways.find(found) {
                return Some((at, way, distance));
            }
            if !ways.goes_on(hash) {
                return None;
            }
        }
        None
    }

    /// Puts an entry into its window; gives it back when that is full.
    fn place(&mut self, entry: E) -> Option<E> {
        let hash = entry.hash();
        let home = self.home(hash);
        for at in self.window(hash, home) {
            if let Some(way) = self.tags[at].take(hash) {
                self.entries[at].0[way] = entry;
                return None;
            }
            self.tags[at].pass(hash);
        }
        Some(entry)
    }

    fn place_or_spill(&mut self, entry: E, key_of: &impl Fn(&E) -> Box<[u8]>) {
        if let Some(entry) = self.place(entry) {
            self.spilled.insert(key_of(&entry), entry);
        }
    }

    /// Moves every entry into a table of another size. Homes keep the order of hashes, so this walks both in order.
    fn rebuild(&mut self, len: usize, key_of: &impl Fn(&E) -> Box<[u8]>) {
        let tags = mem::replace(&mut self.tags, filled(len));
        let entries = mem::replace(&mut self.entries, filled(len));
        let spilled = mem::take(&mut self.spilled);
        for (tags, Entries(entries)) in tags.into_iter().zip(entries) {
            for (way, entry) in entries.into_iter().enumerate() {
                if tags.is_taken(way) {
                    self.place_or_spill(entry, key_of);
                }
            }
        }
        for (key, entry) in spilled {
            if let Some(unplaced) = self.place(entry) {
                self.spilled.insert(key, unplaced);
            }
        }
    }

    /// The group where an entry lies if it has room.
    #[inline]
    fn home(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.tags.len() as u64) >> 32) as usize
    }

    /// The groups where an entry may be: all of a small table.
    fn window(&self, hash: u32, home: usize) -> impl Iterator<Item = usize> + use<E> {
        let groups = self.tags.len();
        let stride = match groups {
            ..=WINDOW => 1,
            // By a part of the hash that the home does not depend on; so short that no group comes twice.
            _ => {
                let free = hash.wrapping_mul(0x9e37_79b1);
                1 + ((u64::from(free) * (groups / WINDOW) as u64) >> 32) as usize
            }
        };
        let next = move |at: &usize| {
            let at = at + stride;
            Some(if at < groups { at } else { at - groups })
        };
        core::iter::successors(Some(home), next).take(groups.min(WINDOW))
    }

    /// How many entries fit before the table grows: all of a single group, half of the places of a small table, or ten
    /// sixteenths.
    const fn capacity(&self) -> usize {
        match self.tags.len() {
            1 => WAYS,
            groups @ ..=SMALL_GROUPS_MAX => groups * WAYS / 2,
            groups => groups * WAYS * 10 / 16,
        }
    }
}

fn filled<T: Default>(len: usize) -> Vec<T> {
    let mut values = Vec::new();
    values.reserve_exact(len);
    values.resize_with(len, T::default);
    values
}

impl<E: Default> Default for Entries<E> {
    fn default() -> Self {
        Self(Default::default())
    }
}

impl Tags {
    /// The entries that may have this hash: all that do, and few others; and the counts.
    #[inline]
    fn ways(self, hash: u32) -> Ways {
        let differing = self.0 ^ (EVERY * u64::from(tag(hash)));
        // Exact for every byte: a free entry must not show, for its hash is an old one.
        let low = EVERY * 0x7f;
        let ways = !(((differing & low) + low) | differing) & (EVERY << 7);
        Ways(ways | self.0 & 0xff << 56)
    }

    /// Gives a free way to an entry of this hash.
    fn take(&mut self, hash: u32) -> Option<usize> {
        let way = (0..WAYS).find(|way| !self.is_taken(*way))?;
        self.0 |= u64::from(tag(hash)) << (8 * way);
        Some(way)
    }

    fn free(&mut self, way: usize) {
        self.0 &= !(0xff << (8 * way));
    }

    const fn is_taken(self, way: usize) -> bool {
        (self.0 >> (8 * way)) as u8 != 0
    }

    /// How many entries of the class of this hash passed.
    #[inline]
    const fn passed(self, hash: u32) -> u64 {
        self.0 >> count_at(hash) & COUNT_MAX
    }

    fn pass(&mut self, hash: u32) {
        if self.passed(hash) < COUNT_MAX {
            self.0 += 1 << count_at(hash);
        }
    }

    fn unpass(&mut self, hash: u32) {
        if self.passed(hash) < COUNT_MAX {
            self.0 -= 1 << count_at(hash);
        }
    }
}

/// The lowest bit of the count of a class, which follows from a bit of the hash that is neither in the tag nor in what
/// homes depend on.
#[inline]
const fn count_at(hash: u32) -> u32 {
    56 + (hash >> 6 & 4)
}

impl Ways {
    /// Whether nothing needs to be looked at.
    #[inline]
    pub(crate) const fn is_empty(self, hash: u32) -> bool {
        self.0 & (!(0xff << 56) | COUNT_MAX << count_at(hash)) == 0
    }

    /// Whether other groups are to be looked at, if it is not here.
    #[inline]
    const fn goes_on(self, hash: u32) -> bool {
        self.0 >> count_at(hash) & COUNT_MAX != 0
    }
}

impl Iterator for Ways {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let way = (self.0.trailing_zeros() / 8) as usize;
        if way >= WAYS {
            return None;
        }
        self.0 &= self.0 - 1;
        Some(way)
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

    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    struct Numbered {
        hash: u32,
        number: u32,
        value: u32,
    }

    impl Entry for Numbered {
        fn hash(&self) -> u32 {
            self.hash
        }
    }

    fn key(number: u32) -> Box<[u8]> {
        Box::new(number.to_be_bytes())
    }

    fn key_of(entry: &Numbered) -> Box<[u8]> {
        key(entry.number)
    }

    /// Found: some keys by walking, the others by an ordered map.
    #[test]
    fn keys_that_all_collide_are_found_in_bounded_steps() {
        let mut table = Table::new();
        let hash = 0xdead_beef;
        for number in 0..100_000 {
            table.insert(Numbered { hash, number, value: number }, key_of);
        }
        let steps = Cell::new(0);
        for number in 0..100_000 {
            let is_it = |entry: &Numbered| {
                steps.set(steps.get() + 1);
                entry.number == number
            };
            let found = table.find(hash, || key(number), is_it);
            assert_eq!(found, Some(&Numbered { hash, number, value: number }));
            assert!(!table.glance(hash).is_empty(hash));
        }
        assert!(steps.get() <= 100_000 * WAYS * WINDOW);
        for number in 0..100_000 {
            let is_it = |entry: &Numbered| entry.number == number;
            assert_eq!(table.remove(hash, || key(number), is_it, key_of).number, number);
        }
        assert!(table.holds_no_memory());
    }

    #[test]
    fn a_window_has_no_group_twice() {
        for groups in (1..200).chain([512, 1_000, 4_096]) {
            let table: Table<Numbered> = Table { tags: filled(groups), ..Table::new() };
            for hash in (0..1_000_u32).map(|number| number.wrapping_mul(0x9e37_79b9)) {
                let mut window: Vec<_> = table.window(hash, table.home(hash)).collect();
                window.sort_unstable();
                window.dedup();
                assert_eq!(window.len(), groups.min(WINDOW), "{groups} groups, hash {hash}");
                assert!(window.iter().all(|group| *group < groups));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The top bits of a hash choose the home: a handful of hashes makes windows overflow, next to one another. One
        /// bit chooses the class in which an entry is counted.
        #[test]
        fn it_holds_what_a_list_holds(
            commands in proptest::collection::vec((any::<bool>(), 0_u32..400, 0_u32..12), 0..600),
        ) {
            let mut table = Table::new();
            let mut list: Vec<Numbered> = Vec::new();
            for (add, number, hash) in commands {
                let is_it = |entry: &Numbered| entry.number == number;
                let known = list.iter().position(is_it);
                match (add, known) {
                    (true, None) => {
                        let hash = (hash >> 1) << 26 | (hash & 1) << 8 | 5;
                        let entry = Numbered { hash, number, value: 0 };
                        table.insert(entry, key_of);
                        list.push(entry);
                    }
                    (false, Some(at)) => {
                        let entry = list.swap_remove(at);
                        let removed = table.remove(entry.hash, || key(number), is_it, key_of);
                        prop_assert_eq!(removed, entry);
                        prop_assert_eq!(table.find(entry.hash, || key(number), is_it), None);
                    }
                    (true, Some(at)) => {
                        let entry = &mut list[at];
                        entry.value += 1;
                        let found = table.find_mut(entry.hash, || key(number), is_it);
                        found.expect("it is there").value += 1;
                    }
                    (false, None) => {}
                }
                prop_assert_eq!(table.len(), list.len());
                for entry in &list {
                    let is_it = |other: &Numbered| other.number == entry.number;
                    let found = table.find(entry.hash, || key(entry.number), is_it);
                    prop_assert_eq!(found, Some(entry));
                    prop_assert!(!table.glance(entry.hash).is_empty(entry.hash));
                }
            }
            for entry in list {
                let is_it = |other: &Numbered| other.number == entry.number;
                table.remove(entry.hash, || key(entry.number), is_it, key_of);
            }
            prop_assert!(table.holds_no_memory());
        }
    }
}

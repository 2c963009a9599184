//! `Sorted`: a deque in order, cut into blocks, that is also cheap to insert into and remove from in the middle.
//!
//! Ready entries stand in one of these per priority, unacked entries in another, and what happens when in a third. Both
//! ends cost a few nanoseconds. What is removed from the middle leaves a hole, so that in a long line only the item
//! itself is fetched from memory; a hole is filled by who returns to it, and a block is closed up when most of it are
//! holes. An item put in the middle moves part of a block. Nothing is ever rebuilt, and after warm-up nothing is
//! allocated. The order is that of a key, which the caller can tell from an item; no two items have the same.

mod block;
mod search;

use self::block::Block;
use self::search::{interpolate, partition_near};
use alloc::collections::vec_deque::{self, VecDeque};
use core::mem;

/// How many items one block holds. A bigger block moves more memory for what is put in the middle, a smaller one makes
/// the list of blocks longer, which is moved when a block comes or goes.
const BLOCK_ITEMS: usize = 512;

/// How many holes a block of a long line may have for each item.
const HOLES_EACH: usize = 31;

/// What a line can be in order of.
pub(crate) trait Key: Copy + Ord {
    /// A number that never decreases as keys grow. The more evenly it grows along the line, the fewer items a search
    /// looks at; each one that it looks at is a cache miss in a long line.
    fn rank(self) -> u64;
}

impl Key for u64 {
    fn rank(self) -> u64 {
        self
    }
}

/// Where an item stands. Good until the next change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    block: usize,
    index: usize,
}

/// Where an item probably stands, in little memory. It stays right while items only leave, until the block is closed up
/// or blocks before it are joined; apart from that it may be wrong in any way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Near(u32);

/// See the [module](self). No block has nothing but holes, except the only one. Another size of blocks is for tests.
#[derive(Clone, Debug)]
pub(crate) struct Sorted<K, T, const BLOCK: usize = BLOCK_ITEMS> {
    blocks: VecDeque<Block<K, T>>,
    /// How many blocks went from the front so far, wrapping: what [`Near`] counts blocks from.
    gone: u32,
    /// The memory of one emptied block, kept so that a queue in steady state does not allocate.
    spare: VecDeque<Option<T>>,
    len: usize,
}

impl<K: Key, T, const BLOCK: usize> Sorted<K, T, BLOCK> {
    /// Blocks below this length join a neighbour when both fit in three quarters of a block, so that a line of which
    /// nearly all was removed from the middle does not keep the memory of what it once was.
    const SPARSE: usize = BLOCK / 16;

    pub(crate) const fn new() -> Self {
        Self { blocks: VecDeque::new(), gone: 0, spare: VecDeque::new(), len: 0 }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    pub(crate) fn front(&self) -> Option<&T> {
        self.blocks.front()?.items.front()?.as_ref()
    }

    pub(crate) fn back(&self) -> Option<&T> {
        self.blocks.back()?.items.back()?.as_ref()
    }

    /// Puts `item` last. The caller knows that this is its place.
    #[inline]
    pub(crate) fn push_back(&mut self, key: K, item: T, key_of: impl Fn(&T) -> K) {
        self.len += 1;
        match self.blocks.back_mut() {
            Some(last) if last.items.len() < BLOCK => {
                last.bound = key;
                last.items.push_back(Some(item));
            }
            _ => self.push_block(key, item, key_of),
        }
    }

    #[cold]
    fn push_block(&mut self, key: K, item: T, key_of: impl Fn(&T) -> K) {
        if let Some(last) = self.blocks.back_mut() {
            // It may have a bound above the newcomer, if it lost its end while it was not yet the last.
            last.bound = last.items.back().and_then(Option::as_ref).map_or(last.bound, key_of);
        }
        let mut items = self.fresh_items();
        items.push_back(Some(item));
        self.blocks.push_back(Block { bound: key, holes: 0, gone: 0, items });
    }

    #[inline(always)]
    pub(crate) fn pop_front(&mut self) -> Option<T> {
        let block = self.blocks.front_mut()?;
        let item = block.items.pop_front()??;
        block.gone = block.gone.wrapping_add(1);
        self.len -= 1;
        if block.holes > 0 || block.items.is_empty() && self.blocks.len() > 1 {
            self.tidy_front();
        }
        Some(item)
    }

    /// Leaves neither holes at the front nor an empty block.
    #[cold]
    fn tidy_front(&mut self) {
        let holes_each = self.holes_each();
        let Some(block) = self.blocks.front_mut() else { return };
        block.trim_front();
        block.close_up_beyond(holes_each);
        if block.items.is_empty() && self.blocks.len() > 1 {
            self.forget_block(0);
        }
    }

    /// Puts `item` where its key says.
    pub(crate) fn insert(&mut self, key: K, item: T, key_of: impl Fn(&T) -> K) {
        if self.back().is_none_or(|back| key_of(back) < key) {
            return self.push_back(key, item, key_of);
        }
        let Place { mut block, mut index } = self.place_of(key, &key_of);
        self.len += 1;
        if let Some(hole @ None) = self.blocks[block].items.get_mut(index) {
            *hole = Some(item);
            self.blocks[block].holes -= 1;
            return;
        }
        if index == 0 && block > 0 && self.blocks[block - 1].items.len() < BLOCK {
            block -= 1;
            index = self.blocks[block].items.len();
            self.blocks[block].bound = key;
        } else if index == 0 && self.is_far_ahead(block, key, &key_of) {
            // A run that returns in front of others fills blocks of its own, instead of moving and halving theirs.
            let items = self.fresh_items();
            self.blocks.insert(block, Block { bound: key, holes: 0, gone: 0, items });
        } else if self.blocks[block].items.len() == BLOCK {
            self.make_room(block, &key_of);
            Place { block, index } = self.place_of(key, &key_of);
        }
        self.blocks[block].items.insert(index, Some(item));
    }

    /// Where the item of this key stands.
    pub(crate) fn find(&self, key: K, key_of: impl Fn(&T) -> K) -> Option<Place> {
        let is_it = |item: &T| key_of(item) == key;
        if is_it(self.front()?) {
            return Some(Place::default());
        }
        let place = self.lower_bound(key, &key_of);
        is_it(self.get(place)?).then_some(place)
    }

    /// Where the item of this key probably stands, or where one next to it does. Looks at no items but the first.
    pub(crate) fn near(&self, key: K, key_of: impl Fn(&T) -> K) -> Near {
        let block = self.block_of(key);
        let index = self.guess(block, key, key_of);
        self.near_place(Place { block, index })
    }

    /// A better guess than `near`, from the item that stands there.
    pub(crate) fn nearer(&self, key: K, near: Near, key_of: impl Fn(&T) -> K) -> Near {
        let Place { block, index } = self.place_near(near);
        let Some(other) = self.get(Place { block, index }).map(key_of) else { return near };
        let (from, to) = (other.rank(), key.rank());
        if from == to {
            return near;
        }
        let Block { bound, items, .. } = &self.blocks[block];
        let before = block.checked_sub(1).map_or(0, |before| self.blocks[before].bound.rank());
        let span = bound.rank().saturating_sub(before) as i64 as f64;
        let steps = to.wrapping_sub(from) as i64 as f64 * items.len() as i64 as f64 / span;
        let index = (index as i64).saturating_add(steps as i64).clamp(0, items.len() as i64 - 1);
        self.near_place(Place { block, index: index as usize })
    }

    /// Where the last item stands.
    #[inline]
    pub(crate) fn near_back(&self) -> Near {
        let block = self.blocks.len().saturating_sub(1);
        let index = self.blocks.back().map_or(0, |last| last.items.len().saturating_sub(1));
        self.near_place(Place { block, index })
    }

    /// Where the item of this key stands, which is quick when it is there.
    pub(crate) fn find_near(&self, key: K, near: Near, key_of: impl Fn(&T) -> K) -> Option<Place> {
        let is_it = |item: &T| key_of(item) == key;
        let guess = self.place_near(near);
        if self.get(guess).is_some_and(is_it) {
            return Some(guess);
        }
        let Place { block, .. } = guess;
        let above = block
            .checked_sub(1)
            .is_none_or(|i| self.blocks.get(i).is_some_and(|before| before.bound < key));
        let place = match self.blocks.get(block) {
            Some(block) if above && key <= block.bound => self.place_from(near, key, &key_of),
            _ => self.place_of(key, &key_of),
        };
        let place = self.first_from(place);
        is_it(self.get(place)?).then_some(place)
    }

    /// The place of the first item whose key is not below this one, which may be past the end.
    pub(crate) fn lower_bound(&self, key: K, key_of: impl Fn(&T) -> K) -> Place {
        self.first_from(self.place_of(key, key_of))
    }

    /// The items next to where this key belongs: the last below it, and the first that is not.
    pub(crate) fn around(&self, key: K, key_of: impl Fn(&T) -> K) -> (Option<&T>, Option<&T>) {
        let place = self.lower_bound(key, key_of);
        let here = self.blocks.get(place.block).map(|block| block.items.range(..place.index));
        let before = here.and_then(|items| items.rev().flatten().next()).or_else(|| {
            let before = self.blocks.get(place.block.checked_sub(1)?)?;
            before.items.iter().rev().flatten().next()
        });
        (before, self.get(place))
    }

    /// The items and holes of the first block.
    #[inline]
    pub(crate) fn first_block(&self) -> vec_deque::Iter<'_, Option<T>> {
        self.blocks.front().map(|block| block.items.iter()).unwrap_or_default()
    }

    /// Where an item stands or a hole is, if `near` says something. Does not look at it.
    #[inline]
    pub(crate) fn spot(&self, near: Near) -> Option<&Option<T>> {
        let Place { block, index } = self.place_near(near);
        self.blocks.get(block)?.items.get(index)
    }

    /// What stands where `near` says.
    pub(crate) fn get_near(&self, near: Near) -> Option<&T> {
        self.get(self.place_near(near))
    }

    pub(crate) fn get(&self, place: Place) -> Option<&T> {
        self.blocks.get(place.block)?.items.get(place.index)?.as_ref()
    }

    pub(crate) fn remove(&mut self, place: Place) -> T {
        const GOOD: &str = "a place is good until the next change";
        if place == Place::default() {
            return self.pop_front().expect(GOOD);
        }
        let is_outer = place.block == 0 || place.block + 1 == self.blocks.len();
        let holes_each = self.holes_each();
        let is_short = self.blocks.len() == 1;
        let block = &mut self.blocks[place.block];
        self.len -= 1;
        if is_short && block.items.len() <= BLOCK / 2 {
            // So little is moved at once, and a search that steps over holes takes longer.
            return block
                .items
                .remove(place.index)
                .flatten()
                .inspect(|_| block.trim())
                .expect(GOOD);
        }
        let item = block.items[place.index].take().expect(GOOD);
        block.holes += 1;
        let left = block.left();
        block.close_up_beyond(holes_each);
        if left == 0 && self.blocks.len() > 1 {
            self.forget_block(place.block);
        } else if left < Self::SPARSE && left.is_power_of_two() {
            self.join_neighbour(place.block);
        }
        if is_outer {
            self.trim();
        }
        item
    }

    /// All items in order, from `place` on.
    pub(crate) fn iter_from(&self, place: Place) -> impl Iterator<Item = &T> {
        let first = self.blocks.get(place.block).map(|block| block.items.range(place.index..));
        let rest = self.blocks.range((place.block + 1).min(self.blocks.len())..);
        first.into_iter().flatten().chain(rest.flat_map(|block| &block.items)).flatten()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flat_map(|block| &block.items).flatten()
    }

    /// Gives memory back that only past sizes explain.
    pub(crate) fn shrink(&mut self) {
        self.spare = VecDeque::new();
        if self.len == 0 {
            self.blocks.clear();
        }
        self.blocks.shrink_to_fit();
    }

    /// The first block that may hold this key or a greater one; the number of blocks if there is none.
    fn block_of(&self, key: K) -> usize {
        let (Some(first), Some(last)) = (self.blocks.front(), self.blocks.back()) else { return 0 };
        let guess = interpolate(key, first.bound, last.bound, self.blocks.len() - 1);
        let is_below = |index: usize| self.blocks[index].bound < key;
        if guess > 0 && is_below(guess - 1) && !is_below(guess) {
            return guess;
        }
        partition_near(self.blocks.len(), guess, is_below)
    }

    /// Where an item of this key belongs. A hole is for what stands next after it.
    fn place_of(&self, key: K, key_of: impl Fn(&T) -> K) -> Place {
        self.place_from(self.near(key, &key_of), key, key_of)
    }

    /// The same, in the block of which `near` says where to begin looking.
    fn place_from(&self, near: Near, key: K, key_of: impl Fn(&T) -> K) -> Place {
        let Place { block, index } = self.place_near(near);
        let Some(Block { items, .. }) = self.blocks.get(block) else {
            return Place { block, index };
        };
        let index = partition_near(items.len(), index, |mut index| {
            loop {
                match &items[index] {
                    Some(next) => return key_of(next) < key,
                    None if index + 1 < items.len() => index += 1,
                    None => return false,
                }
            }
        });
        Place { block, index }
    }

    /// The place of the first item from `place` on, which may be past the end.
    fn first_from(&self, place: Place) -> Place {
        let Place { mut block, mut index } = place;
        while let Some(Block { items, .. }) = self.blocks.get(block) {
            if let Some(holes) = items.range(index..).position(Option::is_some) {
                return Place { block, index: index + holes };
            }
            (block, index) = (block + 1, 0);
        }
        Place { block, index }
    }

    /// Where in a block a key should be. Of any block but the first, looks at bounds only.
    fn guess(&self, block: usize, key: K, key_of: impl Fn(&T) -> K) -> usize {
        let Some(Block { bound, items, .. }) = self.blocks.get(block) else { return 0 };
        match block.checked_sub(1).map(|before| self.blocks[before].bound) {
            Some(before) => interpolate(key, before, *bound, items.len()).saturating_sub(1),
            None => self
                .front()
                .map_or(0, |first| interpolate(key, key_of(first), *bound, items.len() - 1)),
        }
    }

    /// Whether there is no room for an item in front of a block, or it would soon not be in front if others follow.
    fn is_far_ahead(&self, block: usize, key: K, key_of: impl Fn(&T) -> K) -> bool {
        let items = &self.blocks[block].items;
        let first = items.iter().flatten().next().map_or(key, key_of);
        let gap = first.rank().saturating_sub(key.rank());
        items.len() == BLOCK || items.len() > BLOCK / 4 && gap > BLOCK as u64
    }

    /// Closes up a full block, or halves it if it has few holes.
    fn make_room(&mut self, block: usize, key_of: impl Fn(&T) -> K) {
        let full = &mut self.blocks[block];
        if full.holes as usize >= BLOCK / 8 {
            return full.close_up();
        }
        let mut items = self.fresh_items();
        let full = &mut self.blocks[block];
        items.extend(full.items.drain(BLOCK / 2..));
        let holes = items.iter().filter(|item| item.is_none()).count() as u32;
        full.holes -= holes;
        let last = full.items.iter().rev().flatten().next().map_or(full.bound, key_of);
        let bound = mem::replace(&mut full.bound, last);
        self.blocks.insert(block + 1, Block { bound, holes, gone: 0, items });
        self.trim();
    }

    /// Forgets a block that has nothing but holes.
    fn forget_block(&mut self, index: usize) {
        let mut emptied = self.blocks.remove(index).expect("the block was just looked at");
        if index == 0 {
            self.gone = self.gone.wrapping_add(1);
        }
        emptied.items.clear();
        self.spare = emptied.items;
        self.trim();
    }

    /// In a long line holes save fetching from memory what would be moved; in one that the caches hold they only take time.
    fn holes_each(&self) -> usize {
        if self.blocks.len() > 8 { HOLES_EACH } else { 1 }
    }

    /// Leaves no hole at either end of all.
    fn trim(&mut self) {
        if let Some(first) = self.blocks.front_mut() {
            first.trim_front();
        }
        if let Some(last) = self.blocks.back_mut() {
            last.trim_back();
        }
    }

    fn near_place(&self, Place { block, index }: Place) -> Near {
        let gone = self.blocks.get(block).map_or(0, |block| block.gone);
        let index = gone.wrapping_add(index as u32) % BLOCK as u32;
        Near(self.gone.wrapping_add(block as u32).wrapping_mul(BLOCK as u32) + index)
    }

    /// What `near` says.
    #[inline]
    pub(crate) fn place_near(&self, Near(near): Near) -> Place {
        let blocks = u32::MAX / BLOCK as u32;
        let block = ((near / BLOCK as u32).wrapping_sub(self.gone) & blocks) as usize;
        let gone = self.blocks.get(block).map_or(0, |block| block.gone);
        Place { block, index: (near.wrapping_sub(gone) % BLOCK as u32) as usize }
    }

    fn fresh_items(&mut self) -> VecDeque<Option<T>> {
        let spare = mem::take(&mut self.spare);
        // A short queue stays small: its only block grows as it needs.
        if spare.capacity() >= BLOCK || self.blocks.is_empty() {
            spare
        } else {
            VecDeque::with_capacity(BLOCK)
        }
    }

    fn join_neighbour(&mut self, block: usize) {
        let len_of = |index: usize| self.blocks.get(index).map_or(BLOCK, Block::left);
        let len = len_of(block);
        let into = if len + len_of(block + 1) <= BLOCK * 3 / 4 {
            block
        } else if block > 0 && len + len_of(block - 1) <= BLOCK * 3 / 4 {
            block - 1
        } else {
            return;
        };
        let mut joined = self.blocks.remove(into + 1).expect("the length of both was just read");
        let into = &mut self.blocks[into];
        into.bound = joined.bound;
        into.close_up();
        joined.close_up();
        into.items.append(&mut joined.items);
        self.spare = joined.items;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Change {
        PushBack(u16),
        PopFront,
        Insert(u16),
        Remove(u16),
        Shrink,
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            6 => (1..20u16).prop_map(Change::PushBack),
            2 => Just(Change::PopFront),
            6 => any::<u16>().prop_map(Change::Insert),
            6 => any::<u16>().prop_map(Change::Remove),
            1 => Just(Change::Shrink),
        ]
    }

    fn check<const BLOCK: usize>(sorted: &Sorted<u64, u64, BLOCK>, model: &[u64]) {
        assert!(sorted.iter().eq(model.iter()), "same items, same order");
        assert_eq!(sorted.len, model.len());
        assert_eq!((sorted.front(), sorted.back()), (model.first(), model.last()));
        let lengths: Vec<usize> = sorted.blocks.iter().map(|block| block.items.len()).collect();
        assert!(lengths.iter().all(|len| *len <= BLOCK));
        for block in &sorted.blocks {
            let holes = block.items.iter().filter(|item| item.is_none()).count();
            assert_eq!(block.holes as usize, holes);
            let left = block.items.len() - holes;
            assert!(holes <= left * HOLES_EACH, "{holes} beside {left}");
            assert!(block.items.iter().flatten().all(|item| *item <= block.bound));
            assert!(sorted.blocks.len() == 1 || holes < block.items.len());
        }
        assert!(
            sorted.blocks.iter().zip(sorted.blocks.iter().skip(1)).all(|(left, right)| {
                right.items.iter().flatten().all(|item| left.bound < *item)
            })
        );
        assert!(lengths.len() <= 1 || lengths.iter().all(|len| *len > 0), "{lengths:?}");
    }

    const fn of(item: &u64) -> u64 {
        *item
    }

    /// What the changes make of `start` items, in both; `after_each` looks at them after each change.
    fn changed<const BLOCK: usize>(
        start: u64,
        changes: Vec<Change>,
        after_each: impl Fn(&Sorted<u64, u64, BLOCK>, &[u64]),
    ) -> (Sorted<u64, u64, BLOCK>, Vec<u64>) {
        let mut model: Vec<u64> = (0..start).map(|item| item * 32).collect();
        let mut sorted = Sorted::new();
        model.iter().for_each(|item| sorted.push_back(*item, *item, of));
        for change in changes {
            match change {
                Change::PushBack(step) => {
                    let item = model.last().map_or(0, |last| last + u64::from(step));
                    model.push(item);
                    sorted.push_back(item, item, of);
                }
                Change::PopFront => {
                    let item = (!model.is_empty()).then(|| model.remove(0));
                    assert_eq!(sorted.pop_front(), item);
                }
                Change::Insert(item) => {
                    let item = u64::from(item);
                    let Err(index) = model.binary_search(&item) else { continue };
                    model.insert(index, item);
                    sorted.insert(item, item, of);
                }
                Change::Remove(near) => {
                    let index = model.partition_point(|other| *other < u64::from(near));
                    let Some(item) = model.get(index).copied() else { continue };
                    let place = sorted.find(item, of).expect("what is there is found");
                    assert_eq!(sorted.remove(place), item);
                    model.remove(index);
                }
                Change::Shrink => sorted.shrink(),
            }
            after_each(&sorted, &model);
        }
        (sorted, model)
    }

    fn look_everywhere<const BLOCK: usize>(
        sorted: &Sorted<u64, u64, BLOCK>,
        model: &[u64],
        probes: impl Iterator<Item = u64>,
    ) {
        for probe in probes {
            let place = sorted.lower_bound(probe, of);
            let from = model.partition_point(|item| *item < probe);
            assert!(sorted.iter_from(place).eq(model[from..].iter()));
            let before = from.checked_sub(1).map(|index| &model[index]);
            assert_eq!(sorted.around(probe, of), (before, model.get(from)));
            let found = sorted.find(probe, of);
            assert_eq!(found.is_some(), model.binary_search(&probe).is_ok());
            let near = sorted.near(probe, of);
            assert_eq!(sorted.find_near(probe, near, of), found);
            assert_eq!(sorted.find_near(probe, sorted.nearer(probe, near, of), of), found);
        }
    }

    /// Changes of few keys, so that blocks of a few items come and go all the time, the last one too.
    fn crowded() -> impl Strategy<Value = Change> {
        prop_oneof![
            2 => (1..3u16).prop_map(Change::PushBack),
            1 => Just(Change::PopFront),
            8 => (0..160u16).prop_map(Change::Insert),
            8 => (0..200u16).prop_map(Change::Remove),
            1 => Just(Change::Shrink),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn it_is_a_sorted_vec(start in 0..2_000u64, changes in prop::collection::vec(change(), 0..800)) {
            let (sorted, model) = changed::<BLOCK_ITEMS>(start, changes, |_, _| ());
            check(&sorted, &model);
            look_everywhere(&sorted, &model, (0..70_000).step_by(997));
        }

        #[test]
        fn it_is_a_sorted_vec_after_every_change(
            start in 0..5u64,
            changes in prop::collection::vec(crowded(), 0..300),
        ) {
            changed::<8>(start, changes.clone(), |sorted, model| {
                check(sorted, model);
                look_everywhere(sorted, model, (0..240).step_by(7));
            });
            // Large enough for sparse blocks to join.
            changed::<32>(start * 100, changes, check);
        }
    }

    #[test]
    fn a_full_block_that_lost_its_end_and_became_the_last_goes_on_in_order() {
        let mut sorted: Sorted<u64, u64, 8> = Sorted::new();
        (1..=9).for_each(|item| sorted.push_back(item * 10, item * 10, of));
        for item in [80, 90] {
            let place = sorted.find(item, of).unwrap();
            sorted.remove(place);
            // The hole of the last of eight is filled by one that stands before it.
            if item == 80 {
                sorted.insert(75, 75, of);
            }
        }
        sorted.insert(77, 77, of);
        check(&sorted, &[10, 20, 30, 40, 50, 60, 70, 75, 77]);
        assert!(sorted.find(77, of).is_some());
    }

    #[test]
    fn a_line_thinned_in_the_middle_and_then_served_has_few_holes() {
        let mut sorted: Sorted<u64, u64> = Sorted::new();
        (0..44).for_each(|item| sorted.push_back(item, item, of));
        for item in 10..43 {
            let place = sorted.find(item, of).unwrap();
            sorted.remove(place);
        }
        (0..9).for_each(|item| assert_eq!(sorted.pop_front(), Some(item)));
        check(&sorted, &[9, 43]);
    }

    #[test]
    fn a_line_that_lost_its_end_and_filled_up_in_the_middle_goes_on_in_order() {
        let mut model: Vec<u64> = (1..=BLOCK_ITEMS as u64).map(|item| item * 10).collect();
        let mut sorted: Sorted<u64, u64> = Sorted::new();
        model.iter().for_each(|item| sorted.push_back(*item, *item, of));
        let last = model.pop().unwrap();
        let place = sorted.find(last, of).unwrap();
        sorted.remove(place);
        for item in [15, last - 5, last - 1, last - 3] {
            sorted.insert(item, item, of);
            model.push(item);
        }
        model.sort_unstable();
        check(&sorted, &model);
    }

    #[test]
    fn a_line_thinned_from_the_middle_does_not_keep_its_memory() {
        let mut sorted: Sorted<u64, u64> = Sorted::new();
        (0..100_000u64).for_each(|item| sorted.push_back(item, item, of));
        for item in (0..100_000).filter(|item| item % 100 != 0) {
            let place = sorted.find(item, of).unwrap();
            sorted.remove(place);
        }
        check(&sorted, &(0..100_000).step_by(100).collect::<Vec<_>>());
        assert!(
            sorted.blocks.len() <= 1_000 * 8 / (3 * BLOCK_ITEMS) + 2,
            "{}",
            sorted.blocks.len()
        );
    }

    #[test]
    fn a_steady_line_does_not_allocate() {
        let mut sorted: Sorted<u64, u64> = Sorted::new();
        (0..1_000u64).for_each(|item| sorted.push_back(item, item, of));
        let mut turn = || {
            for item in 1_000..11_000 {
                sorted.push_back(item, item, of);
                sorted.pop_front();
            }
        };
        turn();
        let allocated = allocation_counter::measure(turn);
        assert_eq!(allocated.count_total, 0);
    }
}

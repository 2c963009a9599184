//! `Sorted`: a deque in order, cut into blocks, that is also cheap to insert into and remove from in the middle.
//!
//! Ready entries stand in one of these per priority, unacked entries in another, and what happens when in a third. Both
//! ends cost a few nanoseconds, the middle costs a binary search and the move of part of one block, nothing is ever
//! rebuilt, and after warm-up nothing is allocated. The order is that of a key, which the caller can tell from an item;
//! no two items have the same.

use alloc::collections::VecDeque;
use core::mem;

/// How many items one block holds. A bigger block moves more memory for a change in the middle, a smaller one makes
/// the list of blocks longer, which is moved when a block comes or goes.
const BLOCK: usize = 128;

/// Blocks below this length join a neighbour when both fit in three quarters of a block, so that a line of which
/// nearly all was removed from the middle does not keep the memory of what it once was.
const SPARSE: usize = BLOCK / 4;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    block: usize,
    index: usize,
}

/// See the [module](self). No block is empty, except the only one.
#[derive(Clone, Debug)]
pub(crate) struct Sorted<K, T> {
    blocks: VecDeque<Block<K, T>>,
    /// The memory of one emptied block, kept so that a queue in steady state does not allocate.
    spare: VecDeque<T>,
    len: usize,
}

#[derive(Clone, Debug)]
struct Block<K, T> {
    /// Not below the key of any item in it, and below those of the next block: the search for a block looks at nothing
    /// else.
    bound: K,
    items: VecDeque<T>,
}

impl<K: Key, T> Sorted<K, T> {
    pub(crate) const fn new() -> Self {
        Self { blocks: VecDeque::new(), spare: VecDeque::new(), len: 0 }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn front(&self) -> Option<&T> {
        self.blocks.front()?.items.front()
    }

    pub(crate) fn back(&self) -> Option<&T> {
        self.blocks.back()?.items.back()
    }

    /// Puts `item` last. The caller knows that this is its place.
    pub(crate) fn push_back(&mut self, key: K, item: T) {
        self.len += 1;
        if let Some(block) = self.blocks.back_mut()
            && block.items.len() < BLOCK
        {
            block.bound = key;
            block.items.push_back(item);
            return;
        }
        let mut items = self.fresh_items();
        items.push_back(item);
        self.blocks.push_back(Block { bound: key, items });
    }

    pub(crate) fn pop_front(&mut self) -> Option<T> {
        let block = self.blocks.front_mut()?;
        let item = block.items.pop_front()?;
        self.len -= 1;
        if block.items.is_empty() && self.blocks.len() > 1 {
            self.forget_block(0);
        }
        Some(item)
    }

    /// Puts `item` where its key says.
    pub(crate) fn insert(&mut self, key: K, item: T, key_of: impl Fn(&T) -> K) {
        if self.back().is_none_or(|back| key_of(back) < key) {
            return self.push_back(key, item);
        }
        let mut block = self.block_of(key);
        let mut index = self.index_in(block, key, &key_of);
        if index == 0 && block > 0 && self.blocks[block - 1].items.len() < BLOCK {
            block -= 1;
            index = self.blocks[block].items.len();
            self.blocks[block].bound = key;
        }
        if self.blocks[block].items.len() == BLOCK {
            let mut items = self.fresh_items();
            if index == 0 {
                // A run that returns in front of a full block fills a block of its own instead of halving this one.
                self.blocks.insert(block, Block { bound: key, items });
            } else {
                items.extend(self.blocks[block].items.drain(BLOCK / 2..));
                let head = self.blocks[block].items.back().map_or(key, &key_of);
                let bound = mem::replace(&mut self.blocks[block].bound, head);
                self.blocks.insert(block + 1, Block { bound, items });
                if index > BLOCK / 2 {
                    (block, index) = (block + 1, index - BLOCK / 2);
                } else {
                    self.blocks[block].bound = head.max(key);
                }
            }
        }
        self.blocks[block].items.insert(index, item);
        self.len += 1;
    }

    /// Where the item of this key stands.
    pub(crate) fn find(&self, key: K, key_of: impl Fn(&T) -> K) -> Option<Place> {
        if key_of(self.front()?) == key {
            return Some(Place { block: 0, index: 0 });
        }
        let place = self.lower_bound(key, &key_of);
        (key_of(self.get(place)?) == key).then_some(place)
    }

    /// The place of the first item whose key is not below this one, which may be past the end.
    pub(crate) fn lower_bound(&self, key: K, key_of: impl Fn(&T) -> K) -> Place {
        let block = self.block_of(key);
        let index = self.index_in(block, key, key_of);
        let full = self.blocks.get(block).is_some_and(|block| index == block.items.len());
        if full { Place { block: block + 1, index: 0 } } else { Place { block, index } }
    }

    /// The items next to where this key belongs: the last below it, and the first that is not.
    pub(crate) fn around(&self, key: K, key_of: impl Fn(&T) -> K) -> (Option<&T>, Option<&T>) {
        let place = self.lower_bound(key, key_of);
        let before = match (place.index.checked_sub(1), place.block.checked_sub(1)) {
            (Some(index), _) => self.get(Place { block: place.block, index }),
            (None, Some(block)) => self.blocks.get(block).and_then(|block| block.items.back()),
            (None, None) => None,
        };
        (before, self.get(place))
    }

    pub(crate) fn get(&self, place: Place) -> Option<&T> {
        self.blocks.get(place.block)?.items.get(place.index)
    }

    pub(crate) fn remove(&mut self, place: Place) -> T {
        let items = &mut self.blocks[place.block].items;
        let item = items.remove(place.index).expect("a place is good until the next change");
        let left = items.len();
        self.len -= 1;
        if left == 0 && self.blocks.len() > 1 {
            self.forget_block(place.block);
        } else if left < SPARSE && left.is_power_of_two() {
            self.join_neighbour(place.block);
        }
        item
    }

    /// All items in order, from `place` on.
    pub(crate) fn iter_from(&self, place: Place) -> impl Iterator<Item = &T> {
        let first = self.blocks.get(place.block).map(|block| block.items.range(place.index..));
        let rest = self.blocks.range((place.block + 1).min(self.blocks.len())..);
        first.into_iter().flatten().chain(rest.flat_map(|block| &block.items))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flat_map(|block| &block.items)
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
        let guess = interpolate(key, first.bound, last.bound, self.blocks.len());
        partition_near(self.blocks.len(), guess, |index| self.blocks[index].bound < key)
    }

    /// How many items of a block are below this key.
    fn index_in(&self, block: usize, key: K, key_of: impl Fn(&T) -> K) -> usize {
        let Some(Block { bound, items }) = self.blocks.get(block) else { return 0 };
        let before = block.checked_sub(1).map(|before| self.blocks[before].bound);
        let Some(first) = before.or_else(|| items.front().map(&key_of)) else { return 0 };
        let guess = interpolate(key, first, *bound, items.len());
        partition_near(items.len(), guess, |index| key_of(&items[index]) < key)
    }

    fn forget_block(&mut self, index: usize) {
        let emptied = self.blocks.remove(index).expect("the block was just looked at");
        self.spare = emptied.items;
    }

    fn fresh_items(&mut self) -> VecDeque<T> {
        let spare = mem::take(&mut self.spare);
        // A short queue stays small: its only block grows as it needs.
        if spare.capacity() >= BLOCK || self.blocks.is_empty() {
            spare
        } else {
            VecDeque::with_capacity(BLOCK)
        }
    }

    fn join_neighbour(&mut self, block: usize) {
        let len_of = |index: usize| self.blocks.get(index).map_or(BLOCK, |block| block.items.len());
        let len = len_of(block);
        let into = if len + len_of(block + 1) <= BLOCK * 3 / 4 {
            block
        } else if block > 0 && len + len_of(block - 1) <= BLOCK * 3 / 4 {
            block - 1
        } else {
            return;
        };
        let mut joined = self.blocks.remove(into + 1).expect("the length of both was just read");
        self.blocks[into].bound = joined.bound;
        self.blocks[into].items.append(&mut joined.items);
        self.spare = joined.items;
    }
}

/// Where among `len` items a key should be, if they grow evenly from `first` to `last`.
fn interpolate<K: Key>(key: K, first: K, last: K, len: usize) -> usize {
    let span = last.rank().saturating_sub(first.rank());
    let into = key.rank().saturating_sub(first.rank()).min(span);
    // Only a guess: what is lost by rounding is found by looking nearby.
    if span == 0 { 0 } else { (into as f64 / span as f64 * len as f64) as usize }
}

/// How many of the first of `len` items are `below`, which no later one is: looks near `guess` first, and then ever
/// farther away from it.
fn partition_near(len: usize, guess: usize, below: impl Fn(usize) -> bool) -> usize {
    let Some(last) = len.checked_sub(1) else { return 0 };
    let guess = guess.min(last);
    let (mut low, mut high, mut step) = (0, len, 1);
    if below(guess) {
        low = guess + 1;
        while low + step <= high {
            let probe = low + step - 1;
            if !below(probe) {
                high = probe;
                break;
            }
            (low, step) = (probe + 1, step * 2);
        }
    } else {
        high = guess;
        while let Some(probe) = high.checked_sub(step) {
            if below(probe) {
                low = probe + 1;
                break;
            }
            (high, step) = (probe, step * 2);
        }
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if below(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
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

    fn check(sorted: &Sorted<u64, u64>, model: &[u64]) {
        assert!(sorted.iter().eq(model.iter()), "same items, same order");
        assert_eq!(sorted.len, model.len());
        assert_eq!((sorted.front(), sorted.back()), (model.first(), model.last()));
        let lengths: Vec<usize> = sorted.blocks.iter().map(|block| block.items.len()).collect();
        assert!(lengths.iter().all(|len| *len <= BLOCK));
        assert!(
            sorted.blocks.iter().all(|block| block.items.back().is_none_or(|i| *i <= block.bound))
        );
        assert!(
            sorted.blocks.iter().zip(sorted.blocks.iter().skip(1)).all(|(left, right)| {
                right.items.front().is_some_and(|first| left.bound < *first)
            })
        );
        assert!(lengths.len() <= 1 || lengths.iter().all(|len| *len > 0), "{lengths:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn it_is_a_sorted_vec(start in 0..2_000u64, changes in prop::collection::vec(change(), 0..800)) {
            let mut model: Vec<u64> = (0..start).map(|item| item * 32).collect();
            let mut sorted = Sorted::new();
            model.iter().for_each(|item| sorted.push_back(*item, *item));
            for change in changes {
                match change {
                    Change::PushBack(step) => {
                        let item = model.last().map_or(0, |last| last + u64::from(step));
                        model.push(item);
                        sorted.push_back(item, item);
                    }
                    Change::PopFront => {
                        let item = (!model.is_empty()).then(|| model.remove(0));
                        prop_assert_eq!(sorted.pop_front(), item);
                    }
                    Change::Insert(item) => {
                        let item = u64::from(item);
                        let Err(index) = model.binary_search(&item) else { continue };
                        model.insert(index, item);
                        sorted.insert(item, item, |other| *other);
                    }
                    Change::Remove(near) => {
                        let index = model.partition_point(|other| *other < u64::from(near));
                        let Some(item) = model.get(index).copied() else { continue };
                        let place = sorted.find(item, |other| *other).unwrap();
                        prop_assert_eq!(sorted.remove(place), item);
                        model.remove(index);
                    }
                    Change::Shrink => sorted.shrink(),
                }
            }
            check(&sorted, &model);
            for probe in (0..70_000).step_by(997) {
                let place = sorted.lower_bound(probe, |item| *item);
                let from = model.partition_point(|item| *item < probe);
                prop_assert!(sorted.iter_from(place).eq(model[from..].iter()));
                let before = from.checked_sub(1).map(|index| &model[index]);
                prop_assert_eq!(sorted.around(probe, |item| *item), (before, model.get(from)));
                prop_assert_eq!(
                    sorted.find(probe, |item| *item).is_some(),
                    model.binary_search(&probe).is_ok()
                );
            }
        }
    }

    #[test]
    fn a_line_thinned_from_the_middle_does_not_keep_its_memory() {
        let mut sorted = Sorted::new();
        (0..100_000u64).for_each(|item| sorted.push_back(item, item));
        for item in (0..100_000).filter(|item| item % 100 != 0) {
            let place = sorted.find(item, |other| *other).unwrap();
            sorted.remove(place);
        }
        check(&sorted, &(0..100_000).step_by(100).collect::<Vec<_>>());
        assert!(sorted.blocks.len() <= 1_000 * 8 / (3 * BLOCK) + 2, "{}", sorted.blocks.len());
    }

    #[test]
    fn a_steady_line_does_not_allocate() {
        let mut sorted = Sorted::new();
        (0..1_000u64).for_each(|item| sorted.push_back(item, item));
        let mut turn = || {
            for item in 1_000..11_000 {
                sorted.push_back(item, item);
                sorted.pop_front();
            }
        };
        turn();
        let allocated = allocation_counter::measure(turn);
        assert_eq!(allocated.count_total, 0);
    }
}

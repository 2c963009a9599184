//! `Sorted`: a deque in order, cut into blocks, that is also cheap to insert into and remove from in the middle.
//!
//! Ready entries stand in one of these per priority, unacked entries in another, and what happens when in a third. Both
//! ends cost a few nanoseconds, the middle costs a binary search and the move of part of one block, nothing is ever
//! rebuilt, and after warm-up nothing is allocated. The order is the caller's: every search is given a comparison.

use alloc::collections::VecDeque;
use core::cmp::Ordering;

/// How many items one block holds. A bigger block moves more memory for a change in the middle, a smaller one makes
/// the list of blocks longer, which is moved when a block comes or goes.
const BLOCK: usize = 256;

/// Blocks below this length join a neighbour when both fit in three quarters of a block, so that a line of which
/// nearly all was removed from the middle does not keep the memory of what it once was.
const SPARSE: usize = BLOCK / 4;

/// Where an item stands. Good until the next change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    block: usize,
    index: usize,
}

/// See the [module](self). No block is empty, except the only one.
#[derive(Clone, Debug)]
pub(crate) struct Sorted<T> {
    blocks: VecDeque<VecDeque<T>>,
    /// One emptied block, kept so that a queue in steady state does not allocate.
    spare: Option<VecDeque<T>>,
    len: usize,
}

impl<T> Sorted<T> {
    pub(crate) const fn new() -> Self {
        Self { blocks: VecDeque::new(), spare: None, len: 0 }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn front(&self) -> Option<&T> {
        self.blocks.front()?.front()
    }

    pub(crate) fn back(&self) -> Option<&T> {
        self.blocks.back()?.back()
    }

    /// Puts `item` last. The caller knows that this is its place.
    pub(crate) fn push_back(&mut self, item: T) {
        match self.blocks.back_mut() {
            Some(block) if block.len() < BLOCK => block.push_back(item),
            _ => {
                let mut block = self.fresh_block();
                block.push_back(item);
                self.blocks.push_back(block);
            }
        }
        self.len += 1;
    }

    pub(crate) fn pop_front(&mut self) -> Option<T> {
        let block = self.blocks.front_mut()?;
        let item = block.pop_front()?;
        self.len -= 1;
        if block.is_empty() && self.blocks.len() > 1 {
            self.spare = self.blocks.pop_front();
        }
        Some(item)
    }

    /// Inserts `item` before the first item that `is_before` denies. `is_before` must be true of a (possibly empty)
    /// beginning and false of the rest.
    pub(crate) fn insert(&mut self, item: T, is_before: impl Fn(&T) -> bool) {
        if self.back().is_none_or(&is_before) {
            return self.push_back(item);
        }
        let mut block = self.block_of(&is_before);
        let mut index = self.blocks[block].partition_point(&is_before);
        if index == 0 && block > 0 && self.blocks[block - 1].len() < BLOCK {
            block -= 1;
            index = self.blocks[block].len();
        }
        if self.blocks[block].len() == BLOCK {
            if index == 0 {
                // A run that returns in front of a full block fills a block of its own instead of halving this one.
                let fresh = self.fresh_block();
                self.blocks.insert(block, fresh);
            } else {
                let mut tail = self.fresh_block();
                tail.extend(self.blocks[block].drain(BLOCK / 2..));
                self.blocks.insert(block + 1, tail);
                if index > BLOCK / 2 {
                    (block, index) = (block + 1, index - BLOCK / 2);
                }
            }
        }
        self.blocks[block].insert(index, item);
        self.len += 1;
    }

    /// Where the item stands that `compare` calls equal; `compare` says how a given item stands to the one sought.
    pub(crate) fn find(&self, compare: impl Fn(&T) -> Ordering) -> Option<Place> {
        match compare(self.front()?) {
            Ordering::Equal => return Some(Place { block: 0, index: 0 }),
            Ordering::Greater => return None,
            Ordering::Less => {}
        }
        let place = self.lower_bound(|item| compare(item).is_lt());
        (compare(self.get(place)?) == Ordering::Equal).then_some(place)
    }

    /// The place of the first item that `is_before` denies, which may be past the end.
    pub(crate) fn lower_bound(&self, is_before: impl Fn(&T) -> bool) -> Place {
        let block = self.block_of(&is_before);
        let index = self.blocks.get(block).map_or(0, |items| items.partition_point(&is_before));
        Place { block, index }
    }

    /// The last item that `is_before` affirms, and the first that it denies.
    pub(crate) fn around(&self, is_before: impl Fn(&T) -> bool) -> (Option<&T>, Option<&T>) {
        if let Some(back) = self.back().filter(|back| is_before(back)) {
            return (Some(back), None);
        }
        let place = self.lower_bound(is_before);
        let before = match (place.index.checked_sub(1), place.block.checked_sub(1)) {
            (Some(index), _) => self.get(Place { block: place.block, index }),
            (None, Some(block)) => self.blocks[block].back(),
            (None, None) => None,
        };
        (before, self.get(place))
    }

    pub(crate) fn get(&self, place: Place) -> Option<&T> {
        self.blocks.get(place.block)?.get(place.index)
    }

    pub(crate) fn remove(&mut self, place: Place) -> T {
        let block = &mut self.blocks[place.block];
        let item = block.remove(place.index).expect("a place is good until the next change");
        let left = block.len();
        self.len -= 1;
        if left == 0 && self.blocks.len() > 1 {
            self.spare = self.blocks.remove(place.block);
        } else if left < SPARSE && left.is_power_of_two() {
            self.join_neighbour(place.block);
        }
        item
    }

    /// All items in order, from `place` on.
    pub(crate) fn iter_from(&self, place: Place) -> impl Iterator<Item = &T> {
        let first = self.blocks.get(place.block).map(|block| block.range(place.index..));
        let rest = self.blocks.range((place.block + 1).min(self.blocks.len())..).flatten();
        first.into_iter().flatten().chain(rest)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flatten()
    }

    /// Gives memory back that only past sizes explain.
    pub(crate) fn shrink(&mut self) {
        self.spare = None;
        if self.len == 0 {
            self.blocks.clear();
        }
        self.blocks.shrink_to_fit();
    }

    /// The first block whose last item `is_before` denies; the number of blocks if there is none.
    fn block_of(&self, is_before: impl Fn(&T) -> bool) -> usize {
        self.blocks.partition_point(|block| block.back().is_some_and(&is_before))
    }

    fn fresh_block(&mut self) -> VecDeque<T> {
        match self.spare.take() {
            Some(block) => block,
            // A short queue stays small: its only block grows as it needs.
            None if self.blocks.is_empty() => VecDeque::new(),
            None => VecDeque::with_capacity(BLOCK),
        }
    }

    fn join_neighbour(&mut self, block: usize) {
        let len_of = |index: usize| self.blocks.get(index).map_or(BLOCK, VecDeque::len);
        let len = len_of(block);
        let into = if len + len_of(block + 1) <= BLOCK * 3 / 4 {
            block
        } else if block > 0 && len + len_of(block - 1) <= BLOCK * 3 / 4 {
            block - 1
        } else {
            return;
        };
        let mut joined = self.blocks.remove(into + 1).expect("the length of both was just read");
        self.blocks[into].append(&mut joined);
        self.spare = Some(joined);
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

    fn check(sorted: &Sorted<u32>, model: &[u32]) {
        assert!(sorted.iter().eq(model.iter()), "same items, same order");
        assert_eq!(sorted.len, model.len());
        assert_eq!((sorted.front(), sorted.back()), (model.first(), model.last()));
        let lengths: Vec<usize> = sorted.blocks.iter().map(VecDeque::len).collect();
        assert!(lengths.iter().all(|len| *len <= BLOCK));
        assert!(lengths.len() <= 1 || lengths.iter().all(|len| *len > 0), "{lengths:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn it_is_a_sorted_vec(start in 0..2_000u32, changes in prop::collection::vec(change(), 0..800)) {
            let mut model: Vec<u32> = (0..start).map(|item| item * 32).collect();
            let mut sorted = Sorted::new();
            model.iter().for_each(|item| sorted.push_back(*item));
            for change in changes {
                match change {
                    Change::PushBack(step) => {
                        let item = model.last().map_or(0, |last| last + u32::from(step));
                        model.push(item);
                        sorted.push_back(item);
                    }
                    Change::PopFront => {
                        let item = (!model.is_empty()).then(|| model.remove(0));
                        prop_assert_eq!(sorted.pop_front(), item);
                    }
                    Change::Insert(item) => {
                        let item = u32::from(item);
                        let index = model.partition_point(|other| *other < item);
                        model.insert(index, item);
                        sorted.insert(item, |other| *other < item);
                    }
                    Change::Remove(near) => {
                        let index = model.partition_point(|other| *other < u32::from(near));
                        let Some(item) = model.get(index).copied() else { continue };
                        let place = sorted.find(|other| other.cmp(&item)).unwrap();
                        prop_assert_eq!(sorted.remove(place), item);
                        model.remove(index);
                    }
                    Change::Shrink => sorted.shrink(),
                }
            }
            check(&sorted, &model);
            for probe in (0..70_000).step_by(997) {
                let place = sorted.lower_bound(|item| *item < probe);
                let from = model.partition_point(|item| *item < probe);
                prop_assert!(sorted.iter_from(place).eq(model[from..].iter()));
                prop_assert_eq!(
                    sorted.find(|item| item.cmp(&probe)).is_some(),
                    model.binary_search(&probe).is_ok()
                );
            }
        }
    }

    #[test]
    fn a_line_thinned_from_the_middle_does_not_keep_its_memory() {
        let mut sorted = Sorted::new();
        (0..100_000u32).for_each(|item| sorted.push_back(item));
        for item in (0..100_000).filter(|item| item % 100 != 0) {
            let place = sorted.find(|other| other.cmp(&item)).unwrap();
            sorted.remove(place);
        }
        check(&sorted, &(0..100_000).step_by(100).collect::<Vec<_>>());
        assert!(sorted.blocks.len() <= 1_000 * 8 / (3 * BLOCK) + 2, "{}", sorted.blocks.len());
    }

    #[test]
    fn a_steady_line_does_not_allocate() {
        let mut sorted = Sorted::new();
        (0..1_000u32).for_each(|item| sorted.push_back(item));
        let mut turn = || {
            for item in 1_000..11_000 {
                sorted.push_back(item);
                sorted.pop_front();
            }
        };
        turn();
        let allocated = allocation_counter::measure(turn);
        assert_eq!(allocated.count_total, 0);
    }
}

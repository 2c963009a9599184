//! Deliveries of one channel that the client has not settled yet, by delivery tag.
//!
//! Tags only grow, so they are kept in line, in blocks. One settled out of turn leaves its place empty; empty places are
//! swept from the front of their block, and out of it when they are more than half. So settling is constant time on
//! average whatever the order, and no call moves or gives back more than a block, however many deliveries there are.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use warrener_queue::Seq;

use crate::id::{LinkId, QueueId};

/// One delivery that waits to be settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivered {
    pub(crate) tag: u64,
    pub(crate) queue: QueueId,
    pub(crate) seq: Seq,
    /// Whose prefetch it counts against; nobody's after basic.get.
    pub(crate) link: Option<LinkId>,
}

/// The deliveries of a channel in order of their tags.
#[derive(Debug, Default)]
pub(crate) struct Unacked {
    /// Without a delivery there is at most one, which is empty, and then it is the only one.
    blocks: VecDeque<Block>,
    live: usize,
    /// The memory of a block that is done, so that a channel in steady state does not allocate.
    spare: VecDeque<Place>,
}

/// How many places a block has. Tests want many blocks of few deliveries.
const BLOCK: usize = if cfg!(test) { 8 } else { 1_024 };

/// How many empty places a block may have more than others.
const SLACK: usize = if cfg!(test) { 2 } else { 64 };

/// How many places that are looked at or moved are as much work as a visit.
pub(crate) const PLACES_A_VISIT: usize = 16;

/// Neighbours in line.
#[derive(Debug)]
struct Block {
    places: VecDeque<Place>,
    /// How many of them are not settled.
    live: usize,
    /// No tag in it is higher, and those of the next block are.
    last_tag: u64,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    delivered: Delivered,
    settled: bool,
}

impl Block {
    /// Where the tag is. Tags skip what needs no settling, so a place is at most as far in as its tag is past the first.
    fn find(&self, tag: u64) -> Option<usize> {
        let first = self.places.front()?.delivered.tag;
        let furthest = usize::try_from(tag.checked_sub(first)?).ok()?.min(self.places.len() - 1);
        if self.places[furthest].delivered.tag == tag {
            return Some(furthest);
        }
        self.places.binary_search_by_key(&tag, |place| place.delivered.tag).ok()
    }

    /// Whether it has no room, and would not have this tag in its midst.
    fn is_full_behind(&self, tag: u64) -> bool {
        self.live >= BLOCK && self.places.front().is_some_and(|first| tag < first.delivered.tag)
    }

    fn sweep(&mut self) {
        while self.places.front().is_some_and(|place| place.settled) {
            self.places.pop_front();
        }
        if self.places.len() > 2 * self.live + SLACK {
            self.places.retain(|place| !place.settled);
        }
    }
}

impl Unacked {
    /// Remembers a delivery; its tag is higher than all before.
    #[inline(always)]
    pub(crate) fn push(&mut self, delivered: Delivered) {
        self.live += 1;
        let place = Place { delivered, settled: false };
        match self.blocks.back_mut() {
            Some(last) if last.places.len() < BLOCK => {
                debug_assert!(last.last_tag < delivered.tag);
                last.last_tag = delivered.tag;
                last.live += 1;
                last.places.push_back(place);
            }
            _ => self.push_block(place),
        }
    }

    #[cold]
    fn push_block(&mut self, place: Place) {
        let mut places = core::mem::take(&mut self.spare);
        places.push_back(place);
        self.blocks.push_back(Block { places, live: 1, last_tag: place.delivered.tag });
    }

    /// Takes out the delivery with this tag, if it is still there.
    pub(crate) fn take(&mut self, tag: u64) -> Option<Delivered> {
        let (block, index) = self.find(tag)?;
        self.settle(block, index)
    }

    /// The delivery at this place is settled, if it was not before.
    fn settle(&mut self, index: usize, place: usize) -> Option<Delivered> {
        let is_only = self.blocks.len() == 1;
        let block = &mut self.blocks[index];
        let place = &mut block.places[place];
        if core::mem::replace(&mut place.settled, true) {
            return None;
        }
        let delivered = place.delivered;
        self.live -= 1;
        block.live -= 1;
        if block.live == 0 && is_only {
            // What comes and goes one at a time needs no block made and forgotten each time.
            block.places.clear();
        } else if block.live == 0 {
            self.forget_block(index);
        } else {
            block.sweep();
        }
        Some(delivered)
    }

    /// A block has nothing in it that is not settled.
    fn forget_block(&mut self, index: usize) {
        let mut places = self.blocks.remove(index).map(|block| block.places).unwrap_or_default();
        places.clear();
        if places.capacity() > self.spare.capacity() {
            self.spare = places;
        }
    }

    /// Takes out every delivery up to and with this tag, oldest first; `None` when this tag is not outstanding.
    ///
    /// Tag 0 stands for all of them, and is right even when there are none (AMQP 0-9-1 §1.8.3.13).
    pub(crate) fn take_up_to(&mut self, tag: u64, taken: &mut Vec<Delivered>) -> Option<()> {
        if tag != 0 && !self.holds(tag) {
            return None;
        }
        let upto = if tag == 0 { u64::MAX } else { tag };
        self.take_some(upto, usize::MAX, taken);
        Some(())
    }

    /// Whether a delivery with this tag is outstanding.
    pub(crate) fn holds(&self, tag: u64) -> bool {
        self.find(tag).is_some_and(|(block, index)| !self.blocks[block].places[index].settled)
    }

    /// The last tag that may be outstanding, if there is one.
    pub(crate) fn last_tag(&self) -> Option<u64> {
        self.blocks.back().filter(|last| last.live > 0).map(|last| last.last_tag)
    }

    /// How many deliveries there may be up to and with `tag`, at most; with tag 0 how many there are.
    pub(crate) fn distance(&self, tag: u64) -> usize {
        let first = self.blocks.front().and_then(|block| block.places.front());
        let first = first.map_or(0, |place| place.delivered.tag);
        let past = usize::try_from(tag.saturating_sub(first)).unwrap_or(usize::MAX);
        if tag == 0 { self.live } else { past.saturating_add(1).min(self.live) }
    }

    /// Takes out deliveries up to and with this tag, oldest first, from no more than `bound` places; whether that were all.
    pub(crate) fn take_some(
        &mut self,
        upto: u64,
        mut bound: usize,
        taken: &mut Vec<Delivered>,
    ) -> bool {
        while let Some(block) = self.blocks.front_mut() {
            while let Some(place) = block.places.front() {
                if block.live == 0 {
                    break;
                }
                if place.delivered.tag > upto {
                    block.sweep();
                    return true;
                }
                if bound == 0 {
                    return false;
                }
                bound -= 1;
                if !place.settled {
                    taken.push(place.delivered);
                    self.live -= 1;
                    block.live -= 1;
                }
                block.places.pop_front();
            }
            self.forget_block(0);
        }
        true
    }

    /// Puts back some of what a transaction had taken out: the last of `taken`, which is in the order of tags, no more than
    /// `bound` and what belongs into one block. Answers how many places that moved.
    pub(crate) fn put_back(&mut self, taken: &mut Vec<Delivered>, bound: usize) -> usize {
        let Some(greatest) = taken.last().map(|delivered| delivered.tag) else { return 0 };
        let mut index = self.blocks.partition_point(|block| block.last_tag < greatest);
        if index == self.blocks.len() && self.blocks.back().is_some_and(|b| b.places.len() < BLOCK)
        {
            index -= 1;
        }
        let before = index.checked_sub(1).map_or(0, |before| self.blocks[before].last_tag);
        let from = taken.partition_point(|delivered| delivered.tag <= before);
        let from = from.max(taken.len() - bound.min(BLOCK).min(taken.len()));
        self.live += taken.len() - from;
        if self.blocks.get(index).is_none_or(|block| block.is_full_behind(greatest)) {
            self.blocks.insert(index, Block { places: VecDeque::new(), live: 0, last_tag: 0 });
        }
        let block = &mut self.blocks[index];
        block.places.retain(|place| !place.settled);
        let put_back = taken.drain(from..).map(|delivered| Place { delivered, settled: false });
        block.places.extend(put_back);
        block.places.make_contiguous().sort_unstable_by_key(|place| place.delivered.tag);
        (block.live, block.last_tag) = (block.places.len(), block.last_tag.max(greatest));
        let moved = block.live;
        if moved > BLOCK {
            self.halve(index);
        }
        moved
    }

    /// Makes two blocks of one that has become too large.
    fn halve(&mut self, index: usize) {
        let block = &mut self.blocks[index];
        let places = block.places.split_off(block.places.len() / 2);
        let second = Block { live: places.len(), places, last_tag: block.last_tag };
        block.live = block.places.len();
        block.last_tag = block.places.back().map_or(0, |place| place.delivered.tag);
        self.blocks.insert(index + 1, second);
    }

    /// Forgets the delivery of this message, which its queue took back. Answers whether it was there, and how many places
    /// were looked at.
    pub(crate) fn forget(&mut self, queue: QueueId, seq: Seq) -> (bool, usize) {
        let is_it = |place: &Place| {
            !place.settled && place.delivered.queue == queue && place.delivered.seq == seq
        };
        let mut looked = 0;
        for index in 0..self.blocks.len() {
            let places = &self.blocks[index].places;
            if let Some(place) = places.iter().position(is_it) {
                self.settle(index, place);
                return (true, looked + place + 1);
            }
            looked += places.len();
        }
        (false, looked)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Delivered> {
        let places = self.blocks.iter().flat_map(|block| &block.places);
        places.filter(|place| !place.settled).map(|place| place.delivered)
    }

    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// In which block the tag is, and where in it.
    #[inline]
    fn find(&self, tag: u64) -> Option<(usize, usize)> {
        let block = match self.blocks.front() {
            Some(first) if tag <= first.last_tag => 0,
            _ => self.blocks.partition_point(|block| block.last_tag < tag),
        };
        let index = self.blocks.get(block)?.find(tag)?;
        Some((block, index))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    fn delivered(tag: u64) -> Delivered {
        let queue = QueueId { index: 0, generation: 1 };
        Delivered { tag, queue, seq: Seq::new(tag), link: None }
    }

    fn tags(taken: &[Delivered]) -> Vec<u64> {
        taken.iter().map(|delivered| delivered.tag).collect()
    }

    #[test]
    fn tag_zero_settles_all_and_may_find_none() {
        let mut unacked = Unacked::default();
        let mut taken = Vec::new();
        assert_eq!(unacked.take_up_to(0, &mut taken), Some(()));
        unacked.push(delivered(1));
        unacked.push(delivered(3));
        assert_eq!(unacked.take_up_to(0, &mut taken), Some(()));
        assert_eq!(tags(&taken), [1, 3]);
        assert_eq!(unacked.len(), 0);
    }

    #[test]
    fn a_settled_tag_is_unknown_from_then_on() {
        let mut unacked = Unacked::default();
        (1..=4).for_each(|tag| unacked.push(delivered(tag)));
        assert!(unacked.take(2).is_some());
        let mut taken = Vec::new();
        assert_eq!(unacked.take(2), None);
        assert_eq!(unacked.take_up_to(2, &mut taken), None);
        assert_eq!(unacked.take_up_to(3, &mut taken), Some(()));
        assert_eq!(tags(&taken), [1, 3]);
        assert_eq!((unacked.take(0), unacked.take(9), unacked.len()), (None, None, 1));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(u64),
        Forget(u64),
        TakeSome(u64, usize),
        Take(u64),
        TakeUpTo(u64),
        Rollback(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (1..3_u64).prop_map(Step::Push),
            4 => (0..60_u64).prop_map(Step::Take),
            1 => (0..60_u64).prop_map(Step::Forget),
            1 => (0..60_u64, 0..20_usize).prop_map(|(upto, bound)| Step::TakeSome(upto, bound)),
            1 => (0..60_u64).prop_map(Step::TakeUpTo),
            1 => (1..20_usize).prop_map(Step::Rollback),
        ]
    }

    proptest! {
        #[test]
        fn it_behaves_as_a_sorted_map(steps in prop::collection::vec(step(), 0..120)) {
            let mut unacked = Unacked::default();
            let mut model = BTreeMap::new();
            let mut out = BTreeMap::new();
            let mut last = 0;
            for step in steps {
                match step {
                    Step::Push(gap) => {
                        last += gap;
                        unacked.push(delivered(last));
                        model.insert(last, delivered(last));
                    }
                    Step::Take(tag) => {
                        let taken = unacked.take(tag);
                        prop_assert_eq!(taken, model.remove(&tag));
                        out.extend(taken.map(|delivered| (tag, delivered)));
                    }
                    Step::TakeUpTo(tag) => {
                        let mut taken = Vec::new();
                        let found = unacked.take_up_to(tag, &mut taken).is_some();
                        prop_assert_eq!(found, tag == 0 || model.contains_key(&tag));
                        if found {
                            let kept = if tag == 0 { BTreeMap::new() } else { model.split_off(&(tag + 1)) };
                            prop_assert_eq!(tags(&taken), model.keys().copied().collect::<Vec<_>>());
                            out.append(&mut model);
                            model = kept;
                        }
                    }
                    Step::Forget(tag) => {
                        let (was_there, looked) = unacked.forget(delivered(tag).queue, Seq::new(tag));
                        prop_assert_eq!(was_there, model.remove(&tag).is_some());
                        prop_assert!(looked <= 3 * last as usize);
                    }
                    Step::TakeSome(upto, bound) => {
                        let mut taken = Vec::new();
                        let all = unacked.take_some(upto, bound, &mut taken);
                        prop_assert!(taken.len() <= bound);
                        for delivered in &taken {
                            prop_assert_eq!(Some((delivered.tag, *delivered)), model.pop_first());
                        }
                        prop_assert!(!all || model.first_key_value().is_none_or(|(tag, _)| *tag > upto));
                        out.extend(taken.into_iter().map(|delivered| (delivered.tag, delivered)));
                    }
                    Step::Rollback(bound) => {
                        let mut taken: Vec<Delivered> = out.values().copied().collect();
                        while !taken.is_empty() {
                            let left = taken.len();
                            let moved = unacked.put_back(&mut taken, bound);
                            prop_assert!(taken.len() < left && left - taken.len() <= bound);
                            prop_assert!(moved <= 2 * BLOCK);
                        }
                        model.append(&mut out);
                    }
                }
                prop_assert_eq!(unacked.len(), model.len());
                prop_assert!(unacked.iter().eq(model.values().copied()));
                prop_assert_eq!(unacked.last_tag().is_some(), !model.is_empty());
                let empty = unacked.blocks.iter().filter(|block| block.live == 0).count();
                prop_assert!(empty == 0 || unacked.blocks.len() == 1);
                prop_assert!(unacked.blocks.iter().all(|block| block.places.len() <= BLOCK));
            }
        }
    }
}

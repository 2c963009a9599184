//! Deliveries of one channel that the client has not settled yet, by delivery tag.
//!
//! Tags only grow, so they are kept in a deque. One settled out of turn leaves its place empty, and empty places are
//! swept from the front, and altogether when they are more than half: settling is constant time on average whatever the
//! order.

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
    places: VecDeque<Place>,
    live: usize,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    delivered: Delivered,
    settled: bool,
}

impl Unacked {
    /// Remembers a delivery; its tag is higher than all before.
    pub(crate) fn push(&mut self, delivered: Delivered) {
        debug_assert!(self.places.back().is_none_or(|last| last.delivered.tag < delivered.tag));
        self.places.push_back(Place { delivered, settled: false });
        self.live += 1;
    }

    /// Takes out the delivery with this tag, if it is still there.
    pub(crate) fn take(&mut self, tag: u64) -> Option<Delivered> {
        let index = self.find(tag)?;
        let place = &mut self.places[index];
        if place.settled {
            return None;
        }
        place.settled = true;
        let delivered = place.delivered;
        self.live -= 1;
        self.sweep();
        Some(delivered)
    }

    /// Takes out every delivery up to and with this tag, oldest first; `None` when this tag is not outstanding.
    ///
    /// Tag 0 stands for all of them, and is right even when there are none (AMQP 0-9-1 §1.8.3.13).
    pub(crate) fn take_up_to(&mut self, tag: u64, taken: &mut Vec<Delivered>) -> Option<()> {
        if tag != 0 {
            let index = self.find(tag)?;
            if self.places[index].settled {
                return None;
            }
        }
        while let Some(place) = self.places.front()
            && (tag == 0 || place.delivered.tag <= tag)
        {
            if !place.settled {
                taken.push(place.delivered);
                self.live -= 1;
            }
            self.places.pop_front();
        }
        self.sweep();
        Some(())
    }

    /// Whether a delivery with this tag is outstanding.
    pub(crate) fn holds(&self, tag: u64) -> bool {
        self.find(tag).is_some_and(|index| !self.places[index].settled)
    }

    /// The last tag that may be outstanding, if there is one.
    pub(crate) fn last_tag(&self) -> Option<u64> {
        self.places.back().map(|place| place.delivered.tag)
    }

    /// How far `tag` is from the first, at most; all for tag 0.
    pub(crate) fn distance(&self, tag: u64) -> usize {
        let first = self.places.front().map_or(0, |place| place.delivered.tag);
        match tag {
            0 => self.places.len(),
            tag => usize::try_from(tag.saturating_sub(first)).unwrap_or(usize::MAX),
        }
    }

    /// Takes out deliveries up to and with this tag, oldest first, but no more than `bound`; whether that were all.
    pub(crate) fn take_some(
        &mut self,
        upto: u64,
        bound: usize,
        taken: &mut Vec<Delivered>,
    ) -> bool {
        for _ in 0..bound {
            let Some(place) = self.places.front().filter(|place| place.delivered.tag <= upto)
            else {
                self.sweep();
                return true;
            };
            if !place.settled {
                taken.push(place.delivered);
                self.live -= 1;
            }
            self.places.pop_front();
        }
        self.places.front().is_none_or(|place| place.delivered.tag > upto)
    }

    /// Puts back what a transaction had taken out, each to its place.
    pub(crate) fn put_back(&mut self, taken: impl Iterator<Item = Delivered>) {
        let mut places: Vec<Place> = self.places.drain(..).filter(|place| !place.settled).collect();
        places.extend(taken.map(|delivered| Place { delivered, settled: false }));
        places.sort_unstable_by_key(|place| place.delivered.tag);
        self.live = places.len();
        self.places = places.into();
    }

    /// Forgets the delivery of this message, which its queue took back.
    pub(crate) fn forget(&mut self, queue: QueueId, seq: Seq) -> bool {
        let is_it = |place: &&mut Place| {
            !place.settled && place.delivered.queue == queue && place.delivered.seq == seq
        };
        let Some(place) = self.places.iter_mut().find(is_it) else { return false };
        place.settled = true;
        self.live -= 1;
        self.sweep();
        true
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Delivered> {
        self.places.iter().filter(|place| !place.settled).map(|place| place.delivered)
    }

    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// Where the tag is. Tags skip what needs no settling, so a place is at most as far in as its tag is past the first.
    fn find(&self, tag: u64) -> Option<usize> {
        let first = self.places.front()?.delivered.tag;
        let furthest = usize::try_from(tag.checked_sub(first)?).ok()?.min(self.places.len() - 1);
        if self.places[furthest].delivered.tag == tag {
            return Some(furthest);
        }
        self.places.binary_search_by_key(&tag, |place| place.delivered.tag).ok()
    }

    fn sweep(&mut self) {
        while self.places.front().is_some_and(|place| place.settled) {
            self.places.pop_front();
        }
        if self.places.len() > 2 * self.live + 64 {
            self.places.retain(|place| !place.settled);
        }
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
        Delivered { tag, queue, seq: Seq::new(1), link: None }
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
        Take(u64),
        TakeUpTo(u64),
        Rollback,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (1..3_u64).prop_map(Step::Push),
            4 => (0..60_u64).prop_map(Step::Take),
            1 => (0..60_u64).prop_map(Step::TakeUpTo),
            1 => Just(Step::Rollback),
        ]
    }

    proptest! {
        #[test]
        fn it_behaves_as_a_sorted_map(steps in prop::collection::vec(step(), 0..200)) {
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
                    Step::Rollback => {
                        unacked.put_back(out.values().copied());
                        model.append(&mut out);
                    }
                }
                prop_assert_eq!(unacked.len(), model.len());
            }
        }
    }
}

//! Publisher confirms of one channel (RabbitMQ extension: `confirm.select`).
//!
//! Every publish after `confirm.select` is counted from 1. What no disk has to promise is confirmed at once; the rest
//! waits for its record, in order, and is then confirmed as one range.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::id::RecordId;
use crate::sync::{Disk, Sync};

/// The counter, and the publishes that wait for a disk.
#[derive(Debug, Default)]
pub(crate) struct Confirms {
    last: u64,
    waiting: VecDeque<Waiting>,
    /// Large ones that others have overtaken, in order.
    late: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    tag: u64,
    record: RecordId,
}

/// A range of publishes that are confirmed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Confirmed {
    pub(crate) tag: u64,
    pub(crate) multiple: bool,
}

impl Confirms {
    /// The number of the publish that is being handled.
    pub(crate) fn count(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// This publish is confirmed once `record` is on disk.
    pub(crate) fn wait(&mut self, tag: u64, record: RecordId) {
        assert!(
            self.waiting.back().is_none_or(|last| last.tag < tag && last.record <= record),
            "publishes and their records are counted up together",
        );
        self.waiting.push_back(Waiting { tag, record });
    }

    /// What is confirmed as far as the disk has come: everything up to one tag, as one range, unless a large message is
    /// still under way. Those after that are confirmed one by one, because a range would take it along. At most `bound` are
    /// looked at; whether that were all.
    pub(crate) fn persisted(
        &mut self,
        disk: &Disk,
        sync: Sync,
        bound: usize,
        confirmed: &mut Vec<Confirmed>,
    ) -> bool {
        let mut left = bound;
        self.late.retain(|late| {
            let there = disk.has(late.record, sync);
            if there {
                confirmed.push(Confirmed { tag: late.tag, multiple: false });
            }
            !there
        });
        let mut range: Option<Confirmed> = None;
        while let Some(first) = self.waiting.front()
            && disk.has_passed(first.record, sync)
        {
            if left == 0 {
                confirmed.extend(range);
                return false;
            }
            left -= 1;
            let Some(first) = self.waiting.pop_front() else { break };
            if !disk.has(first.record, sync) {
                confirmed.extend(range.take());
                self.late.push(first);
            } else if self.late.is_empty() {
                range = Some(Confirmed { tag: first.tag, multiple: range.is_some() });
                #[cfg(warrener_planted)]
                if warrener_time::planted::planted(warrener_time::planted::Bug::ConfirmOneTooMany)
                    && let Some(next) = self.waiting.pop_front()
                {
                    range = Some(Confirmed { tag: next.tag, multiple: true });
                }
            } else {
                confirmed.push(Confirmed { tag: first.tag, multiple: false });
            }
        }
        confirmed.extend(range);
        true
    }

    /// Whether every publish so far has its answer, so that a range may be confirmed up to the last one.
    pub(crate) fn none_waits(&self) -> bool {
        self.waiting.is_empty() && self.late.is_empty()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len() + self.late.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Progress;

    fn persisted(confirms: &mut Confirms, disk: &Disk) -> Vec<(u64, bool)> {
        let mut confirmed = Vec::new();
        assert!(confirms.persisted(disk, Sync::Always, usize::MAX, &mut confirmed));
        confirmed.into_iter().map(|confirmed| (confirmed.tag, confirmed.multiple)).collect()
    }

    fn synced(disk: &mut Disk, upto: u64, ahead: u64) {
        disk.synced(Progress { upto: RecordId(upto), ahead: RecordId(ahead) });
    }

    fn waiting_for(records: &[u64]) -> Confirms {
        let mut confirms = Confirms::default();
        for record in records {
            let tag = confirms.count();
            confirms.wait(tag, RecordId(*record));
        }
        confirms
    }

    #[test]
    fn a_range_of_records_confirms_a_range_of_publishes() {
        let (mut confirms, mut disk) = (waiting_for(&[5, 6, 9]), Disk::default());
        synced(&mut disk, 4, 4);
        assert_eq!(persisted(&mut confirms, &disk), []);
        synced(&mut disk, 8, 8);
        assert_eq!(persisted(&mut confirms, &disk), [(2, true)]);
        assert!(!confirms.none_waits());
        synced(&mut disk, 9, 9);
        assert_eq!(persisted(&mut confirms, &disk), [(3, false)]);
        assert!(confirms.none_waits());
    }

    #[test]
    fn small_ones_overtake_a_large_one_without_taking_it_along() {
        let (mut confirms, mut disk) = (waiting_for(&[1, 2, 3, 4, 5, 6]), Disk::default());
        disk.in_fragments(RecordId(3));
        synced(&mut disk, 2, 5);
        assert_eq!(persisted(&mut confirms, &disk), [(2, true), (4, false), (5, false)]);
        assert_eq!(confirms.waiting(), 2);
        synced(&mut disk, 2, 6);
        assert_eq!(persisted(&mut confirms, &disk), [(6, false)]);
        assert!(!confirms.none_waits(), "no range may pass the large one");
        synced(&mut disk, 6, 6);
        assert_eq!(persisted(&mut confirms, &disk), [(3, false)]);
        assert!(confirms.none_waits());
    }

    #[test]
    fn publishes_answered_at_once_are_counted_too() {
        let (mut confirms, mut disk) = (Confirms::default(), Disk::default());
        assert_eq!(confirms.count(), 1);
        let second = confirms.count();
        confirms.wait(second, RecordId(1));
        assert_eq!(confirms.count(), 3);
        synced(&mut disk, 1, 1);
        assert_eq!(persisted(&mut confirms, &disk), [(2, false)]);
    }
}

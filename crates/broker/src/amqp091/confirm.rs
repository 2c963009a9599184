//! Publisher confirms of one channel (RabbitMQ extension: `confirm.select`).
//!
//! Every publish after `confirm.select` is counted from 1. What no disk has to promise is confirmed at once; the rest
//! waits for its record, in order, and is then confirmed as one range.

use alloc::collections::VecDeque;

use crate::id::RecordId;

/// The counter, and the publishes that wait for a disk.
#[derive(Debug, Default)]
pub(crate) struct Confirms {
    last: u64,
    waiting: VecDeque<Waiting>,
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

    /// What the records up to `upto` confirm: everything up to one tag, because records are counted up with publishes
    /// and nothing else keeps one waiting.
    pub(crate) fn persisted(&mut self, upto: RecordId) -> Option<Confirmed> {
        let mut released = None;
        let mut count = 0_u32;
        while let Some(first) = self.waiting.front()
            && first.record <= upto
        {
            released = Some(first.tag);
            count += 1;
            self.waiting.pop_front();
        }
        released.map(|tag| Confirmed { tag, multiple: count > 1 })
    }

    /// Whether every publish so far has its answer, so that a range may be confirmed up to the last one.
    pub(crate) fn none_waits(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_records_confirms_a_range_of_publishes() {
        let mut confirms = Confirms::default();
        for record in [5, 6, 9] {
            let tag = confirms.count();
            confirms.wait(tag, RecordId(record));
        }
        assert_eq!(confirms.persisted(RecordId(4)), None);
        assert_eq!(confirms.persisted(RecordId(8)), Some(Confirmed { tag: 2, multiple: true }));
        assert!(!confirms.none_waits());
        assert_eq!(confirms.persisted(RecordId(9)), Some(Confirmed { tag: 3, multiple: false }));
        assert!(confirms.none_waits());
    }

    #[test]
    fn publishes_answered_at_once_are_counted_too() {
        let mut confirms = Confirms::default();
        assert_eq!(confirms.count(), 1);
        let second = confirms.count();
        confirms.wait(second, RecordId(1));
        assert_eq!(confirms.count(), 3);
        assert_eq!(confirms.persisted(RecordId(1)), Some(Confirmed { tag: 2, multiple: false }));
    }
}

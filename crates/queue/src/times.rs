//! The one index of what is to happen when: messages that expire or become ready, and consumers that hold too long.
//!
//! Nothing in it is stale: what no longer is to happen is taken out, so that the index is never larger than what waits,
//! and the first of it is exactly the next.

use crate::entry::Seq;
use crate::sorted::{Key, Sorted};
use crate::unacked::HolderKey;
use warrener_time::Time;

/// What is to happen: something to an entry, or to a holder.
///
/// Of several at the same time, entries go first, and among them the one that was published first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due {
    /// The number of the entry, or [`Due::HOLDER`].
    number: u64,
    index: u32,
}

impl Key for (Time, Due) {
    fn rank(self) -> u64 {
        self.0.as_micros()
    }
}

/// What a [`Due`] names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    /// The entry of this extra expires, or becomes ready.
    Entry(u32),
    /// This holder holds its oldest for too long.
    Holder(HolderKey),
}

impl Due {
    const HOLDER: u64 = u64::MAX;

    pub(crate) const fn entry(seq: Seq, extra: u32) -> Self {
        Self { number: seq.number(), index: extra }
    }

    pub(crate) const fn holder(key: HolderKey) -> Self {
        Self { number: Self::HOLDER, index: key.0 }
    }

    pub(crate) const fn whom(self) -> Whom {
        match self.number {
            Self::HOLDER => Whom::Holder(HolderKey(self.index)),
            _ => Whom::Entry(self.index),
        }
    }
}

/// What is to happen when.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    sorted: Sorted<(Time, Due), (Time, Due)>,
}

impl Times {
    pub(crate) const fn new() -> Self {
        Self { sorted: Sorted::new() }
    }

    /// Moves `due` from the time in `armed` to `at`. [`Time::MAX`] means never, for both.
    pub(crate) fn arm(&mut self, armed: &mut Time, at: Time, due: Due) {
        if *armed == at {
            return;
        }
        if *armed != Time::MAX {
            let old = (*armed, due);
            let place = self.sorted.find(old, |item| *item).expect("what is armed is indexed");
            self.sorted.remove(place);
        }
        if at != Time::MAX {
            self.sorted.insert((at, due), (at, due), |item| *item);
        }
        *armed = at;
    }

    pub(crate) fn first(&self) -> Option<(Time, Due)> {
        self.sorted.front().copied()
    }

    /// Gives memory back that only past sizes explain.
    pub(crate) fn shrink(&mut self) {
        self.sorted.shrink();
    }
}

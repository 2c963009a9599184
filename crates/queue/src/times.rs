//! The one index of what is to happen when: messages that expire or become ready, and consumers that hold too long.
//!
//! Nothing in it is stale: what no longer is to happen is taken out, so that the index is never larger than what waits,
//! and the first of it is exactly the next.

use crate::entry::Seq;
use crate::sorted::Sorted;
use crate::unacked::HolderKey;
use warrener_time::Time;

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// The entry of this extra expires, or becomes ready. Of several at the same time, the one published first goes
    /// first.
    Entry(Seq, u32),
    /// This holder holds its oldest for too long.
    Holder(HolderKey),
}

/// What is to happen when.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    sorted: Sorted<(Time, Due)>,
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
            let place =
                self.sorted.find(|other| other.cmp(&old)).expect("what is armed is indexed");
            self.sorted.remove(place);
        }
        if at != Time::MAX {
            let new = (at, due);
            self.sorted.insert(new, |other| *other < new);
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

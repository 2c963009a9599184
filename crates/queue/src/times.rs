//! The one index of what is to happen when: messages that expire or become ready, and consumers that hold too long.
//!
//! Nothing in it is stale: what no longer is to happen is taken out, so that the index is never larger than what waits,
//! and the first of it is exactly the next.

use crate::entry::Seq;
use crate::sorted::{Key, Near, Sorted};
use crate::unacked::HolderKey;
use core::mem;
use warrener_time::Time;

/// How far is looked ahead: enough for memory to be busy all the time.
pub(crate) const AHEAD: usize = 64;

/// What is to happen: something to an entry, or to a holder.
///
/// Of several at the same time, entries go first, and among them the one that was published first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due {
    /// The number of the entry; for a holder, one above all.
    number: u64,
    pub(crate) whom: Whom,
}

impl Key for (Time, Due) {
    fn rank(self) -> u64 {
        self.0.as_micros()
    }
}

/// What a [`Due`] names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Whom {
    /// The entry of this extra expires, or becomes ready.
    Entry(u32),
    /// This holder holds its oldest for too long.
    Holder(HolderKey),
}

impl Due {
    pub(crate) const fn entry(seq: Seq, extra: u32) -> Self {
        Self { number: seq.number(), whom: Whom::Entry(extra) }
    }

    pub(crate) const fn holder(key: HolderKey) -> Self {
        Self { number: u64::MAX, whom: Whom::Holder(key) }
    }
}

/// What is known of an entry beside the time at which something happens to it, so that it need not be fetched for this.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hint {
    pub(crate) level: u8,
    /// It is ready, and expires then.
    pub(crate) ready: bool,
    /// Where in its line it probably stands, if it is ready.
    pub(crate) near: Near,
}

/// What the index holds: in order of the first part, which names it.
type Item = ((Time, Due), Hint);

/// What is to happen when.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    sorted: Sorted<(Time, Due), Item>,
    /// A copy of the first, which is asked for again and again.
    first: Option<Item>,
    /// How many of the first were looked at ahead.
    ahead: usize,
}

impl Times {
    pub(crate) const fn new() -> Self {
        Self { sorted: Sorted::new(), first: None, ahead: 0 }
    }

    /// Moves `due` from the time in `armed` to `at`. [`Time::MAX`] means never, for both.
    pub(crate) fn arm(&mut self, armed: &mut Time, at: Time, due: Due, hint: Hint) {
        if *armed == at {
            return;
        }
        self.disarm(armed, due);
        if at != Time::MAX {
            let item = ((at, due), hint);
            self.sorted.insert(item.0, item, |item| item.0);
            if self.first.is_none_or(|first| item.0 < first.0) {
                self.first = Some(item);
            }
            *armed = at;
        }
    }

    /// Takes `due` away from the time in `armed`.
    #[inline]
    pub(crate) fn disarm(&mut self, armed: &mut Time, due: Due) {
        if *armed != Time::MAX {
            self.take_out(mem::replace(armed, Time::MAX), due);
        }
    }

    /// The first was due and is done; `armed` is what it was armed with.
    pub(crate) fn first_is_done(&mut self, armed: &mut Time) {
        self.pop_first();
        *armed = Time::MAX;
    }

    /// What is known of the first.
    pub(crate) fn first_hint(&self) -> Hint {
        self.first.map_or_else(Hint::default, |item| item.1)
    }

    /// When the first is due; [`Time::MAX`] if there is none.
    #[inline]
    pub(crate) fn next(&self) -> Time {
        self.first.map_or(Time::MAX, |((at, _), _)| at)
    }

    #[inline]
    pub(crate) fn first(&self) -> Option<(Time, Due)> {
        self.first.map(|item| item.0)
    }

    fn take_out(&mut self, at: Time, due: Due) {
        if self.first() == Some((at, due)) {
            return self.pop_first();
        }
        let place = self.sorted.find((at, due), |item| item.0).expect("what is armed is indexed");
        self.sorted.remove(place);
    }

    /// Forgets the first, which is done.
    #[inline]
    pub(crate) fn pop_first(&mut self) {
        self.sorted.pop_front();
        self.first = self.sorted.front().copied();
    }

    /// The first few, when it is time to look ahead again. To be asked whenever something was due.
    #[inline]
    pub(crate) fn look_ahead(&mut self) -> Option<impl Iterator<Item = (u32, Hint)>> {
        if self.ahead > 0 {
            self.ahead -= 1;
            return None;
        }
        self.ahead = self.sorted.first_block().len().clamp(1, AHEAD) - 1;
        Some(self.first_few())
    }

    /// Those of the first few that name entries that are ready.
    pub(crate) fn first_few(&self) -> impl Iterator<Item = (u32, Hint)> {
        self.sorted.first_block().take(AHEAD).filter_map(|item| match item {
            Some(((_, Due { whom: Whom::Entry(index), .. }), hint)) if hint.ready => {
                Some((*index, *hint))
            }
            _ => None,
        })
    }

    /// Gives memory back that only past sizes explain.
    pub(crate) fn shrink(&mut self) {
        self.sorted.shrink();
    }
}

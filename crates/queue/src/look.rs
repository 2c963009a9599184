//! Looking without touching: what waits, what is held by whom, and who consumes. Nothing here changes anything.

use crate::config::SingleActive;
use crate::consumers::ConsumerKey;
use crate::effect::{ConsumerId, Why};
use crate::entry::{Seq, Slot, Tries};
use crate::queue::Queue;
use crate::ready::Lines;
use crate::unacked::{HolderKind, Record};
use warrener_time::Time;

/// An entry, looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Look<'q, M> {
    /// Its number.
    pub seq: Seq,
    /// Its handle.
    pub handle: &'q M,
    /// As published.
    pub bytes: u32,
    /// As published, but never above [`Config::max_priority`](crate::Config::max_priority).
    pub priority: u8,
    /// From when its time to live counts.
    pub published: Time,
    /// When it expires, if nobody takes it before.
    pub expires: Option<Time>,
    /// Whether it was handed out before.
    pub redelivered: bool,
    /// How often it was handed out, this time included.
    pub tries: Tries,
    /// Where it is.
    pub state: State,
}

/// Where an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In line. The position is where to go on looking from.
    Ready(Position),
    /// Waiting for its time.
    Delayed {
        /// When it may be handed out.
        not_before: Time,
        /// Where to go on looking from.
        position: Position,
    },
    /// Handed out.
    Unacked {
        /// To whom; `None` after [`Queue::get`].
        consumer: Option<ConsumerId>,
        /// When.
        since: Time,
    },
    /// To leave when the host says so.
    Held {
        /// Why it is to leave.
        why: Why,
        /// Since when.
        since: Time,
    },
}

/// A place in line. It stays meaningful whatever happens to the queue: looking goes on after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    retrying: bool,
    level: u8,
    place: u64,
}

/// A consumer, looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerLook {
    /// Its name.
    pub id: ConsumerId,
    /// Its priority.
    pub priority: i32,
    /// How much more it may be handed.
    pub credit: u32,
    /// Whether it is the only one by its own wish.
    pub exclusive: bool,
    /// Whether it counts as having accepted what it is handed.
    pub settled: bool,
    /// Whether it is served at all; only one is in a queue with a single active consumer.
    pub active: bool,
    /// How many entries it holds.
    pub unacked: u64,
}

impl<M: Clone> Queue<M> {
    /// The ready entries in the order in which they would be handed out, from the beginning or after a position.
    ///
    /// Entries that were just requeued all at once are here when [`Queue::work`] has brought them back.
    pub fn ready(&self, after: Option<Position>) -> impl Iterator<Item = Look<'_, M>> {
        self.in_line(&self.ready, after).map(|(level, slot)| {
            let position = Position { retrying: false, level, place: slot.place(&self.extras) };
            self.look(level, slot, slot.tries(&self.extras), State::Ready(position))
        })
    }

    /// The delayed entries, from the beginning or after a position: first those that were never handed out, then those
    /// that are to be handed out again; each by priority and place.
    pub fn delayed(&self, after: Option<Position>) -> impl Iterator<Item = Look<'_, M>> {
        let first = after.is_none_or(|after| !after.retrying);
        let delayed = first.then(|| self.in_line(&self.delayed, after));
        let retrying = self.in_line(&self.retrying, after.filter(|after| after.retrying));
        let delayed = delayed.into_iter().flatten().map(|entry| (entry, false));
        delayed.chain(retrying.map(|entry| (entry, true))).map(|((level, slot), retrying)| {
            let position = Position { retrying, level, place: slot.place(&self.extras) };
            let extra = slot.more.extra().map(|index| &self.extras[index]);
            let not_before = extra.map_or(Time::ZERO, |extra| extra.not_before);
            let state = State::Delayed { not_before, position };
            self.look(level, slot, slot.tries(&self.extras), state)
        })
    }

    /// The entries that were handed out, by number, from the beginning or after a number.
    pub fn unacked(&self, after: Option<Seq>) -> impl Iterator<Item = Look<'_, M>> {
        self.unacked.iter_after(after).filter_map(|record| {
            let consumer = match self.unacked.holder(record.holder).kind {
                HolderKind::Consumer { id, .. } => Some(id),
                HolderKind::Getter => None,
                HolderKind::Queue | HolderKind::Settled(_) => return None,
            };
            Some(self.look_at(record, State::Unacked { consumer, since: record.since }))
        })
    }

    /// The entries held until the host lets them go, by number, from the beginning or after a number.
    pub fn held(&self, after: Option<Seq>) -> impl Iterator<Item = Look<'_, M>> {
        self.unacked.iter_after(after).filter_map(|record| {
            let why = record.leaving?;
            Some(self.look_at(record, State::Held { why, since: record.since }))
        })
    }

    /// The entry of this number, if it was handed out or is held.
    #[must_use]
    pub fn holds(&self, seq: Seq) -> bool {
        self.unacked.get(seq).is_some()
    }

    /// The consumers, those first that came first.
    pub fn consumers(&self) -> impl Iterator<Item = ConsumerLook> {
        self.consumers.iter().map(|(key, _)| self.look_at_consumer(key))
    }

    /// One consumer.
    #[must_use]
    pub fn consumer(&self, id: ConsumerId) -> Option<ConsumerLook> {
        self.consumers.find(id).map(|key| self.look_at_consumer(key))
    }

    /// Whose turn it is: whom [`Queue::poll_delivery`] would hand the first of the [`Queue::ready`] entries to. For a host
    /// that must look before it delivers.
    #[must_use]
    pub fn next_consumer(&self) -> Option<ConsumerId> {
        self.consumers.next().map(|key| self.consumers.get(key).id)
    }

    /// Whether [`Queue::poll_delivery`] would find a consumer to serve; with this, [`Queue::publish`] leads to a
    /// delivery at once.
    #[must_use]
    pub fn can_serve(&self) -> bool {
        self.consumers.next().is_some()
    }

    fn look_at_consumer(&self, key: ConsumerKey) -> ConsumerLook {
        let consumer = self.consumers.get(key);
        ConsumerLook {
            id: consumer.id,
            priority: consumer.how.priority,
            credit: consumer.credit,
            exclusive: consumer.how.exclusive,
            settled: consumer.how.settled,
            active: self.config.single_active == SingleActive::Off
                || self.consumers.active() == Some(key),
            unacked: self.unacked.holder(consumer.holder).len,
        }
    }

    fn in_line<'q>(
        &'q self,
        lines: &'q Lines<M>,
        after: Option<Position>,
    ) -> impl Iterator<Item = (u8, &'q Slot<M>)> {
        lines
            .occupied_levels()
            .filter(move |level| after.is_none_or(|after| *level <= after.level))
            .flat_map(move |level| {
                let place = after.filter(|after| after.level == level).map(|after| after.place);
                lines.line_after(level, place, &self.extras).map(move |slot| (level, slot))
            })
    }

    fn look_at<'q>(&self, record: &'q Record<M>, state: State) -> Look<'q, M> {
        self.look(record.level, &record.slot, record.tries, state)
    }

    fn look<'q>(&self, level: u8, slot: &'q Slot<M>, tries: Tries, state: State) -> Look<'q, M> {
        let expires = self.deadline(slot);
        Look {
            seq: slot.seq,
            handle: &slot.handle,
            bytes: slot.bytes,
            priority: level,
            published: slot.published,
            expires: (expires != Time::MAX).then_some(expires),
            redelivered: slot.more.redelivered(),
            tries,
            state,
        }
    }
}

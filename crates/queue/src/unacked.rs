//! Who holds what, since when: entries that were handed out, and entries held until the host lets them go.

use crate::effect::{ConsumerId, Outcome, Why};
use crate::entry::{Seq, Slot, Tries};
use crate::numbered::Numbered;
use crate::places::Places;
use core::time::Duration;
use slab::Slab;
use warrener_time::Time;

/// No record, no holder.
const NONE: u32 = u32::MAX;

/// How many records lie in one piece of memory.
const RECORDS: usize = 1_024;

const IS_THERE: &str = "the key of a record that is there";

/// Where a holder is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HolderKey(pub(crate) u32);

/// One that holds entries: a consumer, or what is left of one; whoever called `get`; the queue itself, for those held
/// until the host lets them go.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    pub(crate) kind: HolderKind,
    /// Entries that it holds, and their bytes.
    pub(crate) len: u64,
    pub(crate) bytes: u64,
    /// For how long it may hold one.
    pub(crate) timeout: Option<Duration>,
    /// The time under which it stands in the time index; [`Time::MAX`] when it does not.
    pub(crate) armed: Time,
    oldest: u32,
    newest: u32,
}

/// What sort of holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HolderKind {
    /// A consumer; it may be cancelled already.
    Consumer { id: ConsumerId, cancelled: bool },
    /// Whoever called `get`.
    Getter,
    /// The queue: these are to leave when the host says so.
    Queue,
    /// Nobody: these were all settled at once, and wait for their turn to leave or return.
    Settled(Fate),
}

impl HolderKind {
    /// Whether what it holds counts as handed out and not settled.
    const fn handed_out(self) -> bool {
        matches!(self, Self::Consumer { .. } | Self::Getter)
    }
}

/// What becomes of entries that were settled all at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Settle(Outcome),
    Leave(Why),
}

impl Holder {
    /// Whether it holds for a limited time, and the clock is not set for what it holds.
    pub(crate) fn is_due_anew(&self) -> bool {
        self.timeout.is_some() && self.armed == Time::MAX
    }
}

/// One entry that is held.
#[derive(Clone, Debug)]
pub(crate) struct Record<M> {
    pub(crate) slot: Slot<M>,
    pub(crate) level: u8,
    /// This hand-out included.
    pub(crate) tries: Tries,
    pub(crate) since: Time,
    pub(crate) holder: HolderKey,
    /// Why it is to leave, if the queue holds it.
    pub(crate) leaving: Option<Why>,
    older: u32,
    newer: u32,
}

/// All holders and what they hold.
#[derive(Clone, Debug)]
pub(crate) struct Unacked<M> {
    records: Places<Option<Record<M>>, RECORDS>,
    by_number: Numbered,
    holders: Slab<Holder>,
    getter: HolderKey,
    queue: HolderKey,
    /// What consumers and getters hold, in all.
    len: u64,
    bytes: u64,
}

impl<M> Unacked<M> {
    pub(crate) fn new() -> Self {
        let mut new = Self {
            records: Places::new(),
            by_number: Numbered::new(),
            holders: Slab::with_capacity(2),
            getter: HolderKey(0),
            queue: HolderKey(0),
            len: 0,
            bytes: 0,
        };
        new.getter = new.add_holder(HolderKind::Getter, None);
        new.queue = new.add_holder(HolderKind::Queue, None);
        new
    }

    /// How many entries were handed out and are not settled.
    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    /// Their bytes.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Holds what `get` handed out.
    pub(crate) const fn getter(&self) -> HolderKey {
        self.getter
    }

    /// Holds what leaves when the host says so.
    pub(crate) const fn queue(&self) -> HolderKey {
        self.queue
    }

    pub(crate) fn add_holder(&mut self, kind: HolderKind, timeout: Option<Duration>) -> HolderKey {
        let holder = Holder {
            kind,
            len: 0,
            bytes: 0,
            timeout,
            armed: Time::MAX,
            oldest: NONE,
            newest: NONE,
        };
        HolderKey(self.holders.insert(holder) as u32)
    }

    pub(crate) fn holder(&self, key: HolderKey) -> &Holder {
        &self.holders[key.0 as usize]
    }

    pub(crate) fn holder_mut(&mut self, key: HolderKey) -> &mut Holder {
        &mut self.holders[key.0 as usize]
    }

    /// Forgets a holder that holds nothing.
    pub(crate) fn remove_holder(&mut self, key: HolderKey) {
        let holder = self.holders.remove(key.0 as usize);
        assert_eq!(holder.len, 0, "a holder is forgotten when it holds nothing");
    }

    pub(crate) fn holders(&self) -> impl Iterator<Item = (HolderKey, &Holder)> {
        self.holders.iter().map(|(key, holder)| (HolderKey(key as u32), holder))
    }

    /// `holder` holds this from now on, as its newest; where.
    #[inline(always)]
    pub(crate) fn insert(
        &mut self,
        now: Time,
        holder: HolderKey,
        level: u8,
        slot: Slot<M>,
        tries: Tries,
    ) -> u32 {
        let (number, bytes) = (slot.seq.number(), u64::from(slot.bytes));
        let its = &mut self.holders[holder.0 as usize];
        let (older, newer, leaving) = (its.newest, NONE, None);
        let record = Record { slot, level, tries, since: now, holder, leaving, older, newer };
        let key = self.records.insert(Some(record));
        self.by_number.insert(number, key);
        its.newest = key;
        its.len += 1;
        its.bytes += bytes;
        if its.kind.handed_out() {
            self.len += 1;
            self.bytes += bytes;
        }
        match self.records.there_mut(older) {
            Some(before) => before.newer = key,
            None => its.oldest = key,
        }
        key
    }

    /// Why an entry leaves, that the queue holds from now on.
    pub(crate) fn hold(&mut self, since: Time, level: u8, slot: Slot<M>, tries: Tries, why: Why) {
        let key = self.insert(since, self.queue, level, slot, tries);
        self.record_mut(key).leaving = Some(why);
    }

    /// The record of an entry, if one is there and was not settled with all others.
    pub(crate) fn get(&self, seq: Seq) -> Option<&Record<M>> {
        let record = self.record(self.by_number.get(seq.number())?);
        (!self.is_settled(record)).then_some(record)
    }

    /// Takes the record of an entry out, if one is there and was not settled with all others.
    #[inline(always)]
    pub(crate) fn remove(&mut self, seq: Seq) -> Option<Record<M>> {
        let Self { by_number, records, holders, .. } = self;
        let may_go = |key| {
            let record: &Record<M> = records.there(key).expect(IS_THERE);
            !matches!(holders[record.holder.0 as usize].kind, HolderKind::Settled(_))
        };
        let key = by_number.take(seq.number(), may_go)?;
        Some(self.take(key))
    }

    /// Takes out what `holder` has held for longest.
    pub(crate) fn remove_oldest(&mut self, holder: HolderKey) -> Option<Record<M>> {
        let key = self.holder(holder).oldest;
        let seq = self.records.there(key)?.slot.seq;
        self.by_number.take(seq.number(), |_| true).expect("every record is indexed");
        Some(self.take(key))
    }

    /// What `holder` has held for longest.
    pub(crate) fn oldest(&self, holder: HolderKey) -> Option<&Record<M>> {
        self.records.there(self.holder(holder).oldest)
    }

    /// Gives everything that a holder has to nobody, however much it is: its records stay under the old key, and the
    /// holder goes on under the new one that is returned.
    pub(crate) fn settle_all(&mut self, key: HolderKey, fate: Fate) -> HolderKey {
        let holder = self.holder_mut(key);
        let (kind, timeout, len, bytes) = (holder.kind, holder.timeout, holder.len, holder.bytes);
        (holder.kind, holder.timeout) = (HolderKind::Settled(fate), None);
        if kind != HolderKind::Queue {
            self.len -= len;
            self.bytes -= bytes;
        }
        let new = self.add_holder(kind, timeout);
        match kind {
            HolderKind::Getter => self.getter = new,
            HolderKind::Queue => self.queue = new,
            HolderKind::Consumer { .. } | HolderKind::Settled(_) => {}
        }
        new
    }

    /// All records that were not settled with all others, in the order of their numbers, from `after` on.
    pub(crate) fn iter_after(&self, after: Option<Seq>) -> impl Iterator<Item = &Record<M>> {
        let from = after.map_or(0, |after| after.number().saturating_add(1));
        self.by_number
            .iter_from(from)
            .map(|key| self.record(key))
            .filter(|record| !self.is_settled(record))
    }

    /// Gives a piece of memory back, if nobody holds anything; whether there was any.
    pub(crate) fn give_back_some(&mut self) -> bool {
        self.records.give_back_some() || self.by_number.give_back_some()
    }

    fn record(&self, key: u32) -> &Record<M> {
        self.records.there(key).expect(IS_THERE)
    }

    fn record_mut(&mut self, key: u32) -> &mut Record<M> {
        self.records.there_mut(key).expect(IS_THERE)
    }

    fn is_settled(&self, record: &Record<M>) -> bool {
        matches!(self.holder(record.holder).kind, HolderKind::Settled(_))
    }

    #[inline(always)]
    fn take(&mut self, key: u32) -> Record<M> {
        let record = self.records.take(key).expect(IS_THERE);
        let holder = &mut self.holders[record.holder.0 as usize];
        let bytes = u64::from(record.slot.bytes);
        holder.len -= 1;
        holder.bytes -= bytes;
        if holder.kind.handed_out() {
            self.len -= 1;
            self.bytes -= bytes;
        }
        match self.records.there_mut(record.older) {
            Some(older) => older.newer = record.newer,
            None => holder.oldest = record.newer,
        }
        match self.records.there_mut(record.newer) {
            Some(newer) => newer.older = record.older,
            None => holder.newest = record.older,
        }
        record
    }
}

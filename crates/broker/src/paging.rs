//! A backlog larger than memory: contents leave when the budget is spent, and come back ahead of whoever takes them.
//!
//! What is durable is on disk anyway and is just forgotten; anything else is written to the log first, without waiting
//! for it. What stays of a message is its place in the index and in its queues. Nobody waits for a disk but those whose
//! turn it would be: the queue leaves the line of those that deliver, and stands in it again when the content is there.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use smallvec::{SmallVec, smallvec};
use warrener_router::ExchangeId;
use warrener_time::Time;

use crate::dead_letter::DeathReason;
use crate::effect::Effect;
use crate::id::{MessageId, QueueId, RecordId};
use crate::realm::{Happened, Notice, Realm};
use crate::record::{Fact, Published, Sizes};
use crate::shelf::{End, ShelfId};

/// What the log was asked for.
#[derive(Debug, Default)]
pub(crate) struct Loads {
    by_record: BTreeMap<RecordId, Load>,
    /// What all of it will take of memory, more or less.
    bytes: u64,
}

/// A record that the log was asked for.
#[derive(Debug, Default)]
pub(crate) struct Load {
    /// Whose contents are needed of it, and which parts of it they are.
    messages: SmallVec<[(MessageId, u32); 1]>,
    bytes: u64,
    /// Who cannot go on without it.
    waiting: SmallVec<[QueueId; 1]>,
}

/// A message that leaves its queue and goes on to others, for which its content is needed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaving {
    pub(crate) message: MessageId,
    /// It was handed out before it last stood in line.
    pub(crate) redelivered: bool,
    pub(crate) then: Then,
}

/// Where it goes on to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Then {
    /// It died: where its queue says.
    Bury(DeathReason),
    /// Its time has come: to what is bound to this exchange.
    SendOn(ExchangeId),
}

impl Load {
    /// Whose contents are needed of it, and which parts of it they are.
    pub(crate) fn messages(&self) -> impl Iterator<Item = (MessageId, u32)> {
        self.messages.iter().copied()
    }

    /// The first of those who cannot go on without it.
    pub(crate) fn first_waiting(&self) -> Option<QueueId> {
        self.waiting.first().copied()
    }
}

impl Loads {
    /// What this record was asked for.
    pub(crate) fn of(&self, record: RecordId) -> Option<&Load> {
        self.by_record.get(&record)
    }

    /// Whether somebody waits for this record.
    pub(crate) fn awaits(&self, record: RecordId) -> bool {
        self.by_record.contains_key(&record)
    }

    /// What is on its way from disk.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Realm {
    /// Whether a queue has this message, and nobody has it from there.
    pub(crate) fn waits(&self, message: MessageId) -> bool {
        let Some(known) = self.messages.find(message) else { return false };
        !known.is_here() || known.holders > self.messages.whole(message).handed
    }

    /// What cannot leave memory, in octets.
    fn fixed_bytes(&self) -> u64 {
        if self.limits.pages {
            self.messages.index_bytes() + self.loads.bytes() + self.held_elsewhere_bytes
        } else {
            self.memory_bytes()
        }
    }

    /// Finds out whether too much is held that cannot leave memory; it is too much until it is a tenth less.
    #[inline]
    fn weigh(&mut self) {
        let limit = self.limits.memory_fixed_bytes;
        let limit = if self.is_strained { limit / 10 * 9 } else { limit };
        self.is_strained = self.fixed_bytes() > limit;
    }

    /// Sees to it that contents leave memory as long as more is held than should be; a few at a time, more than one
    /// input brings.
    #[inline]
    pub(crate) fn relieve(&mut self, out: &mut Vec<Effect>) {
        self.weigh();
        if !self.limits.pages || self.memory_bytes() <= self.limits.memory_budget_bytes {
            return;
        }
        for _ in 0..CONTENTS_PER_INPUT {
            let Some(coldest) = self.messages.coldest() else { return };
            self.page_out(coldest, out);
            if self.memory_bytes() <= self.limits.memory_budget_bytes {
                return;
            }
        }
    }

    /// What the realm holds of memory, in octets.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.messages.memory_bytes() + self.loads.bytes() + self.held_elsewhere_bytes
    }

    /// Takes the content of a message out of memory.
    fn page_out(&mut self, id: MessageId, out: &mut Vec<Effect>) {
        let message = self.messages.get(id);
        let is_readable =
            message.spilled().is_some() || message.durable().is_some() && !message.shares_record;
        if !is_readable {
            self.spill(id, out);
        }
        self.messages.drop_content(id);
    }

    /// Writes a message to the log for lack of memory. A restart forgets it.
    fn spill(&mut self, id: MessageId, out: &mut Vec<Effect>) {
        let new = &self.messages.whole(id).new;
        let published = Published {
            time: Time::ZERO,
            targets: SmallVec::new(),
            address: new.address.clone(),
            extra: new.extra.clone(),
            sizes: Sizes::of(&new.content),
            traits: None,
        };
        let content = new.content.clone();
        let record = self.append(&Fact::Spilled(published), smallvec![content], false, out);
        self.messages.get_mut(id).set_spilled(record);
    }

    /// Whether a message can be handed out now. If not, its content is asked for, with those that follow in the queue,
    /// and the queue is woken when it is there.
    pub(crate) fn is_here_for(
        &mut self,
        queue: QueueId,
        (id, bytes): (MessageId, u32),
        out: &mut Vec<Effect>,
    ) -> bool {
        if self.messages.get(id).is_here() {
            return true;
        }
        self.ask(id, bytes, Some(queue), out);
        self.read_ahead(queue, out);
        false
    }

    /// Asks for the contents that a queue needs next.
    pub(crate) fn read_ahead(&mut self, queue: QueueId, out: &mut Vec<Effect>) {
        let mut wanted = core::mem::take(&mut self.wanted);
        let slot = self.queues.get_mut(queue).expect("the id of a queue that is there");
        slot.since_read_ahead = 0;
        let most = (self.limits.memory_budget_bytes / 8).max(LOADS_BYTES);
        let (mut bytes, mut looked) = (0, 0);
        for look in slot.queue.ready(None).take(READ_AHEAD_SHARED) {
            bytes += u64::from(look.bytes);
            looked += 1;
            let message = self.messages.get(*look.handle);
            // A record of many messages is read whole, however few are wanted of it.
            let is_shared = message.shares_record && message.spilled().is_none();
            let is_near = looked <= READ_AHEAD && bytes <= READ_AHEAD_BYTES;
            if !(is_near || is_shared && bytes <= most / 2) {
                break;
            }
            if !message.is_here() && !message.is_coming() {
                wanted.push((*look.handle, look.bytes));
            }
        }
        self.effort.visit(looked / LOOKS_A_VISIT);
        for (message, bytes) in wanted.drain(..) {
            if self.loads.bytes + u64::from(bytes) > most {
                break;
            }
            self.ask(message, bytes, None, out);
        }
        wanted.clear();
        self.wanted = wanted;
    }

    /// Asks for a content. Whoever is named is woken when it is there.
    pub(crate) fn ask(
        &mut self,
        id: MessageId,
        bytes: u32,
        waiting: Option<QueueId>,
        out: &mut Vec<Effect>,
    ) {
        let message = self.messages.get_mut(id);
        let (record, part) = message.on_disk().expect("a content that is not in memory is on disk");
        if message.ask() {
            let bytes = u64::from(bytes) + LOAD_BYTES;
            let load = self.loads.by_record.entry(record).or_default();
            if load.messages.is_empty() {
                out.push(Effect::Load(record));
            }
            load.messages.push((id, part));
            load.bytes += bytes;
            self.loads.bytes += bytes;
        }
        if let Some(queue) = waiting {
            let load = self.loads.by_record.get_mut(&record).expect("it was asked for");
            if !load.waiting.contains(&queue) {
                load.waiting.push(queue);
            }
        }
    }

    /// Whether the content of a message is to come from this record.
    pub(crate) fn awaits_part(&self, message: MessageId, record: RecordId) -> bool {
        let is_from =
            |on_disk: Option<(RecordId, u32)>| on_disk.is_some_and(|(own, _)| own == record);
        let known = self.messages.find(message);
        known.is_some_and(|known| known.is_coming() && is_from(known.on_disk()))
    }

    /// What was needed of a record when it was read is in memory. What was asked of it meanwhile takes another reading.
    pub(crate) fn finish_load(&mut self, now: Time, record: RecordId, out: &mut Vec<Effect>) {
        let Some(mut load) = self.loads.by_record.remove(&record) else { return };
        let waiting = core::mem::take(&mut load.waiting);
        load.messages.retain(|(message, _)| self.awaits_part(*message, record));
        if load.messages.is_empty() {
            self.loads.bytes -= load.bytes;
        } else {
            self.loads.by_record.insert(record, load);
            out.push(Effect::Load(record));
        }
        for queue in waiting {
            self.go_on(now, queue, out);
        }
    }

    /// Nobody needs the content of a message any more.
    pub(crate) fn forget_load(&mut self, message: MessageId, record: RecordId) {
        let Some(load) = self.loads.by_record.get_mut(&record) else { return };
        load.messages.retain(|(other, _)| *other != message);
        if !load.messages.is_empty() {
            return;
        }
        let Some(load) = self.loads.by_record.remove(&record) else { return };
        self.loads.bytes -= load.bytes;
        let waiting = load.waiting.into_iter();
        self.happened.extend(waiting.map(|queue| (queue, Happened::Content)));
    }

    /// What a queue waited for has come, or is no longer needed.
    pub(crate) fn go_on(&mut self, now: Time, queue: QueueId, out: &mut Vec<Effect>) {
        self.leave_waiting(now, queue, out);
        if let Some(slot) = self.queues.get(queue) {
            if slot.queue.counts().held > 0 {
                self.retry_now(now, queue);
            }
            self.wake(queue);
        }
        self.notices.push_back(Notice::Here(queue, None));
    }

    /// The shelf for the contents of a queue.
    pub(crate) fn shelf_of(&self, queue: Option<QueueId>) -> ShelfId {
        let slot = queue.and_then(|queue| self.queues.get(queue));
        slot.map_or(self.shelf, |slot| slot.shelf)
    }

    /// Whether the content of a message is in memory; if not, it is asked for, as far as not too much is on its way, and the
    /// queue is told when it is there.
    pub(crate) fn ask_for_dead(
        &mut self,
        queue: QueueId,
        message: MessageId,
        out: &mut Vec<Effect>,
    ) -> bool {
        let is_here = self.messages.get(message).is_here();
        if !is_here && self.loads.bytes <= LOADS_BYTES {
            self.ask(message, 0, Some(queue), out);
        }
        is_here
    }

    /// Puts the content of a message that was taken in where it is found when memory is short.
    pub(crate) fn shelve(&mut self, taken: Option<MessageId>, queue: Option<QueueId>) {
        // A queue may have dropped it at once, and then it is gone.
        let taken = taken.filter(|id| {
            self.messages.find(*id).is_some_and(|message| message.is_here() && !message.stays)
        });
        if let Some(message) = taken {
            let shelf = self.shelf_of(queue);
            self.messages.shelve(message, shelf, End::Last);
        }
    }

    /// Deals with a message that was just published and is not gone yet: one that waits is copied out of the buffer that
    /// it was read into, one that was handed out a little later, if it is not settled soon.
    #[inline]
    pub(crate) fn settle_down(&mut self, now: Time, message: MessageId, queue: Option<QueueId>) {
        let Some(known) = self.messages.find(message).filter(|message| message.is_here()) else {
            return;
        };
        if known.holders > self.messages.whole(message).handed {
            self.messages.detach(message);
        } else {
            self.messages.leave_attached(now, message);
        }
        self.shelve(Some(message), queue);
    }

    /// A message that leaves has its content on disk, or others of its queue wait that left before it: it follows them.
    pub(crate) fn leave_later(&mut self, queue: QueueId, leaving: Leaving, out: &mut Vec<Effect>) {
        let slot = self.queues.get_mut(queue).expect("the id of a queue that is there");
        slot.leaving.push_back(leaving);
        if slot.leaving.len() <= LEAVING_AHEAD && !self.messages.get(leaving.message).is_here() {
            self.ask(leaving.message, 0, Some(queue), out);
        }
    }

    /// Sends on what waited for its content, in the order of leaving.
    fn leave_waiting(&mut self, now: Time, queue: QueueId, out: &mut Vec<Effect>) {
        for nth in 0..=LEAVING_AHEAD {
            let Some(slot) = self.queues.get_mut(queue) else { return };
            let Some(leaving) = slot.leaving.front().copied().filter(|_| !slot.fans_out) else {
                break;
            };
            let next = slot.leaving.get(LEAVING_AHEAD).copied();
            if !self.messages.get(leaving.message).is_here() {
                self.ask(leaving.message, 0, Some(queue), out);
                break;
            }
            if nth == LEAVING_AHEAD {
                // The next slice: nothing that is still to come would bring it on.
                self.happened.push_back((queue, Happened::Content));
                break;
            }
            if let Some(next) = next.filter(|next| !self.messages.get(next.message).is_here()) {
                self.ask(next.message, 0, None, out);
            }
            self.queue_mut(queue).leaving.pop_front();
            self.leave_now(now, queue, leaving, out);
        }
        self.dismiss_if_done(queue);
    }
}

/// How many contents may leave memory after one input.
const CONTENTS_PER_INPUT: usize = 64;

/// How many messages of a queue are looked at for what its consumers need next.
pub(crate) const READ_AHEAD: usize = 256;

/// As long as they share a record, so many, as far as memory allows.
const READ_AHEAD_SHARED: usize = 4_096;

/// How many of those looks are as much work as a visit.
const LOOKS_A_VISIT: usize = 8;

/// And how many octets of them.
const READ_AHEAD_BYTES: u64 = 2 << 20;

/// How many octets may be on their way from disk ahead of need, if an eighth of the budget is less.
const LOADS_BYTES: u64 = 64 << 10;

/// What a content on its way from disk is counted as beside its body.
const LOAD_BYTES: u64 = 1 << 10;

/// How many of those that leave a queue have their contents asked for ahead.
const LEAVING_AHEAD: usize = 64;

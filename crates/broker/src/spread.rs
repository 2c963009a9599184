//! A message on its way into queues, some of them in each turn, in the order in which they were found.
//!
//! It is written down once, before the first of them has it, for all durable ones among them: a crash in between shows
//! all of it or nothing. Those that refuse it then, or are gone meanwhile, are taken off the record again.

use alloc::vec::Vec;

use smallvec::SmallVec;
use warrener_time::Time;

use crate::effect::Effect;
use crate::id::{MessageId, QueueId, RecordId};
use crate::message::{Durable, NewMessage};
use crate::publish::{Admission, Offer};
use crate::realm::Realm;
use crate::record::{Fact, Place};

/// A message on its way into queues.
#[derive(Debug)]
pub(crate) struct Spread {
    pub(crate) admission: Admission,
    targets: Vec<Goal>,
    /// How many of them were dealt with, in this of two passes.
    next: usize,
    /// Room was found for it before: no queue refuses it for being full.
    pub(crate) is_promised: bool,
}

#[derive(Clone, Copy, Debug)]
struct Goal {
    queue: QueueId,
    /// The record says that it has the message.
    is_recorded: bool,
}

impl Spread {
    /// What it takes of memory besides the message, in octets.
    pub(crate) const fn bytes(&self) -> u64 {
        (self.targets.len() * (size_of::<Goal>() + size_of::<RecordId>())) as u64
    }

    /// The next pass begins with the first queue.
    pub(crate) const fn begin_again(&mut self) {
        self.next = 0;
    }
}

impl Realm {
    /// Takes a message in that is to go into these queues.
    pub(crate) fn begin_spread(&mut self, new: NewMessage, targets: &[QueueId]) -> Spread {
        let message = self.messages.insert(new);
        // Whatever its queues do with it meanwhile, it is there until all had it.
        self.messages.get_mut(message).holders = 1;
        let goals = targets.iter().map(|queue| Goal { queue: *queue, is_recorded: false });
        Spread {
            admission: Admission::new(message),
            targets: goals.collect(),
            next: 0,
            is_promised: false,
        }
    }

    /// Finds out for which queues it must be on disk; whether all were asked.
    pub(crate) fn find_durable(&mut self, spread: &mut Spread, out: &[Effect]) -> bool {
        let persistent = self.messages.get(spread.admission.message()).persistent;
        while let Some(goal) = spread.targets.get_mut(spread.next) {
            if self.effort.is_spent(out.len()) {
                return false;
            }
            self.effort.visit(1);
            spread.next += 1;
            let slot = self.queues.get(goal.queue).filter(|slot| !slot.deleted);
            let Some(slot) = slot else { continue };
            spread.admission.is_kept |= slot.keeper.is_some();
            if let Some(record) = slot.record.filter(|_| slot.keeps(persistent)) {
                goal.is_recorded = true;
                spread.admission.durable_targets.push(record);
            }
        }
        true
    }

    /// Whether every queue has room for it; `None` when not all were asked.
    pub(crate) fn finds_room(&mut self, spread: &mut Spread, out: &[Effect]) -> Option<bool> {
        let message = spread.admission.message();
        let bytes = self.messages.whole(message).new.content.body.len() as u64;
        while let Some(goal) = spread.targets.get(spread.next) {
            if self.effort.is_spent(out.len()) {
                return None;
            }
            self.effort.visit(1);
            spread.next += 1;
            if !self.has_room(goal.queue, (1, bytes)) {
                return Some(false);
            }
        }
        Some(true)
    }

    /// The queues get it. `marked` is the record after which a deep queue may say what of it was not delivered. Whether
    /// all have it.
    pub(crate) fn offer_slice(
        &mut self,
        now: Time,
        spread: &mut Spread,
        marked: Option<RecordId>,
        out: &mut Vec<Effect>,
    ) -> bool {
        let message = spread.admission.message();
        let brief = self.brief_of(message).promised(spread.is_promised);
        while let Some(goal) = spread.targets.get(spread.next).copied() {
            if self.effort.is_spent(out.len()) {
                return false;
            }
            spread.next += 1;
            match self.offer(now, &mut spread.admission, brief, goal.queue) {
                Offer::Taken(_) => {
                    let known = self.messages.get_mut(message);
                    known.holders += 1;
                    known.stays |= spread.admission.stays;
                    if let Some(record) = marked {
                        self.mark_deep(&[goal.queue], record, out);
                    }
                }
                Offer::Refused | Offer::Absent if goal.is_recorded => {
                    self.take_off_record(message, goal.queue, out);
                }
                Offer::Refused | Offer::Absent => {}
            }
        }
        true
    }

    /// All queues have had it; the message, if one of them took it.
    pub(crate) fn end_spread(&mut self, spread: &Spread) -> Option<MessageId> {
        self.messages.get_mut(spread.admission.message()).holders -= 1;
        self.finish(&spread.admission)
    }

    /// A queue of which the record says that it has a message does not have it.
    fn take_off_record(&mut self, id: MessageId, queue: QueueId, out: &mut Vec<Effect>) {
        let Some(Durable { at, holders }) = self.messages.get(id).durable() else { return };
        let holders = holders - 1;
        self.messages.get_mut(id).set_durable((holders > 0).then_some(Durable { at, holders }));
        // A record of several messages stays while one of the others is there, and would bring this one back.
        let shared = self.compounds.get(&at.record).is_some_and(|record| record.left > 1);
        if let Some(queue) = self.queues.get(queue).and_then(|slot| slot.record)
            && (holders > 0 || shared)
        {
            let settled = Fact::Settled(Place { queue, message: at });
            self.append(&settled, SmallVec::new(), false, out);
        }
        if holders == 0 {
            self.release_message(at, out);
        }
    }
}

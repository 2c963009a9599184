//! Transactions: several publishes and acknowledgements as one fact, over all queues.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use smallvec::SmallVec;
use warrener_queue::{
    Config as QueueConfig, Counts, Effect as QueueEffect, Outcome, Overflow, Seq, Why,
};
use warrener_time::Time;

use crate::effect::Effect;
use crate::id::{MessageId, QueueId, RecordId};
use crate::message::NewMessage;
use crate::publish::Admission;
use crate::realm::{Compound, Realm};
use crate::record::{Fact, MessageAt, Place};
use crate::settle::Settlement;

/// Everything a transaction does, in order: first it publishes, then it settles.
#[derive(Debug, Default)]
pub(crate) struct Work {
    pub(crate) publishes: Vec<(NewMessage, Vec<QueueId>)>,
    pub(crate) settles: Vec<(QueueId, Seq, Settlement)>,
    /// Whether somebody waits for the disk to have it.
    pub(crate) awaited: bool,
}

impl Realm {
    /// Whether every queue has room for all that these publishes would put into it. What its consumers might take
    /// meanwhile is not counted on.
    pub(crate) fn has_room_for(&self, publishes: &[(NewMessage, Vec<QueueId>)]) -> bool {
        let mut coming: BTreeMap<QueueId, (u64, u64)> = BTreeMap::new();
        for (new, targets) in publishes {
            for target in targets {
                let (count, bytes) = coming.entry(*target).or_default();
                *count += 1;
                *bytes += new.content.body.len() as u64;
            }
        }
        coming.into_iter().all(|(id, more)| {
            // A queue that is gone meanwhile takes nothing, and refuses nothing.
            self.queues
                .get(id)
                .is_none_or(|slot| fits(slot.queue.config(), slot.queue.counts(), more))
        })
    }

    /// Does all of it, and writes it down as one record. The record is what must be on disk first.
    pub(crate) fn commit(
        &mut self,
        now: Time,
        work: Work,
        out: &mut Vec<Effect>,
    ) -> Option<RecordId> {
        let admissions: Vec<Admission> = work
            .publishes
            .into_iter()
            .map(|(new, targets)| self.admit(now, new, &targets))
            .collect();
        let accepted = self.accept_quietly(now, &work.settles);
        let (record, told) = self.record_commit(now, &admissions, &accepted, work.awaited, out);
        for admission in &admissions {
            let taken = self.finish(admission);
            self.shelve(taken, admission.first());
        }
        for ((queue, message), told) in accepted.into_iter().zip(told) {
            self.let_go(queue, message, told, out);
        }
        self.absorb(now, out);
        for (queue, seq, settlement) in work.settles {
            if settlement != Settlement::Accepted {
                self.settle(now, queue, &[seq], settlement, out);
            }
        }
        record
    }

    /// Accepts deliveries, and keeps what left the queues by that apart from what else happens.
    fn accept_quietly(
        &mut self,
        now: Time,
        settles: &[(QueueId, Seq, Settlement)],
    ) -> Vec<(QueueId, MessageId)> {
        let mut accepted = Vec::new();
        for (id, seq, settlement) in settles {
            let Some(slot) =
                self.queues.get_mut(*id).filter(|_| *settlement == Settlement::Accepted)
            else {
                continue;
            };
            slot.queue.settle(now, &[*seq], Outcome::Accept, &mut self.answers);
            self.answers.retain(|answer| match answer {
                QueueEffect::Gone { handle, why: Why::Accepted, .. } => {
                    accepted.push((*id, *handle));
                    false
                }
                _ => true,
            });
            self.collect(*id);
            self.wake(*id);
            self.reschedule(*id);
        }
        accepted
    }

    /// Writes a transaction down, if any of it survives a restart; also which of the acceptances it tells of.
    fn record_commit(
        &mut self,
        now: Time,
        admissions: &[Admission],
        accepted: &[(QueueId, MessageId)],
        awaited: bool,
        out: &mut Vec<Effect>,
    ) -> (Option<RecordId>, Vec<Option<Place>>) {
        let places: Vec<Option<Place>> =
            accepted.iter().map(|(queue, message)| self.place(*queue, *message)).collect();
        let durable: Vec<&Admission> =
            admissions.iter().filter(|admission| admission.is_durable()).collect();
        let settled: Vec<Place> = places.iter().flatten().copied().collect();
        if durable.is_empty() && settled.is_empty() {
            return (None, places);
        }
        let published = durable.iter().map(|admission| self.published(now, admission)).collect();
        let contents: SmallVec<_> = durable
            .iter()
            .map(|admission| self.messages.whole(admission.message()).new.content.clone())
            .collect();
        let record = self.append(&Fact::Committed { published, settled }, contents, awaited, out);
        for (part, admission) in durable.iter().enumerate() {
            self.set_durable(admission, MessageAt { record, part: part as u32 });
            self.messages.get_mut(admission.message()).shares_record = durable.len() > 1;
        }
        if !durable.is_empty() {
            let messages = accepted.iter().map(|(_, message)| *message);
            let settled = messages.zip(&places).filter_map(|(id, place)| Some((id, (*place)?)));
            let compound = Compound { left: durable.len() as u32, settled: settled.collect() };
            self.compounds.insert(record, compound);
        }
        (Some(record), places)
    }
}

fn fits(config: &QueueConfig, counts: Counts, (count, bytes): (u64, u64)) -> bool {
    let waiting = counts.ready + counts.delayed + counts.held;
    let waiting_bytes = counts.ready_bytes + counts.delayed_bytes + counts.held_bytes;
    config.overflow == Overflow::DropHead
        || config.max_length.is_none_or(|max| waiting + count <= max)
            && config.max_length_bytes.is_none_or(|max| waiting_bytes + bytes <= max)
}

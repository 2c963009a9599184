//! Transactions: several publishes and acknowledgements as one fact, over all queues.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use smallvec::SmallVec;
use warrener_queue::{Config as QueueConfig, Counts, Effect as QueueEffect, Overflow, Seq, Why};
use warrener_time::Time;

use crate::dead_letter::DeathReason;
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

/// A message that left a queue, or is to leave it, because a transaction settled it.
#[derive(Clone, Copy, Debug)]
struct Left {
    queue: QueueId,
    seq: Seq,
    message: MessageId,
    why: Why,
    held: bool,
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
        let mut admissions: Vec<Admission> = work
            .publishes
            .into_iter()
            .map(|(new, targets)| self.admit(now, new, &targets))
            .collect();
        let (mut gone, mut later) = (Vec::new(), Vec::new());
        for left in self.settle_quietly(now, &work.settles, out) {
            match self.bury_left(now, left) {
                Some(buried) => {
                    admissions.extend(buried);
                    gone.push((left.queue, left.message));
                }
                None => later.push(left),
            }
        }
        let (record, told) = self.record_commit(now, &admissions, &gone, work.awaited, out);
        for admission in &admissions {
            let taken = self.finish(admission);
            self.shelve(taken, admission.first());
        }
        for ((queue, message), told) in gone.into_iter().zip(told) {
            self.let_go(queue, message, told, out);
        }
        for Left { queue, seq, message, why, held } in later {
            if held {
                self.hold_dead(now, queue, (seq, message, why), out);
            } else {
                self.depart(now, queue, (message, true), why, out);
            }
        }
        self.absorb(now, out);
        record
    }

    /// Settles deliveries, and keeps what left the queues by that apart from what else happens.
    fn settle_quietly(
        &mut self,
        now: Time,
        settles: &[(QueueId, Seq, Settlement)],
        out: &mut Vec<Effect>,
    ) -> Vec<Left> {
        let mut all = Vec::new();
        for (queue, seq, settlement) in settles {
            let (queue, seq) = (*queue, *seq);
            if self.queues.get(queue).is_none() {
                continue;
            }
            if settlement.is_failure() {
                self.note_failures(queue, &[seq], *settlement, out);
            }
            let slot = self.queues.get_mut(queue).expect("it was just there");
            slot.queue.settle(now, &[seq], settlement.outcome(), &mut self.answers);
            self.answers.retain(|answer| {
                let (message, why, held) = match answer {
                    QueueEffect::Gone { seq: of, handle, why, .. } if *of == seq => {
                        (*handle, *why, false)
                    }
                    QueueEffect::Held { seq: of, handle, why } if *of == seq => {
                        (*handle, *why, true)
                    }
                    _ => return true,
                };
                all.push(Left { queue, seq, message, why, held });
                false
            });
            self.collect(queue);
            self.wake(queue);
            self.reschedule(queue);
        }
        all
    }

    /// Sends a message on that a transaction let die, as a part of what it commits. `None` when that cannot be: its queue
    /// must hold it, or its content is not in memory.
    fn bury_left(&mut self, now: Time, left: Left) -> Option<Option<Admission>> {
        let Left { queue, seq, message, why, held } = left;
        let to = self.queue(queue).settings.dead_letter.clone();
        let prepared = match (DeathReason::of(why), to) {
            (Some(reason), Some(to)) => {
                if !self.messages.get(message).is_here() {
                    return None;
                }
                let died = self.messages.whole(message).new.clone();
                let died = (&died, self.messages.get(message).failed);
                let prepared = self.prepare_dead(queue, died, reason, &to, now);
                if held && !prepared.as_ref().is_some_and(|prepared| self.can_go(prepared)) {
                    return None;
                }
                self.stats.dead_lettered += 1;
                prepared
            }
            _ => None,
        };
        if held {
            self.unhold(now, queue, seq);
        }
        Some(prepared.map(|(buried, targets)| self.admit(now, buried, &targets)))
    }

    /// Asks for the contents of messages that these settlements may let die; the queue of the first that is not in
    /// memory.
    pub(crate) fn ask_for_dying(
        &mut self,
        settles: impl Iterator<Item = (QueueId, Seq, Settlement)>,
        out: &mut Vec<Effect>,
    ) -> Option<QueueId> {
        const AT_ONCE: usize = 64;
        let mut absent: SmallVec<[(QueueId, MessageId, u32); 4]> = SmallVec::new();
        for (queue, seq, settlement) in settles {
            let lives = matches!(settlement, Settlement::Accepted | Settlement::Returned);
            let slot = self.queues.get(queue).filter(|slot| slot.settings.dead_letter.is_some());
            let Some(slot) = slot.filter(|_| !lives) else { continue };
            let before = Seq::new(seq.number() - 1);
            let look = slot.queue.unacked(Some(before)).next().filter(|look| look.seq == seq);
            let look = look.filter(|look| !self.messages.get(*look.handle).is_here());
            absent.extend(look.map(|look| (queue, *look.handle, look.bytes)));
            if absent.len() == AT_ONCE {
                break;
            }
        }
        // The first is waited for, and the others are on their way when it is here.
        for (_, message, bytes) in absent.iter().skip(1) {
            self.ask(*message, *bytes, None, out);
        }
        let (queue, message, bytes) = *absent.first()?;
        self.ask(message, bytes, Some(queue), out);
        Some(queue)
    }

    /// Writes a transaction down, if any of it survives a restart; also which of the departures it tells of.
    fn record_commit(
        &mut self,
        now: Time,
        admissions: &[Admission],
        gone: &[(QueueId, MessageId)],
        awaited: bool,
        out: &mut Vec<Effect>,
    ) -> (Option<RecordId>, Vec<Option<Place>>) {
        let places: Vec<Option<Place>> =
            gone.iter().map(|(queue, message)| self.place(*queue, *message)).collect();
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
            let messages = gone.iter().map(|(_, message)| Some(*message));
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

//! Transactions: several publishes and acknowledgements as one fact, over all queues.
//!
//! One that is decided goes on in slices: its settlements are taken by their queues, then all of it is written down as one
//! record, and then its messages go into their queues. A crash before the record shows nothing of it, one behind it all.

use alloc::collections::BTreeSet;
use alloc::vec::{IntoIter, Vec};

use smallvec::SmallVec;
use warrener_queue::{
    Config as QueueConfig, Counts, Effect as QueueEffect, Overflow, Seq, State, Why,
};
use warrener_time::Time;

use crate::commit_digest::CommitDigest;
use crate::dead_letter::DeathReason;
use crate::effect::Effect;
use crate::fan_out::AT_ONCE;
use crate::id::{LinkId, MessageId, QueueId, RecordId};
use crate::message::NewMessage;
use crate::realm::{Compound, Realm};
use crate::record::{After, MessageAt, Place};
use crate::settle::Settlement;
use crate::spread::Spread;

/// A delivery that a transaction settles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settled {
    pub(crate) queue: QueueId,
    pub(crate) seq: Seq,
    /// Who was handed it; nobody by name after basic.get.
    pub(crate) link: Option<LinkId>,
    pub(crate) how: Settlement,
}

/// What a transaction that is decided does, before that is written down.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Messages that go into queues: those of the client, and dead ones.
    arrivals: Vec<Arrival>,
    /// What leaves its queue with the record.
    gone: Vec<Gone>,
    /// What died and cannot go on as a part of it.
    later: Vec<Left>,
    digest: CommitDigest,
    /// The records of what is settled.
    refers_to: BTreeSet<RecordId>,
    /// It brings dead letters.
    buries: bool,
    /// Somebody waits for the disk to have it.
    awaited: bool,
}

impl Work {
    /// Nothing yet; `awaited` says whether somebody waits for the disk to have it.
    pub(crate) fn new(awaited: bool) -> Self {
        Self { awaited, ..Self::default() }
    }
}

/// What follows when it is written down, in order.
#[derive(Debug)]
pub(crate) struct Written {
    /// What must be on disk before anybody may say that it is done.
    pub(crate) record: Option<RecordId>,
    /// The record brought several messages.
    is_shared: bool,
    arrivals: IntoIter<Arrival>,
    present: Option<Arrival>,
    gone: IntoIter<Gone>,
    later: IntoIter<Left>,
}

/// A message that leaves a queue, and where the record says so, if it does.
type Gone = (QueueId, MessageId, Option<Place>);

/// A message that goes into queues, and which of those in the record it is.
#[derive(Debug)]
struct Arrival {
    spread: Spread,
    part: Option<u32>,
    /// It is known whether it is in the record.
    is_prepared: bool,
}

impl Arrival {
    const fn new(mut spread: Spread, is_promised: bool) -> Self {
        spread.is_promised = is_promised;
        Self { spread, part: None, is_prepared: false }
    }
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
    /// Whether a queue has room for so many messages, and so many octets. What its consumers might take meanwhile is not
    /// counted on. A queue that is gone takes nothing, and refuses nothing.
    pub(crate) fn has_room(&self, id: QueueId, more: (u64, u64)) -> bool {
        self.queues.get(id).is_none_or(|slot| fits(slot.queue.config(), slot.queue.counts(), more))
    }

    /// Whether a queue refuses what it has no room for.
    pub(crate) fn may_refuse(&self, id: QueueId) -> bool {
        let config = self.queues.get(id).map(|slot| slot.queue.config());
        config.is_some_and(|config| {
            config.overflow != Overflow::DropHead
                && (config.max_length.is_some() || config.max_length_bytes.is_some())
        })
    }

    /// A message of a transaction. Room was found for it before.
    pub(crate) fn commit_publish(&mut self, work: &mut Work, new: NewMessage, targets: &[QueueId]) {
        let spread = self.begin_spread(new, targets);
        work.arrivals.push(Arrival::new(spread, true));
    }

    /// Finds out where the last message of a transaction must be on disk; whether all its queues were asked.
    pub(crate) fn commit_prepare(&mut self, now: Time, work: &mut Work, out: &[Effect]) -> bool {
        let Some(arrival) = work.arrivals.last_mut().filter(|own| !own.is_prepared) else {
            return true;
        };
        if !self.find_durable(&mut arrival.spread, out) {
            return false;
        }
        arrival.spread.begin_again();
        arrival.is_prepared = true;
        let admission = &arrival.spread.admission;
        if admission.is_durable() {
            let published = self.published(now, admission);
            let content = self.messages.whole(admission.message()).new.content.clone();
            arrival.part = Some(work.digest.publish(&published, content));
        }
        true
    }

    /// A delivery that a transaction settles: its queue settles it, and what leaves the queue by that waits for the record.
    pub(crate) fn commit_settle(
        &mut self,
        now: Time,
        work: &mut Work,
        settled: Settled,
        out: &mut Vec<Effect>,
    ) {
        let Settled { queue, seq, .. } = settled;
        if !self.is_still_held(settled) {
            return;
        }
        if settled.how.is_failure() {
            self.note_failures(queue, &[seq], settled.how, out);
        }
        let slot = self.queues.get_mut(queue).expect("it was just there");
        slot.queue.settle(now, &[seq], settled.how.outcome(), &mut self.answers);
        let mut left = None;
        self.answers.retain(|answer| {
            let (message, why, held) = match answer {
                QueueEffect::Gone { seq: of, handle, why, .. } if *of == seq => {
                    (*handle, *why, false)
                }
                QueueEffect::Held { seq: of, handle, why } if *of == seq => (*handle, *why, true),
                _ => return true,
            };
            left = Some(Left { queue, seq, message, why, held });
            false
        });
        self.collect(queue);
        self.wake(queue);
        self.reschedule(queue);
        if let Some(left) = left {
            self.commit_leave(now, work, left);
        }
    }

    /// Whether whoever was handed it still has it: a queue may have taken it back.
    fn is_still_held(&self, settled: Settled) -> bool {
        let Some(slot) = self.queues.get(settled.queue) else { return false };
        let before = Seq::new(settled.seq.number() - 1);
        let look = slot.queue.unacked(Some(before)).next().filter(|look| look.seq == settled.seq);
        let holder = settled.link.map(LinkId::consumer);
        look.is_some_and(
            |look| matches!(look.state, State::Unacked { consumer, .. } if consumer == holder),
        )
    }

    /// The content of a message that this settlement may let die, if it is not in memory: the message and how long it is.
    pub(crate) fn absent_dying(&self, settled: Settled) -> Option<(MessageId, u32)> {
        let Settled { queue, seq, how, .. } = settled;
        let lives = matches!(how, Settlement::Accepted | Settlement::Returned);
        let slot = self.queues.get(queue).filter(|slot| slot.settings.dead_letter.is_some());
        let slot = slot.filter(|_| !lives)?;
        let before = Seq::new(seq.number() - 1);
        let look = slot.queue.unacked(Some(before)).next().filter(|look| look.seq == seq)?;
        (!self.messages.get(*look.handle).is_here()).then_some((*look.handle, look.bytes))
    }

    fn commit_leave(&mut self, now: Time, work: &mut Work, left: Left) {
        let Some(buried) = self.bury_left(now, left) else {
            return work.later.push(left);
        };
        let place = self.place(left.queue, left.message);
        if let Some(place) = place {
            work.digest.settle(left.message, place);
            work.refers_to.insert(place.message.record);
        }
        work.gone.push((left.queue, left.message, place));
        if let Some((new, targets)) = buried {
            work.buries = true;
            let spread = self.begin_spread(new, &targets);
            work.arrivals.push(Arrival::new(spread, left.held));
        }
    }

    /// What becomes of a message that a transaction let die, as a part of what it commits, if anything. `None` when that
    /// cannot be: its queue must hold it, or its content is not in memory.
    fn bury_left(&mut self, now: Time, left: Left) -> Option<Option<(NewMessage, Vec<QueueId>)>> {
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
                let can_go =
                    |prepared: &(_, Vec<_>)| prepared.1.len() <= AT_ONCE && self.can_go(prepared);
                if held && !prepared.as_ref().is_some_and(can_go) {
                    return None;
                }
                self.stats.dead_lettered += 1;
                prepared
            }
            _ => None,
        };
        if let Some(reason) = DeathReason::of(why) {
            self.note_death(queue, reason, held);
        }
        if held {
            self.unhold(now, queue, seq);
        }
        Some(prepared)
    }

    /// Writes a transaction down, if any of it survives a restart. What follows can no longer fail.
    pub(crate) fn commit_write(&mut self, work: Work, out: &mut Vec<Effect>) -> Written {
        let Work { arrivals, gone, later, digest, refers_to, buries, awaited } = work;
        let brings = digest.messages();
        let record = (!digest.is_empty()).then(|| {
            let (digest, contents, settled) = digest.into_parts();
            let (refers_to, after) = match brings {
                0 => (refers_to.into_iter().collect(), After::Nothing),
                _ if buries => (SmallVec::new(), After::Everything),
                _ => (SmallVec::new(), After::Records(refers_to.into_iter().collect())),
            };
            let record = self.append_encoded((digest, refers_to, after), contents, awaited, out);
            if brings > 0 {
                self.compounds.insert(record, Compound { left: brings, settled });
            }
            record
        });
        Written {
            record,
            is_shared: brings > 1,
            arrivals: arrivals.into_iter(),
            present: None,
            gone: gone.into_iter(),
            later: later.into_iter(),
        }
    }

    /// Brings the messages of a transaction that is written down into their queues, and lets go of what it settled, as far
    /// as the turn allows; whether that was all.
    pub(crate) fn commit_slice(
        &mut self,
        now: Time,
        written: &mut Written,
        out: &mut Vec<Effect>,
    ) -> bool {
        loop {
            if written.present.is_none() {
                written.present = written.arrivals.next();
                if let Some(arrival) = &written.present {
                    self.place_in_record(arrival, written.record, written.is_shared);
                }
            }
            let Some(arrival) = &mut written.present else { break };
            if !self.offer_slice(now, &mut arrival.spread, None, out) {
                return false;
            }
            let taken = self.end_spread(&arrival.spread);
            self.shelve(taken, arrival.spread.admission.first());
            written.present = None;
        }
        while !self.effort.is_spent(out.len()) {
            self.effort.visit(1);
            if let Some((queue, message, place)) = written.gone.next() {
                self.let_go(queue, message, place, out);
            } else if let Some(left) = written.later.next() {
                let Left { queue, seq, message, why, held } = left;
                if held {
                    self.hold_dead(now, queue, (seq, message, why), out);
                } else {
                    self.depart(now, queue, (message, true), why, out);
                }
            } else {
                return true;
            }
        }
        false
    }

    fn place_in_record(&mut self, arrival: &Arrival, record: Option<RecordId>, is_shared: bool) {
        let (Some(record), Some(part)) = (record, arrival.part) else { return };
        let admission = &arrival.spread.admission;
        self.set_durable(admission, MessageAt { record, part });
        self.messages.get_mut(admission.message()).shares_record = is_shared;
    }
}

fn fits(config: &QueueConfig, counts: Counts, (count, bytes): (u64, u64)) -> bool {
    let waiting = counts.ready + counts.delayed + counts.held;
    let waiting_bytes = counts.ready_bytes + counts.delayed_bytes + counts.held_bytes;
    config.overflow == Overflow::DropHead
        || config.max_length.is_none_or(|max| waiting + count <= max)
            && config.max_length_bytes.is_none_or(|max| waiting_bytes + bytes <= max)
}

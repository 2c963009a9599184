//! Consumers of queues, what they are handed, and what becomes of it.

use alloc::vec::Vec;
use core::mem;

use smallvec::SmallVec;
use warrener_codec::{Content, PropertiesRef, TableBuilder};
use warrener_queue::{
    Consume, ConsumeError, ConsumerId, Delivery, Effect as Answer, Outcome, Seq, Tries, Why,
};
use warrener_time::Time;

use crate::address::Address;
use crate::arguments::QueueKind;
use crate::config::DELIVERIES_IN_A_ROW;
use crate::effect::Effect;
use crate::id::{LinkId, MessageId, QueueId};
use crate::message::{NewMessage, Whole};
use crate::paging::READ_AHEAD;
use crate::realm::Realm;
use crate::record::Fact;
use crate::refusal::Reason;

impl LinkId {
    /// The name under which a queue knows this consumer.
    pub(crate) const fn consumer(self) -> ConsumerId {
        ConsumerId((self.generation as u64) << 32 | self.index as u64)
    }

    /// The consumer that a queue knows under this name.
    pub(crate) const fn from_consumer(consumer: ConsumerId) -> Self {
        Self { index: consumer.0 as u32, generation: (consumer.0 >> 32) as u32 }
    }
}

impl Realm {
    /// Whether `exclusive` means anything to consumers of this queue; quorum queues ignore it.
    pub(crate) fn takes_exclusive_consumers(&self, id: QueueId) -> bool {
        self.queue(id).settings.kind == QueueKind::Classic
    }

    /// Adds a consumer to a queue.
    pub(crate) fn attach(
        &mut self,
        now: Time,
        id: QueueId,
        link: LinkId,
        how: Consume,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        let slot = self.queues.get_mut(id).expect("the id of a queue that is there");
        match slot.queue.consume(now, link.consumer(), how, &mut self.answers) {
            Ok(()) => {
                slot.links.insert(link);
            }
            Err(ConsumeError::Duplicate | ConsumeError::Deleted) => {
                unreachable!("links are new, and a deleted queue has no name")
            }
            Err(_) => return Err(Reason::ExclusiveUse(self.resource(id))),
        }
        self.collect(id);
        self.wake(id);
        self.reschedule(id);
        self.absorb(now, out);
        Ok(())
    }

    /// Takes a consumer from a queue, which may end with it. What it holds it still holds.
    pub(crate) fn detach(&mut self, now: Time, id: QueueId, link: LinkId, out: &mut Vec<Effect>) {
        let Some(slot) = self.queues.get_mut(id) else { return };
        if !slot.queue.cancel(now, link.consumer(), &mut self.answers) {
            return;
        }
        slot.links.remove(&link);
        let ends = slot.spec.auto_delete && slot.links.is_empty();
        self.collect(id);
        if ends {
            self.remove_queue(now, id, out);
        } else {
            self.wake(id);
            self.reschedule(id);
        }
        self.absorb(now, out);
    }

    /// Says how many more messages a consumer takes.
    pub(crate) fn credit(&mut self, id: QueueId, link: LinkId, credit: u32) {
        let Some(slot) = self.queues.get_mut(id) else { return };
        slot.queue.set_credit(link.consumer(), credit);
        if credit > 0 {
            self.wake(id);
        }
    }

    /// The next message for any consumer of any queue. The queue that has one keeps its turn until it has no more, or has
    /// handed out many. Also `None` when the turn, which has led to so many effects, has done enough.
    ///
    /// What the delivery leads to waits for [`absorb`](Realm::absorb), so that the message can be read first.
    #[inline]
    pub(crate) fn poll_delivery(
        &mut self,
        now: Time,
        effects: usize,
    ) -> Option<(QueueId, Delivery<MessageId>)> {
        while let Some(&id) = self.awake.front() {
            if self.effort.is_spent(effects) {
                return None;
            }
            self.effort.visit(1);
            if let Some(slot) = self.queues.get_mut(id).filter(|slot| slot.returning == 0) {
                if let Some(delivery) = slot.queue.poll_delivery(now, &mut self.answers) {
                    let is_drained = slot.queue.is_drained();
                    self.collect(id);
                    if is_drained {
                        self.sleep_first(id);
                        return Some((id, delivery));
                    }
                    self.in_a_row += 1;
                    if self.in_a_row >= DELIVERIES_IN_A_ROW {
                        self.in_a_row = 0;
                        self.awake.rotate_left(1);
                    }
                    return Some((id, delivery));
                }
                self.collect(id);
                self.sleep_first(id);
                continue;
            }
            if let Some(slot) = self.queues.get_mut(id) {
                slot.awake = false;
            }
            self.awake.pop_front();
            self.in_a_row = 0;
        }
        None
    }

    /// The first queue of those that are awake has nothing more for now.
    #[inline]
    fn sleep_first(&mut self, id: QueueId) {
        self.awake.pop_front();
        self.in_a_row = 0;
        let slot = self.queue_mut(id);
        slot.awake = false;
        if !slot.is_on_schedule() {
            self.schedule_anew(id);
        }
    }

    /// Whether [`look_ahead`](Realm::look_ahead) may have anything to do.
    #[inline]
    pub(crate) fn must_look_ahead(&self) -> bool {
        self.has_wide || self.messages.absent() > 0
    }

    /// Sees to it that the next delivery is one that can be made: puts queues aside whose next message is on disk. Answers
    /// who would get which message, when not every client may be able to take it.
    pub(crate) fn look_ahead(
        &mut self,
        now: Time,
        out: &mut Vec<Effect>,
    ) -> Option<(LinkId, MessageId)> {
        while let Some(&id) = self.awake.front() {
            let Some(slot) = self.queues.get_mut(id) else {
                self.awake.pop_front();
                continue;
            };
            if self.effort.is_spent(out.len()) || slot.returning > 0 {
                return None;
            }
            if !slot.has_wide && self.messages.absent() == 0 {
                return None;
            }
            let next = slot.queue.next_delivery(now, &mut self.answers);
            let next = next.map(|(consumer, look)| (consumer, *look.handle, look.bytes));
            let has_wide = slot.has_wide;
            slot.since_read_ahead += 1;
            let reads_ahead = slot.since_read_ahead > READ_AHEAD as u32 / 2;
            self.effort.visit(1);
            self.collect(id);
            if let Some((consumer, message, bytes)) = next
                && self.is_here_for(id, (message, bytes), out)
            {
                if reads_ahead {
                    self.read_ahead(id, out);
                }
                return has_wide.then_some((LinkId::from_consumer(consumer), message));
            }
            self.awake.pop_front();
            let slot = self.queues.get_mut(id).expect("it was just there");
            slot.awake = false;
            if next.is_some() {
                // Until it is read, what waits for it is in the way.
                slot.queue.put_off(now, &mut self.answers);
                self.collect(id);
                self.absorb(now, out);
            }
            self.reschedule(id);
        }
        None
    }

    /// Whether the next message of a queue can be handed to whoever asks; if there is one that cannot yet, its content is
    /// asked for.
    pub(crate) fn first_is_here(&mut self, now: Time, id: QueueId, out: &mut Vec<Effect>) -> bool {
        let slot = self.queues.get_mut(id).expect("the id of a queue that is there");
        if slot.returning > 0 {
            return false;
        }
        let first = slot.queue.first(now, &mut self.answers);
        let first = first.map(|look| (*look.handle, look.bytes));
        self.collect(id);
        self.reschedule(id);
        first.is_none_or(|first| self.is_here_for(id, first, out))
    }

    /// The next message of a queue, for whoever asks.
    pub(crate) fn take(
        &mut self,
        now: Time,
        id: QueueId,
        settled: bool,
    ) -> Option<Delivery<MessageId>> {
        let slot = self.queues.get_mut(id).expect("the id of a queue that is there");
        let delivery = slot.queue.get(now, settled, &mut self.answers);
        self.collect(id);
        self.reschedule(id);
        delivery
    }

    /// Remembers that messages failed: in the log where the queue counts, and for the day on which they die.
    pub(crate) fn note_failures(
        &mut self,
        id: QueueId,
        seqs: &[Seq],
        settlement: Settlement,
        out: &mut Vec<Effect>,
    ) {
        let slot = self.queue(id);
        let counts = slot.record.is_some() && slot.settings.kind == QueueKind::Quorum;
        let dies = slot.settings.dead_letter.is_some();
        if !counts && !dies {
            return;
        }
        for seq in seqs {
            let before = Seq::new(seq.number() - 1);
            let look = self.queue(id).queue.unacked(Some(before)).next();
            let Some(look) = look.filter(|look| look.seq == *seq) else { continue };
            let (message, failures) = (*look.handle, look.tries.failed + 1);
            self.messages.get_mut(message).failed = true;
            let place = self.place(id, message).filter(|_| counts);
            if let Some(place) = place.filter(|_| settlement == Settlement::Failed) {
                self.append(&Fact::Returned { place, failures }, SmallVec::new(), false, out);
            }
        }
    }

    /// A message that was handed out is done with: what nearly every settlement is. Mostly the queue lets go of it and has
    /// nothing else to say, which needs no line to wait in.
    #[inline]
    pub(crate) fn accept(&mut self, now: Time, id: QueueId, seq: Seq, out: &mut Vec<Effect>) {
        let Some(slot) = self.queues.get_mut(id) else { return };
        slot.traffic.acknowledged += 1;
        self.stats.of(slot.settings.kind).acknowledged += 1;
        slot.queue.settle(now, &[seq], Outcome::Accept, &mut self.answers);
        let is_on_schedule = slot.is_on_schedule();
        let only = match self.answers[..] {
            [Answer::Gone { handle, why: Why::Accepted, .. }] if slot.keeper.is_none() => {
                Some(handle).filter(|_| self.happened.is_empty())
            }
            _ => None,
        };
        if only.is_some() {
            self.answers.clear();
            self.effort.visit(1);
        }
        self.collect(id);
        if !is_on_schedule {
            self.schedule_anew(id);
        }
        match only {
            Some(message) => self.let_go(id, message, None, out),
            None => self.absorb(now, out),
        }
    }

    /// Says what becomes of messages that were handed out. Those of a queue that is gone are gone with it.
    #[inline]
    pub(crate) fn settle(
        &mut self,
        now: Time,
        id: QueueId,
        seqs: &[Seq],
        settlement: Settlement,
        out: &mut Vec<Effect>,
    ) {
        if settlement.is_failure() && self.queues.get(id).is_some() {
            self.note_failures(id, seqs, settlement, out);
        }
        let Some(slot) = self.queues.get_mut(id) else { return };
        if settlement == Settlement::Accepted {
            slot.traffic.acknowledged += seqs.len() as u64;
            self.stats.of(slot.settings.kind).acknowledged += seqs.len() as u64;
        }
        slot.queue.settle(now, seqs, settlement.outcome(), &mut self.answers);
        let is_on_schedule = slot.is_on_schedule();
        self.collect(id);
        if settlement != Settlement::Accepted {
            self.wake(id);
        }
        if !is_on_schedule {
            self.schedule_anew(id);
        }
        self.absorb(now, out);
    }
}

/// What a consumer makes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settlement {
    /// It is done with.
    Accepted,
    /// It goes back, through no fault of its own (RabbitMQ 4.3: basic.nack).
    Returned,
    /// It goes back, having failed (RabbitMQ 4.3: basic.reject, and consumers that went away).
    Failed,
    /// It is not wanted here (basic.nack).
    Discarded,
    /// It is not wanted here, having failed (basic.reject).
    Rejected,
}

impl Settlement {
    pub(crate) const fn outcome(self) -> Outcome {
        match self {
            Self::Accepted => Outcome::Accept,
            Self::Returned => Outcome::Requeue { failed: false },
            Self::Failed => Outcome::Requeue { failed: true },
            Self::Discarded | Self::Rejected => Outcome::Discard,
        }
    }

    /// Whether the message goes back to its queue.
    pub(crate) const fn is_return(self) -> bool {
        matches!(self, Self::Returned | Self::Failed)
    }

    pub(crate) const fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Rejected)
    }
}

impl Whole {
    /// The address and content of a message that is handed out. They are moved when nobody else will ask for them.
    #[inline]
    pub(crate) fn hand_out(
        &mut self,
        kind: QueueKind,
        delivery: &Delivery<MessageId>,
        holders: u32,
    ) -> (Address, Content) {
        if !delivery.settled {
            self.handed = self.handed.saturating_add(1);
        } else if holders == 1 && kind == QueueKind::Classic {
            return (mem::take(&mut self.new.address), mem::take(&mut self.new.content));
        }
        (self.new.address.clone(), content_for(&self.new, kind, delivery))
    }
}

/// A message as it is handed out. A quorum queue says how often it has failed, and how often it was handed out before
/// (RabbitMQ extensions: `x-delivery-count`, and from 4.3 on `x-acquired-count`); nothing the first time.
#[inline]
pub(crate) fn content_for(
    message: &NewMessage,
    kind: QueueKind,
    delivery: &Delivery<MessageId>,
) -> Content {
    if kind == QueueKind::Quorum && delivery.tries != Tries::default() {
        return with_counts(&message.content, delivery.tries);
    }
    message.content.clone()
}

fn with_counts(content: &Content, tries: Tries) -> Content {
    const COUNTS: [&str; 2] = ["x-acquired-count", "x-delivery-count"];
    let properties = content.properties.read().unwrap_or_default();
    let mut headers = TableBuilder::new();
    for (name, value) in properties.headers.unwrap_or_default() {
        if !COUNTS.iter().any(|count| count.as_bytes() == name.as_bytes()) {
            headers.insert(name.as_bytes(), value);
        }
    }
    for (name, count) in COUNTS.into_iter().zip([tries.acquired, tries.failed]) {
        if count > 0 {
            headers.insert(name, i64::from(count));
        }
    }
    let headers = headers.build().expect("headers that were taken in, and two more, fit a table");
    let headers = Some(headers.as_table_ref());
    let properties = PropertiesRef { headers, ..properties }.to_owned();
    Content { properties, body: content.body.clone() }
}

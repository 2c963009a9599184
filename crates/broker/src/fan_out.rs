//! A message for very many queues: it goes to some in each turn, in the order in which they were found.
//!
//! It is written down once, before the first of them has it, for all durable ones among them: a crash in between shows
//! all of it or nothing. Those that refuse it then, or are gone meanwhile, are taken off the record again. Whoever
//! published it is told when all have it, and what comes behind it waits.

use alloc::boxed::Box;
use alloc::vec::Vec;

use warrener_time::Time;

use crate::amqp091::parked::Stall;
use crate::broker::Broker;
use crate::effect::Effect;
use crate::id::{ChannelKey, ClientKey, MessageId, QueueId, RecordId};
use crate::job::Job;
use crate::message::{Durable, NewMessage};
use crate::publish::{Admission, Offer};
use crate::realm::Realm;
use crate::record::{Fact, Place};

/// A message on its way to very many queues.
#[derive(Debug)]
pub(crate) struct FanOut {
    admission: Admission,
    targets: Vec<Goal>,
    /// How many of them were dealt with, in this of two passes.
    next: usize,
    /// The first pass found the durable ones, and the record is written.
    is_written: bool,
    /// Whether somebody waits for it to be durable.
    awaited: bool,
    record: Option<RecordId>,
    origin: Origin,
}

#[derive(Clone, Copy, Debug)]
struct Goal {
    queue: QueueId,
    /// The record says that it has the message.
    is_recorded: bool,
}

/// Where such a message comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin {
    /// A client published it, and may wait for the confirm of this number.
    Client { channel: ChannelKey, client: ClientKey, tag: Option<u64> },
    /// It is what becomes of a message that leaves a queue.
    Queue { queue: QueueId, source: MessageId, told: Option<Place> },
    /// Nobody waits for it.
    Nobody,
}

impl FanOut {
    /// What it takes of memory besides the message, in octets.
    fn bytes(&self) -> u64 {
        (self.targets.len() * (size_of::<Goal>() + size_of::<RecordId>())) as u64
    }
}

/// So many queues get a message at once; for more it is spread over turns.
pub(crate) const AT_ONCE: usize = 1_024;

impl Realm {
    /// Takes a message in for very many queues.
    #[cold]
    pub(crate) fn begin_fan_out(
        &mut self,
        new: NewMessage,
        targets: &[QueueId],
        awaited: bool,
        origin: Origin,
    ) -> u64 {
        let message = self.messages.insert(new);
        // Whatever its queues do with it meanwhile, it is there until all had it.
        self.messages.get_mut(message).holders = 1;
        let goals = targets.iter().map(|queue| Goal { queue: *queue, is_recorded: false });
        let fan_out = FanOut {
            admission: Admission::new(message),
            targets: goals.collect(),
            next: 0,
            is_written: false,
            awaited,
            record: None,
            origin,
        };
        let bytes = fan_out.bytes();
        self.held_elsewhere_bytes += bytes;
        self.jobs.push_back(Job::FanOut(Box::new(fan_out)));
        bytes
    }

    /// Goes on with it, as far as the turn allows; whether all queues have it.
    fn fan_out_slice(&mut self, now: Time, fan_out: &mut FanOut, out: &mut Vec<Effect>) -> bool {
        if !fan_out.is_written {
            if !self.find_durable(fan_out, out) {
                return false;
            }
            fan_out.record = match &mut fan_out.origin {
                Origin::Queue { queue, source, told } => {
                    let from = self.place(*queue, *source).map(|from| (*source, from));
                    *told = self.record_dead_letter(now, &fan_out.admission, from, out);
                    None
                }
                Origin::Client { .. } | Origin::Nobody => {
                    self.make_durable(now, &fan_out.admission, fan_out.awaited, out)
                }
            };
            (fan_out.is_written, fan_out.next) = (true, 0);
        }
        self.offer_slice(now, fan_out, out)
    }

    /// The first pass: for which queues it must be on disk.
    fn find_durable(&mut self, fan_out: &mut FanOut, out: &[Effect]) -> bool {
        let persistent = self.messages.get(fan_out.admission.message()).persistent;
        while let Some(goal) = fan_out.targets.get_mut(fan_out.next) {
            if self.effort.is_spent(out.len()) {
                return false;
            }
            self.effort.visit(1);
            fan_out.next += 1;
            let slot = self.queues.get(goal.queue).filter(|slot| !slot.deleted);
            let Some(slot) = slot else { continue };
            fan_out.admission.is_kept |= slot.keeper.is_some();
            if let Some(record) = slot.record.filter(|_| slot.keeps(persistent)) {
                goal.is_recorded = true;
                fan_out.admission.durable_targets.push(record);
            }
        }
        true
    }

    /// The second pass: the queues get it.
    fn offer_slice(&mut self, now: Time, fan_out: &mut FanOut, out: &mut Vec<Effect>) -> bool {
        let message = fan_out.admission.message();
        let brief = self.brief_of(message);
        while let Some(goal) = fan_out.targets.get(fan_out.next).copied() {
            if self.effort.is_spent(out.len()) {
                return false;
            }
            fan_out.next += 1;
            match self.offer(now, &mut fan_out.admission, brief, goal.queue) {
                Offer::Taken(_) => {
                    let known = self.messages.get_mut(message);
                    known.holders += 1;
                    known.stays |= fan_out.admission.stays;
                    if let Some(record) = fan_out.record {
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

    /// A queue of which the record says that it has a message does not have it.
    fn take_off_record(&mut self, id: MessageId, queue: QueueId, out: &mut Vec<Effect>) {
        let Some(Durable { at, holders }) = self.messages.get(id).durable() else { return };
        let holders = holders - 1;
        self.messages.get_mut(id).set_durable((holders > 0).then_some(Durable { at, holders }));
        if holders == 0 {
            return self.release_message(at, out);
        }
        if let Some(queue) = self.queues.get(queue).and_then(|slot| slot.record) {
            let settled = Fact::Settled(Place { queue, message: at });
            self.append(&settled, smallvec::SmallVec::new(), false, out);
        }
    }
}

impl Broker {
    /// A client's message goes to very many queues: what its channels publish next waits for that.
    #[cold]
    pub(crate) fn fan_out(
        &mut self,
        key: ChannelKey,
        tag: Option<u64>,
        new: NewMessage,
        targets: &[QueueId],
        awaited: bool,
        out: &mut Vec<Effect>,
    ) {
        let channel = self.amqp.channel_mut(key);
        channel.stall = Some(Stall::Work);
        let client = channel.client;
        let origin = Origin::Client { channel: key, client, tag };
        let bytes = self.realm.begin_fan_out(new, targets, awaited, origin);
        self.realm.held_elsewhere_bytes -= bytes;
        self.count_parked(client, |before| before + bytes, out);
        self.amqp.fan_outs += 1;
        self.amqp.clients.get_mut(client).expect("a channel has a client").fans_out = true;
    }

    /// Whether a client's message is on its way to very many queues, so that its next must wait.
    #[inline]
    pub(crate) fn waits_its_turn(&self, key: ChannelKey) -> bool {
        self.amqp.fan_outs > 0 && self.amqp.with_client(key).1.fans_out
    }

    /// Goes on with a message for very many queues; gives it back when there is more to do.
    pub(crate) fn go_on_fanning_out(
        &mut self,
        now: Time,
        mut fan_out: Box<FanOut>,
        out: &mut Vec<Effect>,
    ) -> Option<Box<FanOut>> {
        if !self.realm.fan_out_slice(now, &mut fan_out, out) {
            return Some(fan_out);
        }
        let FanOut { admission, record, origin, .. } = &*fan_out;
        self.realm.messages.get_mut(admission.message()).holders -= 1;
        let taken = self.realm.finish(admission);
        let bytes = fan_out.bytes();
        match *origin {
            Origin::Client { channel, client, tag } => {
                self.amqp.fan_outs -= 1;
                self.end_client_fan_out(client, bytes, out);
                if let Some(message) = taken {
                    self.realm.settle_down(now, message, admission.first());
                }
                if self.amqp.channels.get(channel).is_some_and(|own| !own.closing) {
                    if let Some(tag) = tag {
                        self.confirm(channel, tag, admission.rejected(), *record, out);
                    }
                    let strained = self.realm.is_strained;
                    if taken.is_some_and(|message| strained && self.realm.waits(message)) {
                        self.block_for_growth(channel, out);
                    }
                    self.resume(now, channel, out);
                }
            }
            Origin::Queue { queue, source, told } => {
                self.realm.held_elsewhere_bytes -= bytes;
                self.realm.shelve(taken, admission.first());
                self.realm.let_go(queue, source, told, out);
                self.realm.queue_mut(queue).fans_out = false;
                self.realm.go_on(now, queue, out);
            }
            Origin::Nobody => {
                self.realm.held_elsewhere_bytes -= bytes;
                self.realm.shelve(taken, admission.first());
            }
        }
        None
    }

    /// What a client's other channels have published meanwhile goes on.
    fn end_client_fan_out(&mut self, key: ClientKey, bytes: u64, out: &mut Vec<Effect>) {
        let Some(client) = self.amqp.clients.get_mut(key) else {
            self.realm.held_elsewhere_bytes -= bytes;
            return;
        };
        client.fans_out = false;
        let channels: Vec<ChannelKey> = client.channels.values().copied().collect();
        self.realm.effort.visit(channels.len());
        for channel in channels {
            if self.amqp.channel(channel).stall == Some(Stall::Turn) {
                self.amqp.channel_mut(channel).stall = Some(Stall::Work);
                self.realm.jobs.push_back(Job::Resume(channel));
            }
        }
        self.count_parked(key, |before| before - bytes, out);
    }
}

//! A message for very many queues: it goes to some in each turn, in the order in which they were found.
//!
//! Whoever published it is told when all have it, and what comes behind it waits.

use alloc::boxed::Box;
use alloc::vec::Vec;

use warrener_queue::Seq;
use warrener_time::Time;

use crate::amqp091::parked::Stall;
use crate::broker::Broker;
use crate::effect::Effect;
use crate::id::{ChannelKey, ClientKey, MessageId, QueueId, RecordId};
use crate::job::Job;
use crate::message::NewMessage;
use crate::realm::Realm;
use crate::record::{After, Place};
use crate::spread::Spread;

/// A message on its way to very many queues.
#[derive(Debug)]
pub(crate) struct FanOut {
    spread: Spread,
    step: Step,
    /// Whether somebody waits for it to be durable.
    awaited: bool,
    record: Option<RecordId>,
    origin: Origin,
}

/// What is done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// To find out whether all have room for it, which must be so.
    FindRoom,
    /// To find the durable ones, and write the record.
    Write,
    /// To let them have it.
    Offer,
    /// One of them has no room for it: none gets it.
    GiveUp,
}

/// Where such a message comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin {
    /// A client published it, and may wait for the confirm of this number.
    Client { channel: ChannelKey, client: ClientKey, tag: Option<u64> },
    /// It is what becomes of a message that leaves a queue.
    Queue { queue: QueueId, source: MessageId, told: Option<Place> },
    /// The same, of one that the queue holds until all have it.
    Holder { queue: QueueId, seq: Seq, source: MessageId, told: Option<Place> },
    /// Nobody waits for it.
    Nobody,
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
        let mut spread = self.begin_spread(new, targets);
        spread.is_promised = matches!(origin, Origin::Holder { .. });
        let step = if spread.is_promised { Step::FindRoom } else { Step::Write };
        let bytes = spread.bytes();
        let fan_out = FanOut { spread, step, awaited, record: None, origin };
        self.held_elsewhere_bytes += bytes;
        self.jobs.push_back(Job::FanOut(Box::new(fan_out)));
        bytes
    }

    /// Goes on with it, as far as the turn allows; whether that was all.
    fn fan_out_slice(&mut self, now: Time, fan_out: &mut FanOut, out: &mut Vec<Effect>) -> bool {
        if fan_out.step == Step::FindRoom {
            let Some(finds) = self.finds_room(&mut fan_out.spread, out) else { return false };
            fan_out.spread.begin_again();
            fan_out.step = if finds { Step::Write } else { Step::GiveUp };
        }
        if fan_out.step == Step::Write {
            if !self.find_durable(&mut fan_out.spread, out) {
                return false;
            }
            self.write_fan_out(now, fan_out, out);
            fan_out.spread.begin_again();
            fan_out.step = Step::Offer;
        }
        fan_out.step == Step::GiveUp
            || self.offer_slice(now, &mut fan_out.spread, fan_out.record, out)
    }

    fn write_fan_out(&mut self, now: Time, fan_out: &mut FanOut, out: &mut Vec<Effect>) {
        let admission = &fan_out.spread.admission;
        match &mut fan_out.origin {
            Origin::Queue { queue, source, told } | Origin::Holder { queue, source, told, .. } => {
                let from = self.place(*queue, *source).map(|from| (*source, from));
                *told = self.record_dead_letter(now, admission, from, out);
            }
            Origin::Client { .. } => {
                let how = (fan_out.awaited, After::Nothing);
                fan_out.record = self.make_durable(now, admission, how, out);
            }
            // It may be what became of a dead letter.
            Origin::Nobody => {
                let how = (fan_out.awaited, After::Everything);
                fan_out.record = self.make_durable(now, admission, how, out);
            }
        }
    }

    /// What becomes of a message that its queue held has gone where it was to go, or could not.
    fn end_hold(
        &mut self,
        now: Time,
        (queue, seq, source): (QueueId, Seq, MessageId),
        (told, went): (Option<Place>, bool),
        out: &mut Vec<Effect>,
    ) {
        let slot = self.queue_mut(queue);
        slot.fans_out = false;
        // It may have been purged meanwhile.
        if slot.queue.holds(seq) && went {
            self.stats.dead_lettered += 1;
            let kind = self.queue(queue).settings.kind;
            self.stats.deaths_of(kind).confirmed += 1;
            self.unhold(now, queue, seq);
            self.let_go(queue, source, told, out);
        }
        if !went {
            // Those behind it may have other destinations.
            self.queue_mut(queue).retried = Some(seq);
        }
        self.go_on(now, queue, out);
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
        let FanOut { spread, step, record, origin, .. } = &*fan_out;
        let taken = self.realm.end_spread(spread);
        let (admission, bytes) = (&spread.admission, spread.bytes());
        if let Origin::Client { channel, client, tag } = *origin {
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
            return None;
        }
        self.realm.held_elsewhere_bytes -= bytes;
        self.realm.shelve(taken, admission.first());
        match *origin {
            Origin::Queue { queue, source, told } => {
                self.realm.let_go(queue, source, told, out);
                self.realm.queue_mut(queue).fans_out = false;
                self.realm.go_on(now, queue, out);
            }
            Origin::Holder { queue, seq, source, told } => {
                let went = *step == Step::Offer;
                self.realm.end_hold(now, (queue, seq, source), (told, went), out);
            }
            Origin::Client { .. } | Origin::Nobody => {}
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

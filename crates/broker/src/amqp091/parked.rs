//! What a channel's client asks for while the channel cannot go on: it waits, in order, and its connection is not read
//! once that is much.

use alloc::vec::Vec;
use core::ops::Bound;

use smallvec::SmallVec;
use warrener_codec::method::basic;
use warrener_codec::{Content, Method};
use warrener_time::Time;

use crate::amqp091::channel::Mode;
use crate::broker::Broker;
use crate::effect::{Effect, content_bytes};
use crate::id::{ChannelKey, ClientKey, QueueId};
use crate::input::ClosedBy;
use crate::job::Job;
use crate::realm::Notice;

/// Something a client asked for.
#[derive(Debug)]
pub(crate) enum Parked {
    Method(Method),
    Publish(basic::Publish, Content),
    /// A publish whose body is larger than the host takes.
    Oversized(u64),
    /// channel.close.
    Closed,
}

/// Why a channel does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stall {
    /// The message that it asked this queue for is on its way from disk.
    Content(QueueId),
    /// Its client published while the host ran short.
    Alarm,
    /// A message of its client is on its way to very many queues.
    Turn,
    /// What it is in the midst of takes several turns, or it would have gone on for too long in one.
    Work,
}

impl Parked {
    /// What it takes of memory.
    fn bytes(&self) -> u64 {
        match self {
            Self::Publish(_, content) => u64::from(content_bytes(content)) + PARKED_BYTES,
            Self::Method(method) => method.encoded_len() as u64 + PARKED_BYTES,
            Self::Oversized(_) | Self::Closed => PARKED_BYTES,
        }
    }
}

/// How many channels go on before the turn is asked whether it has done enough.
const RESUMED_AT_ONCE: usize = 256;

/// What anything that is parked is counted as, beside its own octets.
const PARKED_BYTES: u64 = 256;

impl Broker {
    /// Keeps what a client asks for until its channel goes on.
    pub(crate) fn park(&mut self, key: ChannelKey, parked: Parked, out: &mut Vec<Effect>) {
        let bytes = parked.bytes();
        let channel = self.amqp.channel_mut(key);
        channel.parked.push_back(parked);
        let client = channel.client;
        self.count_parked(client, |before| before + bytes, out);
    }

    /// Whether a method is obeyed although what was asked before it waits: under an alarm, settlements make room.
    pub(crate) fn passes(&self, key: ChannelKey, method: &Method) -> bool {
        let channel = self.amqp.channel(key);
        let settles =
            matches!(method, Method::BasicAck(_) | Method::BasicNack(_) | Method::BasicReject(_));
        settles
            && matches!(channel.stall, Some(Stall::Alarm | Stall::Turn))
            && !matches!(channel.mode, Mode::Transactional(_))
    }

    /// A channel does not go on, from this on.
    pub(crate) fn stall(&mut self, key: ChannelKey, why: Stall, first: Parked) {
        let bytes = first.bytes();
        let channel = self.amqp.channel_mut(key);
        channel.parked.push_front(first);
        channel.stall = Some(why);
        let client = channel.client;
        let client = self.amqp.clients.get_mut(client).expect("a channel has a client");
        client.parked_bytes += bytes;
        self.realm.held_elsewhere_bytes += bytes;
        match why {
            Stall::Content(queue) => {
                self.amqp.stalled.insert((queue, key));
            }
            Stall::Alarm | Stall::Turn | Stall::Work => {}
        }
    }

    /// The next message of a queue is in memory: channels that waited for it go on, those behind `after`, if one is named.
    pub(crate) fn content_is_here(
        &mut self,
        now: Time,
        queue: QueueId,
        after: Option<ChannelKey>,
        out: &mut Vec<Effect>,
    ) {
        let first = after.unwrap_or(ChannelKey { index: 0, generation: 0 });
        let last = ChannelKey { index: u32::MAX, generation: u32::MAX };
        let range = (Bound::Excluded((queue, first)), Bound::Included((queue, last)));
        let waiting = self.amqp.stalled.range(range).map(|(_, key)| *key);
        let waiting: SmallVec<[ChannelKey; 4]> = waiting.take(RESUMED_AT_ONCE).collect();
        self.realm.effort.visit(waiting.len());
        for key in &waiting {
            self.amqp.stalled.remove(&(queue, *key));
            self.resume(now, *key, out);
        }
        if waiting.len() == RESUMED_AT_ONCE {
            let after = waiting.last().copied();
            self.realm.notices.push_back(Notice::Here(queue, after));
        }
    }

    /// A channel goes on with what its client has asked for meanwhile, until it cannot again.
    pub(crate) fn resume(&mut self, now: Time, key: ChannelKey, out: &mut Vec<Effect>) {
        let Some(channel) = self.amqp.channels.get_mut(key) else { return };
        channel.stall = None;
        loop {
            let Some(channel) = self.amqp.channels.get_mut(key) else { return };
            if channel.is_stalled() || channel.parked.is_empty() {
                return;
            }
            if self.realm.effort.is_spent(out.len()) {
                channel.stall = Some(Stall::Work);
                return self.realm.jobs.push_back(Job::Resume(key));
            }
            self.realm.effort.visit(1);
            let Some(next) = channel.parked.pop_front() else { return };
            let (client, bytes, is_closing) = (channel.client, next.bytes(), channel.closing);
            self.count_parked(client, |before| before - bytes, out);
            match next {
                Parked::Closed => self.close_channel(now, key, ClosedBy::Client, out),
                // It was refused what came before, so that this comes from a client that has not heard of it yet.
                _ if is_closing => {}
                Parked::Publish(..) if self.must_wait(key, out) => {
                    return self.stall(key, Stall::Alarm, next);
                }
                Parked::Publish(..) if self.waits_its_turn(key) => {
                    return self.stall(key, Stall::Turn, next);
                }
                Parked::Method(method) => self.method_on(now, key, method, out),
                Parked::Publish(publish, content) => {
                    self.publish_or_refuse(now, key, publish, content, out);
                }
                Parked::Oversized(size) => self.refuse_oversized(now, key, size, out),
            }
        }
    }

    /// A channel ends, and what its client has asked for meanwhile is not done.
    pub(crate) fn forget_parked(&mut self, key: ChannelKey, out: &mut Vec<Effect>) {
        let channel = self.amqp.channel_mut(key);
        let Some(stall) = channel.stall.take() else { return };
        match stall {
            Stall::Content(queue) => {
                self.amqp.stalled.remove(&(queue, key));
            }
            Stall::Alarm | Stall::Turn | Stall::Work => {}
        }
        self.drop_parked(key, out);
    }

    /// What a channel was asked for and has not come to is forgotten, also where it was just about to go on with it.
    pub(crate) fn drop_parked(&mut self, key: ChannelKey, out: &mut Vec<Effect>) {
        let channel = self.amqp.channel_mut(key);
        let bytes: u64 = channel.parked.drain(..).map(|parked| parked.bytes()).sum();
        let client = channel.client;
        self.count_parked(client, |before| before - bytes, out);
    }

    /// Keeps count of what a client has parked, and stops or goes on reading from it.
    pub(crate) fn count_parked(
        &mut self,
        client: ClientKey,
        change: impl FnOnce(u64) -> u64,
        out: &mut Vec<Effect>,
    ) {
        let Some(client) = self.amqp.clients.get_mut(client) else { return };
        let before = client.parked_bytes;
        client.parked_bytes = change(before);
        let after = client.parked_bytes;
        if after == 0 && client.wants_to_leave {
            self.realm.notices.push_back(Notice::Farewell(client.connection));
        }
        self.realm.held_elsewhere_bytes = self.realm.held_elsewhere_bytes + after - before;
        let parks_much = if client.parks_much {
            after > self.realm.limits.parked_bytes / 2
        } else {
            after > self.realm.limits.parked_bytes
        };
        if parks_much != client.parks_much {
            out.extend(client.repause(|client| client.parks_much = parks_much));
        }
    }
}

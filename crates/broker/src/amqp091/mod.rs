//! AMQP 0-9-1 as clients speak it: channels, their tags and promises, and what each method asks of the realm.
//!
//! Only this folder and the two vocabularies, [`Input`](crate::Input) and [`Effect`], know what a method
//! is.

pub(crate) mod bind;
pub(crate) mod channel;
pub(crate) mod client;
pub(crate) mod confirm;
pub(crate) mod consume;
pub(crate) mod declare;
pub(crate) mod deliver;
pub(crate) mod dispatch;
pub(crate) mod get;
pub(crate) mod life;
pub(crate) mod publish;
pub(crate) mod qos;
pub(crate) mod reply_to;
pub(crate) mod settle;
pub(crate) mod transaction;
pub(crate) mod unacked;

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use warrener_codec::{ChannelId, Method, ShortStr};
use warrener_time::Time;

use crate::amqp091::channel::{Channel, ChannelPlace};
use crate::amqp091::client::Client;
use crate::amqp091::consume::Consumer;
use crate::amqp091::unacked::Delivered;
use crate::effect::Effect;
use crate::id::{ChannelKey, ClientKey, ConnectionId, LinkId, RecordId};
use crate::names::Map;
use crate::permission::Caller;
use crate::slab::Store;

/// Every client, channel and consumer.
#[derive(Debug)]
pub(crate) struct Amqp {
    pub(crate) clients: Store<ClientKey, Client>,
    pub(crate) client_keys: Map<ConnectionId, ClientKey>,
    pub(crate) channels: Store<ChannelKey, Channel>,
    pub(crate) channel_keys: Map<ChannelPlace, ChannelKey>,
    pub(crate) consumers: Store<LinkId, Consumer>,
    /// Who takes direct replies, by the name of the queue that requests carry.
    pub(crate) repliers: Map<ShortStr, ChannelKey>,
    /// Channels that wait for the disk, each once.
    waiting: VecDeque<ChannelKey>,
    /// Records up to this one are on disk.
    pub(crate) persisted: RecordId,
    /// Memory for settling many at once.
    pub(crate) settling: Vec<Delivered>,
}

impl Amqp {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            clients: Store::new(),
            client_keys: Map::new(seed),
            channels: Store::new(),
            channel_keys: Map::new(seed),
            consumers: Store::new(),
            repliers: Map::new(seed),
            waiting: VecDeque::new(),
            persisted: RecordId(0),
            settling: Vec::new(),
        }
    }

    pub(crate) fn client(&self, connection: ConnectionId) -> Option<ClientKey> {
        self.client_keys.get(&connection).copied()
    }

    /// The channel of this number, unless it is closing or gone.
    #[inline]
    pub(crate) fn open_channel(
        &self,
        connection: ConnectionId,
        number: ChannelId,
    ) -> Option<ChannelKey> {
        let key = *self.channel_keys.get(&(connection, number))?;
        (!self.channel(key).closing).then_some(key)
    }

    #[inline]
    pub(crate) fn channel(&self, key: ChannelKey) -> &Channel {
        self.channels.get(key).expect("the key of a channel that is there")
    }

    #[inline]
    pub(crate) fn channel_mut(&mut self, key: ChannelKey) -> &mut Channel {
        self.channels.get_mut(key).expect("the key of a channel that is there")
    }

    /// The channel and its client.
    #[inline]
    pub(crate) fn with_client(&self, key: ChannelKey) -> (&Channel, &Client) {
        let channel = self.channel(key);
        (channel, self.clients.get(channel.client).expect("a channel has a client"))
    }

    /// On whose behalf the methods of a channel are obeyed.
    #[inline]
    pub(crate) fn caller(&self, key: ChannelKey) -> Caller<'_> {
        self.with_client(key).1.caller()
    }

    /// Puts a channel in line for [`persisted`](crate::Input::Persisted).
    pub(crate) fn await_disk(&mut self, key: ChannelKey) {
        let channel = self.channels.get_mut(key).expect("the key of a channel that is there");
        if !core::mem::replace(&mut channel.in_line, true) {
            self.waiting.push_back(key);
        }
    }
}

impl crate::broker::Broker {
    /// Does something on a channel, in its turn.
    #[inline]
    pub(crate) fn emit(&mut self, key: ChannelKey, effect: Effect, out: &mut Vec<Effect>) {
        let persisted = self.amqp.persisted;
        let channel = self.amqp.channel_mut(key);
        let client = channel.client;
        let weight = effect.weight_bytes();
        if channel.is_held(persisted) {
            channel.hold(effect);
        } else {
            out.push(effect);
        }
        if let Some((_, bytes)) = weight {
            self.burden(client, bytes, out);
        }
    }

    /// Answers a method, once `record` is on disk; everything said on the channel afterwards comes after that.
    pub(crate) fn reply(
        &mut self,
        key: ChannelKey,
        method: Method,
        no_wait: bool,
        record: Option<RecordId>,
        out: &mut Vec<Effect>,
    ) {
        if let Some(record) = record.filter(|record| *record > self.amqp.persisted) {
            self.amqp.channel_mut(key).hold_until(record);
            self.amqp.await_disk(key);
        }
        if !no_wait {
            let effect = self.amqp.channel(key).sending(method);
            self.emit(key, effect, out);
        }
    }

    /// Records up to this one are on disk: says what waited for them.
    pub(crate) fn persisted(&mut self, now: Time, upto: RecordId, out: &mut Vec<Effect>) {
        self.amqp.persisted = self.amqp.persisted.max(upto);
        let persisted = self.amqp.persisted;
        for _ in 0..self.amqp.waiting.len() {
            let Some(key) = self.amqp.waiting.pop_front() else { break };
            let Some(channel) = self.amqp.channels.get_mut(key) else { continue };
            out.extend(core::iter::from_fn(|| channel.poll_held(persisted)));
            self.confirm_persisted(key, out);
            let channel = self.amqp.channel_mut(key);
            channel.in_line = channel.waits(persisted);
            if channel.in_line {
                self.amqp.waiting.push_back(key);
            } else if channel.is_leaving {
                self.remove_channel(now, key, out);
            }
        }
    }
}

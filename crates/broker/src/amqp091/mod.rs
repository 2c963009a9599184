//! AMQP 0-9-1 as clients speak it: channels, their tags and promises, and what each method asks of the realm.
//!
//! Only this folder and the two vocabularies, [`Input`](crate::Input) and [`Effect`], know what a method
//! is.

pub(crate) mod alarm;
pub(crate) mod bind;
pub(crate) mod channel;
pub(crate) mod client;
pub(crate) mod commit;
pub(crate) mod confirm;
pub(crate) mod consume;
pub(crate) mod debt;
pub(crate) mod declare;
pub(crate) mod deliver;
pub(crate) mod dispatch;
pub(crate) mod get;
pub(crate) mod grants;
pub(crate) mod leave;
pub(crate) mod life;
pub(crate) mod mandatory;
pub(crate) mod parked;
pub(crate) mod pass;
pub(crate) mod publish;
pub(crate) mod qos;
pub(crate) mod reply_to;
pub(crate) mod rollback;
mod sender_selected;
pub(crate) mod settle;
pub(crate) mod settling;
pub(crate) mod transaction;
pub(crate) mod unacked;

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use warrener_codec::{ChannelId, Method, ShortStr};
use warrener_time::Time;

use crate::alarm::Alarms;
use crate::amqp091::channel::{Channel, ChannelPlace};
use crate::amqp091::client::Client;
use crate::amqp091::confirm::Confirmed;
use crate::amqp091::consume::Consumer;
use crate::amqp091::unacked::Delivered;
use crate::effect::Effect;
use crate::id::{ChannelKey, ClientKey, ConnectionId, LinkId, QueueId, RecordId};
use crate::names::Map;
use crate::permission::Caller;
use crate::slab::Store;
use crate::sync::{Disk, Progress};

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
    /// Clients that published while the host ran short, and wait.
    pub(crate) blocked: BTreeSet<ClientKey>,
    /// Channels that wait for the content of a queue's next message.
    pub(crate) stalled: BTreeSet<(QueueId, ChannelKey)>,
    /// Channels that wait for the disk, each once.
    waiting: VecDeque<ChannelKey>,
    /// How many of the first of those are to be told how far the disk has come.
    to_release: usize,
    /// Clients that are charged with work.
    pub(crate) debtors: BTreeSet<ClientKey>,
    /// How many of them are not read.
    pub(crate) stopped_debtors: usize,
    /// How many messages of clients are on their way to very many queues.
    pub(crate) fan_outs: usize,
    pub(crate) alarms: Alarms,
    /// Which records are on disk.
    pub(crate) disk: Disk,
    /// Memory for confirming many at once.
    pub(crate) confirmed: Vec<Confirmed>,
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
            blocked: BTreeSet::new(),
            stalled: BTreeSet::new(),
            waiting: VecDeque::new(),
            to_release: 0,
            debtors: BTreeSet::new(),
            stopped_debtors: 0,
            fan_outs: 0,
            alarms: Alarms::default(),
            disk: Disk::default(),
            confirmed: Vec::new(),
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

    /// Whether what is said on a channel now must wait for the disk.
    #[inline]
    pub(crate) fn is_held(&self, key: ChannelKey) -> bool {
        self.channel(key).is_held(&self.disk)
    }

    /// Whether somebody is still to be told how far the disk has come.
    pub(crate) const fn has_released(&self) -> bool {
        self.to_release > 0
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
    #[inline(always)]
    pub(crate) fn emit(&mut self, key: ChannelKey, effect: Effect, out: &mut Vec<Effect>) {
        let is_held = self.amqp.is_held(key);
        let channel = self.amqp.channel_mut(key);
        let client = channel.client;
        let weight = effect.weight_bytes();
        if is_held {
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
        let sync = self.amqp.channel(key).sync;
        if let Some(record) = record.filter(|record| !self.amqp.disk.has(*record, sync)) {
            self.amqp.channel_mut(key).hold_until(record);
            self.amqp.await_disk(key);
        }
        if !no_wait {
            let effect = self.amqp.channel(key).sending(method);
            self.emit(key, effect, out);
        }
    }

    /// The disk has records so far: says what waited for them.
    pub(crate) fn persisted(&mut self, now: Time, progress: Progress, out: &mut Vec<Effect>) {
        self.amqp.disk.synced(progress);
        self.give_answers(out);
        self.release_held(now, out);
    }

    /// The operating system has records so far: says what waited for no more than that.
    pub(crate) fn written(&mut self, now: Time, progress: Progress, out: &mut Vec<Effect>) {
        self.amqp.disk.written(progress);
        self.release_held(now, out);
    }

    fn release_held(&mut self, now: Time, out: &mut Vec<Effect>) {
        self.amqp.to_release = self.amqp.waiting.len();
        self.release_some(now, out);
    }

    /// Tells some of those that wait how far the disk has come.
    pub(crate) fn release_some(&mut self, now: Time, out: &mut Vec<Effect>) {
        while self.amqp.to_release > 0 && !self.realm.effort.is_spent(out.len()) {
            let Some(key) = self.amqp.waiting.pop_front() else { break };
            self.realm.effort.visit(1);
            if !self.release_channel(key, out) {
                return self.amqp.waiting.push_front(key);
            }
            self.amqp.to_release -= 1;
            let Amqp { channels, disk, .. } = &mut self.amqp;
            let Some(channel) = channels.get_mut(key) else { continue };
            channel.in_line = channel.waits(disk);
            if channel.in_line {
                self.amqp.waiting.push_back(key);
            } else if channel.is_leaving {
                self.leave_channel(now, key, out);
            }
        }
    }

    /// Says what a channel may say now; whether that was all.
    fn release_channel(&mut self, key: ChannelKey, out: &mut Vec<Effect>) -> bool {
        let Amqp { channels, disk, .. } = &mut self.amqp;
        let Some(channel) = channels.get_mut(key) else { return true };
        while let Some(effect) = channel.poll_held(disk) {
            out.push(effect);
            self.realm.effort.visit(1);
            if self.realm.effort.is_spent(out.len()) {
                return false;
            }
        }
        self.confirm_persisted(key, out)
    }
}

//! Channels: opening, closing, and what a closing channel leaves behind.

use alloc::vec::Vec;

use warrener_codec::method::{access, channel};
use warrener_codec::{ChannelId, Method};
use warrener_time::Time;

use crate::amqp091::channel::{Channel, Mode};
use crate::amqp091::parked::Parked;
use crate::broker::Broker;
use crate::effect::Effect;
use crate::id::{ChannelKey, ClientKey, ConnectionId};
use crate::input::ClosedBy;
use crate::job::Job;
use crate::limit::reached;
use crate::refusal::{Reason, shown};

impl Broker {
    pub(crate) fn channel_opened(
        &mut self,
        now: Time,
        connection: ConnectionId,
        number: ChannelId,
        out: &mut Vec<Effect>,
    ) {
        let Some(client) = self.amqp.client(connection) else { return };
        if let Err(reason) = self.count_channel(client) {
            return self.refuse_connection(now, client, &reason, (0, 0), out);
        }
        let vhost = self.amqp.clients.get(client).expect("a client that is there").vhost;
        let sync = self.realm.vhosts[vhost].sync;
        let key = self.amqp.channels.insert(Channel::new(client, connection, number, sync));
        let before = self.amqp.channel_keys.insert((connection, number), key);
        assert!(before.is_none(), "a channel is opened once");
        self.realm.stats.churn.channels_opened += 1;
        let client = self.amqp.clients.get_mut(client).expect("a client that is there");
        client.channels.insert(number, key);
        self.tell_channel("channel.created", key);
        self.reply(key, Method::ChannelOpenOk, false, None, out);
    }

    /// Refuses one channel more than the user may have.
    fn count_channel(&mut self, client: ClientKey) -> Result<(), Reason> {
        let user = &self.amqp.clients.get(client).expect("a client that is there").access.user;
        let default = self.realm.limits.users.max_channels;
        let users = &mut self.realm.users;
        let limit = users.find(user.as_bytes()).and_then(|known| known.limits.max_channels);
        let limit = limit.or(default);
        if let Some(limit) = reached(limit, users.usage(user).channels) {
            return Err(Reason::UserChannels { user: shown(user.as_bytes()), limit });
        }
        users.count(user, |usage| usage.channels += 1);
        Ok(())
    }

    pub(crate) fn channel_closed(
        &mut self,
        now: Time,
        connection: ConnectionId,
        number: ChannelId,
        by: ClosedBy,
        out: &mut Vec<Effect>,
    ) {
        let Some(key) = self.amqp.channel_keys.get(&(connection, number)).copied() else { return };
        if by == ClosedBy::Client && self.amqp.channel(key).is_stalled() {
            return self.park(key, Parked::Closed, out);
        }
        self.close_channel(now, key, by, out);
    }

    /// The channel ends, and everything with it.
    pub(crate) fn close_channel(
        &mut self,
        now: Time,
        key: ChannelKey,
        by: ClosedBy,
        out: &mut Vec<Effect>,
    ) {
        self.clear_channel(now, key, out);
        let channel = self.amqp.channel_mut(key);
        if by == ClosedBy::Client {
            channel.withdraw_close();
            channel.last_word = Some(channel.sending(Method::ChannelCloseOk));
        }
        self.leave_channel(now, key, out);
    }

    /// A channel goes. What waits for a disk is said first, and till then it stays.
    pub(crate) fn leave_channel(&mut self, now: Time, key: ChannelKey, out: &mut Vec<Effect>) {
        self.amqp.channel_mut(key).is_leaving = true;
        let channel = self.amqp.channel(key);
        if channel.slices.is_clearing || channel.waits(&self.amqp.disk) {
            return;
        }
        let channel = self.amqp.channel_mut(key);
        let (client, last_word) = (channel.client, channel.last_word.take());
        self.remove_channel(key);
        out.extend(last_word);
        self.finish_leaving(now, client, out);
    }

    /// Ends everything that a channel has going, so that it can be closed: its consumers, its transaction, and what it
    /// holds, which goes back to its queues.
    pub(crate) fn clear_channel(&mut self, now: Time, key: ChannelKey, out: &mut Vec<Effect>) {
        self.begin_to_clear(key, out);
        if !self.clear_slice(now, key, out) {
            let channel = self.amqp.channel_mut(key);
            if !core::mem::replace(&mut channel.slices.is_clearing, true) {
                self.realm.jobs.push_back(Job::Clear(key));
            }
        }
    }

    /// A channel is going to end: nothing more is done on it.
    pub(crate) fn begin_to_clear(&mut self, key: ChannelKey, out: &mut Vec<Effect>) {
        let channel = self.amqp.channel_mut(key);
        channel.closing = true;
        self.forget_parked(key, out);
        let channel = self.amqp.channel_mut(key);
        if let Mode::Transactional(transaction) = &mut channel.mode {
            let transaction = core::mem::take(&mut **transaction);
            let bytes = transaction.bytes();
            // What it was in the midst of settling is not settled either.
            channel.slices.settling = None;
            channel.slices.undone.add(transaction);
            let _ = self.count_transaction(key, bytes, 0);
        }
        let channel = self.amqp.channel_mut(key);
        if let Some(replier) = channel.reply_consumer.take() {
            self.amqp.repliers.remove(&replier.address);
        }
    }

    /// Forgets a channel, which is cleared.
    pub(crate) fn remove_channel(&mut self, key: ChannelKey) {
        if self.amqp.channels.get(key).is_some() {
            self.tell_channel("channel.closed", key);
        }
        let Some(channel) = self.amqp.channels.remove(key) else { return };
        self.realm.stats.churn.channels_closed += 1;
        self.amqp.channel_keys.remove(&(channel.connection, channel.number));
        if let Some(client) = self.amqp.clients.get_mut(channel.client) {
            client.channels.remove(&channel.number);
            self.realm.users.count(&client.access.user, |usage| usage.channels -= 1);
        }
    }

    /// AMQP 0-9-1 §1.5.2.3. RabbitMQ refuses to stop; here nothing more is delivered until the client says so.
    pub(crate) fn flow(
        &mut self,
        key: ChannelKey,
        active: bool,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        self.amqp.channel_mut(key).flowing = active;
        self.refresh_channel(key);
        self.reply(key, Method::ChannelFlowOk(channel::FlowOk { active }), false, None, out);
        Ok(())
    }

    /// A relic of AMQP 0-8: every ticket is granted, and means nothing.
    pub(crate) fn access_request(
        &mut self,
        key: ChannelKey,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        let granted = Method::AccessRequestOk(access::RequestOk { ticket: 1 });
        self.reply(key, granted, false, None, out);
        Ok(())
    }
}

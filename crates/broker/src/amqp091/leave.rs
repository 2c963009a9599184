//! Connections that go: their consumers first, then what their channels hold, then the queues that end with them; in
//! slices, when that is much.

use alloc::vec::Vec;
use core::ops::Bound;

use warrener_codec::ChannelId;
use warrener_time::Time;

use crate::broker::Broker;
use crate::effect::Effect;
use crate::id::{ChannelKey, ClientKey, ConnectionId, QueueId};
use crate::job::Job;

/// How far a connection has gone.
#[derive(Debug, Default)]
pub(crate) struct Leaving {
    /// The channels up to this one have no consumers any more.
    detached: Option<ChannelId>,
    /// The channels up to this one have been told to leave.
    told: Option<ChannelId>,
    /// Nobody speaks for it any more: it is only to be forgotten.
    pub(crate) is_gone: bool,
    /// What is said when it is.
    last_word: Option<Effect>,
}

impl Broker {
    /// A client takes its leave. It goes when its channels have said all that they owe it.
    pub(crate) fn closed(&mut self, now: Time, connection: ConnectionId, out: &mut Vec<Effect>) {
        let Some(key) = self.amqp.client(connection) else { return };
        let client = self.amqp.clients.get_mut(key).expect("a client that is there");
        client.wants_to_leave = client.parked_bytes > 0;
        if client.wants_to_leave || client.is_leaving {
            return;
        }
        client.is_leaving = true;
        if !self.leave_slice(now, key, out) {
            self.realm.jobs.push_back(Job::Leave(key));
        }
    }

    /// Goes on with the leave of a client; whether there is more to do.
    pub(crate) fn go_on_leaving(
        &mut self,
        now: Time,
        key: ClientKey,
        out: &mut Vec<Effect>,
    ) -> bool {
        let client = self.amqp.clients.get(key);
        client.is_some_and(|client| !client.leaving.is_gone) && !self.leave_slice(now, key, out)
    }

    /// Tells the channels of a client to leave, when none has a consumer any more; whether all were told.
    fn leave_slice(&mut self, now: Time, key: ClientKey, out: &mut Vec<Effect>) -> bool {
        if !self.detach_slice(now, key, out) {
            return false;
        }
        while let Some((number, channel)) = self.next_channel(key, |leaving| leaving.told) {
            if self.realm.effort.is_spent(out.len()) {
                return false;
            }
            self.realm.effort.visit(1);
            let client = self.amqp.clients.get_mut(key).expect("a client that is there");
            client.leaving.told = Some(number);
            self.clear_channel(now, channel, out);
            self.leave_channel(now, channel, out);
            if self.amqp.clients.get(key).is_none_or(|client| client.leaving.is_gone) {
                return true;
            }
        }
        self.finish_leaving(now, key, out);
        true
    }

    /// Takes the consumers of all channels from their queues before anything is put back, so that nothing is handed to a
    /// channel that is next to go; whether that were all.
    fn detach_slice(&mut self, now: Time, key: ClientKey, out: &mut Vec<Effect>) -> bool {
        while let Some((number, channel)) = self.next_channel(key, |leaving| leaving.detached) {
            if !self.detach_consumers(now, channel, out) {
                return false;
            }
            self.realm.effort.visit(1);
            let client = self.amqp.clients.get_mut(key).expect("a client that is there");
            client.leaving.detached = Some(number);
        }
        true
    }

    fn next_channel(
        &self,
        key: ClientKey,
        after: impl FnOnce(&Leaving) -> Option<ChannelId>,
    ) -> Option<(ChannelId, ChannelKey)> {
        let client = self.amqp.clients.get(key)?;
        let after = after(&client.leaving).map_or(Bound::Unbounded, Bound::Excluded);
        client.channels.range((after, Bound::Unbounded)).next().map(|(number, key)| (*number, *key))
    }

    /// The end of a client that wants to go, when the last of its channels is gone.
    pub(crate) fn finish_leaving(&mut self, now: Time, key: ClientKey, out: &mut Vec<Effect>) {
        let client = self.amqp.clients.get(key);
        let Some(client) = client.filter(|own| own.is_leaving && own.channels.is_empty()) else {
            return;
        };
        if !client.leaving.is_gone {
            let last_word = Effect::ConnectionClosed(client.connection);
            self.remove_client(now, key, Some(last_word), out);
        }
    }

    pub(crate) fn disconnected(
        &mut self,
        now: Time,
        connection: ConnectionId,
        out: &mut Vec<Effect>,
    ) {
        if let Some(key) = self.amqp.client(connection) {
            self.remove_client(now, key, Some(Effect::ConnectionClosed(connection)), out);
        }
    }

    /// Forgets a connection: nobody finds it any more, and what it has goes with it.
    pub(crate) fn remove_client(
        &mut self,
        now: Time,
        key: ClientKey,
        last_word: Option<Effect>,
        out: &mut Vec<Effect>,
    ) {
        let client = self.amqp.clients.get_mut(key).expect("a client that is there");
        client.leaving.is_gone = true;
        client.leaving.last_word = last_word;
        let connection = client.connection;
        let channels: Vec<ChannelKey> = client.channels.values().copied().collect();
        self.realm.effort.visit(channels.len());
        for channel in channels {
            self.amqp.channel_mut(channel).closing = true;
        }
        self.amqp.blocked.remove(&key);
        self.forgive(key);
        self.amqp.client_keys.remove(&connection);
        if self.go_on_forgetting(now, key, out) {
            self.realm.jobs.push_back(Job::Forget(key));
        }
    }

    /// Goes on with forgetting a client; whether there is more to do.
    pub(crate) fn go_on_forgetting(
        &mut self,
        now: Time,
        key: ClientKey,
        out: &mut Vec<Effect>,
    ) -> bool {
        if !self.detach_slice(now, key, out) {
            return true;
        }
        while let Some((_, channel)) = self.next_channel(key, |_| None) {
            if self.realm.effort.is_spent(out.len()) {
                return true;
            }
            self.begin_to_clear(channel, out);
            if !self.clear_slice(now, channel, out) {
                return true;
            }
            self.drop_parked(channel, out);
            self.remove_channel(channel);
        }
        let Some(connection) = self.amqp.clients.get(key).map(|client| client.connection) else {
            return false;
        };
        let owned = (connection, QueueId::FIRST)..=(connection, QueueId::LAST);
        while let Some((_, queue)) = self.realm.owned.range(owned.clone()).next().copied() {
            if self.realm.effort.is_spent(out.len()) {
                return true;
            }
            self.realm.remove_queue(now, queue, out);
        }
        if let Some(client) = self.amqp.clients.remove(key) {
            self.realm.stats.churn.connections_closed += 1;
            self.realm.users.count(&client.access.user, |usage| usage.connections -= 1);
            self.realm.vhosts[client.vhost].connections -= 1;
            self.realm.held_elsewhere_bytes -= client.outbound_bytes + client.unfinished_bytes;
            out.extend(client.leaving.last_word);
            self.tell_closed(client.vhost, &client.ends, &client.access.user);
        }
        false
    }
}

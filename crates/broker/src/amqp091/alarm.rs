//! Alarms: connections that publish while the host runs short are not read until it no longer does
//! (RabbitMQ extension: connection.blocked).
//!
//! A connection is stopped by its first publish under an alarm, so one that only consumes never is, and what it
//! acknowledges makes room.

use alloc::vec::Vec;

use warrener_codec::method::connection;
use warrener_codec::{ChannelId, Method, ShortStr};

use crate::alarm::Alarm;
use crate::broker::Broker;
use crate::effect::Effect;
use crate::id::{ChannelKey, ClientKey};

impl Broker {
    /// The host runs short of something, or no longer does.
    pub(crate) fn alarm(&mut self, alarm: Alarm, on: bool, out: &mut Vec<Effect>) {
        self.amqp.alarms.set(alarm, on);
        if self.amqp.alarms.reason().is_some() {
            return;
        }
        let blocked = self.amqp.clients.iter().filter(|(_, client)| client.blocked);
        let blocked: Vec<ClientKey> = blocked.map(|(key, _)| key).collect();
        for key in blocked {
            let client = self.amqp.clients.get_mut(key).expect("a client that is there");
            out.extend(client.repause(|client| client.blocked = false));
            self.say_blocked(key, Method::ConnectionUnblocked, out);
        }
    }

    /// A client publishes: under an alarm, it is told to wait.
    #[inline]
    pub(crate) fn block_under_alarm(&mut self, key: ChannelKey, out: &mut Vec<Effect>) {
        if let Some(reason) = self.amqp.alarms.reason() {
            self.block(key, reason, out);
        }
    }

    #[cold]
    fn block(&mut self, key: ChannelKey, reason: &'static str, out: &mut Vec<Effect>) {
        let key = self.amqp.channel(key).client;
        let client = self.amqp.clients.get_mut(key).expect("a channel has a client");
        if client.blocked {
            return;
        }
        out.extend(client.repause(|client| client.blocked = true));
        let reason = ShortStr::from_static(reason);
        self.say_blocked(key, Method::ConnectionBlocked(connection::Blocked { reason }), out);
    }

    fn say_blocked(&mut self, key: ClientKey, method: Method, out: &mut Vec<Effect>) {
        let client = self.amqp.clients.get(key).expect("a client that is there");
        if !client.capabilities.connection_blocked {
            return;
        }
        let effect = Effect::Send(client.connection, ChannelId::CONNECTION, method);
        let weight = effect.weight_bytes();
        out.push(effect);
        if let Some((_, bytes)) = weight {
            self.burden(key, bytes, out);
        }
    }
}

//! Alarms: whoever publishes while the host runs short waits until it no longer does (RabbitMQ extension:
//! connection.blocked).
//!
//! A connection is blocked by its first publish under an alarm, so one that only consumes never is. What it publishes is
//! kept back. One that holds or takes messages as well is read on until it has published more than a little, because what
//! it acknowledges makes room; any other is not read at all.
//!
//! Short of an alarm, when nothing more can leave memory, only those are blocked whose messages stay in a queue.

use alloc::vec::Vec;

use warrener_codec::method::connection;
use warrener_codec::{ChannelId, Method, ShortStr};
use warrener_time::Time;
#[cfg(warrener_planted)]
use warrener_time::planted::{Bug, planted};

use crate::alarm::Alarm;
use crate::amqp091::parked::Stall;
use crate::broker::Broker;
use crate::effect::Effect;
use crate::id::{ChannelKey, ClientKey};

impl Broker {
    /// The host runs short of something, or no longer does.
    pub(crate) const fn alarm(&mut self, alarm: Alarm, on: bool) {
        self.amqp.alarms.set(alarm, on);
    }

    /// Whether what is published on a channel must wait; its client is told, the first time.
    #[inline]
    pub(crate) fn must_wait(&mut self, key: ChannelKey, out: &mut Vec<Effect>) -> bool {
        let reason = self.amqp.alarms.reason();
        if reason.is_none() && self.amqp.blocked.is_empty() {
            return false;
        }
        if let Some(reason) = reason {
            self.block(key, reason, out);
        }
        self.amqp.with_client(key).1.blocked
    }

    /// A client published what stays in a queue while nothing more can leave memory.
    #[cold]
    pub(crate) fn block_for_growth(&mut self, key: ChannelKey, out: &mut Vec<Effect>) {
        self.block(key, "low on memory", out);
    }

    #[cold]
    fn block(&mut self, key: ChannelKey, reason: &'static str, out: &mut Vec<Effect>) {
        let key = self.amqp.channel(key).client;
        let client = self.amqp.clients.get(key).expect("a channel has a client");
        if client.blocked {
            return;
        }
        let mut channels = client.channels.values().map(|channel| self.amqp.channel(*channel));
        let consumes = channels.any(|own| !own.consumers.is_empty() || own.unacked.len() > 0);
        let client = self.amqp.clients.get_mut(key).expect("a channel has a client");
        out.extend(client.repause(|client| {
            client.blocked = true;
            client.is_read_on = consumes;
        }));
        self.amqp.blocked.insert(key);
        let reason = ShortStr::from_static(reason);
        self.say_blocked(key, Method::ConnectionBlocked(connection::Blocked { reason }), out);
    }

    /// Whether somebody is blocked who need not be.
    pub(crate) fn can_unblock(&self) -> bool {
        #[cfg(warrener_planted)]
        if planted(Bug::ForgetUnblock) {
            return false;
        }
        !self.amqp.blocked.is_empty()
            && self.amqp.alarms.reason().is_none()
            && !self.realm.is_strained
    }

    /// Lets clients go on that were blocked, some at a time, with what they have published meanwhile.
    pub(crate) fn unblock_some(&mut self, now: Time, out: &mut Vec<Effect>) {
        for _ in 0..CLIENTS_PER_TURN {
            if !self.can_unblock() {
                return;
            }
            let key = self.amqp.blocked.pop_first().expect("somebody is blocked");
            let client = self.amqp.clients.get_mut(key).expect("a client that is there");
            out.extend(client.repause(|client| client.blocked = false));
            let channels: Vec<ChannelKey> = client.channels.values().copied().collect();
            self.say_blocked(key, Method::ConnectionUnblocked, out);
            for channel in channels {
                let known = self.amqp.channels.get(channel);
                if known.is_some_and(|known| known.stall == Some(Stall::Alarm)) {
                    self.resume(now, channel, out);
                }
            }
        }
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

/// How many clients go on in one turn.
const CLIENTS_PER_TURN: usize = 16;

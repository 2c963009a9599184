//! Direct reply-to (RabbitMQ extension): replies to a requester without a queue.
//!
//! The requester consumes from a queue that does not exist, and names it in its requests. They go out with an address
//! instead that nobody can guess, and what is published to that address comes straight to the requester's channel.

use alloc::vec::Vec;

use warrener_codec::method::basic;
use warrener_codec::{Content, Method, PropertiesRef, ShortStr};
use warrener_time::Time;

use crate::address::Address;
use crate::amqp091::channel::ReplyConsumer;
use crate::broker::Broker;
use crate::effect::{Deliver, Effect};
use crate::id::{ChannelKey, VhostId};
use crate::message::NewMessage;
use crate::refusal::{Reason, Resource};

/// What requesters consume from, and name in their requests.
pub(crate) const QUEUE: &str = "amq.rabbitmq.reply-to";
/// What responders publish to begins so.
const PREFIX: &str = "amq.rabbitmq.reply-to.";

/// Whether this is the queue that does not exist.
pub(crate) fn is_queue(name: &ShortStr) -> bool {
    name.as_bytes() == QUEUE.as_bytes()
}

/// Whether this may be the address of a requester.
pub(crate) fn is_address(name: &ShortStr) -> bool {
    name.as_bytes().starts_with(PREFIX.as_bytes())
}

impl Broker {
    pub(crate) fn consume_replies(
        &mut self,
        key: ChannelKey,
        consume: &basic::Consume,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        if !consume.no_ack {
            return Err(Reason::ReplyConsumerAcknowledges);
        }
        if self.amqp.channel(key).reply_consumer.is_some() {
            return Err(Reason::ReplyConsumerExists);
        }
        let tag = self.consumer_tag(&consume.consumer_tag);
        let address = self.realm.generator.name(PREFIX);
        self.amqp.repliers.insert(address.clone(), key);
        let replier = ReplyConsumer { tag: tag.clone(), address };
        self.amqp.channel_mut(key).reply_consumer = Some(replier);
        let ok = Method::BasicConsumeOk(basic::ConsumeOk { consumer_tag: tag });
        self.reply(key, ok, consume.no_wait, None, out);
        Ok(())
    }

    /// Gives a message to those of its repliers who are still there.
    pub(crate) fn hand_to_repliers(
        &mut self,
        now: Time,
        repliers: &[ChannelKey],
        new: &NewMessage,
        out: &mut Vec<Effect>,
    ) {
        for replier in repliers {
            if self.amqp.channels.get(*replier).is_some_and(|own| own.reply_consumer.is_some()) {
                self.deliver_reply(now, *replier, &new.address, &new.content, out);
            }
        }
    }

    /// The address that a request carries in place of the queue's name.
    pub(crate) fn reply_address(
        &self,
        key: ChannelKey,
        properties: &PropertiesRef<'_>,
    ) -> Result<Option<&ShortStr>, Reason> {
        if properties.reply_to.is_none_or(|name| name.as_bytes() != QUEUE.as_bytes()) {
            return Ok(None);
        }
        match &self.amqp.channel(key).reply_consumer {
            Some(replier) => Ok(Some(&replier.address)),
            None => Err(Reason::NoReplyConsumer),
        }
    }

    /// The channel that takes replies at this address, if it is in this virtual host and still there.
    pub(crate) fn replier(&self, vhost: VhostId, address: &[u8]) -> Option<ChannelKey> {
        if !address.starts_with(PREFIX.as_bytes()) {
            return None;
        }
        let key = *self.amqp.repliers.get(address)?;
        (self.amqp.with_client(key).1.vhost == vhost).then_some(key)
    }

    /// The requester's address that this name is, if the requester is still there.
    pub(crate) fn reply_resource(&self, key: ChannelKey, name: &ShortStr) -> Option<Resource> {
        let vhost = self.amqp.caller(key).vhost;
        self.replier(vhost, name.as_bytes())?;
        Some(Resource::queue(name.as_bytes(), self.realm.vhosts[vhost].name().as_bytes()))
    }

    /// A requester that cannot take a reply gets no more of them: it is told so, or its channel is closed.
    fn end_replies(&mut self, now: Time, key: ChannelKey, why: &Reason, out: &mut Vec<Effect>) {
        if !self.amqp.with_client(key).1.capabilities.consumer_cancel_notify {
            return self.refuse(now, key, why, (0, 0), out);
        }
        let Some(replier) = self.amqp.channel_mut(key).reply_consumer.take() else { return };
        self.amqp.repliers.remove(&replier.address);
        self.notify_cancel(key, replier.tag, out);
    }

    /// Hands a reply straight to its requester.
    pub(crate) fn deliver_reply(
        &mut self,
        now: Time,
        key: ChannelKey,
        address: &Address,
        content: &Content,
        out: &mut Vec<Effect>,
    ) {
        // A reply is never kept: a requester that does not read loses it.
        let (_, client) = self.amqp.with_client(key);
        if client.outbound_bytes >= self.realm.limits.outbound_pause_bytes {
            return;
        }
        if let Err(too_large) = client.check_header(content) {
            return self.end_replies(now, key, &too_large, out);
        }
        if self.realm.reports.is_tracing {
            self.trace_reply(key, address, content);
        }
        let channel = self.amqp.channel_mut(key);
        let replier = channel.reply_consumer.as_ref().expect("a replier has a consumer");
        let deliver = Deliver {
            connection: channel.connection,
            channel: channel.number,
            consumer_tag: replier.tag.clone(),
            delivery_tag: channel.next_delivery_tag(),
            redelivered: false,
            address: address.clone(),
            content: content.clone(),
        };
        self.realm.stats.delivered += 1;
        self.emit(key, Effect::Deliver(deliver), out);
    }
}

//! basic.consume and basic.cancel: consumers coming and going.

use alloc::vec::Vec;
use core::time::Duration;

use warrener_codec::method::basic;
use warrener_codec::{Method, ShortStr, Table};
use warrener_queue::Consume;
use warrener_time::Time;
#[cfg(warrener_planted)]
use warrener_time::planted::{Bug, planted};

use crate::amqp091::unacked::PLACES_A_VISIT;
use crate::broker::Broker;
use crate::effect::Effect;
use crate::id::{ChannelKey, LinkId, QueueId};
use crate::realm::Notice;
use crate::refusal::{Reason, Resource, shown};
use crate::value::type_name;

/// A consumer as its channel knows it.
#[derive(Debug)]
pub(crate) struct Consumer {
    pub(crate) channel: ChannelKey,
    pub(crate) tag: ShortStr,
    pub(crate) queue: QueueId,
    pub(crate) no_ack: bool,
    /// How many deliveries it may hold; 0 for any number.
    pub(crate) prefetch: u16,
    /// How many it holds.
    pub(crate) unacked: u32,
    /// The delivery tag of the last message it got; 0 before the first.
    pub(crate) last_tag: u64,
}

impl Broker {
    pub(crate) fn consume(
        &mut self,
        now: Time,
        key: ChannelKey,
        consume: &basic::Consume,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        self.check_tag(key, &consume.consumer_tag)?;
        self.realm.check_arguments(&consume.arguments)?;
        if consume.queue.as_bytes() == crate::amqp091::reply_to::QUEUE.as_bytes() {
            return self.consume_replies(key, consume, out);
        }
        if let Some(replier) = self.reply_resource(key, &consume.queue) {
            return Err(Reason::ConsumeFromReplier(replier));
        }
        let name = self.queue_name(key, &consume.queue)?;
        self.check_read(key, name.as_bytes())?;
        let queue = self.realm.expect_own_queue(self.amqp.caller(key), &name)?;
        let priority = priority(&consume.arguments, || self.realm.resource(queue))?;
        let tag = self.consumer_tag(&consume.consumer_tag);
        let (channel, client) = self.amqp.with_client(key);
        #[cfg(warrener_planted)]
        let more = u16::from(channel.prefetch > 0 && planted(Bug::PrefetchOneTooMany));
        let consumer = Consumer {
            channel: key,
            tag: tag.clone(),
            queue,
            no_ack: consume.no_ack,
            prefetch: if consume.no_ack { 0 } else { channel.prefetch },
            unacked: 0,
            last_tag: 0,
        };
        #[cfg(warrener_planted)]
        let consumer = Consumer { prefetch: consumer.prefetch + more, ..consumer };
        let mut how = Consume::default();
        how.priority = priority;
        how.exclusive = consume.exclusive && self.realm.takes_exclusive_consumers(queue);
        how.settled = consume.no_ack;
        how.credit = channel.credit_of(&consumer, client);
        how.delivery_timeout =
            self.realm.queue(queue).settings.consumer_timeout_ms.map(Duration::from_millis);
        let link = self.amqp.consumers.insert(consumer);
        if let Err(refused) = self.realm.attach(now, queue, link, how, out) {
            self.amqp.consumers.remove(link);
            return Err(refused);
        }
        self.amqp.channel_mut(key).consumers.insert(tag.clone(), link);
        self.count_consumer(key, |count| count + 1);
        let prefetch = self.amqp.channel(key).prefetch;
        self.tell_consumer("consumer.created", link, |headers| {
            headers
                .insert("ack_required", !consume.no_ack)
                .insert("exclusive", consume.exclusive)
                .insert("prefetch_count", i64::from(prefetch))
                .insert("arguments", &crate::event_exchange::arguments(&consume.arguments));
        });
        let ok = Method::BasicConsumeOk(basic::ConsumeOk { consumer_tag: tag });
        self.reply(key, ok, consume.no_wait, None, out);
        Ok(())
    }

    /// A tag is used once in a channel, and there are only so many.
    fn check_tag(&self, key: ChannelKey, tag: &ShortStr) -> Result<(), Reason> {
        let channel = self.amqp.channel(key);
        let replier = channel.reply_consumer.as_ref().is_some_and(|replier| replier.tag == *tag);
        if replier || channel.consumers.contains_key(tag) {
            return Err(Reason::ConsumerTagReused(shown(tag.as_bytes())));
        }
        let in_all = self.realm.limits.consumers_per_connection;
        if self.amqp.with_client(key).1.consumers >= in_all {
            return Err(Reason::TooManyConsumersInAll(in_all));
        }
        let limit = self.realm.limits.consumers_per_channel;
        if channel.consumers.len() >= limit as usize {
            return Err(Reason::TooManyConsumers(limit));
        }
        Ok(())
    }

    /// The client's tag, or one made up for it.
    pub(crate) fn consumer_tag(&mut self, tag: &ShortStr) -> ShortStr {
        if tag.is_empty() { self.realm.generator.name("amq.ctag-") } else { tag.detached() }
    }

    pub(crate) fn cancel(
        &mut self,
        now: Time,
        key: ChannelKey,
        cancel: &basic::Cancel,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        let tag = &cancel.consumer_tag;
        let channel = self.amqp.channel_mut(key);
        let link = channel.consumers.remove(tag);
        if let Some(replier) = channel.reply_consumer.take_if(|replier| replier.tag == *tag) {
            self.amqp.repliers.remove(&replier.address);
        }
        let ok = Method::BasicCancelOk(basic::CancelOk { consumer_tag: tag.clone() });
        self.reply(key, ok, cancel.no_wait, None, out);
        if let Some(link) = link {
            self.detach_consumer(now, link, out);
        }
        Ok(())
    }

    /// Ends a consumer that its channel still knows.
    pub(crate) fn end_consumer(&mut self, now: Time, link: LinkId, out: &mut Vec<Effect>) {
        let Some(consumer) = self.amqp.consumers.get(link) else { return };
        let (key, tag) = (consumer.channel, consumer.tag.clone());
        self.amqp.channel_mut(key).consumers.remove(&tag);
        self.detach_consumer(now, link, out);
    }

    fn count_consumer(&mut self, key: ChannelKey, change: impl FnOnce(u32) -> u32) {
        let client = self.amqp.channel(key).client;
        let client = self.amqp.clients.get_mut(client).expect("a channel has a client");
        client.consumers = change(client.consumers);
    }

    /// Takes a consumer, which its channel has forgotten, from its queue.
    fn detach_consumer(&mut self, now: Time, link: LinkId, out: &mut Vec<Effect>) {
        self.tell_consumer("consumer.deleted", link, |_| ());
        if let Some(consumer) = self.amqp.consumers.remove(link) {
            self.count_consumer(consumer.channel, |count| count - 1);
            self.realm.detach(now, consumer.queue, link, out);
        }
    }

    /// Takes the consumers of a channel from their queues, as far as the turn allows; whether that were all.
    pub(crate) fn detach_consumers(
        &mut self,
        now: Time,
        key: ChannelKey,
        out: &mut Vec<Effect>,
    ) -> bool {
        loop {
            let consumers = &mut self.amqp.channel_mut(key).consumers;
            if consumers.is_empty() {
                return true;
            }
            if self.realm.effort.is_spent(out.len()) {
                return false;
            }
            self.realm.effort.visit(1);
            if let Some((_, link)) = consumers.pop_first() {
                self.detach_consumer(now, link, out);
            }
        }
    }

    /// What happened to consumers without their doing.
    pub(crate) fn handle_notices(&mut self, now: Time, out: &mut Vec<Effect>) {
        while !self.realm.effort.is_spent(out.len()) {
            let Some(notice) = self.realm.notices.pop_front() else { return };
            self.realm.effort.visit(1);
            match notice {
                Notice::QueueGone(link) => self.queue_gone(link, out),
                Notice::Here(queue, after) => self.content_is_here(now, queue, after, out),
                Notice::Farewell(connection) => self.closed(now, connection, out),
                Notice::TakenBack { link, queue, seq } => {
                    self.taken_back(now, link, queue, seq, out);
                }
            }
        }
    }

    /// A consumer ends with its queue, and is told if it can be (RabbitMQ extension: consumer cancel notification).
    fn queue_gone(&mut self, link: LinkId, out: &mut Vec<Effect>) {
        self.tell_consumer("consumer.deleted", link, |_| ());
        let Some(consumer) = self.amqp.consumers.remove(link) else { return };
        let key = consumer.channel;
        self.amqp.channel_mut(key).consumers.remove(&consumer.tag);
        self.count_consumer(key, |count| count - 1);
        self.notify_cancel(key, consumer.tag, out);
    }

    pub(crate) fn notify_cancel(
        &mut self,
        key: ChannelKey,
        consumer_tag: ShortStr,
        out: &mut Vec<Effect>,
    ) {
        let (channel, client) = self.amqp.with_client(key);
        if client.capabilities.consumer_cancel_notify {
            let cancel = Method::BasicCancel(basic::Cancel { consumer_tag, no_wait: true });
            let effect = channel.sending(cancel);
            self.emit(key, effect, out);
        }
    }

    /// A consumer held a message for too long, and its queue took it back: the consumer is cancelled where it can be told
    /// so, and its channel closed where not (RabbitMQ 4.3).
    fn taken_back(
        &mut self,
        now: Time,
        link: LinkId,
        queue: QueueId,
        seq: warrener_queue::Seq,
        out: &mut Vec<Effect>,
    ) {
        let Some(consumer) = self.amqp.consumers.get(link) else { return };
        let (key, tag) = (consumer.channel, consumer.tag.clone());
        let channel = self.amqp.channel_mut(key);
        let (was_there, looked) = channel.unacked.forget(queue, seq);
        if was_there {
            channel.shared_unacked = channel.shared_unacked.saturating_sub(1);
        }
        self.realm.effort.visit(looked / PLACES_A_VISIT);
        let (channel, client) = self.amqp.with_client(key);
        if client.capabilities.consumer_cancel_notify {
            self.end_consumer(now, link, out);
            self.notify_cancel(key, tag, out);
        } else {
            let timeout_ms =
                self.realm.queues.get(queue).and_then(|queue| queue.settings.consumer_timeout_ms);
            let reason = Reason::AcknowledgementTimeout {
                channel: channel.number.number(),
                timeout_ms: timeout_ms.unwrap_or_default(),
            };
            self.refuse(now, key, &reason, (0, 0), out);
        }
    }
}

/// The argument `x-priority` (RabbitMQ extension).
fn priority(arguments: &Table, resource: impl Fn() -> Resource) -> Result<i32, Reason> {
    const ARGUMENT: &str = "x-priority";
    let Some(value) = arguments.get(ARGUMENT) else { return Ok(0) };
    match value.as_i64() {
        Some(priority) => Ok(priority.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32),
        None => {
            let explanation = alloc::format!("\"expected integer, got {}\"", type_name(&value));
            let explanation = explanation.into_boxed_str();
            Err(Reason::InvalidArgument { argument: ARGUMENT, resource: resource(), explanation })
        }
    }
}

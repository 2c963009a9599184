//! From queues to consumers.

use alloc::vec::Vec;

use warrener_codec::Content;
use warrener_queue::{Delivery, Seq};
use warrener_time::Time;

use crate::address::Address;
use crate::amqp091::Amqp;
use crate::amqp091::unacked::Delivered;
use crate::broker::Broker;
use crate::effect::{Deliver, Effect, content_bytes};
use crate::id::{ChannelKey, LinkId, MessageId, QueueId};
use crate::refusal::Reason;

/// A message on its way to a consumer.
pub(crate) struct Handed {
    pub(crate) queue: QueueId,
    pub(crate) seq: Seq,
    pub(crate) settled: bool,
    pub(crate) redelivered: bool,
    pub(crate) address: Address,
    pub(crate) content: Content,
}

impl Broker {
    /// Hands out what can be handed out, up to a bound; the rest waits for the next turn.
    #[inline]
    pub(crate) fn deliver(&mut self, now: Time, out: &mut Vec<Effect>) {
        if !self.realm.awake.is_empty() {
            self.deliver_some(now, out);
        }
    }

    fn deliver_some(&mut self, now: Time, out: &mut Vec<Effect>) {
        for _ in 0..self.realm.limits.deliveries_per_input {
            if self.realm.must_look_ahead()
                && let Some((link, message)) = self.realm.look_ahead(now, out)
                && self.give_up(now, link, message, out)
            {
                continue;
            }
            let Some((queue, delivery)) = self.realm.poll_delivery(now, out.len()) else { return };
            self.hand_over(queue, &delivery, out);
            self.realm.absorb(now, out);
        }
    }

    /// A message whose header does not fit the frames of a consumer's connection is never sent to it: the consumer ends, so
    /// that the message, in its place, goes to one that takes it. Whether that was so.
    fn give_up(
        &mut self,
        now: Time,
        link: LinkId,
        message: MessageId,
        out: &mut Vec<Effect>,
    ) -> bool {
        let consumer = self.amqp.consumers.get(link).expect("a queue's consumer is known");
        let (key, tag) = (consumer.channel, consumer.tag.clone());
        let Err(reason) = self.check_header(key, message) else { return false };
        if self.amqp.with_client(key).1.capabilities.consumer_cancel_notify {
            self.end_consumer(now, link, out);
            self.notify_cancel(key, tag, out);
        } else {
            self.refuse(now, key, &reason, (0, 0), out);
        }
        true
    }

    /// Whether the headers of a message fit the frames of a channel's connection.
    pub(crate) fn check_header(&self, key: ChannelKey, message: MessageId) -> Result<(), Reason> {
        let (_, client) = self.amqp.with_client(key);
        let message = &self.realm.messages.whole(message).new;
        if client.takes(message) {
            return Ok(());
        }
        let size = message.content.properties.as_bytes().len();
        Err(Reason::HeaderTooLarge { size, frame_max: client.frame_max })
    }

    /// Sends a message out of a queue to its consumer.
    #[inline]
    fn hand_over(&mut self, queue: QueueId, delivery: &Delivery<MessageId>, out: &mut Vec<Effect>) {
        let link = LinkId::from_consumer(delivery.consumer.expect("only get has no consumer"));
        let slot = self.realm.queue(queue);
        let kind = slot.settings.kind;
        if slot.mark.is_some() || self.realm.reports.is_watching {
            let key = self.amqp.consumers.get(link).expect("a queue's consumer is known").channel;
            self.guard_delivery(key, queue, delivery.handle, out);
            if self.realm.reports.is_watching {
                self.watch_delivery(key, queue, delivery);
            }
        }
        let (message, holders) = self.realm.messages.whole_of(delivery.handle);
        let redelivered = delivery.redelivered || message.new.is_redelivered();
        let (address, content) = message.hand_out(kind, delivery, holders);
        let (seq, settled) = (delivery.seq, delivery.settled);
        self.hand_to(link, Handed { queue, seq, settled, redelivered, address, content }, out);
    }

    /// Sends a message to a consumer. Everything that is delivered comes by here.
    // It is larger than what registers hold, and is not to be moved at each step.
    #[inline(always)]
    pub(crate) fn hand_to(&mut self, link: LinkId, handed: Handed, out: &mut Vec<Effect>) {
        let Handed { queue, seq, settled, redelivered, address, content } = handed;
        let Amqp { consumers, channels, disk, .. } = &mut self.amqp;
        let consumer = consumers.get_mut(link).expect("a queue's consumer is known");
        let key = consumer.channel;
        let channel = channels.get_mut(key).expect("a consumer has a channel");
        let slot = self.realm.queues.get_mut(queue).expect("a delivery comes from a queue");
        slot.traffic.deliver(settled, redelivered);
        channel.traffic.messages.deliver(settled, redelivered);
        self.realm.stats.of(slot.settings.kind).deliver(settled, redelivered);
        self.realm.stats.delivered += 1;
        let tag = channel.next_delivery_tag();
        consumer.last_tag = tag;
        if !settled {
            consumer.unacked += 1;
            channel.unacked.push(Delivered { tag, queue, seq, link: Some(link) });
            channel.shared_unacked += 1;
        }
        let became_full = !settled && channel.is_full();
        let (client, weight_bytes) = (channel.client, content_bytes(&content));
        let deliver = Effect::Deliver(Deliver {
            connection: channel.connection,
            channel: channel.number,
            consumer_tag: consumer.tag.clone(),
            delivery_tag: tag,
            redelivered,
            address,
            content,
        });
        if channel.is_held(disk) {
            channel.hold(deliver);
        } else {
            out.push(deliver);
        }
        self.burden(client, weight_bytes, out);
        if became_full {
            self.refresh_channel(key);
        }
    }

    /// The log may say that this message was not delivered: then that is taken back on the disk before the message leaves.
    #[inline]
    pub(crate) fn guard_delivery(
        &mut self,
        key: ChannelKey,
        queue: QueueId,
        message: MessageId,
        out: &mut Vec<Effect>,
    ) {
        if let Some(record) = self.realm.note_delivery(queue, message, &self.amqp.disk, out) {
            self.amqp.channel_mut(key).hold_until(record);
            self.amqp.await_disk(key);
        }
    }

    /// Says anew what each consumer of a channel may get. Who has waited longest comes first, so that consumers that share
    /// a prefetch take turns.
    pub(crate) fn refresh_channel(&mut self, key: ChannelKey) {
        let mut links: Vec<LinkId> = self.amqp.channel(key).consumers.values().copied().collect();
        let last_tag = |link| self.amqp.consumers.get(link).map(|consumer| consumer.last_tag);
        links.sort_by_key(|link| (last_tag(*link), *link));
        self.realm.effort.visit(links.len());
        for link in links {
            self.refresh_consumer(link);
        }
    }

    /// Says anew what a consumer may get.
    #[inline]
    pub(crate) fn refresh_consumer(&mut self, link: LinkId) {
        let Some(consumer) = self.amqp.consumers.get(link) else { return };
        let (channel, client) = self.amqp.with_client(consumer.channel);
        let credit = channel.credit_of(consumer, client);
        self.realm.credit(consumer.queue, link, credit);
    }
}

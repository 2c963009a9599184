//! basic.get: one message, asked for.

use alloc::vec::Vec;

use warrener_codec::Method;
use warrener_codec::method::basic;
use warrener_time::Time;

use crate::amqp091::parked::{Parked, Stall};
use crate::amqp091::unacked::Delivered;
use crate::arguments::QueueKind;
use crate::broker::Broker;
use crate::effect::{Effect, GetOk};
use crate::id::ChannelKey;
use crate::refusal::Reason;
use crate::settle::content_for;

impl Broker {
    pub(crate) fn get(
        &mut self,
        now: Time,
        key: ChannelKey,
        get: basic::Get,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        if let Some(replier) = self.reply_resource(key, &get.queue) {
            return Err(Reason::GetFromReplier(replier));
        }
        let name = self.queue_name(key, &get.queue)?;
        self.check_read(key, name.as_bytes())?;
        let queue = self.realm.expect_own_queue(self.amqp.caller(key), &name)?;
        let slot = self.realm.queue(queue);
        if slot.settings.single_active_consumer && slot.settings.kind == QueueKind::Quorum {
            let resource = self.realm.resource(queue);
            return Err(Reason::GetPastSingleActive { resource, kind: slot.settings.kind.name() });
        }
        if !self.realm.first_is_here(now, queue, out) {
            self.stall(key, Stall::Content(queue), Parked::Method(get.into()));
            return Ok(());
        }
        let slot = self.realm.queue(queue);
        if let Some(first) = slot.queue.ready(None).next().filter(|_| slot.has_wide) {
            self.check_header(key, *first.handle)?;
        }
        let Some(delivery) = self.realm.take(now, queue, get.no_ack) else {
            let slot = self.realm.queue_mut(queue);
            slot.traffic.got_nothing += 1;
            let kind = slot.settings.kind;
            self.realm.stats.of(kind).got_nothing += 1;
            self.amqp.channel_mut(key).traffic.messages.got_nothing += 1;
            self.realm.absorb(now, out);
            self.reply(key, Method::BasicGetEmpty, false, None, out);
            return Ok(());
        };
        self.guard_delivery(key, queue, delivery.handle, out);
        if self.realm.reports.is_watching {
            self.watch_delivery(key, queue, &delivery);
        }
        let slot = self.realm.queue(queue);
        let message = &self.realm.messages.whole(delivery.handle).new;
        let content = content_for(message, slot.settings.kind, &delivery);
        let message_count = slot.standing().ready;
        let (kind, redelivered) =
            (slot.settings.kind, delivery.redelivered || message.is_redelivered());
        let address = message.address.clone();
        self.realm.queue_mut(queue).traffic.get(get.no_ack, redelivered);
        self.realm.stats.of(kind).get(get.no_ack, redelivered);
        let channel = self.amqp.channel_mut(key);
        channel.traffic.messages.get(get.no_ack, redelivered);
        let tag = channel.next_delivery_tag();
        if !get.no_ack {
            channel.unacked.push(Delivered { tag, queue, seq: delivery.seq, link: None });
        }
        let got = GetOk {
            connection: channel.connection,
            channel: channel.number,
            delivery_tag: tag,
            redelivered,
            message_count,
            address,
            content,
        };
        self.realm.stats.got += 1;
        self.emit(key, Effect::GetOk(got), out);
        self.realm.absorb(now, out);
        Ok(())
    }
}

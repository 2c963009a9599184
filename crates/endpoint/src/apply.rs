//! What the broker wants done, as octets.

use alloc::boxed::Box;

use warrener_broker::{Confirm, Deliver, Effect, GetOk, Refusal, Return};
use warrener_codec::method::basic;
use warrener_codec::{ChannelId, Method, ReplyCode, ShortRef};
use warrener_connection::{Close, Connection, Decision, Initiator, Misuse, Outbound, ServerConfig};
use warrener_time::Time;

use crate::confirms::Answer;
use crate::endpoint::{Endpoint, Stage};

impl Endpoint {
    /// Does what an effect asks of this connection. What it asks of the log is not for an endpoint, and changes nothing.
    ///
    /// # Errors
    ///
    /// When it cannot be said to this client, because a frame would be too large for it, or far too much waits for it
    /// already. The client has then been told that the connection ends, and the broker is to hear
    /// [`Input::Disconnected`](warrener_broker::Input::Disconnected).
    pub fn apply(&mut self, now: Time, effect: &Effect) -> Result<(), Misuse> {
        if let Some((_, weight)) = effect.weight_bytes() {
            self.drain.add(weight);
        }
        match effect {
            Effect::Opened(_) => self.open(now),
            Effect::Send(_, channel, method) => self.send(now, *channel, method),
            Effect::Confirm(confirm) => self.confirm(now, *confirm),
            Effect::Deliver(deliver) => self.deliver(now, deliver),
            Effect::GetOk(got) => self.get_ok(now, got),
            Effect::Return(returned) => self.give_back(now, returned),
            Effect::CloseChannel(_, channel, refusal) => self.close_channel(now, *channel, refusal),
            Effect::CloseConnection(_, refusal) => {
                self.refuse(now, refusal);
                Ok(())
            }
            Effect::ConnectionClosed(_) => {
                self.finish_close();
                Ok(())
            }
            Effect::Pause(_, paused) => {
                self.paused = *paused;
                Ok(())
            }
            Effect::Persist(_)
            | Effect::Release(_)
            | Effect::Load(_)
            | Effect::Warn(_)
            | Effect::Done(..) => Ok(()),
        }
    }

    /// The broker lets the client in: open-ok, and from now on two halves.
    fn open(&mut self, now: Time) -> Result<(), Misuse> {
        let Stage::Greeting(connection) = &mut self.stage else { return Ok(()) };
        if connection.decide(now, Decision::Accept).is_err() {
            // The client has gone away meanwhile, and the broker will hear so.
            return Ok(());
        }
        // Splitting takes the whole connection; one with nobody at its other end stands in while it happens.
        let nobody = Box::new(Connection::server(ServerConfig::default(), now));
        self.stage = match core::mem::replace(connection, nobody).split() {
            Ok((inbound, outbound)) => {
                Stage::Open { inbound: Some(inbound.into()), outbound: outbound.into() }
            }
            Err(closed) => Stage::Greeting(closed),
        };
        Ok(())
    }

    /// Sends when there is somebody to send to.
    #[inline]
    fn say(
        &mut self,
        now: Time,
        send: impl FnOnce(&mut Outbound) -> Result<(), Misuse>,
    ) -> Result<(), Misuse> {
        let Stage::Open { outbound, .. } = &mut self.stage else { return Ok(()) };
        match send(outbound) {
            Ok(()) => Ok(()),
            // Our words and the end of the conversation crossed.
            Err(Misuse::NotOpen | Misuse::ChannelNotOpen(_)) => Ok(()),
            Err(misuse) => {
                outbound.close(now, Close::new(ReplyCode::RESOURCE_ERROR, misuse));
                Err(misuse)
            }
        }
    }

    fn send(&mut self, now: Time, channel: ChannelId, method: &Method) -> Result<(), Misuse> {
        if *method == Method::ChannelOpenOk {
            self.confirms.forget(channel);
        }
        self.confirm_first(now, channel)?;
        self.say(now, |out| out.send(channel, method))
    }

    /// Writes a confirm, or keeps it while much waits to be written already.
    fn confirm(&mut self, now: Time, confirm: Confirm) -> Result<(), Misuse> {
        if self.confirms.is_empty()
            && self.has_room_for_confirms()
            && let Some(answer) = self.confirms.pass(&confirm)
        {
            return self.say(now, |out| out.send(confirm.channel, &answer.method()));
        }
        if matches!(self.stage, Stage::Open { .. }) {
            self.confirms.keep(&confirm);
            self.write_confirms();
        }
        Ok(())
    }

    /// Confirms precede what is said after them on their channel, deliveries excepted.
    fn confirm_first(&mut self, now: Time, channel: ChannelId) -> Result<(), Misuse> {
        if self.confirms.is_empty() {
            return Ok(());
        }
        while let Some(answer) = self.confirms.poll_channel(channel) {
            self.say(now, |out| out.send(channel, &answer.method()))?;
        }
        Ok(())
    }

    /// Writes confirms that wait, as far as there is room.
    pub(crate) fn write_confirms(&mut self) {
        while !self.confirms.is_empty() && self.has_room_for_confirms() {
            let Stage::Open { outbound, .. } = &mut self.stage else { return };
            let Some((channel, answer)) = self.confirms.poll() else { return };
            match outbound.send(channel, &answer.method()) {
                // Nobody waits for it any more.
                Ok(()) | Err(Misuse::ChannelNotOpen(_)) => {}
                Err(_) => self.confirms.clear(),
            }
        }
    }

    /// Nothing is said any more after this: confirms that wait come first.
    fn confirm_all(&mut self) {
        while let Stage::Open { outbound, .. } = &mut self.stage
            && let Some((channel, answer)) = self.confirms.poll()
        {
            // It fails when the client is gone, and then nobody waits for it.
            let _ = outbound.send(channel, &answer.method());
        }
    }

    fn has_room_for_confirms(&self) -> bool {
        match &self.stage {
            Stage::Open { outbound, .. } => outbound.waiting_bytes() < CONFIRMED_BELOW_BYTES,
            Stage::Greeting(_) => true,
        }
    }

    fn deliver(&mut self, now: Time, deliver: &Deliver) -> Result<(), Misuse> {
        let method = basic::DeliverRef {
            consumer_tag: deliver.consumer_tag.as_short_ref(),
            delivery_tag: deliver.delivery_tag,
            redelivered: deliver.redelivered,
            exchange: deliver.address.exchange(),
            routing_key: deliver.address.routing_key(),
        };
        self.say(now, |out| out.deliver(deliver.channel, method, &deliver.content))
    }

    fn get_ok(&mut self, now: Time, got: &GetOk) -> Result<(), Misuse> {
        let method = basic::GetOkRef {
            delivery_tag: got.delivery_tag,
            redelivered: got.redelivered,
            exchange: got.address.exchange(),
            routing_key: got.address.routing_key(),
            message_count: got.message_count,
        };
        self.confirm_first(now, got.channel)?;
        self.say(now, |out| out.get_ok(got.channel, method, &got.content))
    }

    /// RabbitMQ's text is the bare name.
    fn give_back(&mut self, now: Time, returned: &Return) -> Result<(), Misuse> {
        let method = basic::ReturnRef {
            reply_code: ReplyCode::NO_ROUTE,
            reply_text: ShortRef::new(b"NO_ROUTE").unwrap_or_default(),
            exchange: returned.address.exchange(),
            routing_key: returned.address.routing_key(),
        };
        self.confirm_first(now, returned.channel)?;
        self.say(now, |out| out.return_content(returned.channel, method, &returned.content))
    }

    fn close_channel(
        &mut self,
        now: Time,
        channel: ChannelId,
        refusal: &Refusal,
    ) -> Result<(), Misuse> {
        let close = close(refusal);
        self.confirm_first(now, channel)?;
        self.say(now, |out| out.close_channel(channel, &close))
    }

    /// Before the connection is open, a refusal is the answer to connection.open.
    fn refuse(&mut self, now: Time, refusal: &Refusal) {
        let close = close(refusal);
        if let Stage::Greeting(connection) = &mut self.stage
            && connection.decide(now, Decision::Refuse(close.clone())).is_ok()
        {
            self.ending.get_or_insert(close);
            return;
        }
        self.confirm_all();
        // The peer's close-ok is to be read, whatever the broker had against reading before.
        self.paused = false;
        self.close(now, close);
    }

    /// The broker has cleaned up. Only a client that said connection.close waits for that.
    fn finish_close(&mut self) {
        self.confirm_all();
        if !core::mem::take(&mut self.client_waits) {
            return;
        }
        match &mut self.stage {
            Stage::Greeting(connection) => connection.finish_close(),
            Stage::Open { outbound, .. } => outbound.finish_close(),
        }
    }
}

impl Answer {
    fn method(self) -> Method {
        let Self { delivery_tag, multiple, accepted } = self;
        if accepted {
            basic::Ack { delivery_tag, multiple }.into()
        } else {
            basic::Nack { delivery_tag, multiple, requeue: false }.into()
        }
    }
}

/// Confirms are written while fewer octets wait than this, and kept as ranges while more do.
const CONFIRMED_BELOW_BYTES: usize = 16 << 10;

fn close(refusal: &Refusal) -> Close {
    Close {
        by: Initiator::Local,
        code: refusal.code,
        text: refusal.text.clone(),
        class_id: refusal.class_id,
        method_id: refusal.method_id,
    }
}

//! What the broker did, told to those whom it concerns.

use std::sync::{Arc, OnceLock};

use bytes::BytesMut;
use tokio::sync::mpsc::error::TrySendError;
use warrener_codec::method::{basic, channel};
use warrener_codec::{ChannelId, Content, Method, ReplyCode};
use warrener_connection::{Close, Event, Initiator, Oversized};

use super::{Driver, Reply};
use crate::Error;
use crate::abandoned::{Abandoned, ChannelKey};
use crate::channel::Shared;
use crate::clock::Clock;
use crate::ledger::{Delivered, Ledger, Stalled, Unheard};

impl Driver {
    /// Takes whole frames off the input and handles their events, until one cannot be handled yet.
    pub(super) fn handle_input(&mut self, clock: &Clock, input: &mut BytesMut) {
        let now = clock.now();
        // The machine repeats its error at every call; it comes as `Event::Closed`, once.
        let _ = self.machine.handle_bytes(now, input);
        while self.stalled.is_none() {
            let Some(event) = self.machine.poll_event() else { return };
            self.handle_event(event);
        }
    }

    fn handle_event(&mut self, event: Event) {
        match event {
            Event::Introduced(properties) => self.server_properties = properties,
            Event::Ready(_) => {
                if let Some(opened) = self.outbox.opened.take() {
                    let _ = opened.send(Ok(self.server_properties.clone()));
                }
            }
            Event::Challenge(_) => {
                // None of the mechanisms offered has a second round.
                let _ = self.machine.respond("");
            }
            Event::ChannelOpened(id) => self.channel_opened(id),
            Event::Method(id, method) => self.handle_method(id, method),
            Event::Content(id, method, content) => self.handle_content(id, method, content),
            Event::Oversized(id, _, oversized) => self.refuse_oversized(id, oversized),
            Event::ChannelClosed(id, close) => self.channel_closed(id, close),
            Event::Closed(close) => self.connection_closed(close),
            Event::Authenticate(_)
            | Event::Response(_)
            | Event::Open { .. }
            | Event::UpdateSecret { .. } => {
                unreachable!("only a server's machine has these events")
            }
        }
    }

    fn channel_opened(&mut self, id: ChannelId) {
        let Some(waiter) = self.opening.remove(&id) else { return };
        self.incarnations += 1;
        let key = ChannelKey { id, incarnation: self.incarnations };
        let ended = Arc::new(OnceLock::new());
        self.ledgers.insert(id, Ledger::new(key.incarnation, Arc::clone(&ended)));
        let Some(commands) = self.handles.commands.upgrade() else { return };
        // Where nobody waits for it any more, it goes as any channel does that is dropped.
        let _ = waiter.send(Ok(Shared {
            key,
            commands,
            abandoned: self.handles.abandoned.clone(),
            ended,
            frame_max: self.machine.tune().frame_max,
            prefetch: 0.into(),
        }));
    }

    fn handle_method(&mut self, id: ChannelId, method: Method) {
        match method {
            Method::ConnectionBlocked(blocked) => {
                self.outbox.blocked.send_replace(Some(blocked.reason));
            }
            Method::ConnectionUnblocked => {
                self.outbox.blocked.send_replace(None);
            }
            Method::BasicAck(_) | Method::BasicNack(_) => {
                if let Some(ledger) = self.ledgers.get_mut(&id) {
                    ledger.handle_settled(&method);
                }
            }
            Method::BasicCancel(cancel) => self.server_cancelled(id, cancel),
            Method::ChannelFlow(flow) => {
                // No broker in use pauses publishers this way; it is acknowledged, and TCP holds us back as ever.
                let _ = self.machine.send(id, &channel::FlowOk { active: flow.active }.into());
            }
            reply => self.handle_reply(id, Reply::Method(reply)),
        }
    }

    fn server_cancelled(&mut self, id: ChannelId, cancel: basic::Cancel) {
        if let Some(ledger) = self.ledgers.get_mut(&id) {
            ledger.forget_consumer(&cancel.consumer_tag);
        }
        if !cancel.no_wait {
            let _ = self
                .machine
                .send(id, &basic::CancelOk { consumer_tag: cancel.consumer_tag }.into());
        }
    }

    fn handle_content(&mut self, id: ChannelId, method: Method, content: Content) {
        let Some(ledger) = self.ledgers.get_mut(&id) else { return };
        match method {
            Method::BasicDeliver(deliver) => match ledger.handle_delivery(id, &deliver, content) {
                Delivered::Taken | Delivered::Unwanted { no_ack: true } => {}
                Delivered::Unwanted { no_ack: false } => self.give_back(id, deliver.delivery_tag()),
                Delivered::Stalled(stalled) => {
                    self.machine.suspend_reading();
                    self.stalled = Some(stalled);
                }
            },
            Method::BasicReturn(returned) => ledger.handle_returned(&returned, content),
            reply => self.handle_reply(id, Reply::Content(reply, content)),
        }
    }

    fn handle_reply(&mut self, id: ChannelId, reply: Reply) {
        let Some(ledger) = self.ledgers.get_mut(&id) else { return };
        let key = ChannelKey { id, incarnation: ledger.incarnation };
        match ledger.handle_reply(reply) {
            None => {}
            Some(Unheard::Consumer(tag)) => {
                self.tidy_up(Abandoned::Consumer(key, tag, Vec::new()));
            }
            Some(Unheard::Delivery(tag)) => self.tidy_up(Abandoned::Delivery(key, tag)),
        }
    }

    /// There is room for the delivery that waited.
    pub(super) fn unstall(&mut self, clock: &Clock) {
        let Some(Stalled { messages, message, channel, no_ack }) = self.stalled.take() else {
            return;
        };
        self.machine.resume_reading(clock.now());
        match messages.try_send(message) {
            Ok(()) => {}
            Err(TrySendError::Full(message)) => {
                self.machine.suspend_reading();
                self.stalled = Some(Stalled { messages, message, channel, no_ack });
            }
            Err(TrySendError::Closed(_)) if no_ack => {}
            Err(TrySendError::Closed(message)) => self.give_back(channel, message.delivery_tag),
        }
    }

    fn refuse_oversized(&mut self, id: ChannelId, oversized: Oversized) {
        let close = Close::new(ReplyCode::CONTENT_TOO_LARGE, oversized);
        let _ = self.machine.close_channel(id, &close);
    }

    fn channel_closed(&mut self, id: ChannelId, close: Close) {
        let by = close.by;
        if by == Initiator::Peer {
            let _ = self.machine.send(id, &Method::ChannelCloseOk);
        }
        let error = Error::ChannelClosed(close);
        if let Some(waiter) = self.opening.remove(&id) {
            let _ = waiter.send(Err(error.clone()));
        }
        self.numbers.give_back(id);
        if let Some(ledger) = self.ledgers.remove(&id) {
            ledger.finish(by == Initiator::Local, &error);
        }
    }

    fn connection_closed(&mut self, close: Close) {
        if close.by == Initiator::Peer {
            self.machine.finish_close();
        }
        let error = match self.machine.error() {
            Some(error) => Error::Connection(error.clone()),
            None => Error::Closed(close),
        };
        self.fail(&error);
    }
}

//! Consumers as streams of deliveries.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;

use futures_util::Stream;
use tokio::sync::mpsc;
use warrener_codec::method::basic;
use warrener_codec::{Body, Content, Properties, ShortStr};

use crate::Error;
use crate::abandoned::Abandoned;
use crate::channel::{Channel, Shared};

/// A message as it was published, with where it was published to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Message {
    /// What it is settled by.
    pub delivery_tag: u64,
    /// Whether it may have been delivered before.
    pub redelivered: bool,
    /// The exchange it was published to.
    pub exchange: ShortStr,
    /// The routing key it was published with.
    pub routing_key: ShortStr,
    /// Its properties.
    pub properties: Properties,
    /// Its body, as the slices it arrived in.
    pub body: Body,
}

impl Message {
    pub(crate) fn delivered(method: &basic::Deliver, content: Content) -> Self {
        Self {
            delivery_tag: method.delivery_tag(),
            redelivered: method.redelivered(),
            exchange: method.exchange().to_owned(),
            routing_key: method.routing_key().to_owned(),
            properties: content.properties,
            body: content.body,
        }
    }

    pub(crate) fn got(method: &basic::GetOk, content: Content) -> Self {
        Self {
            delivery_tag: method.delivery_tag(),
            redelivered: method.redelivered(),
            exchange: method.exchange().to_owned(),
            routing_key: method.routing_key().to_owned(),
            properties: content.properties,
            body: content.body,
        }
    }
}

/// A message to be settled: acknowledge it, or give it back. Dropped without either it stays unacknowledged until the
/// channel closes, and is then delivered again. A message taken with `no_ack` needs neither.
#[derive(Debug)]
pub struct Delivery {
    /// The message; `Delivery` dereferences to it.
    pub message: Message,
    channel: Channel,
}

impl Delivery {
    pub(crate) fn new(message: Message, channel: Channel) -> Self {
        Self { message, channel }
    }

    /// It is done: the broker may forget it.
    ///
    /// # Errors
    ///
    /// When the channel is closed; the message will be delivered again.
    pub async fn ack(self) -> Result<(), Error> {
        let ack = basic::Ack { delivery_tag: self.message.delivery_tag, multiple: false };
        self.channel.cast(ack.into()).await
    }

    /// It could not be handled: deliver it again (`requeue`), or drop or dead-letter it.
    ///
    /// # Errors
    ///
    /// When the channel is closed; the message will be delivered again.
    pub async fn reject(self, requeue: bool) -> Result<(), Error> {
        let reject = basic::Reject { delivery_tag: self.message.delivery_tag, requeue };
        self.channel.cast(reject.into()).await
    }

    /// As [`reject`](Self::reject), by basic.nack (RabbitMQ extension): on a quorum queue a nack does not count as a
    /// failed delivery.
    ///
    /// # Errors
    ///
    /// When the channel is closed; the message will be delivered again.
    pub async fn nack(self, requeue: bool) -> Result<(), Error> {
        let tag = self.message.delivery_tag;
        let nack = basic::Nack { delivery_tag: tag, multiple: false, requeue };
        self.channel.cast(nack.into()).await
    }
}

impl core::ops::Deref for Delivery {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.message
    }
}

/// The deliveries of one consumer, in order. It ends when the consumer is cancelled by either side, or its channel
/// closed.
///
/// Dropping it cancels the consumer and gives back what was not looked at.
#[derive(Debug)]
pub struct Consumer {
    tag: ShortStr,
    no_ack: bool,
    messages: mpsc::Receiver<Message>,
    shared: Arc<Shared>,
}

impl Consumer {
    pub(crate) fn new(
        tag: ShortStr,
        no_ack: bool,
        messages: mpsc::Receiver<Message>,
        shared: Arc<Shared>,
    ) -> Self {
        Self { tag, no_ack, messages, shared }
    }

    /// The consumer tag, the broker's if none was given.
    #[must_use]
    pub fn tag(&self) -> &ShortStr {
        &self.tag
    }

    /// The next delivery; `None` when no more will come.
    pub async fn next(&mut self) -> Option<Delivery> {
        let message = self.messages.recv().await?;
        Some(Delivery::new(message, Channel::of(Arc::clone(&self.shared))))
    }

    /// Cancels the consumer and waits until the broker has agreed. What was delivered before can still be read.
    ///
    /// # Errors
    ///
    /// When the channel is closed, or is closed meanwhile.
    pub async fn cancel(&self) -> Result<(), Error> {
        Channel::of(Arc::clone(&self.shared)).cancel(self.tag.clone()).await
    }
}

impl Stream for Consumer {
    type Item = Delivery;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Delivery>> {
        let polled = self.messages.poll_recv(context);
        let shared = &self.shared;
        polled.map(|message| {
            message.map(|message| Delivery::new(message, Channel::of(Arc::clone(shared))))
        })
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.messages.close();
        let mut unread = Vec::new();
        while let Ok(message) = self.messages.try_recv() {
            if !self.no_ack {
                unread.push(message.delivery_tag);
            }
        }
        self.shared.abandon(|key| Abandoned::Consumer(key, self.tag.clone(), unread));
    }
}

//! Consumers as streams of deliveries.

use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::Stream;
use tokio::sync::{mpsc, oneshot};
use warrener_codec::method::basic;
use warrener_codec::{Body, Content, Method, Properties, ShortStr};

use crate::Error;
use crate::abandoned::Abandoned;
use crate::channel::{Channel, Shared};
use crate::driver::Reply;

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
    /// What came while [`cancel`](Self::cancel) waited.
    ahead: VecDeque<Message>,
    /// Where consume-ok comes, until it has come.
    starting: Option<oneshot::Receiver<Result<Reply, Error>>>,
    shared: Arc<Shared>,
}

impl Consumer {
    /// One that was asked for: whoever drops it from here on leaves no consumer behind.
    pub(crate) fn starting(
        reply: oneshot::Receiver<Result<Reply, Error>>,
        no_ack: bool,
        messages: mpsc::Receiver<Message>,
        shared: Arc<Shared>,
    ) -> Self {
        let (tag, ahead) = (ShortStr::default(), VecDeque::new());
        Self { tag, no_ack, messages, ahead, starting: Some(reply), shared }
    }

    /// Waits for consume-ok.
    pub(crate) async fn started(mut self) -> Result<Self, Error> {
        let Some(reply) = &mut self.starting else { return Ok(self) };
        let reply = reply.await;
        self.starting = None;
        match reply.unwrap_or_else(|_| Err(self.shared.error()))?.into_method() {
            Method::BasicConsumeOk(ok) => {
                self.tag = ok.consumer_tag;
                Ok(self)
            }
            other => Err(Error::UnexpectedReply(other.name())),
        }
    }

    /// The consumer tag, the broker's if none was given.
    #[must_use]
    pub fn tag(&self) -> &ShortStr {
        &self.tag
    }

    /// The next delivery; `None` when no more will come.
    pub async fn next(&mut self) -> Option<Delivery> {
        let message = match self.ahead.pop_front() {
            Some(message) => message,
            None => self.messages.recv().await?,
        };
        Some(Delivery::new(message, Channel::of(Arc::clone(&self.shared))))
    }

    /// Cancels the consumer and waits until the broker has agreed. What was delivered before can still be read; it is taken in
    /// meanwhile, whatever the buffer holds.
    ///
    /// # Errors
    ///
    /// When the channel is closed, or is closed meanwhile.
    pub async fn cancel(&mut self) -> Result<(), Error> {
        let cancel = basic::Cancel { consumer_tag: self.tag.clone(), no_wait: false };
        let channel = Channel::of(Arc::clone(&self.shared));
        let mut cancelled = pin!(channel.request(cancel.into()));
        let reply = loop {
            tokio::select! {
                biased;
                reply = &mut cancelled => break reply?,
                // Otherwise the answer would stand behind a delivery for which there is no room.
                Some(message) = self.messages.recv() => self.ahead.push_back(message),
            }
        };
        match reply.into_method() {
            Method::BasicCancelOk(_) => Ok(()),
            other => Err(Error::UnexpectedReply(other.name())),
        }
    }
}

impl Stream for Consumer {
    type Item = Delivery;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Delivery>> {
        let polled = match self.ahead.pop_front() {
            Some(message) => Poll::Ready(Some(message)),
            None => self.messages.poll_recv(context),
        };
        let shared = &self.shared;
        polled.map(|message| {
            message.map(|message| Delivery::new(message, Channel::of(Arc::clone(shared))))
        })
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.messages.close();
        if let Some(reply) = &mut self.starting {
            // From here on the driver finds that nobody waits; what it has sent before is here.
            reply.close();
            let Ok(Ok(Reply::Method(Method::BasicConsumeOk(ok)))) = reply.try_recv() else {
                return;
            };
            self.tag = ok.consumer_tag;
        }
        let mut unread: Vec<_> = self.ahead.drain(..).map(|message| message.delivery_tag).collect();
        while let Ok(message) = self.messages.try_recv() {
            unread.push(message.delivery_tag);
        }
        if self.no_ack {
            unread.clear();
        }
        self.shared.abandon(|key| Abandoned::Consumer(key, self.tag.clone(), unread));
    }
}

//! One channel: what can be asked of it.

use core::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use warrener_codec::method::{basic, confirm};
use warrener_codec::{Body, Content, FRAME_OVERHEAD, Method, Properties, ShortStr};
use warrener_connection::{Close, Misuse};

use crate::abandoned::{Abandoned, ChannelKey};
use crate::driver::{Command, Publication, Reply, Request};
use crate::returns::RETURNS_MAX;
use crate::{Call, Confirm, Consumer, Delivery, Error, Got, Returns};

/// Deliveries buffered for a consumer without a prefetch limit; when it is full, the connection is not read until the
/// consumer has caught up. A consumer with a limit gets a buffer of that size, so that it never comes to this.
const UNLIMITED_BUFFER: u16 = 1024;

/// A content header's frame without its properties, in octets: what is around any frame, class, weight and size of the body.
const HEADER_FRAME_BYTES: usize = FRAME_OVERHEAD + 12;

/// A channel of a [`Connection`](crate::Connection). Clones speak on the same channel; it is closed when the last one,
/// and the last delivery taken from it, is dropped.
#[derive(Clone, Debug)]
pub struct Channel {
    shared: Arc<Shared>,
}

impl Channel {
    pub(crate) fn of(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.shared.key.id.number()
    }

    /// Sends a request and waits for its reply: declare, bind, unbind, purge, delete, qos, recover, confirm.select.
    ///
    /// ```no_run
    /// # use warrener_client::{codec::method::queue, Channel, Error};
    /// # async fn orders(channel: &Channel) -> Result<(), Error> {
    /// let orders = queue::Declare { queue: "orders".try_into().unwrap(), durable: true, ..Default::default() };
    /// println!("{} messages wait", channel.call(orders).await?.message_count);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the broker refuses, which closes the channel: the error says why.
    pub async fn call<C: Call>(&self, request: C) -> Result<C::Reply, Error> {
        C::reply(self.request(request.into_method()).await?.into_method())
    }

    /// Publishes a message. It returns when the message has been handed to the connection, which waits while too much
    /// is unwritten.
    ///
    /// # Errors
    ///
    /// When the channel is known to be closed, or a name or the properties are too long. What becomes of the message is
    /// not said: [`publish_confirmed`](Self::publish_confirmed) tells.
    pub async fn publish(
        &self,
        exchange: &str,
        routing_key: &str,
        properties: Properties,
        body: impl Into<Bytes>,
    ) -> Result<(), Error> {
        let publication = self.publication(exchange, routing_key, properties, body)?;
        self.send(Command::Publish(self.shared.key, Box::new(publication))).await
    }

    /// Publishes a message and gives a future of its confirm. The channel must be in confirm mode. With `mandatory`, a
    /// message that reaches no queue comes back by [`returns`](Self::returns) first, and is then confirmed.
    ///
    /// # Errors
    ///
    /// When the channel is closed, or a name or the properties are too long.
    pub async fn publish_confirmed(
        &self,
        exchange: &str,
        routing_key: &str,
        mandatory: bool,
        properties: Properties,
        body: impl Into<Bytes>,
    ) -> Result<Confirm, Error> {
        let (waiter, confirm) = oneshot::channel();
        let mut publication = self.publication(exchange, routing_key, properties, body)?;
        publication.mandatory = mandatory;
        publication.waiter = Some(waiter);
        self.send(Command::Publish(self.shared.key, Box::new(publication))).await?;
        Ok(Confirm(confirm))
    }

    /// Puts the channel into confirm mode (RabbitMQ extension).
    ///
    /// # Errors
    ///
    /// When the channel is transactional, which closes it.
    pub async fn confirm_select(&self) -> Result<(), Error> {
        self.call(confirm::Select::default()).await
    }

    /// The messages that come back to this channel from now on; a second call takes over from the first.
    ///
    /// # Errors
    ///
    /// When the channel is closed.
    pub async fn returns(&self) -> Result<Returns, Error> {
        let (sender, receiver) = mpsc::channel(RETURNS_MAX);
        self.send(Command::Returns(self.shared.key, sender)).await?;
        Ok(Returns(receiver))
    }

    /// How many deliveries each consumer started from now on may hold unacknowledged; 0 for no limit. It also sizes
    /// the consumer's buffer here, which is then never full.
    ///
    /// # Errors
    ///
    /// When the channel is closed.
    pub async fn prefetch(&self, count: u16) -> Result<(), Error> {
        let qos = basic::Qos { prefetch_count: count, ..basic::Qos::default() };
        self.call(qos).await?;
        self.shared.prefetch.store(count, Ordering::Relaxed);
        Ok(())
    }

    /// Starts a consumer: the queue's messages come as a stream.
    ///
    /// Without a [`prefetch`](Self::prefetch), and with `no_ack`, 1024 deliveries wait here at most. When there are so many
    /// the connection is not read until this consumer is: whoever waits for any other answer on the same connection
    /// before it goes on with the deliveries would wait for ever.
    ///
    /// Dropped before it is ready, this future leaves no consumer behind.
    ///
    /// # Errors
    ///
    /// When the broker refuses, which closes the channel: the error says why.
    pub async fn consume(&self, mut consume: basic::Consume) -> Result<Consumer, Error> {
        let prefetch = self.shared.prefetch.load(Ordering::Relaxed);
        let limited = prefetch != 0 && !consume.no_ack;
        let buffer = if limited { prefetch } else { UNLIMITED_BUFFER };
        let (messages, receiver) = mpsc::channel(usize::from(buffer));
        consume.no_wait = false;
        let no_ack = consume.no_ack;
        let (waiter, reply) = oneshot::channel();
        let consumer = Consumer::starting(reply, no_ack, receiver, Arc::clone(&self.shared));
        let request = Request::Consume(Box::new(consume), messages);
        self.send(Command::Call(self.shared.key, request, waiter)).await?;
        consumer.started().await
    }

    /// Takes one message from a queue, if there is one. Dropped before it is ready, this future gives back what comes for
    /// it, unless it was asked for with `no_ack`.
    ///
    /// # Errors
    ///
    /// When the broker refuses, which closes the channel: the error says why.
    pub async fn get(&self, queue: &str, no_ack: bool) -> Result<Option<Delivery>, Error> {
        self.get_ahead(queue, no_ack).await?.await
    }

    /// Asks for one message from a queue, and gives a future of the answer: many can be asked for before the first is
    /// there. They are answered in the order in which they were asked for.
    ///
    /// # Errors
    ///
    /// When the channel is closed; what the broker refuses, the future says.
    pub async fn get_ahead(&self, queue: &str, no_ack: bool) -> Result<Got, Error> {
        let get = basic::Get { queue: name(queue)?, no_ack, ..basic::Get::default() };
        let (waiter, reply) = oneshot::channel();
        let got = Got::new(reply, no_ack, Arc::clone(&self.shared));
        self.send(Command::Call(self.shared.key, Request::Method(get.into()), waiter)).await?;
        Ok(got)
    }

    /// Acknowledges a delivery, and with `multiple` all before it.
    ///
    /// # Errors
    ///
    /// When the channel is closed. A tag that the broker does not know closes the channel later.
    pub async fn ack(&self, delivery_tag: u64, multiple: bool) -> Result<(), Error> {
        self.cast(basic::Ack { delivery_tag, multiple }.into()).await
    }

    /// Starts the channel's transactions (AMQP 0-9-1 §1.9).
    ///
    /// # Errors
    ///
    /// When the channel is in confirm mode, which closes it.
    pub async fn tx_select(&self) -> Result<(), Error> {
        self.expect(Method::TxSelect, "tx.select-ok").await
    }

    /// Commits: publishes and acknowledgements since the last commit take effect.
    ///
    /// # Errors
    ///
    /// When the channel is not transactional, or the broker could not do it; it closes the channel.
    pub async fn tx_commit(&self) -> Result<(), Error> {
        self.expect(Method::TxCommit, "tx.commit-ok").await
    }

    /// Forgets publishes and acknowledgements since the last commit.
    ///
    /// # Errors
    ///
    /// When the channel is not transactional; it closes the channel.
    pub async fn tx_rollback(&self) -> Result<(), Error> {
        self.expect(Method::TxRollback, "tx.rollback-ok").await
    }

    /// Closes the channel and waits until the broker has agreed. Whatever was sent before is handled before.
    ///
    /// # Errors
    ///
    /// When it was closed already: the error says why.
    pub async fn close(&self) -> Result<(), Error> {
        let (waiter, reply) = oneshot::channel();
        self.send(Command::CloseChannel(self.shared.key, Close::goodbye(), waiter)).await?;
        reply.await.unwrap_or_else(|_| Err(self.shared.error()))
    }

    /// Sends a method that has no reply.
    pub(crate) async fn cast(&self, method: Method) -> Result<(), Error> {
        self.send(Command::Cast(self.shared.key, method)).await
    }

    async fn expect(&self, request: Method, reply: &'static str) -> Result<(), Error> {
        let answer = self.request(request).await?.into_method();
        if answer.name() == reply { Ok(()) } else { Err(Error::UnexpectedReply(answer.name())) }
    }

    pub(crate) async fn request(&self, method: Method) -> Result<Reply, Error> {
        self.ask(Request::Method(method)).await
    }

    async fn ask(&self, request: Request) -> Result<Reply, Error> {
        let (waiter, reply) = oneshot::channel();
        self.send(Command::Call(self.shared.key, request, waiter)).await?;
        reply.await.unwrap_or_else(|_| Err(self.shared.error()))
    }

    async fn send(&self, command: Command) -> Result<(), Error> {
        if let Some(error) = self.shared.ended.get() {
            return Err(error.clone());
        }
        self.shared.commands.send(command).await.map_err(|_| self.shared.error())
    }

    fn publication(
        &self,
        exchange: &str,
        routing_key: &str,
        properties: Properties,
        body: impl Into<Bytes>,
    ) -> Result<Publication, Error> {
        // Nobody else would tell: what is published has no answer.
        let (size, max) = (HEADER_FRAME_BYTES + properties.encoded_len(), self.shared.frame_max);
        if max != 0 && size > max as usize {
            return Err(Misuse::FrameTooLarge { size, max }.into());
        }
        Ok(Publication {
            exchange: name(exchange)?,
            routing_key: name(routing_key)?,
            mandatory: false,
            content: Content::new(properties, Body::from(body.into())),
            waiter: None,
        })
    }
}

fn name(text: &str) -> Result<ShortStr, Error> {
    ShortStr::try_from(text).map_err(|_| Error::NameTooLong)
}

/// What the clones of a channel, its consumers and their deliveries share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) key: ChannelKey,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) abandoned: mpsc::UnboundedSender<Abandoned>,
    /// Why the channel is over, once it is; the driver says so.
    pub(crate) ended: Arc<OnceLock<Error>>,
    /// The negotiated size of a frame in octets, 0 for any.
    pub(crate) frame_max: u32,
    pub(crate) prefetch: AtomicU16,
}

impl Shared {
    /// Why nothing is answered any more.
    pub(crate) fn error(&self) -> Error {
        self.ended.get().cloned().unwrap_or(Error::Gone)
    }

    /// Leaves word that something is not held any more. When the driver is gone there is nothing to tidy up.
    pub(crate) fn abandon(&self, what: impl FnOnce(ChannelKey) -> Abandoned) {
        let _ = self.abandoned.send(what(self.key));
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.abandon(Abandoned::Channel);
    }
}

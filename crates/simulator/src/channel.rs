//! A channel's verbs, as stories use them: each waits, in the world's time, until it is answered.

use warrener_codec::method::{basic, channel as wire, confirm, exchange, queue};
use warrener_codec::{
    ChannelId, Content, Method, Properties, ShortStr, Table, TableBuilder, Value,
};
use warrener_connection::Close;

use crate::client::Heard;
use crate::message::Message;
use crate::world::World;

/// One channel of one client.
#[derive(Clone)]
pub struct Channel {
    pub(crate) world: World,
    pub(crate) peer: usize,
    pub(crate) id: ChannelId,
}

impl Channel {
    pub(crate) fn of(world: World, peer: usize, id: ChannelId) -> Self {
        Self { world, peer, id }
    }

    pub(crate) fn open_another(&self) -> Self {
        let id = self.peer(|peer| {
            let used = |id: &ChannelId| peer.channels.get(id).is_some_and(|heard| heard.is_open);
            let id = (1..).map(ChannelId::new).find(|id| !used(id)).expect("a number is free");
            peer.channels.remove(&id);
            peer.machine.send(id, &Method::ChannelOpen).expect("a channel can be opened");
            id
        });
        let channel = Self::of(self.world.clone(), self.peer, id);
        channel.wait(|heard| heard.is_open || heard.closed.is_some());
        channel
    }

    /// Sends a request and waits for the reply; or for the channel, or the connection, to be closed instead.
    ///
    /// # Errors
    ///
    /// How it was closed.
    pub fn call(&self, request: impl Into<Method>) -> Result<Method, Close> {
        self.request(request.into()).map(|(reply, _)| reply)
    }

    /// Sends something that is not answered, or whose answer is looked at later.
    pub fn send(&self, method: impl Into<Method>) {
        let method = method.into();
        // On a channel that is closed nothing can be said, which is what a real client finds as well.
        let _ = self.peer(|peer| peer.machine.send(self.id, &method));
    }

    /// Declares a queue; see [`queue()`].
    ///
    /// # Panics
    ///
    /// When the broker refuses.
    pub fn declare(&self, queue: impl Into<QueueSpec>) -> queue::DeclareOk {
        match self.call(queue::Declare::from(queue.into())).expect("the queue is declared") {
            Method::QueueDeclareOk(declared) => declared,
            other => panic!("{}", other.name()),
        }
    }

    /// Declares a durable exchange of this type.
    ///
    /// # Panics
    ///
    /// When the broker refuses.
    pub fn declare_exchange(&self, name: &str, kind: &str) {
        let (exchange, kind) = (short(name), short(kind));
        let declare = exchange::Declare { exchange, kind, durable: true, ..Default::default() };
        self.call(declare).expect("the exchange is declared");
    }

    /// Binds a queue.
    ///
    /// # Panics
    ///
    /// When the broker refuses.
    pub fn bind(&self, queue: &str, exchange: &str, routing_key: &str) {
        let (queue, exchange, routing_key) = (short(queue), short(exchange), short(routing_key));
        let bind = queue::Bind { queue, exchange, routing_key, ..Default::default() };
        self.call(bind).expect("the queue is bound");
    }

    /// Publishes a persistent message.
    pub fn publish(&self, exchange: &str, routing_key: &str, body: impl AsRef<[u8]>) {
        let persistent = Properties::builder().delivery_mode(2).build().unwrap_or_default();
        self.publish_with(exchange, routing_key, false, persistent, body);
    }

    /// Publishes a message with these properties.
    pub fn publish_with(
        &self,
        exchange: &str,
        routing_key: &str,
        mandatory: bool,
        properties: Properties,
        body: impl AsRef<[u8]>,
    ) {
        let (exchange, routing_key) = (short(exchange), short(routing_key));
        let publish = basic::PublishRef {
            exchange: exchange.as_short_ref(),
            routing_key: routing_key.as_short_ref(),
            mandatory,
            ..basic::PublishRef::default()
        };
        let content = Content::new(properties, body.as_ref().to_vec());
        let _ = self.peer(|peer| peer.machine.publish(self.id, publish, &content));
    }

    /// Puts the channel into confirm mode.
    ///
    /// # Panics
    ///
    /// When the broker refuses.
    pub fn confirm_select(&self) {
        self.call(confirm::Select::default()).expect("the channel confirms");
    }

    /// The confirms that have come since the last look: tag, whether multiple, whether accepted.
    pub fn confirms(&self) -> Vec<(u64, bool, bool)> {
        let confirms = self.heard(|heard| core::mem::take(&mut heard.confirms));
        let told = confirms.into_iter().map(|method| match method {
            Method::BasicAck(ack) => (ack.delivery_tag, ack.multiple, true),
            Method::BasicNack(nack) => (nack.delivery_tag, nack.multiple, false),
            other => panic!("{} is no confirm", other.name()),
        });
        told.collect()
    }

    /// Limits what consumers started from now on may hold.
    ///
    /// # Panics
    ///
    /// When the broker refuses.
    pub fn prefetch(&self, count: u16) {
        let qos = basic::Qos { prefetch_count: count, ..basic::Qos::default() };
        self.call(qos).expect("the prefetch is set");
    }

    /// Starts a consumer that acknowledges; gives its tag.
    ///
    /// # Panics
    ///
    /// When the broker refuses.
    pub fn consume(&self, queue: &str) -> String {
        let consume = basic::Consume { queue: short(queue), ..basic::Consume::default() };
        match self.call(consume).expect("the queue is consumed") {
            Method::BasicConsumeOk(ok) => ok.consumer_tag.to_string(),
            other => panic!("{}", other.name()),
        }
    }

    /// Ends a consumer.
    ///
    /// # Panics
    ///
    /// When the channel is closed instead.
    pub fn cancel(&self, consumer_tag: &str) {
        let cancel = basic::Cancel { consumer_tag: short(consumer_tag), no_wait: false };
        self.call(cancel).expect("the consumer is cancelled");
    }

    /// What was delivered since the last look.
    pub fn deliveries(&self) -> Vec<Message> {
        let deliveries = self.heard(|heard| core::mem::take(&mut heard.deliveries));
        deliveries
            .into_iter()
            .map(|(method, content)| Message::delivered(&method, content))
            .collect()
    }

    /// What came back since the last look, as reply text and message.
    pub fn returns(&self) -> Vec<(String, Message)> {
        let returns = self.heard(|heard| core::mem::take(&mut heard.returns));
        let told = returns.into_iter().map(|(method, content)| {
            (method.reply_text().to_string(), Message::returned(&method, content))
        });
        told.collect()
    }

    /// Takes one message from a queue, to be acknowledged.
    ///
    /// # Panics
    ///
    /// When the broker refuses.
    pub fn get(&self, queue: &str) -> Option<Message> {
        let get = basic::Get { queue: short(queue), no_ack: false, ..basic::Get::default() };
        match self.request(get.into()).expect("the queue is there") {
            (Method::BasicGetOk(got), Some(content)) => Some(Message::got(&got, content)),
            _ => None,
        }
    }

    /// Acknowledges one delivery.
    pub fn ack(&self, delivery_tag: u64) {
        self.send(basic::Ack { delivery_tag, multiple: false });
    }

    /// Gives one delivery back by basic.nack.
    pub fn nack(&self, delivery_tag: u64, requeue: bool) {
        self.send(basic::Nack { delivery_tag, multiple: false, requeue });
    }

    /// Gives one delivery back by basic.reject.
    pub fn reject(&self, delivery_tag: u64, requeue: bool) {
        self.send(basic::Reject { delivery_tag, requeue });
    }

    /// How many messages are ready in a queue, and how many consumers it has.
    ///
    /// # Panics
    ///
    /// When there is no such queue.
    pub fn count(&self, queue: &str) -> (u32, u32) {
        let declare = queue::Declare { queue: short(queue), passive: true, ..Default::default() };
        match self.call(declare).expect("the queue is there") {
            Method::QueueDeclareOk(declared) => (declared.message_count, declared.consumer_count),
            other => panic!("{}", other.name()),
        }
    }

    /// How the channel ended, if it has.
    #[must_use]
    pub fn closed(&self) -> Option<Close> {
        let id = self.id;
        self.peer(|peer| peer.channels.get(&id).and_then(|heard| heard.closed.clone()))
    }

    /// Closes the channel, and waits until the broker has agreed.
    pub fn close_channel(&self) {
        let close = Close::goodbye();
        if self.peer(|peer| peer.machine.close_channel(self.id, &close)).is_ok() {
            self.wait(|heard| heard.closed.is_some());
        }
    }

    /// Stops deliveries on this channel (`false`), or lets them go on.
    ///
    /// # Panics
    ///
    /// When the broker refuses.
    pub fn flow(&self, active: bool) {
        self.call(wire::Flow { active }).expect("the flow is set");
    }

    fn request(&self, request: Method) -> Result<(Method, Option<Content>), Close> {
        self.heard(|heard| heard.replies.clear());
        self.send(request);
        self.wait(|heard| !heard.replies.is_empty() || heard.closed.is_some());
        match self.heard(|heard| heard.replies.pop_front()) {
            Some(reply) => Ok((reply.method, reply.content)),
            None => Err(self.ending()),
        }
    }

    /// How the channel, or the whole connection, ended.
    fn ending(&self) -> Close {
        let connection = self.peer(|peer| peer.closed.clone());
        self.closed().or(connection).expect("it has ended")
    }

    pub(crate) fn heard<R>(&self, look: impl FnOnce(&mut Heard) -> R) -> R {
        self.peer(|peer| look(peer.channels.entry(self.id).or_default()))
    }

    fn wait(&self, done: impl Fn(&Heard) -> bool) {
        let (peer, id) = (self.peer, self.id);
        self.world.wait(|state| {
            let peer = &state.peers[peer];
            peer.closed.is_some() || peer.channels.get(&id).is_some_and(&done)
        });
    }
}

/// A durable queue to be declared; add what it shall be.
#[must_use]
pub fn queue(name: &str) -> QueueSpec {
    QueueSpec { name: short(name), arguments: TableBuilder::new(), durable: true, exclusive: false }
}

/// A queue to be declared; see [`queue()`].
#[derive(Clone, Debug)]
pub struct QueueSpec {
    name: ShortStr,
    arguments: TableBuilder,
    durable: bool,
    exclusive: bool,
}

impl QueueSpec {
    /// It is gone after a restart.
    #[must_use]
    pub fn transient(mut self) -> Self {
        self.durable = false;
        self
    }

    /// It belongs to its connection.
    #[must_use]
    pub fn exclusive(mut self) -> Self {
        self.exclusive = true;
        self
    }

    /// It keeps messages for so many milliseconds.
    #[must_use]
    pub fn ttl_ms(self, ttl_ms: i32) -> Self {
        self.argument("x-message-ttl", ttl_ms)
    }

    /// What leaves it unhandled goes to this exchange, with this key.
    #[must_use]
    pub fn dead_letter_to(self, exchange: &str, routing_key: &str) -> Self {
        self.argument("x-dead-letter-exchange", exchange)
            .argument("x-dead-letter-routing-key", routing_key)
    }

    /// Any argument.
    #[must_use]
    pub fn argument<'v>(mut self, name: &str, value: impl Into<Value<'v>>) -> Self {
        self.arguments.insert(name, value);
        self
    }
}

impl From<QueueSpec> for queue::Declare {
    fn from(spec: QueueSpec) -> Self {
        Self {
            queue: spec.name,
            durable: spec.durable,
            exclusive: spec.exclusive,
            arguments: spec.arguments.build().unwrap_or_else(|_| Table::default()),
            ..Self::default()
        }
    }
}

impl From<&str> for QueueSpec {
    fn from(name: &str) -> Self {
        queue(name)
    }
}

/// A name.
pub(crate) fn short(text: &str) -> ShortStr {
    ShortStr::try_from(text).expect("a name has at most 255 octets")
}

//! A broker for one connection: enough for a client to publish to itself.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use bytes::BytesMut;
use warrener_codec::method::{basic, queue};
use warrener_codec::{ChannelId, Content, Method, ShortRef, ShortStr};
use warrener_time::Time;

use crate::{
    Authenticate, Connection, ConnectionError, Credentials, Decision, Event, Initiator, Misuse,
    ServerConfig,
};

/// The accepting side of one connection, with queues behind it. It knows the default exchange only, delivers at once
/// to a queue's first consumer, keeps no deliveries, and lets `guest` in.
#[derive(Debug)]
pub struct Loopback {
    /// The machine.
    pub connection: Connection,
    queues: BTreeMap<Vec<u8>, VecDeque<Content>>,
    consumers: Vec<Consumer>,
    /// How many messages each confirming channel has published.
    published: BTreeMap<ChannelId, u64>,
    delivered: u64,
}

#[derive(Debug)]
struct Consumer {
    channel: ChannelId,
    tag: ShortStr,
    queue: Vec<u8>,
}

impl Loopback {
    /// A stream was accepted.
    #[must_use]
    pub fn new(config: ServerConfig, now: Time) -> Self {
        Self {
            connection: Connection::server(config, now),
            queues: BTreeMap::new(),
            consumers: Vec::new(),
            published: BTreeMap::new(),
            delivered: 0,
        }
    }

    /// Octets came: everything in them is answered, in [`Connection::outgoing`].
    ///
    /// # Errors
    ///
    /// What [`Connection::handle_bytes`] says.
    pub fn handle_bytes(&mut self, now: Time, input: &mut BytesMut) -> Result<(), ConnectionError> {
        loop {
            let result = self.connection.handle_bytes(now, input);
            let Some(event) = self.connection.poll_event() else { return result };
            self.answer(now, event)?;
        }
    }

    fn answer(&mut self, now: Time, event: Event) -> Result<(), Misuse> {
        match event {
            Event::Authenticate(login) => self.connection.decide(now, judge(&login)),
            Event::Response(_) | Event::Open { .. } => {
                self.connection.decide(now, Decision::Accept)
            }
            Event::ChannelOpened(channel) => self.send(channel, Method::ChannelOpenOk),
            Event::ChannelClosed(channel, close) => {
                self.consumers.retain(|consumer| consumer.channel != channel);
                self.published.remove(&channel);
                match close.by {
                    Initiator::Peer => self.send(channel, Method::ChannelCloseOk),
                    Initiator::Local | Initiator::Library => Ok(()),
                }
            }
            Event::Method(channel, method) => self.method(channel, method),
            Event::Content(channel, Method::BasicPublish(publish), content) => {
                self.publish(channel, &publish, content)
            }
            Event::Closed(_) => {
                self.connection.finish_close();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn method(&mut self, channel: ChannelId, method: Method) -> Result<(), Misuse> {
        let answer: Method = match method {
            Method::QueueDeclare(declare) => return self.declare(channel, declare.queue),
            Method::BasicConsume(consume) => return self.consume(channel, *consume),
            Method::BasicGet(get) => return self.get(channel, get.queue.as_bytes()),
            Method::BasicCancel(basic::Cancel { consumer_tag, .. }) => {
                self.consumers.retain(|consumer| consumer.tag != consumer_tag);
                basic::CancelOk { consumer_tag }.into()
            }
            Method::ConfirmSelect(_) => {
                self.published.entry(channel).or_default();
                Method::ConfirmSelectOk
            }
            Method::QueueDelete(delete) => {
                let gone = self.queues.remove(delete.queue.as_bytes()).unwrap_or_default();
                queue::DeleteOk { message_count: gone.len() as u32 }.into()
            }
            Method::BasicQos(_) => Method::BasicQosOk,
            Method::QueueBind(_) => Method::QueueBindOk,
            Method::ExchangeDeclare(_) => Method::ExchangeDeclareOk,
            _ => return Ok(()),
        };
        self.send(channel, answer)
    }

    fn declare(&mut self, channel: ChannelId, queue: ShortStr) -> Result<(), Misuse> {
        let queue = if queue.is_empty() { ShortStr::from_static("amq.gen-1") } else { queue };
        let messages = self.queues.entry(queue.as_bytes().to_vec()).or_default().len();
        let declared =
            queue::DeclareOk { queue, message_count: messages as u32, consumer_count: 0 };
        self.send(channel, declared.into())
    }

    fn consume(&mut self, channel: ChannelId, consume: basic::Consume) -> Result<(), Misuse> {
        let named = !consume.consumer_tag.is_empty();
        let tag = if named { consume.consumer_tag } else { ShortStr::from_static("amq.ctag-1") };
        self.send(channel, basic::ConsumeOk { consumer_tag: tag.clone() }.into())?;
        let queue = consume.queue.as_bytes().to_vec();
        self.consumers.push(Consumer { channel, tag, queue: queue.clone() });
        self.deliver(&queue)
    }

    fn publish(
        &mut self,
        channel: ChannelId,
        publish: &basic::Publish,
        content: Content,
    ) -> Result<(), Misuse> {
        let queue = publish.routing_key();
        if let Some(messages) = self.queues.get_mut(queue.as_bytes()) {
            messages.push_back(content);
        } else if publish.mandatory() {
            let returned = basic::ReturnRef {
                reply_code: crate::ReplyCode::NO_ROUTE,
                reply_text: ShortRef::new(b"NO_ROUTE").unwrap_or_default(),
                exchange: publish.exchange(),
                routing_key: queue,
            };
            self.connection.outbound().return_content(channel, returned, &content)?;
        }
        if let Some(published) = self.published.get_mut(&channel) {
            *published += 1;
            let ack = basic::Ack { delivery_tag: *published, multiple: false };
            self.connection.send(channel, &ack.into())?;
        }
        self.deliver(queue.as_bytes())
    }

    fn deliver(&mut self, queue: &[u8]) -> Result<(), Misuse> {
        let Some(consumer) = self.consumers.iter().find(|consumer| consumer.queue == queue) else {
            return Ok(());
        };
        for content in self.queues.get_mut(queue).into_iter().flat_map(|ready| ready.drain(..)) {
            self.delivered += 1;
            let deliver = basic::DeliverRef {
                consumer_tag: consumer.tag.as_short_ref(),
                delivery_tag: self.delivered,
                redelivered: false,
                exchange: ShortRef::EMPTY,
                routing_key: ShortRef::new(queue).unwrap_or_default(),
            };
            self.connection.outbound().deliver(consumer.channel, deliver, &content)?;
        }
        Ok(())
    }

    fn get(&mut self, channel: ChannelId, queue: &[u8]) -> Result<(), Misuse> {
        let Some(content) = self.queues.get_mut(queue).and_then(VecDeque::pop_front) else {
            return self.send(channel, Method::BasicGetEmpty);
        };
        self.delivered += 1;
        let got = basic::GetOkRef { delivery_tag: self.delivered, ..basic::GetOkRef::default() };
        self.connection.outbound().get_ok(channel, got, &content)
    }

    fn send(&mut self, channel: ChannelId, method: Method) -> Result<(), Misuse> {
        self.connection.send(channel, &method)
    }
}

fn judge(login: &Authenticate) -> Decision {
    match &login.credentials {
        Credentials::Password { user, password }
            if user == "guest" && password.expose() == b"guest" =>
        {
            Decision::Accept
        }
        _ => Decision::refuse_login(&login.mechanism),
    }
}

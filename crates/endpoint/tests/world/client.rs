//! A client: the client role of a connection, what it has heard, and verbs for tests.

use core::time::Duration;

use bytes::{Buf, BytesMut};
use warrener_codec::method::{basic, confirm, queue};
use warrener_codec::{ChannelId, Content, Method, Properties, ShortRef, ShortStr, Table};
use warrener_connection::{ClientConfig, Close, Connection, Event, Initiator, Outgoing};
use warrener_time::Time;

pub(crate) const ONE: ChannelId = ChannelId::new(1);

pub(crate) struct Client {
    pub(crate) connection: Connection,
    input: BytesMut,
    heard: Vec<Event>,
}

impl Client {
    pub(crate) fn new(config: ClientConfig, now: Time) -> Self {
        Self {
            connection: Connection::client(config, now),
            input: BytesMut::new(),
            heard: Vec::new(),
        }
    }

    /// What it has to say.
    pub(crate) fn octets(&mut self) -> BytesMut {
        octets(self.connection.outgoing())
    }

    /// It is told something.
    pub(crate) fn hear(&mut self, now: Time, octets: &[u8]) {
        self.input.extend_from_slice(octets);
        // What goes wrong is an event as well.
        let _ = self.connection.handle_bytes(now, &mut self.input);
        while let Some(event) = self.connection.poll_event() {
            self.answer(&event);
            self.heard.push(event);
        }
    }

    /// A close is answered at once.
    fn answer(&mut self, event: &Event) {
        match event {
            Event::ChannelClosed(channel, close) if close.by == Initiator::Peer => {
                self.say(*channel, Method::ChannelCloseOk);
            }
            Event::Closed(close) if close.by == Initiator::Peer => self.connection.finish_close(),
            _ => {}
        }
    }

    /// What it has heard since it was last asked.
    pub(crate) fn heard(&mut self) -> Vec<Event> {
        core::mem::take(&mut self.heard)
    }

    /// The same, when it is nothing but methods and closes, as names.
    pub(crate) fn names(&mut self) -> Vec<String> {
        self.heard().iter().map(name).collect()
    }

    /// The bodies of what it was delivered, and whether each was said to be redelivered.
    pub(crate) fn deliveries(&mut self) -> Vec<(String, bool)> {
        let heard = self.heard().into_iter();
        heard
            .filter_map(|event| match event {
                Event::Content(_, Method::BasicDeliver(deliver), content) => {
                    Some((text(&content), deliver.redelivered()))
                }
                _ => None,
            })
            .collect()
    }

    pub(crate) fn say(&mut self, channel: ChannelId, method: impl Into<Method>) {
        self.connection.send(channel, &method.into()).expect("a method that may be sent now");
    }

    pub(crate) fn open_channel(&mut self) {
        self.say(ONE, Method::ChannelOpen);
    }

    pub(crate) fn declare(&mut self, name: &'static str) {
        self.say(ONE, declaration(name));
    }

    pub(crate) fn declare_durable(&mut self, name: &'static str) {
        self.say(ONE, queue::Declare { durable: true, ..declaration(name) });
    }

    pub(crate) fn declare_exclusive(&mut self, name: &'static str) {
        self.say(ONE, queue::Declare { exclusive: true, ..declaration(name) });
    }

    pub(crate) fn declare_passively(&mut self, name: &'static str) {
        self.say(ONE, queue::Declare { passive: true, ..declaration(name) });
    }

    pub(crate) fn select_confirms(&mut self) {
        self.say(ONE, confirm::Select { no_wait: false });
    }

    pub(crate) fn consume(&mut self, name: &'static str, no_ack: bool) {
        self.say(
            ONE,
            basic::Consume {
                ticket: 0,
                queue: ShortStr::from_static(name),
                consumer_tag: ShortStr::from_static("tag"),
                no_local: false,
                no_ack,
                exclusive: false,
                no_wait: false,
                arguments: Table::EMPTY,
            },
        );
    }

    /// A queue of its own, with whatever goes to `amq.fanout`, consumed without acknowledgements.
    pub(crate) fn subscribe(&mut self, name: &str) {
        let queue = ShortStr::truncated(name);
        self.say(ONE, queue::Declare { queue, exclusive: true, ..declaration("") });
        let bind = queue::Bind {
            ticket: 0,
            queue: ShortStr::EMPTY,
            exchange: ShortStr::from_static("amq.fanout"),
            routing_key: ShortStr::EMPTY,
            no_wait: false,
            arguments: Table::EMPTY,
        };
        self.say(ONE, bind);
        self.consume("", true);
    }

    pub(crate) fn get(&mut self, name: &'static str) {
        let queue = ShortStr::from_static(name);
        self.say(ONE, basic::Get { ticket: 0, queue, no_ack: true });
    }

    /// Like `get`, to be acknowledged.
    pub(crate) fn take(&mut self, name: &'static str) {
        let queue = ShortStr::from_static(name);
        self.say(ONE, basic::Get { ticket: 0, queue, no_ack: false });
    }

    pub(crate) fn ack(&mut self, delivery_tag: u64) {
        self.say(ONE, basic::Ack { delivery_tag, multiple: true });
    }

    pub(crate) fn publish(&mut self, name: &str, body: &[u8]) {
        self.publish_with(("", name), body, Properties::EMPTY, false);
    }

    pub(crate) fn publish_to(&mut self, exchange: &str, key: &str, body: &[u8]) {
        self.publish_with((exchange, key), body, Properties::EMPTY, false);
    }

    pub(crate) fn publish_persistent(&mut self, name: &str, body: &[u8]) {
        let properties = Properties::builder().delivery_mode(2).build().expect("small");
        self.publish_with(("", name), body, properties, false);
    }

    pub(crate) fn publish_expiring(&mut self, name: &str, body: &[u8], after: Duration) {
        let after_ms = after.as_millis().to_string();
        let properties = Properties::builder().delivery_mode(2).expiration(&after_ms);
        self.publish_with(("", name), body, properties.build().expect("small"), false);
    }

    pub(crate) fn publish_mandatory(&mut self, name: &str, body: &[u8]) {
        self.publish_with(("", name), body, Properties::EMPTY, true);
    }

    fn publish_with(
        &mut self,
        (exchange, key): (&str, &str),
        body: &[u8],
        properties: Properties,
        mandatory: bool,
    ) {
        let publish = basic::PublishRef {
            ticket: 0,
            exchange: ShortRef::new(exchange.as_bytes()).expect("short"),
            routing_key: ShortRef::new(key.as_bytes()).expect("short"),
            mandatory,
            immediate: false,
        };
        let content = Content::new(properties, bytes::Bytes::copy_from_slice(body));
        self.connection.publish(ONE, publish, &content).expect("an open channel");
    }

    pub(crate) fn close(&mut self, now: Time) {
        self.connection.close(now, Close::goodbye());
    }
}

pub(crate) fn declaration(name: &'static str) -> queue::Declare {
    queue::Declare {
        ticket: 0,
        queue: ShortStr::from_static(name),
        passive: false,
        durable: false,
        exclusive: false,
        auto_delete: false,
        no_wait: false,
        arguments: Table::EMPTY,
    }
}

/// All that waits, as a socket would take it.
pub(crate) fn octets(outgoing: &mut Outgoing) -> BytesMut {
    BytesMut::from(&outgoing.copy_to_bytes(outgoing.remaining())[..])
}

/// The body of a message, as text.
pub(crate) fn text(content: &Content) -> String {
    String::from_utf8_lossy(&content.body.to_bytes()).into_owned()
}

/// `basic.ack 3`, `channel closed 404`
pub(crate) fn name(event: &Event) -> String {
    match event {
        Event::Method(_, Method::BasicAck(ack)) => format!("basic.ack {}", ack.delivery_tag),
        Event::Method(_, Method::BasicNack(nack)) => format!("basic.nack {}", nack.delivery_tag),
        Event::Method(_, method) => method.name().to_owned(),
        Event::Content(_, method, content) => format!("{} {}", method.name(), text(content)),
        Event::ChannelOpened(_) => "channel opened".to_owned(),
        Event::ChannelClosed(_, close) => format!("channel closed {}", close.code.number()),
        Event::Closed(close) => format!("closed {}", close.code.number()),
        Event::Ready(_) => "ready".to_owned(),
        Event::Introduced(_) => "introduced".to_owned(),
        other => format!("{other:?}"),
    }
}

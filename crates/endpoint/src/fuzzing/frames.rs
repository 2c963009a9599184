//! What clients say: frames of methods and contents made of few names and small numbers, and now and then anything.

use alloc::vec;
use alloc::vec::Vec;

use bytes::{BufMut, BytesMut};
use warrener_codec::method::{basic, channel, confirm, connection, exchange, queue};
use warrener_codec::{
    ArrayBuilder, ChannelId, Content, Method, PropertiesRef, ShortRef, ShortStr, Table,
    TableBuilder, Value,
};

/// What is left of the fuzzer's octets; zeros when nothing is.
pub(super) struct Octets<'a>(&'a [u8]);

impl<'a> Octets<'a> {
    pub(super) const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.next()) % choices.len()]
    }

    fn flag(&mut self) -> bool {
        self.next() & 1 != 0
    }

    fn queue(&mut self) -> ShortStr {
        ShortStr::from_static(self.pick(&["a", "b", "c", "d", "e", "", "amq.rabbitmq.reply-to"]))
    }

    fn exchange(&mut self) -> ShortStr {
        let names = ["", "x", "y", "z", "amq.direct", "amq.topic", "amq.fanout", "amq.headers"];
        ShortStr::from_static(self.pick(&names))
    }

    fn key(&mut self) -> ShortStr {
        ShortStr::from_static(self.pick(&["a", "b", "c", "d", "", "k", "k.l", "#", "*.l", "2"]))
    }

    fn consumer_tag(&mut self) -> ShortStr {
        ShortStr::from_static(self.pick(&["", "1", "2", "3"]))
    }
}

/// The next thing a client says on channel `number`, where `last_tag` was the last delivery tag.
pub(super) fn frame(octets: &mut Octets<'_>, number: u16, last_tag: u64, out: &mut BytesMut) {
    let id = ChannelId::new(number);
    match octets.next() {
        0..90 => publish(octets, id, out),
        90..150 => settle(octets, last_tag).encode(id, out),
        150..180 => consuming(octets).encode(id, out),
        180..225 => defining(octets).encode(id, out),
        225..245 => channel_verb(octets).encode(id, out),
        245..250 => {
            let method = connection_verb(octets);
            method.encode(ChannelId::CONNECTION, out);
        }
        250..254 => raw_frame(octets, number, out),
        _ => {
            let count = usize::from(octets.next());
            out.extend_from_slice(octets.take(count));
        }
    }
}

fn publish(octets: &mut Octets<'_>, id: ChannelId, out: &mut BytesMut) {
    let (exchange, routing_key, flags) = (octets.exchange(), octets.key(), octets.next());
    let publish = basic::Publish::from(basic::PublishRef {
        ticket: 0,
        exchange: exchange.as_short_ref(),
        routing_key: routing_key.as_short_ref(),
        mandatory: flags & 1 != 0,
        immediate: flags == 255,
    });
    Method::from(publish).encode(id, out);
    let content = content(octets, flags);
    let frame_max = if flags & 2 == 0 { 4096 } else { 131_072 };
    content.encode(id, frame_max, out);
    if flags == 254 {
        // More body than was announced, or a second header.
        out.extend_from_slice(octets.take(8));
    }
}

fn content(octets: &mut Octets<'_>, flags: u8) -> Content {
    let headers = if flags & 4 == 0 { Table::EMPTY } else { message_headers(octets) };
    let short = |text: &'static str| ShortRef::try_from(text).ok();
    let reply_to = if flags & 16 == 0 { None } else { short("amq.rabbitmq.reply-to") };
    let expiration = if flags & 32 == 0 { None } else { short(octets.pick(&["0", "10", "x"])) };
    let properties = PropertiesRef {
        headers: (!headers.is_empty()).then(|| headers.as_table_ref()),
        delivery_mode: (flags & 8 != 0).then_some(2),
        priority: (flags & 64 != 0).then(|| octets.next()),
        reply_to,
        expiration,
        ..PropertiesRef::default()
    };
    let body = match octets.next() {
        size @ 0..240 => vec![b'b'; usize::from(size) / 16],
        size => vec![b'B'; usize::from(size - 239) * 700],
    };
    Content::new(properties.to_owned(), body)
}

fn message_headers(octets: &mut Octets<'_>) -> Table {
    let mut table = TableBuilder::new();
    let which = octets.next();
    if which & 1 != 0 {
        table.insert("x-delay", octets.pick(&[10, 100, -1, 0]));
    }
    if which & 2 != 0 {
        let keys: Vec<ShortStr> = (0..octets.next() % 3).map(|_| octets.key()).collect();
        let mut array = ArrayBuilder::new();
        for key in &keys {
            array.push(key.as_bytes());
        }
        let name = if which & 4 != 0 { "CC" } else { "BCC" };
        table.insert(name, &array.build().expect("a few keys"));
    }
    if which & 8 != 0 {
        table.insert("h", octets.pick(&[1, 2]));
    }
    if which & 16 != 0 {
        table.insert("x-recent-history-no-store", octets.flag());
    }
    if which & 96 == 96 {
        // So wide that not every client can take it.
        table.insert("wide", Value::LongStr(&[b'w'; 5_000]));
    }
    table.build().expect("headers that fit")
}

fn settle(octets: &mut Octets<'_>, last_tag: u64) -> Method {
    let back = u64::from(octets.next() % 8);
    let delivery_tag = if back == 7 { 0 } else { last_tag.saturating_sub(back) };
    let how = octets.next();
    let (multiple, requeue) = (how & 8 != 0, how & 16 != 0);
    match how % 8 {
        0..=2 => basic::Ack { delivery_tag, multiple }.into(),
        3..=4 => basic::Nack { delivery_tag, multiple, requeue }.into(),
        5..=6 => basic::Reject { delivery_tag, requeue }.into(),
        _ => basic::Recover { requeue: how < 250 }.into(),
    }
}

fn consuming(octets: &mut Octets<'_>) -> Method {
    let how = octets.next();
    match how % 8 {
        0..=2 => {
            let mut arguments = TableBuilder::new();
            if how & 128 != 0 {
                arguments.insert("x-priority", octets.pick(&[-1, 0, 1]));
            }
            basic::Consume {
                queue: octets.queue(),
                consumer_tag: octets.consumer_tag(),
                no_ack: how & 16 != 0,
                exclusive: how & 96 == 96,
                no_wait: how & 8 != 0,
                arguments: arguments.build().expect("a small table"),
                ..basic::Consume::default()
            }
            .into()
        }
        3..=5 => {
            basic::Get { queue: octets.queue(), no_ack: how & 16 != 0, ..basic::Get::default() }
                .into()
        }
        6 => basic::Cancel { consumer_tag: octets.consumer_tag(), no_wait: how & 8 != 0 }.into(),
        _ => basic::Qos {
            prefetch_size: u32::from(how == 255),
            prefetch_count: u16::from(octets.next() % 4),
            global: how & 16 != 0,
        }
        .into(),
    }
}

fn defining(octets: &mut Octets<'_>) -> Method {
    let flags = octets.next();
    match octets.next() % 16 {
        0..=4 => queue::Declare {
            queue: octets.queue(),
            passive: flags & 7 == 7,
            durable: flags & 8 != 0,
            exclusive: flags & 48 == 48,
            auto_delete: flags & 192 == 192,
            arguments: queue_arguments(octets),
            ..queue::Declare::default()
        }
        .into(),
        5..=6 => exchange::Declare {
            exchange: octets.exchange(),
            kind: ShortStr::from_static(octets.pick(&KINDS)),
            durable: flags & 8 != 0,
            auto_delete: flags & 48 == 48,
            internal: flags & 192 == 192,
            arguments: exchange_arguments(octets),
            ..exchange::Declare::default()
        }
        .into(),
        7..=9 => queue::Bind {
            queue: octets.queue(),
            exchange: octets.exchange(),
            routing_key: octets.key(),
            arguments: binding_arguments(octets),
            ..queue::Bind::default()
        }
        .into(),
        10 => queue::Unbind {
            queue: octets.queue(),
            exchange: octets.exchange(),
            routing_key: octets.key(),
            ..queue::Unbind::default()
        }
        .into(),
        11 => exchange::Bind {
            destination: octets.exchange(),
            source: octets.exchange(),
            routing_key: octets.key(),
            ..exchange::Bind::default()
        }
        .into(),
        12 => exchange::Unbind {
            destination: octets.exchange(),
            source: octets.exchange(),
            routing_key: octets.key(),
            ..exchange::Unbind::default()
        }
        .into(),
        13 => queue::Purge { queue: octets.queue(), ..queue::Purge::default() }.into(),
        14 => queue::Delete {
            queue: octets.queue(),
            if_unused: flags & 3 == 3,
            if_empty: flags & 12 == 12,
            ..queue::Delete::default()
        }
        .into(),
        _ => exchange::Delete {
            exchange: octets.exchange(),
            if_unused: flags & 1 != 0,
            ..exchange::Delete::default()
        }
        .into(),
    }
}

const KINDS: [&str; 11] = [
    "direct",
    "fanout",
    "topic",
    "headers",
    "x-consistent-hash",
    "x-modulus-hash",
    "x-random",
    "x-local-random",
    "x-recent-history",
    "x-delayed-message",
    "x-delayed-message",
];

fn queue_arguments(octets: &mut Octets<'_>) -> Table {
    let mut table = TableBuilder::new();
    let (first, second) = (octets.next(), octets.next());
    if first & 1 != 0 {
        table.insert("x-queue-type", octets.pick(&["quorum", "classic", "quorum", "stream"]));
    }
    if first & 2 != 0 {
        table.insert("x-dead-letter-exchange", octets.exchange().as_bytes());
        if first & 4 != 0 {
            table.insert("x-dead-letter-routing-key", octets.key().as_bytes());
        }
    }
    if first & 8 != 0 {
        table.insert("x-max-length", i32::from(octets.next() % 4));
    }
    if first & 16 != 0 {
        let ways = ["reject-publish", "reject-publish-dlx", "drop-head", "reject-publish"];
        table.insert("x-overflow", octets.pick(&ways));
    }
    if first & 32 != 0 {
        table.insert("x-message-ttl", octets.pick(&[0, 10, 100, -1]));
    }
    if first & 64 != 0 {
        table.insert("x-dead-letter-strategy", "at-least-once");
    }
    if first & 128 != 0 {
        table.insert("x-delivery-limit", octets.pick(&[0, 1, 2, -1]));
    }
    if second & 1 != 0 {
        table.insert("x-single-active-consumer", true);
    }
    if second & 6 == 6 {
        table.insert("x-expires", octets.pick(&[10, 1_000]));
    }
    if second & 24 == 24 {
        table.insert("x-max-priority", i32::from(octets.next()));
    }
    if second & 96 == 96 {
        table.insert("x-consumer-timeout", octets.pick(&[10, 100]));
    }
    if second & 130 == 130 {
        table.insert("x-max-length-bytes", i32::from(octets.next()));
    }
    table.build().expect("a small table")
}

fn exchange_arguments(octets: &mut Octets<'_>) -> Table {
    let mut table = TableBuilder::new();
    let which = octets.next();
    if which & 1 != 0 {
        table.insert("alternate-exchange", octets.exchange().as_bytes());
    }
    if which & 6 != 0 {
        table.insert("x-delayed-type", octets.pick(&KINDS));
    }
    if which & 8 != 0 {
        table.insert("x-recent-history-length", i32::from(octets.next() % 4));
    }
    if which & 48 == 48 {
        table.insert("hash-header", "h");
    }
    table.build().expect("a small table")
}

fn binding_arguments(octets: &mut Octets<'_>) -> Table {
    let mut table = TableBuilder::new();
    let which = octets.next();
    if which & 3 == 3 {
        table.insert("x-match", octets.pick(&["all", "any", "any-with-x", "some"]));
    }
    if which & 12 == 12 {
        table.insert("h", octets.pick(&[1, 2]));
    }
    table.build().expect("a small table")
}

fn channel_verb(octets: &mut Octets<'_>) -> Method {
    match octets.next() % 12 {
        0..=1 => confirm::Select { no_wait: false }.into(),
        2..=3 => Method::TxSelect,
        4..=6 => Method::TxCommit,
        7 => Method::TxRollback,
        8 => channel::Flow { active: octets.flag() }.into(),
        9..=10 => channel::Close::default().into(),
        _ => match octets.next() % 3 {
            0 => Method::ChannelOpen,
            1 => Method::ChannelCloseOk,
            _ => Method::BasicGetEmpty,
        },
    }
}

fn connection_verb(octets: &mut Octets<'_>) -> Method {
    match octets.next() % 8 {
        0..=3 => connection::Close::default().into(),
        4 => connection::UpdateSecret::default().into(),
        5 => Method::ConnectionCloseOk,
        6 => connection::TuneOk::default().into(),
        _ => connection::Open::default().into(),
    }
}

/// An envelope that is right around octets that need not be.
fn raw_frame(octets: &mut Octets<'_>, number: u16, out: &mut BytesMut) {
    let kind = octets.pick(&[1_u8, 1, 1, 2, 3, 8, 9]);
    let number = if octets.next() < 16 { 0 } else { number };
    let count = usize::from(octets.next());
    let payload = octets.take(count);
    out.put_u8(kind);
    out.put_u16(number);
    out.put_u32(payload.len() as u32);
    out.put_slice(payload);
    out.put_u8(0xCE);
}

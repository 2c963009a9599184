//! What is fuzzed: each body takes any bytes and asserts what must hold for all of them. The targets in `/fuzz` are
//! thin; `cargo test` runs the same bodies over their corpus.

use alloc::format;
use alloc::vec::Vec;

use bytes::{BufMut, Bytes, BytesMut};

use crate::method::basic;
use crate::{
    ArrayBuilder, ChannelId, Content, Decoder, Frame, Header, Limits, Method, MethodId, Properties,
    PropertiesRef, ShortRef, Table, TableBuilder, TableRef, Value, grammar,
};

/// What a target runs on any bytes.
pub type Body = fn(&[u8]);

/// The bodies by the names of their targets.
pub const TARGETS: &[(&str, Body)] = &[
    ("codec_frames", frames),
    ("codec_method", method),
    ("codec_table", table),
    ("codec_header", header),
    ("codec_encode_decode", encode_decode),
];

/// A stream of frames in pieces, whose sizes are its first octets, gives what it gives in one piece; every frame is
/// written and read back as it was.
pub fn frames(data: &[u8]) {
    let Some((sizes, stream)) = data.split_at_checked(4) else { return };
    let mut whole = BytesMut::from(stream);
    let mut expected = Vec::new();
    let mut decoder = Decoder::new(Limits::default());
    let in_sync = decode_into(&mut decoder, &mut whole, &mut expected);

    let mut pieces = Decoder::new(Limits::default());
    let (mut input, mut found, mut rest) = (BytesMut::new(), Vec::new(), stream);
    for size in sizes.iter().cycle() {
        let (piece, after) = rest.split_at(rest.len().min(usize::from(*size) + 1));
        input.extend_from_slice(piece);
        decode_into(&mut pieces, &mut input, &mut found);
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    assert_eq!(expected, found);
    assert_eq!(whole, input);
    if in_sync {
        assert_eq!(decoder.missing(), pieces.missing());
    }
    for frame in expected.iter().filter_map(|result| result.as_ref().ok()) {
        assert_round_trip(frame);
        drop(format!("{frame:?}"));
    }
}

/// One method frame: its two first octets choose the method, the rest are arguments.
pub fn method(data: &[u8]) {
    let Some((&[a, b], arguments)) = data.split_first_chunk() else { return };
    let choice = usize::from(u16::from_be_bytes([a, b])) % (MethodId::ALL.len() + 1);
    let (class_id, method_id) = MethodId::ALL.get(choice).map_or((60, 99), |id| id.ids());
    let mut payload = Vec::with_capacity(data.len() + 2);
    payload.put_u16(class_id);
    payload.put_u16(method_id);
    payload.put_slice(arguments);
    let payload = Bytes::from(payload);
    match Method::decode(&payload, &Limits::default()) {
        Ok(method) => {
            assert_eq!(method.ids(), (class_id, method_id));
            assert_round_trip(&Frame::Method(ChannelId::new(1), method));
        }
        Err(error) => {
            assert!(error.offset() <= payload.len() + 7 && error.code().is_hard());
            drop(format!("{error} {}", error.reply_text()));
        }
    }
}

/// A table is read in every way there is, and built again.
pub fn table(data: &[u8]) {
    let limits = Limits::default();
    match grammar::table(&limits)(data) {
        Ok((rest, table)) => {
            assert_eq!(rest.len() + 4 + table.as_bytes().len(), data.len());
            look_at(table);
        }
        Err(nom::Err::Error(fault)) => assert!(fault.offset_in(data) <= data.len()),
        Err(other) => assert!(matches!(other, nom::Err::Failure(_)), "{other:?}"),
    }
}

/// A property list, checked and unchecked.
pub fn header(data: &[u8]) {
    let raw = Bytes::copy_from_slice(data);
    let unread = Properties::from_bytes_unread(raw.clone());
    match Properties::from_bytes(raw, &Limits::default()) {
        Ok(properties) => {
            let (all, again) = (properties.read(), unread.read());
            assert_eq!(all, again);
            let Ok(all) = all else { return assert!(all.is_ok()) };
            let canonical = all.to_owned();
            assert!(canonical.encoded_len() <= properties.encoded_len());
            assert_eq!(format!("{:?}", canonical.read()), format!("{:?}", Ok::<_, ()>(all)));
            all.headers.into_iter().for_each(look_at);
            assert_round_trip(&Frame::Header(ChannelId::new(1), Header::new(9, properties)));
        }
        Err(error) => {
            assert_eq!(unread.read().err(), Some(error));
            assert_eq!(unread.headers(), None);
        }
    }
}

/// Frames made by the builders, as the data chooses, come back as they were made.
pub fn encode_decode(data: &[u8]) {
    let mut choices = Choices(data);
    while !choices.0.is_empty() {
        let channel = ChannelId::new(choices.short());
        match choices.octet() % 6 {
            0 => assert_round_trip(&Frame::Method(channel, choices.publish().into())),
            1 => assert_round_trip(&Frame::Method(channel, choices.deliver().into())),
            2 => assert_round_trip(&Frame::Method(channel, choices.settle())),
            3 => {
                let properties = choices.properties();
                assert_round_trip(&Frame::Header(channel, Header::new(7, properties)));
            }
            4 => {
                let table = choices.table(3);
                look_at(table.as_table_ref());
                let declare = crate::method::queue::Declare {
                    queue: choices.text().to_owned(),
                    durable: choices.octet() & 1 != 0,
                    arguments: table,
                    ..Default::default()
                };
                assert_round_trip(&Frame::Method(channel, declare.into()));
            }
            _ => {
                let body = Bytes::copy_from_slice(choices.octets());
                let content = Content::new(choices.properties(), body);
                assert_content_round_trip(channel, &content, choices.octet());
            }
        }
    }
}

/// All frames there are; whether the decoder still knows where the next one begins.
fn decode_into(
    decoder: &mut Decoder,
    input: &mut BytesMut,
    out: &mut Vec<Result<Frame, crate::DecodeError>>,
) -> bool {
    loop {
        match decoder.decode(input) {
            Ok(Some(frame)) => out.push(Ok(frame)),
            Ok(None) => {
                assert!(decoder.missing() > 0);
                return true;
            }
            Err(error) if error.is_recoverable() => out.push(Err(error)),
            Err(_) => return false,
        }
    }
}

fn assert_round_trip(frame: &Frame) {
    let mut wire = BytesMut::new();
    frame.encode(&mut wire);
    assert_eq!(wire.len(), frame.encoded_len());
    let decoded = Decoder::new(Limits::with_frame_max(0)).decode(&mut wire);
    assert_eq!(decoded.as_ref(), Ok(&Some(frame.clone())));
    assert!(wire.is_empty());
}

fn assert_content_round_trip(channel: ChannelId, content: &Content, room: u8) {
    let frame_max = 9 + u32::from(room);
    let mut wire = BytesMut::new();
    content.encode(channel, frame_max, &mut wire);
    assert_eq!(wire.len(), content.encoded_len(frame_max));
    let mut decoder = Decoder::new(Limits::default());
    let (mut received, mut size) = (Content::default(), 0);
    while let Ok(Some(frame)) = decoder.decode(&mut wire) {
        match frame {
            Frame::Header(_, header) => {
                (received.properties, size) = (header.properties, header.body_size)
            }
            Frame::Body(_, piece) => received.body.push(piece),
            Frame::Method(..) | Frame::Heartbeat => {}
        }
    }
    assert_eq!(&received, content);
    assert_eq!(size, content.body.len() as u64);
}

fn look_at(table: TableRef<'_>) {
    let shown = format!("{table:?}");
    let mut builder = TableBuilder::new();
    for (name, value) in table {
        assert!(table.get(name).is_some());
        builder.insert(name, value);
    }
    let Ok(rebuilt) = builder.build() else { return assert!(shown.is_empty()) };
    assert_eq!(format!("{rebuilt:?}"), shown);
    let map = table.to_map();
    let Ok(from_map) = Table::from_map(&map) else { return assert!(shown.is_empty()) };
    assert_eq!(format!("{:?}", from_map.to_map()), format!("{map:?}"));
}

/// Data as a source of choices; when it is used up, all choices are zero.
struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    fn octet(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    fn short(&mut self) -> u16 {
        u16::from(self.octet()) << 8 | u16::from(self.octet())
    }

    fn long_long(&mut self) -> u64 {
        self.take(8).iter().fold(0, |sum, octet| sum << 8 | u64::from(*octet))
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn octets(&mut self) -> &'a [u8] {
        let len = usize::from(self.short()) % 2048;
        self.take(len)
    }

    fn text(&mut self) -> ShortRef<'a> {
        let len = usize::from(self.octet());
        ShortRef::new(self.take(len)).unwrap_or_default()
    }

    fn maybe_text(&mut self) -> Option<ShortRef<'a>> {
        (self.octet() & 1 != 0).then(|| self.text())
    }

    fn publish(&mut self) -> basic::PublishRef<'a> {
        basic::PublishRef {
            ticket: self.short(),
            exchange: self.text(),
            routing_key: self.text(),
            mandatory: self.octet() & 1 != 0,
            immediate: self.octet() & 1 != 0,
        }
    }

    fn deliver(&mut self) -> basic::DeliverRef<'a> {
        basic::DeliverRef {
            consumer_tag: self.text(),
            delivery_tag: self.long_long(),
            redelivered: self.octet() & 1 != 0,
            exchange: self.text(),
            routing_key: self.text(),
        }
    }

    fn settle(&mut self) -> Method {
        let (delivery_tag, bits) = (self.long_long(), self.octet());
        let (multiple, requeue) = (bits & 1 != 0, bits & 2 != 0);
        match bits % 3 {
            0 => basic::Ack { delivery_tag, multiple }.into(),
            1 => basic::Nack { delivery_tag, multiple, requeue }.into(),
            _ => basic::Reject { delivery_tag, requeue }.into(),
        }
    }

    fn properties(&mut self) -> Properties {
        let headers = self.table(2);
        let parts = PropertiesRef {
            content_type: self.maybe_text(),
            headers: (self.octet() & 1 != 0).then(|| headers.as_table_ref()),
            delivery_mode: (self.octet() & 1 != 0).then(|| self.octet()),
            expiration: self.maybe_text(),
            timestamp: (self.octet() & 1 != 0).then(|| self.long_long()),
            cluster_id: self.maybe_text(),
            ..PropertiesRef::default()
        };
        let properties = parts.to_owned();
        assert_eq!(properties.encoded_len(), parts.encoded_len());
        assert_eq!(properties.read().as_ref(), Ok(&parts));
        properties
    }

    fn table(&mut self, depth: u8) -> Table {
        let mut builder = TableBuilder::new();
        for _ in 0..self.octet() % 8 {
            let name = self.text();
            match self.octet() % 12 {
                0 if depth > 0 => builder.insert(name, &self.table(depth - 1)),
                1 if depth > 0 => {
                    let inner = self.table(depth - 1);
                    let array = ArrayBuilder::new().with(&inner).with(self.octet()).build();
                    builder.insert(name, &array.unwrap_or_default())
                }
                2 => builder.insert(name, self.octets()),
                3 => builder.insert(name, Value::Bytes(self.octets())),
                4 => builder.insert(name, self.octet() & 1 != 0),
                5 => builder.insert(name, self.long_long() as i64),
                6 => builder.insert(name, self.long_long() as i32),
                7 => builder.insert(name, self.short()),
                8 => builder.insert(name, self.short() as i16),
                9 => builder.insert(name, Value::Timestamp(self.long_long())),
                10 => builder.insert(name, Value::Void),
                _ => builder.insert(name, self.octet() as i8),
            };
        }
        builder.build().unwrap_or_default()
    }
}

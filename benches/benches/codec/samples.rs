//! The frames that every codec is measured on, and how a time per frame is taken.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use core::time::Duration;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use criterion::Bencher;
use warrener_codec::method::basic::{Ack, DeliverRef, PublishRef};
use warrener_codec::{ChannelId, Content, Header, Properties, ShortRef, TableBuilder};

pub(crate) const CHANNEL: ChannelId = ChannelId::new(7);
pub(crate) const FRAME_MAX: u32 = 131_072;

pub(crate) fn short(text: &str) -> ShortRef<'_> {
    text.try_into().unwrap()
}

/// 46 octets on the wire.
pub(crate) fn publish() -> PublishRef<'static> {
    PublishRef {
        exchange: short("orders.topic"),
        routing_key: short("europe.order.paid"),
        mandatory: true,
        ..PublishRef::default()
    }
}

/// 68 octets on the wire.
pub(crate) fn deliver() -> DeliverRef<'static> {
    DeliverRef {
        consumer_tag: short("ctag-1.7f3a2b1c"),
        delivery_tag: 123_456,
        redelivered: false,
        exchange: short("orders.topic"),
        routing_key: short("europe.order.paid"),
    }
}

/// 21 octets on the wire.
pub(crate) fn ack() -> Ack {
    Ack { delivery_tag: 123_456, multiple: false }
}

/// 172 octets on the wire as a content header.
pub(crate) fn properties() -> Properties {
    let headers = TableBuilder::new()
        .with("x-trace-id", "0af7651916cd43dd8448eb211c80319c")
        .with("x-retry", 3)
        .with("x-tenant", "acme-inc")
        .build()
        .unwrap();
    Properties::builder()
        .content_type("application/json")
        .headers(&headers)
        .delivery_mode(2)
        .message_id("5e0ff0a4-5a3c-4d0f-9d6a-3f1f0b7f2c11")
        .timestamp(1_700_000_000)
        .build()
        .unwrap()
}

pub(crate) fn content(body_len: usize) -> Content {
    Content::new(properties(), Bytes::from(vec![b'x'; body_len]))
}

pub(crate) fn wire(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out);
    out
}

pub(crate) fn publish_wire() -> Vec<u8> {
    let wire = wire(|out| publish().encode(CHANNEL, out));
    assert_eq!(wire.len(), 46);
    wire
}

pub(crate) fn deliver_wire() -> Vec<u8> {
    let wire = wire(|out| deliver().encode(CHANNEL, out));
    assert_eq!(wire.len(), 68);
    wire
}

pub(crate) fn ack_wire() -> Vec<u8> {
    let wire = wire(|out| ack().encode(CHANNEL, out));
    assert_eq!(wire.len(), 21);
    wire
}

pub(crate) fn header_wire() -> Vec<u8> {
    let wire = wire(|out| Header::new(1024, properties()).encode(CHANNEL, out));
    assert_eq!(wire.len(), 172);
    wire
}

/// Publish, header and body.
pub(crate) fn triple_wire(body_len: usize) -> Vec<u8> {
    wire(|out| {
        publish().encode(CHANNEL, out);
        content(body_len).encode(CHANNEL, FRAME_MAX, out);
    })
}

/// The time that `drain` takes for one `unit` of wire bytes, when it gets read buffers of about 64 KiB full of them.
pub(crate) fn per_unit(
    bencher: &mut Bencher<'_>,
    unit: &[u8],
    mut drain: impl FnMut(&mut BytesMut),
) {
    let units = (65_536 / unit.len()).max(4);
    let wire = unit.repeat(units);
    median_round(bencher, units, || {
        let mut input = BytesMut::from(&wire[..]);
        let start = Instant::now();
        drain(&mut input);
        let spent = start.elapsed();
        assert!(input.is_empty(), "a codec stopped early");
        spent
    });
}

/// The time of one `encode`.
pub(crate) fn per_call(bencher: &mut Bencher<'_>, mut encode: impl FnMut()) {
    const CALLS: usize = 500;
    median_round(bencher, CALLS, || {
        let start = Instant::now();
        (0..CALLS).for_each(|_| encode());
        start.elapsed()
    });
}

/// Rounds are so short that few of them are interrupted, and the median of them is what is reported: so the figures
/// hold on a machine that does other things too.
fn median_round(bencher: &mut Bencher<'_>, units: usize, mut round: impl FnMut() -> Duration) {
    bencher.iter_custom(|iterations| {
        let rounds = iterations.div_ceil(units as u64).max(3);
        let mut spent: Vec<_> = (0..rounds).map(|_| round()).collect();
        spent.sort_unstable();
        spent[spent.len() / 2].mul_f64(iterations as f64 / units as f64)
    });
}

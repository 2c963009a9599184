//! The data path does not allocate: only a read buffer does, once, when it is first shared.

use allocation_counter::measure;
use bytes::{BufMut, Bytes, BytesMut};
use warrener_codec::method::basic;
use warrener_codec::{
    ChannelId, Content, Decoder, FRAME_END, Frame, Header, Limits, Properties, TableBuilder,
    body_frame_head,
};

const CHANNEL: ChannelId = ChannelId::new(1);
const COUNT: usize = 100;

fn publish() -> basic::PublishRef<'static> {
    basic::PublishRef {
        exchange: "exchange".try_into().unwrap(),
        routing_key: "routing.key".try_into().unwrap(),
        ..Default::default()
    }
}

fn deliver() -> basic::DeliverRef<'static> {
    basic::DeliverRef {
        consumer_tag: "consumer".try_into().unwrap(),
        delivery_tag: 7,
        redelivered: false,
        exchange: "exchange".try_into().unwrap(),
        routing_key: "routing.key".try_into().unwrap(),
    }
}

fn content() -> Content {
    let headers = TableBuilder::new().with("a", 1).with("b", "text").build().unwrap();
    let properties =
        Properties::builder().headers(&headers).delivery_mode(2).message_id("id").build();
    Content::new(properties.unwrap(), vec![7; 1000])
}

/// Allocations while a buffer full of the same frame is decoded and dropped.
fn while_decoding(wire: &[u8], limits: &Limits) -> u64 {
    let mut input = BytesMut::from(&wire.repeat(COUNT)[..]);
    let mut decoder = Decoder::new(limits.clone());
    let mut frames = 0;
    let info = measure(|| {
        while let Some(frame) = decoder.decode(&mut input).unwrap() {
            frames += 1;
            drop(frame);
        }
    });
    assert!(input.is_empty() && frames >= COUNT);
    info.count_total
}

fn wire(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out);
    out
}

#[test]
fn methods_with_content_are_decoded_with_one_allocation_a_buffer() {
    let limits = Limits::default();
    let returned = basic::ReturnRef::default();
    let get_ok = basic::GetOkRef::default();
    for (name, wire) in [
        ("publish", wire(|out| publish().encode(CHANNEL, out))),
        ("deliver", wire(|out| deliver().encode(CHANNEL, out))),
        ("return", wire(|out| returned.encode(CHANNEL, out))),
        ("get-ok", wire(|out| get_ok.encode(CHANNEL, out))),
    ] {
        assert_eq!(while_decoding(&wire, &limits), 1, "{name}");
    }
}

#[test]
fn settling_and_heartbeats_are_decoded_without_allocations() {
    let limits = Limits::default();
    let ack = basic::Ack { delivery_tag: 1, multiple: true };
    let nack = basic::Nack { delivery_tag: 1, ..Default::default() };
    let reject = basic::Reject { delivery_tag: 1, requeue: true };
    for wire in [
        wire(|out| ack.encode(CHANNEL, out)),
        wire(|out| nack.encode(CHANNEL, out)),
        wire(|out| reject.encode(CHANNEL, out)),
        wire(|out| Frame::Heartbeat.encode(out)),
        wire(|out| Frame::Body(CHANNEL, Bytes::new()).encode(out)),
    ] {
        assert_eq!(while_decoding(&wire, &limits), 0);
    }
}

#[test]
fn headers_and_bodies_are_decoded_with_one_allocation_a_buffer() {
    let mut unread = Limits::default();
    unread.lazy_properties = true;
    for limits in [Limits::default(), unread] {
        let header = wire(|out| content().encode_header(CHANNEL, out));
        assert_eq!(while_decoding(&header, &limits), 1);
        let triple = wire(|out| {
            publish().encode(CHANNEL, out);
            content().encode(CHANNEL, 0, out);
        });
        assert_eq!(while_decoding(&triple, &limits), 1);
    }
}

#[test]
fn reading_properties_and_tables_does_not_allocate() {
    let content = content();
    let info = measure(|| {
        let all = content.properties.read().unwrap();
        let headers = all.headers.unwrap();
        assert_eq!(headers.get("b").unwrap().as_str(), Some("text"));
        assert_eq!(headers.iter().count(), 2);
        assert_eq!(content.properties.delivery_mode(), Some(2));
    });
    assert_eq!(info.count_total, 0);
}

#[test]
fn encoding_does_not_allocate() {
    let content = content();
    let header = Header::new(5, content.properties.clone());
    let owned: basic::Publish = publish().into();
    let mut out = BytesMut::with_capacity(8192);
    let info = measure(|| {
        publish().encode(CHANNEL, &mut out);
        owned.encode(CHANNEL, &mut out);
        deliver().encode(CHANNEL, &mut out);
        basic::ReturnRef::default().encode(CHANNEL, &mut out);
        basic::GetOkRef::default().encode(CHANNEL, &mut out);
        basic::Ack::default().encode(CHANNEL, &mut out);
        basic::Nack::default().encode(CHANNEL, &mut out);
        header.encode(CHANNEL, &mut out);
        content.encode(CHANNEL, 131_072, &mut out);
    });
    assert_eq!(info.count_total, 0);
}

#[test]
fn a_large_body_is_written_without_a_copy() {
    let body = Bytes::from(vec![1; 200_000]);
    let content = Content::new(Properties::EMPTY, body.clone());
    let mut out = BytesMut::with_capacity(256);
    let mut pieces = Vec::with_capacity(4);
    let info = measure(|| {
        content.encode_header(CHANNEL, &mut out);
        for piece in content.body.chunks(131_064) {
            out.put_slice(&body_frame_head(CHANNEL, piece.len()));
            out.put_u8(FRAME_END);
            pieces.push(piece);
        }
    });
    // `Bytes` made from a vector allocates its count when it is first shared.
    assert!(info.count_total <= 1);
    assert_eq!(pieces.iter().map(Bytes::len).collect::<Vec<_>>(), [131_064, 68_936]);
    assert_eq!(pieces[0].as_ptr(), body.as_ptr());
}

/// A host that reserves what the decoder says is missing moves only the piece of a frame that was there.
#[test]
fn growing_the_read_buffer_moves_a_frame_at_most_once() {
    let frame = wire(|out| Frame::Body(CHANNEL, Bytes::from(vec![7; 100_000])).encode(out));
    let stream = frame.repeat(5);
    let mut decoder = Decoder::new(Limits::default());
    let mut input = BytesMut::with_capacity(4096);
    let (mut rest, mut frames, mut copied, mut grown) = (&stream[..], 0, 0, 0);
    while frames < 5 {
        let room = (input.capacity() - input.len()).min(rest.len());
        let (piece, after) = rest.split_at(room);
        input.put_slice(piece);
        rest = after;
        match decoder.decode(&mut input).unwrap() {
            Some(_) => frames += 1,
            None if input.capacity() - input.len() < decoder.missing() => {
                copied += input.len();
                grown += 1;
                input.reserve(decoder.missing());
            }
            None => {}
        }
    }
    assert!(grown <= 5, "{grown} times");
    assert!(copied <= 5 * 4096, "{copied} of {} octets", stream.len());
}

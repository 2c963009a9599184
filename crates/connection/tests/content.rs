//! Content: method, header and body frames become one event, and one call becomes them.

use bytes::{Buf, Bytes};
use warrener_codec::method::basic;
use warrener_codec::{Body, ChannelId, Content, Frame, Header, Method, Properties, ShortRef};
use warrener_connection::testing::{Pair, Peer};
use warrener_connection::{Event, Limits, Misuse, Oversized, ServerConfig, Tune};

const ONE: ChannelId = ChannelId::new(1);

fn server_with(limits: Limits) -> Peer {
    let mut config = ServerConfig::new();
    config.limits = limits;
    let mut peer = Peer::of_open_server(config, Tune::DEFAULT);
    peer.open_channel(1);
    peer
}

fn server() -> Peer {
    server_with(Limits::DEFAULT)
}

fn publish(key: &str) -> Method {
    let routing_key = ShortRef::new(key.as_bytes()).unwrap();
    basic::PublishRef { routing_key, ..Default::default() }.into()
}

fn header(body_size: u64) -> Frame {
    Frame::Header(ONE, Header::new(body_size, Properties::default()))
}

fn body(octets: &'static [u8]) -> Frame {
    Frame::Body(ONE, Bytes::from_static(octets))
}

fn message(len: usize) -> Content {
    let octets: Vec<u8> = (0..len).map(|index| (index % 251) as u8).collect();
    let properties = Properties::builder().content_type("text/plain").build().unwrap();
    Content::new(properties, octets)
}

#[test]
fn a_message_of_any_size_arrives_whole() {
    for len in [0, 1, 1023, 1024, 1025, 131_064, 131_065, 1 << 20] {
        let mut pair = Pair::established();
        let one = pair.open_channel(1);
        let (method, content) = (publish("key"), message(len));
        pair.client.connection.send_content(one, &method, &content).unwrap();
        pair.chunk = 50_000;
        pair.drive();
        let told = pair.server.events();
        assert_eq!(told, [Event::Content(one, method, content)], "{len} octets");
    }
}

#[test]
fn no_frame_is_larger_than_negotiated() {
    let tune = Tune { frame_max: 4096, ..Tune::DEFAULT };
    let mut peer = Peer::of_open_server(ServerConfig::new(), tune);
    peer.open_channel(1);
    let pieces = [1000, 5000, 1, 1, 9000].map(|len| Bytes::from(vec![7u8; len]));
    let content = Content::new(Properties::default(), Body::from_iter(pieces));
    peer.connection.outbound().deliver(ONE, basic::DeliverRef::default(), &content).unwrap();
    let mut octets = 0;
    let mut frames = 0;
    assert!(matches!(peer.expect_method(1), Method::BasicDeliver(_)));
    assert!(matches!(peer.receive(), Some(Frame::Header(_, header)) if header.body_size == 15_002));
    while let Some(frame) = peer.receive() {
        let Frame::Body(ONE, payload) = &frame else { panic!("{frame:?}") };
        assert!(frame.encoded_len() <= 4096);
        assert!(payload.iter().all(|octet| *octet == 7));
        octets += payload.len();
        frames += 1;
    }
    assert_eq!((octets, frames), (15_002, 4), "frames are as large as they may be");
}

#[test]
fn a_large_body_is_shared_and_a_small_one_copied() {
    let mut pair = Pair::established();
    let one = pair.open_channel(1);
    let large = Bytes::from(vec![1; 100_000]);
    let content = Content::new(Properties::default(), large.clone());
    pair.client.connection.publish(one, basic::PublishRef::default(), &content).unwrap();
    let outgoing = pair.client.connection.outgoing();
    assert!(outgoing.slices().any(|piece| piece.as_ptr() == large.as_ptr()));
    let mut vectored = [std::io::IoSlice::new(&[]); 8];
    assert_eq!(outgoing.chunks_vectored(&mut vectored), 3);
    assert_eq!(vectored[1].as_ptr(), large.as_ptr());
    let small = Content::new(Properties::default(), Bytes::from(vec![1; 1024]));
    pair.client.connection.publish(one, basic::PublishRef::default(), &small).unwrap();
    assert_eq!(pair.client.connection.outgoing().slices().count(), 3);
}

#[test]
fn a_body_stays_the_slices_it_arrived_in() {
    let mut peer = server();
    peer.send_method(1, publish("key"));
    peer.send(&header(6));
    peer.send(&body(b"abc"));
    peer.send(&body(b""));
    peer.send(&body(b"de"));
    assert_eq!(peer.events(), []);
    peer.send(&body(b"f"));
    let told = peer.events();
    let [Event::Content(_, _, content)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(content.body.slices(), [&b"abc"[..], b"de", b"f"]);
}

#[test]
fn an_empty_message_has_no_body_frames() {
    let mut peer = server();
    peer.connection
        .outbound()
        .deliver(ONE, basic::DeliverRef::default(), &Content::default())
        .unwrap();
    peer.expect_method(1);
    assert!(matches!(peer.receive(), Some(Frame::Header(ONE, _))));
    peer.expect_silence();
    peer.send_method(1, publish("key"));
    peer.send(&header(0));
    assert!(matches!(&peer.events()[..], [Event::Content(..)]));
}

#[test]
fn channels_interleave_freely() {
    let mut peer = server();
    let two = ChannelId::new(2);
    peer.open_channel(2);
    peer.send_method(1, publish("one"));
    peer.send_method(2, publish("two"));
    peer.send(&Frame::Header(two, Header::new(2, Properties::default())));
    peer.send(&header(2));
    peer.send(&Frame::Heartbeat);
    peer.send(&body(b"a"));
    peer.send(&Frame::Body(two, Bytes::from_static(b"xy")));
    peer.send(&body(b"b"));
    let told = peer.events();
    let [Event::Content(ChannelId { .. }, first, x), Event::Content(_, second, y)] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!((first, second), (&publish("two"), &publish("one")));
    assert_eq!((x.body.to_bytes(), y.body.to_bytes()), ("xy".into(), "ab".into()));
}

#[test]
fn everything_that_has_content_reaches_the_client() {
    let mut pair = Pair::established();
    let one = pair.open_channel(1);
    let content = message(10);
    let out = pair.server.connection.outbound();
    out.deliver(one, basic::DeliverRef { delivery_tag: 1, ..Default::default() }, &content)
        .unwrap();
    out.get_ok(one, basic::GetOkRef { delivery_tag: 2, ..Default::default() }, &content).unwrap();
    out.return_content(one, basic::ReturnRef::default(), &content).unwrap();
    pair.drive();
    let told = pair.client.events();
    let methods: Vec<&str> = told
        .iter()
        .map(|event| match event {
            Event::Content(_, method, whole) if *whole == content => method.name(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(methods, ["basic.deliver", "basic.get-ok", "basic.return"]);
}

#[test]
fn frames_out_of_place_are_unexpected() {
    let refused = |frames: &[Frame], text: &str, blamed: (u16, u16)| {
        let mut peer = server();
        for frame in frames {
            peer.send(frame);
        }
        peer.expect_close(505, &format!("UNEXPECTED_FRAME - {text}"), blamed);
    };
    let publish = Frame::Method(ONE, publish("key"));
    let ack = Frame::Method(ONE, basic::Ack { delivery_tag: 1, multiple: false }.into());
    let no_method = "expected method frame, got non method frame instead";
    refused(&[header(1)], no_method, (0, 0));
    refused(&[body(b"a")], no_method, (0, 0));
    let no_header = "expected content header for class 60, got non content header frame instead";
    refused(&[publish.clone(), body(b"a")], no_header, (60, 40));
    refused(&[publish.clone(), ack.clone()], no_header, (60, 40));
    let no_body = "expected content body, got non content body frame instead";
    refused(&[publish.clone(), header(1), header(1)], no_body, (60, 40));
    refused(&[publish.clone(), header(1), ack], no_body, (60, 40));
    let wrong_class = Header { class_id: 50, ..Header::default() };
    refused(
        &[publish, Frame::Header(ONE, wrong_class)],
        "expected content header for class 60, got one for class 50 instead",
        (60, 40),
    );
}

#[test]
fn content_frames_on_channel_zero_are_unexpected() {
    let mut peer = server();
    peer.send(&Frame::Header(ChannelId::CONNECTION, Header::default()));
    peer.expect_close(505, "UNEXPECTED_FRAME - type 2, all octets = <<>>", (0, 0));
    let mut peer = server();
    peer.send(&Frame::Body(ChannelId::CONNECTION, Bytes::from_static(b"abc")));
    peer.expect_close(505, "UNEXPECTED_FRAME - type 3, all octets = <<>>", (0, 0));
}

#[test]
fn a_body_longer_than_announced_is_a_frame_error() {
    let mut peer = server();
    peer.send_method(1, publish("key"));
    peer.send(&header(2));
    peer.send(&body(b"abc"));
    peer.expect_close(
        501,
        "FRAME_ERROR - content body frame exceeds remaining content size",
        (60, 40),
    );
}

#[test]
fn a_message_beyond_the_limit_is_announced_and_its_body_skipped() {
    let mut limits = Limits::DEFAULT;
    limits.message_max_bytes = 4;
    let mut peer = server_with(limits);
    peer.send_method(1, publish("key"));
    peer.send(&header(5));
    let oversized = Oversized { size: 5, max: 4 };
    assert_eq!(peer.events(), [Event::Oversized(ONE, publish("key"), oversized)]);
    assert_eq!(oversized.to_string(), "message size 5 is larger than configured max size 4");
    // Whatever the host makes of it, the frames stay in step.
    peer.send(&body(b"abc"));
    peer.send(&body(b"de"));
    peer.send_method(1, publish("next"));
    peer.send(&header(4));
    peer.send(&body(b"abcd"));
    let told = peer.events();
    assert!(matches!(&told[..], [Event::Content(_, method, _)] if *method == publish("next")));
}

#[test]
fn a_message_beyond_the_hard_limit_ends_the_connection() {
    let mut peer = server();
    peer.send_method(1, publish("key"));
    peer.send(&header(536_870_913));
    peer.expect_close(
        501,
        "FRAME_ERROR - content body size 536870913 exceeds maximum allowed size 536870912",
        (60, 40),
    );
}

#[test]
fn what_does_not_fit_into_a_frame_is_known_beforehand() {
    let tune = Tune { frame_max: 4096, ..Tune::DEFAULT };
    let mut peer = Peer::of_open_server(ServerConfig::new(), tune);
    peer.open_channel(1);
    let large = "v".repeat(4080);
    let table = warrener_codec::TableBuilder::new().with("k", large.as_str()).build().unwrap();
    let properties = Properties::builder().headers(&table).build().unwrap();
    assert!(!peer.connection.outbound().fits_header(&properties));
    assert!(peer.connection.outbound().fits_header(&Properties::default()));
    let content = Content::new(properties, Bytes::new());
    let size = content.encoded_len(0);
    assert_eq!(
        peer.connection.outbound().deliver(ONE, basic::DeliverRef::default(), &content),
        Err(Misuse::FrameTooLarge { size, max: 4096 })
    );
    peer.expect_silence();
    assert!(peer.connection.outbound().fits(&publish("key")));
}

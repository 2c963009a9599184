//! What a peer sends grows no memory past the stated limits, and breaks nothing.

use bytes::Bytes;
use warrener_codec::method::basic;
use warrener_codec::{ChannelId, Content, Frame, Header, Properties};
use warrener_connection::testing::Peer;
use warrener_connection::{ConnectionError, Limits, Misuse, ReplyCode, ServerConfig, Tune};

const ONE: ChannelId = ChannelId::new(1);

fn server_with(change: impl FnOnce(&mut Limits)) -> Peer {
    let mut config = ServerConfig::new();
    change(&mut config.limits);
    let mut peer = Peer::of_open_server(config, Tune::DEFAULT);
    peer.open_channel(1);
    peer
}

fn begin(peer: &mut Peer, channel: u16, body_size: u64) {
    peer.send_method(channel, basic::PublishRef::default());
    let header = Header::new(body_size, Properties::default());
    peer.send(&Frame::Header(ChannelId::new(channel), header));
}

fn error_code(peer: &Peer) -> Option<ReplyCode> {
    peer.connection.error().and_then(ConnectionError::code)
}

#[test]
fn unfinished_content_is_bounded_over_all_channels_together() {
    let mut peer = server_with(|limits| {
        limits.message_max_bytes = 100_000;
        limits.unfinished_max_bytes = 1_000_000;
    });
    for channel in 2..=50 {
        peer.open_channel(channel);
    }
    let piece = Bytes::from(vec![0; 90_000]);
    for channel in 1..=50 {
        begin(&mut peer, channel, 100_000);
        peer.send(&Frame::Body(ChannelId::new(channel), piece.clone()));
        let expected = if channel <= 11 { None } else { Some(ReplyCode::RESOURCE_ERROR) };
        assert_eq!(error_code(&peer), expected, "channel {channel}");
        if expected.is_some() {
            break;
        }
    }
    peer.expect_close(
        506,
        "RESOURCE_ERROR - unfinished content exceeds maximum allowed size 1000000",
        (0, 0),
    );
}

#[test]
fn a_flood_of_headers_is_bounded() {
    let mut peer = server_with(|limits| {
        limits.message_max_bytes = 1000;
        limits.unfinished_max_bytes = 100_000;
    });
    let large = "v".repeat(10_000);
    let table = warrener_codec::TableBuilder::new().with("k", large.as_str()).build().unwrap();
    let properties = Properties::builder().headers(&table).build().unwrap();
    let mut channel = 1;
    while error_code(&peer).is_none() {
        channel += 1;
        assert!(channel < 20, "ten kilobytes each");
        peer.open_channel(channel);
        peer.send_method(channel, basic::PublishRef::default());
        let header = Header::new(1000, properties.clone());
        peer.send(&Frame::Header(ChannelId::new(channel), header));
    }
    assert_eq!(error_code(&peer), Some(ReplyCode::RESOURCE_ERROR));
}

#[test]
fn a_body_in_single_octets_is_charged_for_its_bookkeeping() {
    let mut peer = server_with(|limits| {
        limits.message_max_bytes = 50_000;
        limits.unfinished_max_bytes = 100_000;
    });
    begin(&mut peer, 1, 50_000);
    let mut octets = Vec::new();
    Frame::Body(ONE, Bytes::from_static(b"a")).encode(&mut octets);
    let sent = (0..50_000).take_while(|_| peer.try_send_bytes(&octets).is_ok()).count();
    assert!((1_500..2_500).contains(&sent), "{sent}");
}

#[test]
fn one_message_of_the_largest_size_always_fits() {
    let mut peer = server_with(|limits| {
        limits.message_max_bytes = 300_000;
        limits.unfinished_max_bytes = 10;
    });
    for _ in 0..3 {
        begin(&mut peer, 1, 300_000);
        for _ in 0..75 {
            peer.send(&Frame::Body(ONE, Bytes::from(vec![0; 4_000])));
        }
    }
    assert_eq!(peer.events().len(), 3);
}

#[test]
fn finished_and_abandoned_content_is_not_charged_any_more() {
    let mut peer = server_with(|limits| {
        limits.message_max_bytes = 10_000;
        limits.unfinished_max_bytes = 30_000;
    });
    for round in 0..100 {
        begin(&mut peer, 1, 10_000);
        peer.send(&Frame::Body(ONE, Bytes::from(vec![0; 9_000])));
        if round % 2 == 0 {
            peer.send(&Frame::Body(ONE, Bytes::from(vec![0; 1_000])));
            assert_eq!(peer.events().len(), 1);
        } else {
            peer.connection.close_channel(ONE, &warrener_connection::Close::goodbye()).unwrap();
            peer.expect_method(1);
            peer.send_method(1, warrener_codec::Method::ChannelCloseOk);
            assert_eq!(peer.events().len(), 1);
            peer.open_channel(1);
        }
    }
    assert_eq!(error_code(&peer), None);
}

#[test]
fn empty_body_frames_cost_nothing() {
    let mut peer = server_with(|limits| {
        limits.message_max_bytes = 1_000;
        limits.unfinished_max_bytes = 10_000;
    });
    begin(&mut peer, 1, 10);
    for _ in 0..10_000 {
        peer.send(&Frame::Body(ONE, Bytes::new()));
    }
    assert_eq!(error_code(&peer), None);
}

#[test]
fn a_slow_reader_makes_the_host_wait() {
    let mut peer = server_with(|limits| {
        limits.outgoing_high_bytes = 10_000;
        limits.outgoing_max_bytes = 20_000;
    });
    let content = Content::new(Properties::default(), vec![0; 900]);
    let mut sent = 0;
    let refused = loop {
        let deliver = basic::DeliverRef { delivery_tag: sent + 1, ..Default::default() };
        match peer.connection.outbound().deliver(ONE, deliver, &content) {
            Ok(()) => sent += 1,
            Err(misuse) => break misuse,
        }
        let waiting = peer.connection.outgoing().len();
        assert_eq!(peer.connection.outbound().is_congested(), waiting >= 10_000);
        assert_eq!(peer.connection.wants_read(), waiting < 10_000);
    };
    let Misuse::OutgoingFull { waiting } = refused else { panic!("{refused:?}") };
    assert!((20_000..22_000).contains(&waiting));
    assert!(peer.connection.is_open());
    // The peer reads: everything is there, and the host may go on.
    assert_eq!(peer.receive_bytes().len(), waiting);
    assert!(peer.connection.wants_read());
    let deliver = basic::DeliverRef::default();
    assert_eq!(peer.connection.outbound().deliver(ONE, deliver, &content), Ok(()));
}

#[test]
fn a_frame_may_pass_the_negotiated_size_by_eight_octets() {
    let tune = Tune { frame_max: 4096, ..Tune::DEFAULT };
    let mut peer = Peer::of_open_server(ServerConfig::new(), tune);
    peer.open_channel(1);
    begin(&mut peer, 1, 4096);
    peer.send(&Frame::Body(ONE, Bytes::from(vec![0; 4096])));
    assert_eq!(peer.events().len(), 1);
    begin(&mut peer, 1, 4097);
    peer.send(&Frame::Body(ONE, Bytes::from(vec![0; 4097])));
    peer.expect_close(
        501,
        "FRAME_ERROR - type 3, all octets = <<>>: {frame_too_large,4097,4088}",
        (0, 0),
    );
}

#[test]
fn unknown_frames_and_methods_are_named() {
    let refused = |octets: &[u8], code: u16, text: &str, blamed: (u16, u16)| {
        let mut peer = server_with(|_| ());
        peer.send_bytes(octets);
        peer.expect_close(code, text, blamed);
    };
    refused(
        b"\x04\0\x01\0\0\0\x02ab\xce",
        501,
        "FRAME_ERROR - type 4, all octets = <<97,98>>: unknown_frame",
        (0, 0),
    );
    refused(b"\x08\0\x01\0\0\0\0\xce", 505, "UNEXPECTED_FRAME - type 8, all octets = <<>>", (0, 0));
    refused(
        b"\x01\0\x01\0\0\0\x04\0\x63\0\x07\xce",
        540,
        "NOT_IMPLEMENTED - unknown method 99.7",
        (99, 7),
    );
}

#[test]
fn undecodable_arguments_name_the_method() {
    let mut peer = server_with(|_| ());
    peer.send_bytes(b"\x01\0\x01\0\0\0\x05\0\x3c\0\x50\x01\xce");
    let error = peer.connection.error().expect("truncated arguments").clone();
    let close = error.close();
    assert_eq!((close.code.number(), close.class_id, close.method_id), (501, 60, 80));
    let text = close.text.as_str().unwrap();
    assert!(text.starts_with("FRAME_ERROR - cannot decode <<"), "{text}");
}

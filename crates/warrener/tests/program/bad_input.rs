//! What a broker must bear: headers, frames and methods that no client would send, and bytes
//! without end.

use crate::broker::{Broker, Shared};
use crate::wire::{
    BASIC_PUBLISH, BODY, CLOSE, Closed, FRAME_MAX, HEADER, HEARTBEAT, METHOD, PROTOCOL_HEADER,
    Peer, QUEUE_DECLARE, START, content_header, frame, head, long, method, publish, short,
};

static BROKER: Shared = Shared::new();

/// More than a broker may grow by, whatever one connection sends.
const GROWTH: u64 = 24 << 20;

#[test]
fn a_wrong_protocol_header_is_answered_with_the_right_one() {
    let broker = BROKER.broker();
    for header in [
        &b"AMQP\x00\x00\x09\x02"[..],
        b"AMQP\x00\x01\x00\x00",
        b"AMQP\x03\x01\x00\x00",
        b"AMQP\x01\x01\x00\x0A",
        b"amqp\x00\x00\x09\x01",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: lost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03",
        b"\0\0\0\0\0\0\0\0",
    ] {
        let mut peer = Peer::connect(&broker);
        peer.send(header);
        assert_eq!(&peer.read(), PROTOCOL_HEADER, "{header:?}");
        peer.expect_end();
    }
}

#[test]
fn a_protocol_header_may_come_in_pieces() {
    let broker = BROKER.broker();
    let mut peer = Peer::connect(&broker);
    for byte in PROTOCOL_HEADER {
        peer.send(&[*byte]);
    }
    peer.expect_method(0, START);
}

#[test]
fn a_peer_that_says_nothing_and_leaves_harms_nobody() {
    let broker = BROKER.broker();
    for said in [&b""[..], b"AMQP", PROTOCOL_HEADER] {
        let mut peer = Peer::connect(&broker);
        peer.send(said);
    }
    Peer::open(&broker);
}

#[test]
fn garbage_frames_get_the_right_close() {
    let broker = BROKER.broker();
    let wrong_end = [&frame(METHOD, 1, b"\x00\x3C\x00\x0A")[..11], b"\x00"].concat();
    let too_large = head(METHOD, 1, FRAME_MAX + 1);
    let header_first = content_header(1, 60, 0);
    let unknown_kind = frame(7, 1, b"");
    let body_first = frame(BODY, 1, b"body");
    let heartbeat = frame(HEARTBEAT, 1, b"");
    for (what, bytes, code) in [
        ("an unknown kind of frame", unknown_kind, 501),
        ("a wrong last octet", wrong_end, 501),
        ("a frame beyond frame-max", too_large, 501),
        ("a body that nothing announced", body_first, 505),
        ("a header that nothing announced", header_first, 505),
        ("a heartbeat on a channel", heartbeat, 505),
    ] {
        let closed = close_after(&broker, &bytes);
        assert_eq!(closed.code, code, "{what}: {closed:?}");
    }
}

#[test]
fn a_content_that_is_not_what_was_announced_gets_the_right_close() {
    let broker = BROKER.broker();
    let after_publish = |next: &[u8]| [&publish(1, "q")[..], next].concat();
    let too_much = [&content_header(1, 60, 3)[..], &frame(BODY, 1, b"four")].concat();
    for (what, bytes, code) in [
        ("a method instead of the header", publish(1, "q"), 505),
        ("a body instead of the header", frame(BODY, 1, b"body"), 505),
        ("a header of another class", content_header(1, 50, 0), 505),
        ("more body than announced", too_much, 501),
        ("a header that ends too early", frame(HEADER, 1, b"\x00\x3C\x00\x00\x00"), 501),
        ("more body than any message may have", content_header(1, 60, u64::MAX), 501),
    ] {
        let closed = close_after(&broker, &after_publish(&bytes));
        assert_eq!(closed.code, code, "{what}: {closed:?}");
    }
}

#[test]
fn methods_out_of_place_get_the_right_close() {
    let broker = BROKER.broker();
    let qos = [0; 7];
    let unopened = close_after(&broker, &method(5, (60, 10), &qos));
    let text = "CHANNEL_ERROR - expected 'channel.open'";
    assert_eq!((unopened.code, unopened.text.as_str()), (504, text));
    assert_eq!(unopened.method, (60, 10));

    let again = close_after(&broker, &method(1, (20, 10), &short("")));
    let text = "CHANNEL_ERROR - second 'channel.open' seen";
    assert_eq!((again.code, again.text.as_str()), (504, text));

    let truncated = close_after(&broker, &method(1, QUEUE_DECLARE, b"\x00\x00\x09short"));
    assert_eq!((truncated.code, truncated.method), (501, QUEUE_DECLARE), "{truncated:?}");

    let unknown = close_after(&broker, &method(1, (60, 999), b""));
    assert_eq!(unknown.method, (60, 999), "{unknown:?}");
    assert!([503, 540].contains(&unknown.code), "{unknown:?}");

    let of_the_server = close_after(&broker, &method(1, (60, 60), b""));
    assert!([501, 503].contains(&of_the_server.code), "{of_the_server:?}");
}

#[test]
fn a_wrong_password_is_refused_by_its_text() {
    let broker = Broker::start();
    for (user, password) in [("guest", "hunter2"), ("guest", ""), ("nobody", "guest")] {
        let mut peer = Peer::greeted(&broker);
        peer.log_in(user, password);
        let closed = peer.expect_close();
        let text = "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For \
                    details see the broker logfile.";
        assert_eq!((closed.code, closed.text.as_str()), (403, text));
        peer.agree_to_close();
    }
    assert!(!broker.log().contains("hunter2"), "a password in the log:\n{}", broker.log());
}

#[test]
fn nobody_gets_past_the_handshake_out_of_turn() {
    let broker = BROKER.broker();
    for bytes in [
        method(1, BASIC_PUBLISH, b"\x00\x00\x00\x01q\x00"),
        method(0, (10, 40), b"\x01/\x00\x00"),
        frame(BODY, 1, b"body"),
    ] {
        let mut peer = Peer::greeted(&broker);
        peer.send(&bytes);
        // The broker may say why, or hang up at once; it must not go on.
        if let Some(frame) = peer.frame_or_end() {
            assert_eq!(frame.method(), Some(CLOSE), "let in without a login");
            peer.agree_to_close();
        }
    }
}

#[test]
fn a_half_open_connection_is_cut_after_the_handshake_timeout() {
    let broker = Broker::start_with(&["--handshake-timeout", "1"]);
    let mut finished = Peer::open(&broker);

    let mut silent = Peer::connect(&broker);
    let mut stuck = Peer::greeted(&broker);
    let mut dribbling = Peer::connect(&broker);
    dribbling.send(b"AMQP");
    silent.expect_end();
    stuck.expect_end();
    dribbling.expect_end();

    // Whoever has finished is not touched.
    finished.send(&method(2, (20, 10), &short("")));
    finished.expect_method(2, (20, 11));
}

#[test]
fn bytes_without_end_do_not_make_it_grow() {
    let broker = Broker::start();
    let before = Peer::open(&broker);
    let resident = broker.resident_bytes();
    let zeros = vec![0; 1 << 20];

    // Before the handshake, in its middle, and after it.
    assert!(Peer::connect(&broker).flood(&zeros, 256 << 20) < 64 << 20);
    let mut peer = Peer::greeted(&broker);
    peer.send(&head(METHOD, 0, u32::MAX));
    assert!(peer.flood(&zeros, 256 << 20) < 64 << 20);
    let mut peer = Peer::open(&broker);
    peer.send(&head(BODY, 1, u32::MAX));
    assert!(peer.flood(&zeros, 256 << 20) < 64 << 20);

    // A frame of the allowed length that never ends, a name without end, many times.
    let mut stuck = Vec::new();
    for _ in 0..64 {
        let mut peer = Peer::open(&broker);
        peer.send(&publish(1, "nobody"));
        peer.send(&content_header(1, 60, 1 << 20));
        peer.send(&head(BODY, 1, FRAME_MAX - 8));
        peer.send(&zeros[..1000]);
        stuck.push(peer);
    }
    let grown = broker.resident_bytes().saturating_sub(resident);
    assert!(grown < GROWTH, "grown by {} KiB\n{}", grown / 1024, broker.log());
    drop(before);
}

#[test]
fn tables_within_tables_do_not_end_it() {
    let broker = BROKER.broker();
    let mut deep = Vec::new();
    for _ in 0..5000 {
        deep = [&short("t")[..], b"F", &long(&deep)].concat();
    }
    let arguments = [&[0, 0][..], &short("deep"), &[0], &long(&deep)].concat();
    let closed = close_after(&broker, &method(1, QUEUE_DECLARE, &arguments));
    assert_eq!((closed.code, closed.method), (501, QUEUE_DECLARE), "{closed:?}");
}

/// Sends bytes on an open connection, and returns how the broker closes it. Others go on.
#[track_caller]
fn close_after(broker: &Broker, bytes: &[u8]) -> Closed {
    let mut bystander = Peer::open(broker);
    let mut peer = Peer::open(broker);
    peer.send(bytes);
    let closed = peer.expect_close();
    peer.agree_to_close();
    bystander.send(&method(2, (20, 10), &short("")));
    bystander.expect_method(2, (20, 11));
    closed
}

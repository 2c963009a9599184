//! The end of a connection: who began, what is said, and when the stream may be dropped.

use core::time::Duration;

use warrener_codec::method::{connection, queue};
use warrener_codec::{ChannelId, Method};
use warrener_connection::testing::{Pair, Peer};
use warrener_connection::{
    Blame, Close, ConnectionError, Event, Initiator, Misuse, Phase, ReplyCode, ServerConfig, Timer,
    Tune,
};

const ONE: ChannelId = ChannelId::new(1);

fn peers_close() -> connection::Close {
    connection::Close {
        reply_code: ReplyCode(200),
        reply_text: "Goodbye".try_into().unwrap(),
        ..Default::default()
    }
}

fn server() -> Peer {
    let mut peer = Peer::of_open_server(ServerConfig::new(), Tune::DEFAULT);
    peer.open_channel(1);
    peer
}

fn by(events: &[Event]) -> Initiator {
    match events {
        [Event::Closed(close)] => close.by,
        other => panic!("expected one end, got {other:?}"),
    }
}

#[test]
fn close_ok_waits_until_the_host_has_cleaned_up() {
    let mut pair = Pair::established();
    pair.client.connection.close(pair.now(), Close::goodbye());
    assert!(!pair.client.connection.is_open());
    pair.drive();
    assert_eq!(by(&pair.server.events()), Initiator::Peer);
    pair.advance(Duration::from_secs(1));
    assert_eq!(pair.client.events(), [], "no close-ok yet");
    assert!(!pair.client.connection.is_finished());
    pair.server.connection.finish_close();
    assert!(pair.server.connection.is_finished());
    pair.drive();
    let told = pair.client.events();
    assert_eq!(told, [Event::Closed(Close::goodbye())]);
    assert!(pair.client.connection.is_finished());
    assert_eq!(pair.client.connection.error(), None);
}

#[test]
fn what_was_sent_before_a_close_arrives_before_it() {
    let mut pair = Pair::established();
    let one = pair.open_channel(1);
    let method: Method = queue::Purge::default().into();
    for _ in 0..100 {
        pair.client.connection.send(one, &method).unwrap();
    }
    pair.client.connection.close(pair.now(), Close::goodbye());
    assert_eq!(pair.client.connection.send(one, &method), Err(Misuse::NotOpen));
    pair.drive();
    let told = pair.server.events();
    assert_eq!(told.len(), 101);
    assert!(matches!(told.last(), Some(Event::Closed(_))));
}

#[test]
fn after_our_close_everything_is_dropped_but_the_dance() {
    let mut peer = server();
    let shutdown = Close::new(
        ReplyCode::CONNECTION_FORCED,
        "broker forced connection closure with reason 'shutdown'",
    );
    peer.connection.close(peer.now, shutdown.clone());
    peer.expect_close(
        320,
        "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'",
        (0, 0),
    );
    peer.send_method(1, queue::Purge::default());
    peer.send_method(9, queue::Purge::default());
    peer.send_bytes(b"\x01\0\x01\0\0\0\x04\xff\xff\xff\xff\xce");
    assert_eq!(peer.events(), []);
    peer.expect_silence();
    peer.send_method(0, Method::ConnectionCloseOk);
    assert_eq!(peer.events(), [Event::Closed(shutdown)]);
    assert!(peer.connection.is_finished());
    assert_eq!(peer.connection.error(), None);
}

#[test]
fn events_that_were_not_polled_when_the_host_closed_are_dropped() {
    let mut peer = server();
    peer.send_method(1, queue::Purge::default());
    peer.connection.close(peer.now, Close::goodbye());
    assert_eq!(peer.events(), []);
}

#[test]
fn both_sides_may_close_at_once() {
    let mut peer = server();
    peer.connection.close(peer.now, Close::goodbye());
    peer.expect_method(0);
    peer.send_method(0, peers_close());
    assert_eq!(peer.expect_method(0), Method::ConnectionCloseOk);
    assert_eq!(by(&peer.events()), Initiator::Local);
    peer.send_method(0, Method::ConnectionCloseOk);
    assert_eq!(peer.events(), []);
    assert!(peer.connection.is_finished());
}

#[test]
fn both_machines_finish_when_both_close_at_once() {
    let mut pair = Pair::established();
    pair.client.connection.close(pair.now(), Close::goodbye());
    pair.server.connection.close(pair.now(), Close::goodbye());
    pair.drive();
    for side in [&mut pair.client, &mut pair.server] {
        assert_eq!(by(&side.events()), Initiator::Local);
        assert!(side.connection.is_finished());
    }
}

#[test]
fn the_close_that_a_broken_rule_deserves_is_there_at_once_and_the_error_sticks() {
    let mut peer = server();
    peer.send_method(1, queue::Purge::default());
    let error = {
        let mut octets = Vec::new();
        Method::ChannelOpen.encode(ONE, &mut octets);
        peer.try_send_bytes(&octets).expect_err("a second open")
    };
    assert_eq!(error.blame(), Blame::Peer);
    assert_eq!(error.code(), Some(ReplyCode::CHANNEL_ERROR));
    peer.expect_close(504, "CHANNEL_ERROR - second 'channel.open' seen", (20, 10));
    assert_eq!(peer.connection.error(), Some(&error));
    // What came before it is still there, and the end comes after it.
    let told = peer.events();
    assert!(
        matches!(&told[..], [Event::Method(ONE, _), Event::Closed(close)]
            if close.by == Initiator::Library && *close == error.close()),
        "{told:?}"
    );
    // Everything repeats the error, and waits for close-ok.
    assert_eq!(peer.try_send_bytes(b""), Err(error.clone()));
    peer.send_method(1, queue::Purge::default());
    assert_eq!(peer.connection.send(ONE, &queue::PurgeOk::default().into()), Err(Misuse::NotOpen));
    assert!(!peer.connection.is_finished());
    peer.send_method(0, Method::ConnectionCloseOk);
    assert!(peer.connection.is_finished());
    assert_eq!(peer.events(), []);
    assert_eq!(peer.try_send_bytes(b"x"), Err(error));
}

#[test]
fn a_peer_that_closes_while_we_tell_it_about_a_broken_rule_is_answered() {
    let mut peer = server();
    peer.send_method(1, Method::ChannelOpen);
    peer.expect_method(0);
    peer.send_method(0, peers_close());
    assert_eq!(peer.expect_method(0), Method::ConnectionCloseOk);
    assert!(peer.connection.is_finished());
    assert_eq!(by(&peer.events()), Initiator::Library);
}

#[test]
fn lost_sync_is_said_and_nothing_after_it_is_read() {
    let mut peer = server();
    peer.send_bytes(b"\x01\0\x01\0\0\0\x04\0\x32\0\x1e\xcd");
    peer.expect_close(
        501,
        "FRAME_ERROR - type 1, all octets = <<0,50,0,30>>: {invalid_frame_end_marker,205}",
        (0, 0),
    );
    // Nobody knows where the next frame begins, so an answer could not be understood, and none is awaited.
    assert!(peer.connection.is_finished());
}

#[test]
fn close_ok_is_waited_for_thirty_seconds_or_one_heartbeat() {
    for (heartbeat_s, patience_s) in [(0, 30), (60, 30), (5, 5)] {
        let tune = Tune { heartbeat_s, ..Tune::DEFAULT };
        let mut peer = Peer::of_open_server(ServerConfig::new(), tune);
        peer.connection.close(peer.now, Close::goodbye());
        let (deadline, timer) = peer.connection.poll_timeout().unwrap();
        assert_eq!(timer, Timer::CloseOk);
        assert_eq!(deadline.saturating_since(peer.now), Duration::from_secs(patience_s));
        peer.advance(Duration::from_secs(patience_s));
        assert_eq!(by(&peer.events()), Initiator::Local);
        assert!(peer.connection.is_finished());
        assert_eq!(peer.connection.error(), Some(&ConnectionError::Timeout(Timer::CloseOk)));
        assert_eq!(peer.connection.poll_timeout(), None);
    }
}

#[test]
fn a_stream_that_just_ends_is_no_close() {
    let mut pair = Pair::established();
    pair.cut();
    for side in [&mut pair.client, &mut pair.server] {
        assert_eq!(by(&side.events()), Initiator::Library);
        assert_eq!(side.connection.error(), Some(&ConnectionError::Eof(Phase::Running)));
        assert!(side.connection.is_finished());
        assert!(side.connection.outgoing().is_empty());
    }
}

#[test]
fn a_stream_that_ends_during_our_close_is_an_answer() {
    let mut pair = Pair::established();
    pair.client.connection.close(pair.now(), Close::goodbye());
    pair.cut();
    assert_eq!(by(&pair.client.events()), Initiator::Local);
    assert_eq!(pair.client.connection.error(), None);
    assert!(pair.client.connection.is_finished());
}

#[test]
fn a_close_ok_that_nobody_asked_for_is_a_broken_rule() {
    let mut peer = server();
    peer.send_method(0, Method::ConnectionCloseOk);
    assert_eq!(by(&peer.events()), Initiator::Library);
    peer.expect_close(504, "CHANNEL_ERROR - unexpected 'connection.close-ok'", (10, 51));
}

#[test]
fn after_the_peers_close_nothing_more_is_read() {
    let mut peer = server();
    peer.send_method(0, peers_close());
    peer.send_method(1, queue::Purge::default());
    assert_eq!(by(&peer.events()), Initiator::Peer);
    peer.connection.finish_close();
    peer.connection.finish_close();
    assert_eq!(peer.expect_method(0), Method::ConnectionCloseOk);
    peer.expect_silence();
}

#[test]
fn finishing_a_close_that_never_came_does_nothing() {
    let mut pair = Pair::established();
    pair.server.connection.finish_close();
    assert!(pair.server.connection.is_open());
    assert!(pair.server.connection.outgoing().is_empty());
}

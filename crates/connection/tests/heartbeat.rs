//! Heartbeats both ways, by the clock given.

use core::time::Duration;

use warrener_codec::method::basic;
use warrener_codec::{ChannelId, Frame};
use warrener_connection::testing::{Pair, Peer};
use warrener_connection::{
    Blame, ClientConfig, ConnectionError, Event, Initiator, ServerConfig, Timer, Tune,
};

fn beating(heartbeat_s: u16) -> Peer {
    Peer::of_open_server(ServerConfig::new(), Tune { heartbeat_s, ..Tune::DEFAULT })
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_silent_side_sends_a_heartbeat_before_one_interval_is_over() {
    let mut peer = beating(10);
    let mut silence = Duration::ZERO;
    let mut beats = 0;
    for _ in 0..60 {
        peer.advance(SECOND);
        silence += SECOND;
        peer.send(&Frame::Heartbeat);
        while let Some(frame) = peer.receive() {
            assert_eq!(frame, Frame::Heartbeat);
            silence = Duration::ZERO;
            beats += 1;
        }
        assert!(silence < Duration::from_secs(10));
    }
    assert!((6..=12).contains(&beats), "{beats}");
}

#[test]
fn a_side_that_talks_needs_no_heartbeat() {
    let mut peer = beating(10);
    peer.open_channel(1);
    let ack = basic::Ack { delivery_tag: 1, multiple: false }.into();
    for _ in 0..20 {
        peer.advance(SECOND);
        peer.connection.send(ChannelId::new(1), &ack).unwrap();
        peer.send(&Frame::Heartbeat);
        peer.expect_method(1);
        peer.expect_silence();
    }
}

#[test]
fn a_peer_that_falls_silent_is_given_up_between_two_and_three_intervals() {
    let mut peer = beating(10);
    peer.advance(Duration::from_secs(20));
    assert!(peer.connection.is_open());
    peer.advance(Duration::from_secs(10));
    let error = peer.connection.error().expect("the peer is gone").clone();
    assert_eq!(error, ConnectionError::Timeout(Timer::HeartbeatReceive));
    assert_eq!(error.blame(), Blame::Time);
    let told = peer.events();
    assert!(matches!(&told[..], [Event::Closed(close)] if close.by == Initiator::Library));
    assert!(peer.connection.is_finished(), "nothing is said to the dead");
    while let Some(frame) = peer.receive() {
        assert_eq!(frame, Frame::Heartbeat);
    }
}

#[test]
fn any_octet_counts_as_life() {
    let mut peer = beating(10);
    let heartbeat = b"\x08\0\0\0\0\0\0\xce";
    for octet in heartbeat.iter().cycle().take(24) {
        peer.advance(Duration::from_secs(19));
        peer.send_bytes(&[*octet]);
        assert!(peer.connection.is_open());
    }
}

#[test]
fn calling_again_without_octets_is_no_life() {
    let mut peer = beating(10);
    peer.send_bytes(b"\x08");
    for _ in 0..30 {
        peer.advance(SECOND);
        peer.send_bytes(b"");
    }
    assert!(!peer.connection.is_open());
}

#[test]
fn suspended_reading_does_not_kill_the_peer_and_ours_go_on() {
    let mut peer = beating(10);
    peer.connection.suspend_reading();
    let mut beats = 0;
    for _ in 0..100 {
        peer.advance(SECOND);
        beats += usize::from(peer.receive().is_some());
    }
    assert!(peer.connection.is_open());
    assert!(beats >= 10, "{beats}");
    let resumed = peer.now;
    peer.connection.resume_reading(resumed);
    peer.advance(Duration::from_secs(20));
    assert!(peer.connection.is_open());
    peer.advance(Duration::from_secs(10));
    assert!(!peer.connection.is_open());
}

#[test]
fn a_host_that_is_told_not_to_read_does_not_kill_the_peer() {
    let mut config = ServerConfig::new();
    config.limits.outgoing_high_bytes = 1;
    let mut peer = Peer::of_open_server(config, Tune { heartbeat_s: 10, ..Tune::DEFAULT });
    peer.send_method(1, warrener_codec::Method::ChannelOpen);
    peer.events();
    let open_ok = warrener_codec::Method::ChannelOpenOk;
    peer.connection.send(ChannelId::new(1), &open_ok).unwrap();
    assert!(!peer.connection.wants_read());
    for _ in 0..10 {
        peer.advance(Duration::from_secs(10));
    }
    assert!(peer.connection.is_open());
    peer.receive();
    assert!(peer.connection.wants_read());
}

#[test]
fn no_heartbeat_is_queued_behind_what_the_peer_does_not_read() {
    let mut peer = beating(2);
    peer.open_channel(1);
    let ack = basic::Ack { delivery_tag: 1, multiple: false }.into();
    peer.connection.send(ChannelId::new(1), &ack).unwrap();
    let waiting = peer.connection.outgoing().len();
    for _ in 0..100 {
        peer.advance(SECOND);
        peer.send(&Frame::Heartbeat);
    }
    assert_eq!(peer.connection.outgoing().len(), waiting);
}

#[test]
fn without_heartbeats_nobody_is_given_up() {
    let mut peer = beating(0);
    peer.advance(Duration::from_secs(86_400));
    assert!(peer.connection.is_open());
    peer.expect_silence();
}

#[test]
fn two_idle_machines_keep_each_other_alive() {
    let mut config = ClientConfig::default();
    config.heartbeat_s = Some(3);
    let mut pair = Pair::established_with(config, ServerConfig::new());
    pair.latency = Duration::from_millis(400);
    pair.advance(Duration::from_secs(3_600));
    assert!(pair.client.connection.is_open() && pair.server.connection.is_open());
    pair.client.is_deaf = true;
    pair.advance(Duration::from_secs(10));
    assert!(!pair.client.connection.is_open());
    assert!(!pair.server.connection.is_open());
}

#[test]
fn late_early_and_repeated_wakes_are_harmless() {
    let mut peer = beating(10);
    peer.advance(Duration::from_secs(5));
    for _ in 0..3 {
        let (deadline, timer) = peer.connection.poll_timeout().expect("heartbeats");
        assert_eq!(timer, Timer::HeartbeatSend);
        peer.connection.handle_timeout(peer.now);
        peer.expect_silence();
        peer.now = deadline + Duration::from_millis(300);
        for _ in 0..3 {
            peer.connection.handle_timeout(peer.now);
        }
        assert_eq!(peer.receive(), Some(Frame::Heartbeat));
        peer.expect_silence();
        peer.send(&Frame::Heartbeat);
    }
}

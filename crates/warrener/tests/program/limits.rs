//! Settings of section `limits`, seen on the wire.

use crate::broker::Broker;
use crate::wire::{
    CHANNEL_OPEN, CHANNEL_OPEN_OK, Closed, Peer, QUEUE_DECLARE, TUNE, content_header, frame, long,
    method, publish, short,
};

fn declare(queue: &str) -> Vec<u8> {
    declare_with(queue, b"")
}

fn declare_with(queue: &str, arguments: &[u8]) -> Vec<u8> {
    method(1, QUEUE_DECLARE, &[&[0, 0][..], &short(queue), &[0], &long(arguments)].concat())
}

/// A message for nobody.
fn message(body: &str) -> Vec<u8> {
    let header = content_header(1, 60, body.len() as u64);
    [publish(1, "nowhere"), header, frame(3, 1, body.as_bytes())].concat()
}

fn bind(key: &str) -> Vec<u8> {
    let names = [short("q"), short("amq.direct"), short(key)].concat();
    method(1, (50, 20), &[&[0, 0][..], &names, &[0], &long(b"")].concat())
}

fn consume(tag: &str) -> Vec<u8> {
    method(1, (60, 20), &[&[0, 0][..], &short("q"), &short(tag), &[0], &long(b"")].concat())
}

/// Says these methods, of which all but the last are answered with `expected`, and the last with the end of the channel.
fn refused_at_last(option: &str, said: &[(Vec<u8>, (u16, u16))]) -> u16 {
    let broker = Broker::start_with(&[option]);
    let mut peer = Peer::open(&broker);
    let (last, before) = said.split_last().expect("something");
    for (octets, expected) in before {
        peer.send(octets);
        peer.expect_method(1, *expected);
    }
    peer.send(&last.0);
    let closed = peer.frame();
    assert!(matches!(closed.method(), Some((20, 40) | (10, 50))), "{option}: {closed:?}");
    u16::from_be_bytes([closed.payload[4], closed.payload[5]])
}

#[test]
fn limits_within_a_connection_are_as_set() {
    let (declared, bound, consuming) = ((50, 11), (50, 21), (60, 21));
    let queue = (declare("q"), declared);
    assert_eq!(refused_at_last("--limits-names-per-vhost=1", core::slice::from_ref(&queue)), 406);
    let two = [queue.clone(), (declare("other"), declared)];
    assert_eq!(refused_at_last("--limits-queues-per-vhost=1", &two), 406);
    let bindings = [queue.clone(), (bind("a"), bound), (bind("a"), bound), (bind("b"), bound)];
    assert_eq!(refused_at_last("--limits-bindings-per-vhost=1", &bindings), 406);
    for limit in ["target", "exchange"] {
        let option = format!("--limits-bindings-per-{limit}=1");
        assert_eq!(refused_at_last(&option, &bindings), 406);
    }
    assert_eq!(refused_at_last("--limits-binding-memory-per-vhost=100", &bindings), 406);
    let consumers = [queue.clone(), (consume("a"), consuming), (consume("b"), consuming)];
    for limit in ["channel", "connection"] {
        let option = format!("--limits-consumers-per-{limit}=1");
        assert_eq!(refused_at_last(&option, &consumers), 530);
    }
    let large =
        (declare_with("large", &[&b"\x01xS\x00\x00\x00\x40"[..], &[b'x'; 64]].concat()), declared);
    assert_eq!(refused_at_last("--limits-arguments-size=64", &[queue, large]), 406);
}

#[test]
fn limits_of_transactions_are_as_set() {
    let select = (method(1, (90, 10), &[]), (90, 11));
    let (commit, committed) = ((90, 20), (90, 21));
    let two = [message("m"), message("m")].concat();
    let within = [select.clone(), ([&two[..], &method(1, commit, &[])].concat(), committed)];
    let beyond = [&two[..], &message("m")].concat();
    let said = [&within[..], &[(beyond, (20, 40))]].concat();
    assert_eq!(refused_at_last("--limits-transaction-entries=2", &said), 406);
    let large = message(&"m".repeat(2_000));
    assert_eq!(refused_at_last("--limits-transaction-size=2K", &[select, (large, (20, 40))]), 406);
}

#[test]
fn limits_of_channels_are_as_set() {
    let broker = Broker::start_with(&["--limits-channels-per-connection", "3"]);
    let mut peer = Peer::greeted(&broker);
    peer.log_in("guest", "guest");
    assert_eq!(peer.expect_method(0, TUNE)[..2], [0, 3]);

    let broker = Broker::start_with(&["--limits-channels-per-user", "2"]);
    let mut peer = Peer::open(&broker);
    peer.send(&method(2, CHANNEL_OPEN, &short("")));
    peer.expect_method(2, CHANNEL_OPEN_OK);
    peer.send(&method(3, CHANNEL_OPEN, &short("")));
    let Closed { code, text, .. } = peer.expect_close();
    assert!(code == 530 && text.contains("user limit of 2"), "{text}");
}

#[test]
fn two_thousand_channels_are_held_on_one_connection() {
    const COUNT: u16 = 2000;
    let broker = Broker::start();
    let mut peer = Peer::open(&broker);
    for channel in 2..=COUNT {
        peer.send(&method(channel, CHANNEL_OPEN, &short("")));
    }
    for channel in 2..=COUNT {
        peer.expect_method(channel, CHANNEL_OPEN_OK);
    }
    let arguments = [&[0, 0][..], &short("q"), &[0], &long(b"")].concat();
    for channel in 1..=COUNT {
        peer.send(&method(channel, QUEUE_DECLARE, &arguments));
        peer.expect_method(channel, (50, 11));
    }
}

#[test]
fn limits_of_connections_are_as_set() {
    for (option, said) in [
        ("--limits-connections-per-user=1", "user connection limit (1) is reached"),
        ("--limits-connections-per-vhost=1", "connection limit (1) is reached"),
    ] {
        let broker = Broker::start_with(&[option]);
        let _inside = Peer::open(&broker);
        let mut next = Peer::greeted(&broker);
        next.log_in("guest", "guest");
        next.ask_for("/");
        let Closed { code, text, .. } = next.expect_close();
        assert!(code == 530 && text.contains(said), "{text}");
    }
}

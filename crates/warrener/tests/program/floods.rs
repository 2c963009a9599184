//! Peers that come in crowds, or stay and do nothing: memory stays where it is, and others are served.

use core::time::Duration;
use std::io::Read;
use std::net::TcpStream;

use crate::broker::Broker;
use crate::wire::{
    BODY, CHANNEL_OPEN, CHANNEL_OPEN_OK, FRAME_MAX, PROTOCOL_HEADER, Peer, QUEUE_DECLARE, START_OK,
    content_header, frame, long, method, publish, short,
};

const MIB: u64 = 1 << 20;

/// Memory that a flood may cost, whatever it consists of.
const MOST: u64 = 64 * MIB;

/// Everything a client says up to a login, in one piece.
fn login(user: &str, password: &str) -> Vec<u8> {
    let response = format!("\0{user}\0{password}");
    let arguments = [long(b""), short("PLAIN"), long(response.as_bytes()), short("en_US")];
    [&PROTOCOL_HEADER[..], &method(0, START_OK, &arguments.concat())].concat()
}

#[test]
fn wrong_logins_keep_nobody_out_and_cost_no_memory() {
    let broker = Broker::start_with(&["--user", "ann:a"]);
    let mut ann = Peer::open(&broker);
    let before = broker.resident_bytes();
    let mut flood = Vec::new();
    for number in 0..1000 {
        let mut peer = Peer::connect(&broker);
        peer.send(&login("ann", &format!("{number}")));
        flood.push(peer);
        if number % 100 == 0 {
            // Somebody whose password is right, and somebody who is inside.
            let mut good = Peer::greeted(&broker);
            good.log_in("ann", "a");
            good.open_channel();
            ann.send(&method(
                1,
                QUEUE_DECLARE,
                &[&[0, 0][..], &short("q"), &[0], &long(b"")].concat(),
            ));
            ann.expect_method(1, (50, 11));
        }
    }
    let cost = broker.resident_bytes().saturating_sub(before);
    assert!(cost < MOST, "{cost} bytes");
    for mut peer in flood {
        // Refused, sooner or later.
        peer.read_greeting();
        peer.expect_end();
    }
}

#[test]
fn a_crowd_of_connections_waits_its_turn_and_costs_no_memory() {
    let broker = Broker::start_with(&["--max-connections", "50", "--handshake-timeout", "1"]);
    let mut inside = Peer::open(&broker);
    let before = broker.resident_bytes();
    let crowd: Vec<TcpStream> = (0..500).map(|_| broker.connect()).collect();
    broker.expect_log("as many as there may be (--max-connections)");
    inside.send(&method(1, QUEUE_DECLARE, &[&[0, 0][..], &short("q"), &[0], &long(b"")].concat()));
    inside.expect_method(1, (50, 11));
    // Every one of them is let in, says nothing, and is cut off.
    for mut silent in crowd {
        let mut rest = Vec::new();
        silent.read_to_end(&mut rest).expect("closed in order");
        assert_eq!(rest, b"");
    }
    let cost = broker.resident_bytes().saturating_sub(before);
    assert!(cost < MOST, "{cost} bytes");
    Peer::open(&broker);
}

#[test]
fn an_idle_connection_costs_less_than_a_buffer() {
    const COUNT: u64 = 1000;
    let broker = Broker::start();
    // What the first ones cost is not for them alone.
    let mut idle: Vec<Peer> = (0..50).map(|_| Peer::open(&broker)).collect();
    let before = broker.resident_bytes();
    idle.extend((0..COUNT).map(|_| Peer::open(&broker)));
    let cost = broker.resident_bytes().saturating_sub(before) / COUNT;
    assert!(cost <= 16 << 10, "{cost} bytes each");
}

#[test]
fn one_address_has_no_more_connections_than_it_may() {
    let broker = Broker::start_with(&["--max-connections-per-source", "3"]);
    let mut inside: Vec<Peer> = (0..3).map(|_| Peer::open(&broker)).collect();
    Peer::connect(&broker).expect_end();
    broker.expect_log("--max-connections-per-source");
    drop(inside.pop());
    let comes_in = || Peer::connect(&broker).greets();
    assert!(crate::process::eventually(Duration::from_secs(20), comes_in));
}

#[test]
fn who_says_an_octet_at_a_time_is_cut_off_like_anybody_else() {
    let broker = Broker::start_with(&["--handshake-timeout", "2"]);
    let mut loris = broker.connect();
    let octets = login("guest", "guest");
    let mut said = octets.iter();
    let ended = crate::process::eventually(Duration::from_secs(20), || {
        loris.set_read_timeout(Some(Duration::from_millis(200))).expect("not zero");
        let sent = said.next().map(|octet| std::io::Write::write(&mut loris, &[*octet]));
        let read = loris.read(&mut [0; 1024]);
        matches!(read, Ok(0)) || sent.is_some_and(|sent| sent.is_err())
    });
    assert!(ended, "{}", broker.last_words());
    assert!(said.len() > 0, "it never got as far as a login");
    Peer::open(&broker);
}

#[test]
fn frames_that_are_never_finished_cost_what_was_sent_of_them() {
    let broker = Broker::start();
    let before = broker.resident_bytes();
    let half: Vec<Peer> = (0..200)
        .map(|_| {
            let mut peer = Peer::open(&broker);
            peer.send(&publish(1, "q"));
            peer.send(&content_header(1, 60, 100 * MIB));
            peer.send(&frame(BODY, 1, &[7; 1000])[..500]);
            peer
        })
        .collect();
    Peer::open(&broker);
    let cost = broker.resident_bytes().saturating_sub(before);
    assert!(cost < MOST, "{cost} bytes for {} connections", half.len());
}

#[test]
fn bodies_half_sent_on_every_channel_cost_what_was_sent_of_them_and_end_with_their_connection() {
    const CHANNELS: u16 = 2047;
    const HALF: usize = 30_000;
    let broker = Broker::start();
    let mut good = Peer::open(&broker);
    let mut bad = Peer::open(&broker);
    let before = broker.resident_bytes();
    for channel in 2..=CHANNELS {
        bad.send(&method(channel, CHANNEL_OPEN, &short("")));
    }
    for channel in 2..=CHANNELS {
        bad.expect_method(channel, CHANNEL_OPEN_OK);
    }
    for channel in 1..=CHANNELS {
        let body = frame(BODY, channel, &[7; HALF]);
        bad.send(&[publish(channel, "q"), content_header(channel, 60, MIB), body].concat());
        if channel % 500 == 0 {
            // Somebody else is served meanwhile.
            let declare = [&[0, 0][..], &short("q"), &[0], &long(b"")].concat();
            good.send(&method(1, QUEUE_DECLARE, &declare));
            good.expect_method(1, (50, 11));
        }
    }
    let sent = u64::from(CHANNELS) * HALF as u64;
    let cost = broker.resident_bytes().saturating_sub(before);
    // What they lie in is longer than they are.
    assert!(cost < 2 * sent + MOST, "{cost} bytes for {sent}");
    drop(bad);
    Peer::open(&broker);
}

#[test]
fn who_does_not_read_is_not_waited_for_and_not_remembered_in_memory() {
    const BODY_BYTES: usize = 100_000;
    const COUNT: usize = 600;
    let broker = Broker::start_with(&["--memory-budget", "16M"]);
    let mut slow = Peer::open(&broker);
    let durable = [&[0, 0][..], &short("q"), &[0b10], &long(b"")].concat();
    slow.send(&method(1, QUEUE_DECLARE, &durable));
    slow.expect_method(1, (50, 11));
    slow.send(&method(
        1,
        (60, 20),
        &[&[0, 0][..], &short("q"), &short("t"), &[2], &long(b"")].concat(),
    ));
    slow.expect_method(1, (60, 21));
    let before = broker.resident_bytes();
    let mut quick = Peer::open(&broker);
    for _ in 0..COUNT {
        quick.send(&publish(1, "q"));
        quick.send(&content_header(1, 60, BODY_BYTES as u64));
        quick.send(&frame(BODY, 1, &[7; BODY_BYTES]));
    }
    quick.send(&method(1, QUEUE_DECLARE, &durable));
    quick.expect_method(1, (50, 11));
    let cost = broker.resident_bytes().saturating_sub(before);
    assert!(cost < MOST + 16 * MIB, "{cost} bytes");
    // All of it is there when it reads again.
    let mut octets = 0;
    while octets < COUNT * BODY_BYTES {
        let part = slow.frame();
        assert!(part.payload.len() <= FRAME_MAX as usize);
        octets += if part.kind == BODY { part.payload.len() } else { 0 };
    }
}

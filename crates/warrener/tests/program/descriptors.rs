//! A process that may open few files: the log has what it needs, and whoever is inside goes on.

use core::time::Duration;
use std::net::TcpStream;
use std::thread;

use crate::broker::Broker;
use crate::wire::{
    BODY, FRAME_MAX, Peer, QUEUE_DECLARE, frame, header_with_properties, long, method, publish,
    short,
};

#[test]
fn at_the_limit_of_open_files_nobody_new_comes_in_and_the_log_goes_on() {
    const BODY_BYTES: usize = 1 << 20;
    const COUNT: u64 = 140;
    let broker = Broker::start_limited("-n 128", &["--handshake-timeout", "120"]);
    let mut peer = Peer::open(&broker);
    let flood: Vec<TcpStream> = (0..200).map(|_| broker.connect()).collect();
    broker.expect_log("raise the limit of open files");

    // Waiting costs nothing.
    let before = broker.processor_time();
    thread::sleep(Duration::from_secs(1));
    let used = broker.processor_time() - before;
    assert!(used < Duration::from_millis(500), "{used:?} of a second were used for waiting");

    // More than two segments of the log, all of it confirmed.
    let durable = 0b0000_0010;
    peer.send(&method(
        1,
        QUEUE_DECLARE,
        &[&[0, 0][..], &short("q"), &[durable], &long(b"")].concat(),
    ));
    peer.expect_method(1, (50, 11));
    peer.send(&method(1, (85, 10), &[0]));
    peer.expect_method(1, (85, 11));
    let mut confirmed = 0;
    for number in 1..=COUNT {
        peer.send(&publish(1, "q"));
        peer.send(&header_with_properties(1, 60, BODY_BYTES as u64, &[0x10, 0, 2]));
        for part in vec![7; BODY_BYTES].chunks(FRAME_MAX as usize - 8) {
            peer.send(&frame(BODY, 1, part));
        }
        while number - confirmed > 8 || (number == COUNT && confirmed < COUNT) {
            let ack = peer.expect_method(1, (60, 80));
            confirmed = u64::from_be_bytes(ack[..8].try_into().expect("a tag"));
        }
    }
    let segments =
        broker.data_files().into_iter().filter(|name| name.ends_with(".segment")).count();
    assert!(segments >= 3, "{:?}", broker.data_files());

    drop(flood);
    Peer::open(&broker);
}

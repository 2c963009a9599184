//! Load balancers that say who is behind them.

use crate::broker::Broker;
use crate::wire::{Peer, START, TUNE};

#[test]
fn a_trusted_balancer_is_believed_and_its_own_address_lets_nobody_in() {
    let options = ["--proxy-from", "127.0.0.0/8", "--user", "ann:a"];
    let broker = Broker::start_with(&options);
    let announced = |header: &[u8]| {
        let mut peer = Peer::connect(&broker);
        peer.send(&[header, b"AMQP\x00\x00\x09\x01"].concat());
        peer.expect_method(0, START);
        peer
    };
    let mut ann = announced(b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 5672\r\n");
    ann.log_in("ann", "a");
    ann.open_channel();
    broker.expect_log("192.0.2.7:40000 -> 198.51.100.1:5672: open for user 'ann'");

    // Guest comes from this machine only, and this client does not.
    let six = [
        &b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24"[..],
        &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9],
        &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        &[0x9C, 0x40, 0x16, 0x28],
    ];
    let mut guest = announced(&six.concat());
    guest.log_in("guest", "guest");
    assert_eq!(guest.expect_close().code, 403);
    broker.expect_log("[2001:db8::9]:40000 -> [2001:db8::1]:5672: login refused");

    let mut checked = announced(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
    checked.log_in("guest", "guest");
    checked.expect_method(0, TUNE);

    let mut without = Peer::connect(&broker);
    without.send(b"AMQP\x00\x00\x09\x01AMQP\x00\x00\x09\x01");
    without.expect_end();
    broker.expect_log("no PROXY protocol header");
}

#[test]
fn nobody_else_is_believed() {
    let broker = Broker::start_with(&["--proxy-from", "192.0.2.0/24"]);
    let mut peer = Peer::connect(&broker);
    peer.send(b"PROXY TCP4 127.0.0.1 127.0.0.1 40000 5672\r\n");
    // The protocol header of ours, and the end (AMQP 0-9-1 §4.2.2).
    assert_eq!(&peer.read::<8>(), b"AMQP\x00\x00\x09\x01");
    peer.expect_end();
    Peer::open(&broker);
}

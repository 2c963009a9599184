//! The end of a broker that is asked to end.

use core::time::Duration;
use std::os::unix::net::UnixDatagram;

use crate::broker::Broker;
use crate::wire::{
    BODY as BODY_FRAME, Closed, Peer, QUEUE_DECLARE, content_header, frame, long, method, publish,
    short,
};

#[test]
fn sigterm_and_ctrl_c_tell_clients_and_exit_well() {
    for signal in ["TERM", "INT"] {
        let mut broker = Broker::start();
        let mut peers = [(); 3].map(|()| Peer::open(&broker));
        broker.signal(signal);
        for peer in &mut peers {
            let text =
                "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'";
            let expected = Closed { code: 320, text: text.to_owned(), method: (0, 0) };
            assert_eq!(peer.expect_close(), expected);
            peer.agree_to_close();
        }
        assert_eq!(broker.wait().code(), Some(0), "SIG{signal}:\n{}", broker.log());
    }
}

#[test]
fn a_client_that_does_not_answer_cannot_hold_it() {
    let mut broker = Broker::start_with(&["--shutdown-timeout", "1"]);
    let _deaf = Peer::open(&broker);
    let _half_open = Peer::greeted(&broker);
    let _silent = Peer::connect(&broker);
    broker.signal("TERM");
    assert_eq!(broker.wait().code(), Some(0));
    broker.expect_log("connections did not take their close within 750ms");
}

#[test]
fn a_client_that_does_not_read_cannot_hold_it() {
    const BODY: &[u8] = &[b'x'; 100_000];
    let mut broker = Broker::start_with(&["--shutdown-timeout", "2"]);
    let mut deaf = Peer::open(&broker);
    let declare = [&[0, 0][..], &short("q"), &[0], &long(b"")].concat();
    deaf.send(&method(1, QUEUE_DECLARE, &declare));
    deaf.expect_method(1, (50, 11));
    let consume = [&[0, 0][..], &short("q"), &short("c"), &[0b10], &long(b"")].concat();
    deaf.send(&method(1, (60, 20), &consume));
    deaf.expect_method(1, (60, 21));
    // More than the sockets between the two hold.
    let mut publisher = Peer::open(&broker);
    let body = [content_header(1, 60, BODY.len() as u64), frame(BODY_FRAME, 1, BODY)].concat();
    for _ in 0..300 {
        publisher.send(&[publish(1, "q"), body.clone()].concat());
    }
    broker.signal("TERM");
    broker.expect_log("SIGTERM");
    assert_eq!(publisher.expect_close().code, 320);
    publisher.agree_to_close();
    assert_eq!(broker.wait().code(), Some(0));
    broker.expect_log("did not take their close");
    broker.expect_log("stopped");
}

#[test]
fn whoever_started_it_by_the_protocol_of_systemd_is_told_how_far_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let told = UnixDatagram::bind(&path).expect("a socket");
    told.set_read_timeout(Some(Duration::from_secs(20))).expect("not zero");
    let next = || {
        let mut octets = [0; 256];
        let count = told.recv(&mut octets).expect("a word");
        String::from_utf8_lossy(&octets[..count]).into_owned()
    };
    let broker = Broker::start_configured(|command| {
        command.args(["--memory-only", "--listen", "127.0.0.1:0"]).env("NOTIFY_SOCKET", &path);
    });
    assert!(next().starts_with("READY=1\n"));
    assert_eq!(broker.terminate().code(), Some(0));
    assert!(next().starts_with("STOPPING=1\n"));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut broker = Broker::start();
    let _deaf = Peer::open(&broker);
    broker.signal("TERM");
    broker.expect_log("SIGTERM");
    broker.signal("TERM");
    broker.wait();
}

//! The end of a broker that is asked to end.

use crate::broker::Broker;
use crate::wire::{Closed, Peer};

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
    let broker = Broker::start();
    let _deaf = Peer::open(&broker);
    let _half_open = Peer::greeted(&broker);
    let _silent = Peer::connect(&broker);
    assert_eq!(broker.terminate().code(), Some(0));
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

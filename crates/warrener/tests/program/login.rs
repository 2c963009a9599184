//! Who is let in, and from where.

use std::io::Write;
use std::net::{TcpStream, UdpSocket};

use crate::broker::Broker;
use crate::wire::{Peer, TUNE};

#[test]
fn guest_comes_from_this_machine_only() {
    // No packet is sent: the system only says which of its addresses it would use.
    let here = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.connect("192.0.2.1:9")?;
        socket.local_addr()
    });
    let Ok(here) = here else {
        let _ = writeln!(std::io::stderr(), "guest from elsewhere skipped: no network address");
        return;
    };
    let broker = Broker::start_with(&["--listen", "0.0.0.0:0", "--user", "bob:builder"]);
    let port = broker.addresses()[0].port();

    let from_here = |user: &str, password: &str| {
        let socket = TcpStream::connect((here.ip(), port)).expect("it listens to everybody");
        let mut peer = Peer::greet(socket);
        peer.log_in(user, password);
        peer
    };
    let closed = from_here("guest", "guest").expect_close();
    assert_eq!(closed.code, 403, "{closed:?}");
    broker.expect_log("--user");
    from_here("bob", "builder").expect_method(0, TUNE);
    Peer::open(&broker);
}

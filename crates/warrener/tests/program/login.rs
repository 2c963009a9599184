//! Who is let in, and from where.

use core::net::IpAddr;
use std::io::Write;
use std::net::{TcpStream, UdpSocket};

use crate::broker::Broker;
use crate::wire::{OPEN_OK, Peer, TUNE};

#[test]
fn guest_comes_from_this_machine_only() {
    let Some(here) = elsewhere() else {
        let _ = writeln!(std::io::stderr(), "guest from elsewhere skipped: no network address");
        return;
    };
    let broker = Broker::start_with(&["--listen", "0.0.0.0:0", "--user", "bob:builder"]);
    let port = broker.addresses()[0].port();

    let from_here = |user: &str, password: &str| {
        let socket = TcpStream::connect((here, port)).expect("it listens to everybody");
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

/// An address of this machine that is not a loopback one, if it has any.
fn elsewhere() -> Option<IpAddr> {
    // No packet is sent: the system only says which of its addresses it would use.
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

#[test]
fn a_broker_for_developing_lets_anybody_in_and_says_so() {
    let broker = Broker::start_configured(|command| {
        command.args(["--dev", "--listen", "0.0.0.0:0", "--log-format", "json"]);
    });
    broker.expect_log("--dev is for developing only");
    broker.expect_log("in memory only");
    assert!(!broker.log().contains('{'), "logs are for people: {}", broker.log());
    let mut anybody = Peer::greeted(&broker);
    anybody.log_in_by("ANONYMOUS", b"");
    anybody.open_in("/");
    if let Some(here) = elsewhere() {
        let socket = TcpStream::connect((here, broker.addresses()[0].port())).expect("it listens");
        let mut guest = Peer::greet(socket);
        guest.log_in("guest", "guest");
        guest.open_in("/");
    }
}

#[test]
fn nobody_comes_without_a_name_otherwise() {
    let broker = Broker::start_with(&["--log", "info"]);
    let mut anybody = Peer::greeted(&broker);
    anybody.log_in_by("ANONYMOUS", b"");
    assert_ne!(anybody.expect_close().code, 200);
}

#[test]
fn users_come_from_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("users");
    std::fs::write(&file, "# staff\nbob:builder\n").expect("a file");
    let broker = Broker::start_with(&["--user-file", file.to_str().expect("UTF-8")]);
    let mut bob = Peer::greeted(&broker);
    bob.log_in("bob", "builder");
    bob.open_in("/");
}

#[test]
fn the_default_virtual_host_is_the_one_there_is() {
    let broker = Broker::start_with(&["--default-vhost", "shop", "--user", "bob:builder"]);
    let log_in = |vhost: &str| {
        let mut bob = Peer::greeted(&broker);
        bob.log_in("bob", "builder");
        bob.ask_for(vhost);
        bob
    };
    log_in("shop").expect_method(0, OPEN_OK);
    assert_eq!(log_in("/").expect_close().code, 530);
}

#[test]
fn what_a_container_of_rabbitmq_is_told_counts_here_too() {
    let broker = Broker::start_configured(|command| {
        command.args(["--memory-only", "--listen", "127.0.0.1:0"]);
        command.env("RABBITMQ_DEFAULT_USER", "ann").env("RABBITMQ_DEFAULT_PASS", "a:b");
        command.env("RABBITMQ_DEFAULT_VHOST", "shop");
    });
    let mut ann = Peer::greeted(&broker);
    ann.log_in("ann", "a:b");
    ann.open_in("shop");
}

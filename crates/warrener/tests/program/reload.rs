//! SIGHUP: settings that change while the broker runs.

use std::fs;

use crate::broker::Broker;
use crate::wire::{self, Peer, START, TUNE};

#[test]
fn a_reload_under_load_loses_neither_a_connection_nor_a_message() {
    const COUNT: u32 = 2_000;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("warrener.toml");
    let write = |timeout: u32| {
        let text = format!(
            "memory_only = true\nlisten = ['127.0.0.1:0']\nhandshake_timeout = {timeout}\n"
        );
        fs::write(&file, text).expect("a file");
    };
    write(100);
    let broker = Broker::start_configured(|command| {
        command.arg("--config").arg(&file);
    });
    let declare = |passive: u8| {
        let arguments = [&[0, 0][..], &wire::short("q"), &[passive], &wire::long(b"")].concat();
        wire::method(1, wire::QUEUE_DECLARE, &arguments)
    };
    let mut peer = Peer::open(&broker);
    peer.send(&declare(0));
    peer.expect_method(1, (50, 11));
    let body = [wire::content_header(1, 60, 1), wire::frame(wire::BODY, 1, b"x")].concat();
    for number in 0..COUNT {
        if number % 100 == 0 {
            write(101 + number / 100);
            broker.signal("HUP");
            // Others come and go meanwhile.
            Peer::open(&broker);
        }
        peer.send(&[wire::publish(1, "q"), body.clone()].concat());
    }
    broker.expect_log("handshake_timeout is now 120");
    peer.send(&declare(1));
    let answer = peer.expect_method(1, (50, 11));
    assert_eq!(answer[2..6], COUNT.to_be_bytes());
}

#[test]
fn what_may_change_changes_for_those_who_come_after() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("warrener.toml");
    let write = |more: &str| {
        let text = format!("memory_only = true\nlisten = ['127.0.0.1:0']\n{more}");
        fs::write(&file, text).expect("a file");
    };
    write("handshake_timeout = 3600\n");
    let broker = Broker::start_configured(|command| {
        command.arg("--config").arg(&file);
    });
    let mut old = Peer::open(&broker);

    write(
        "handshake_timeout = 1\nserver_property = ['product=Reloaded']\nlog = 'debug'\nmemory_budget = '1G'\n",
    );
    broker.signal("HUP");
    broker.expect_log("handshake_timeout is now 1");
    broker.expect_log("log is now debug");
    broker.expect_log("memory_budget has changed; this needs a restart");
    let mut slow = Peer::connect(&broker);
    slow.send(wire::PROTOCOL_HEADER);
    let greeting = slow.expect_method(0, START);
    assert!(greeting.windows(8).any(|window| window == b"Reloaded"));
    // It says nothing more, and is not waited for.
    slow.expect_end();
    // A line of this level was not logged before.
    broker.expect_log("accepted");

    write("lisen = 'x'\n");
    broker.signal("HUP");
    broker.expect_log("line 3: unknown key 'lisen'; did you mean listen?");
    old.send(&wire::method(
        1,
        wire::QUEUE_DECLARE,
        &[&[0, 0][..], &wire::short("q"), &[0], &wire::long(b"")].concat(),
    ));
    old.expect_method(1, (50, 11));
}

#[test]
fn users_and_limits_change_while_it_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("warrener.toml");
    let people = folder.path().join("people");
    let write = |more: &str, users: &str| {
        let text = format!(
            "memory_only = true\nlisten = ['127.0.0.1:0']\nuser_file = '{}'\n{more}",
            people.display()
        );
        fs::write(&people, users).expect("a file");
        fs::write(&file, text).expect("a file");
    };
    let log_in = |broker: &Broker, user: &str, password: &str| {
        let mut peer = Peer::greeted(broker);
        peer.log_in(user, password);
        peer.frame().method()
    };
    write("user = ['ann:a']\n", "bob:b\n");
    let broker = Broker::start_configured(|command| {
        command.arg("--config").arg(&file);
    });
    let enter = |user: &str, password: &str| {
        let mut peer = Peer::greeted(&broker);
        peer.log_in(user, password);
        peer.open_in("/");
        peer
    };
    let (mut ann, mut bob, mut guest) = (enter("ann", "a"), enter("bob", "b"), Peer::open(&broker));

    write("user = ['ann:other', 'eve:e']\n[limits]\nqueues_per_vhost = 1\n", "");
    broker.signal("HUP");
    broker.expect_log("limits.queues_per_vhost is now 1");
    // Whoever is gone is gone at once, and whoever has another password stays.
    assert_eq!(bob.expect_close().code, 320);
    enter("eve", "e");
    enter("ann", "other");
    assert_ne!(log_in(&broker, "bob", "b"), Some(TUNE));
    assert_ne!(log_in(&broker, "ann", "a"), Some(TUNE));
    let declare = |name: &str| {
        let arguments = [&[0, 0][..], &wire::short(name), &[0], &wire::long(b"")].concat();
        wire::method(1, wire::QUEUE_DECLARE, &arguments)
    };
    guest.send(&declare("one"));
    guest.expect_method(1, (50, 11));
    ann.send(&declare("two"));
    ann.expect_method(1, (20, 40));
}

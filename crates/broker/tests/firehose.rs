//! The firehose: a copy of all that is published and delivered.

use expect_test::expect;
use warrener_broker::{Command, CommandError};
use warrener_codec::ShortStr;

use crate::script::World;

const SETUP: &str = "
    1 connect ends=a:1->b:2
    1.1 open
    1.1 queue.declare q
    1.1 queue.bind q amq.topic k.#
    2 connect
    2.1 open
    2.1 queue.declare watch
    2.1 queue.bind watch amq.rabbitmq.trace #
    2.1 consume watch c no-ack
";

fn trace(world: &mut World, on: bool) {
    let vhost = ShortStr::from_static("/");
    world.obeyed(Command::Trace { vhost, on });
}

/// Runs a script, and what it leads to; only what the watcher hears.
fn watched(world: &mut World, script: &str) -> String {
    let mut out = world.run(script);
    world.work(&mut out);
    let heard = out.lines().map(str::trim).filter(|line| line.starts_with("2.1 deliver c"));
    heard.flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn what_is_published_and_delivered_is_copied_with_what_is_known_of_it() {
    let mut world = World::new();
    world.run(SETUP);
    trace(&mut world, true);
    let heard = watched(
        &mut world,
        "
        1.1 publish amq.topic k.1 one h:CC=a!k.2,k.3 h:n=1 persistent priority=3 message-id=m
        1.1 publish - nowhere lost
        1.1 consume q own no-ack
        1.1 publish - q two
        1.1 get q
        ",
    );
    expect![[r#"
        2.1 deliver c 1 amq.rabbitmq.trace publish.amq.topic "one" {"exchange_name": "amq.topic", "routing_keys": ["k.1", "k.2", "k.3"], "properties": {"message_id": "m", "priority": 3i32, "delivery_mode": 2i32, "headers": {"CC": ["k.2", "k.3"], "n": 1i32}}, "node": "warrener", "routed_queues": ["q"], "vhost": "/", "connection": "a:1->b:2", "channel": 1i32, "user": "guest"}
        2.1 deliver c 2 amq.rabbitmq.trace publish. "lost" {"exchange_name": "", "routing_keys": ["nowhere"], "properties": {}, "node": "warrener", "routed_queues": [], "vhost": "/", "connection": "a:1->b:2", "channel": 1i32, "user": "guest"}
        2.1 deliver c 3 amq.rabbitmq.trace deliver.q "one" {"exchange_name": "amq.topic", "routing_keys": ["k.1", "k.2", "k.3"], "properties": {"message_id": "m", "priority": 3i32, "delivery_mode": 2i32, "headers": {"CC": ["k.2", "k.3"], "n": 1i32}}, "node": "warrener", "redelivered": 0i32, "vhost": "/", "connection": "a:1->b:2", "channel": 1i32, "user": "guest"}
        2.1 deliver c 4 amq.rabbitmq.trace publish. "two" {"exchange_name": "", "routing_keys": ["q"], "properties": {}, "node": "warrener", "routed_queues": ["q"], "vhost": "/", "connection": "a:1->b:2", "channel": 1i32, "user": "guest"}
        2.1 deliver c 5 amq.rabbitmq.trace deliver.q "two" {"exchange_name": "", "routing_keys": ["q"], "properties": {}, "node": "warrener", "redelivered": 0i32, "vhost": "/", "connection": "a:1->b:2", "channel": 1i32, "user": "guest"}
    "#]].assert_eq(&heard);
}

#[test]
fn what_was_delivered_before_is_said_to_be_redelivered_and_a_transaction_is_watched_at_once() {
    let mut world = World::new();
    world.run(SETUP);
    world.run("1.1 publish - q one\n1.1 get q\n1.1 nack 1 requeue");
    trace(&mut world, true);
    let heard = watched(&mut world, "1.1 get q\n1.1 tx.select\n1.1 publish - q two");
    expect![[r#"
        2.1 deliver c 1 amq.rabbitmq.trace deliver.q "one" {"exchange_name": "", "routing_keys": ["q"], "properties": {}, "node": "warrener", "redelivered": 1i32, "vhost": "/", "connection": "a:1->b:2", "channel": 1i32, "user": "guest"}
        2.1 deliver c 2 amq.rabbitmq.trace publish. "two" {"exchange_name": "", "routing_keys": ["q"], "properties": {}, "node": "warrener", "routed_queues": ["q"], "vhost": "/", "connection": "a:1->b:2", "channel": 1i32, "user": "guest"}
    "#]].assert_eq(&heard);
}

#[test]
fn nobody_is_told_of_what_the_firehose_says_nor_after_it_was_turned_off() {
    let mut world = World::new();
    world.run(SETUP);
    assert_eq!(watched(&mut world, "1.1 publish - q one"), "", "it is off at first");
    trace(&mut world, true);
    let heard = watched(&mut world, "1.1 publish - q one");
    assert_eq!(heard.lines().count(), 1, "its own deliveries are not copied: {heard}");
    trace(&mut world, false);
    assert_eq!(watched(&mut world, "1.1 publish - q one"), "");
    trace(&mut world, true);
    world.run("restart");
    world.run(SETUP);
    assert_eq!(watched(&mut world, "1.1 publish - q one"), "", "a restart turns it off");
}

#[test]
fn only_the_virtual_host_is_watched_that_was_asked_for() {
    let mut world = World::new();
    let vhost = |name| warrener_broker::VhostDefinition {
        name: ShortStr::from_static(name),
        ..Default::default()
    };
    world.obeyed(Command::SetVhost(vhost("other")));
    world.run(SETUP);
    let other = ShortStr::from_static("other");
    world.obeyed(Command::Trace { vhost: other.clone(), on: true });
    assert!(world.broker.view().is_traced("other") && !world.broker.view().is_traced("/"));
    assert_eq!(watched(&mut world, "1.1 publish - q one"), "");
    world.obeyed(Command::DeleteVhost(other.clone()));
    let (answer, _) = world.command(Command::Trace { vhost: other, on: true });
    assert!(matches!(answer, Err(CommandError::NoVhost(_))), "{answer:?}");
}

#[test]
fn a_reply_and_who_asked_for_it_are_watched() {
    let mut world = World::new();
    world.run(SETUP);
    world.run("1.1 consume amq.rabbitmq.reply-to r no-ack");
    trace(&mut world, true);
    let heard = watched(&mut world, "1.1 publish - q ask reply-to=amq.rabbitmq.reply-to");
    assert!(heard.contains("publish."), "{heard}");
    let address = heard.split("\"reply_to\": \"").nth(1).and_then(|rest| rest.split('"').next());
    let address = address.expect("the copy has the address that was made").to_owned();
    let heard = watched(&mut world, &format!("1.1 publish - {address} answer"));
    assert!(heard.contains("publish. \"answer\" {"), "{heard}");
    assert!(heard.contains(&format!("deliver.{address} \"answer\"")), "{heard}");
}

#[test]
fn more_copies_than_may_wait_are_left_out_and_counted_and_nobody_waits_for_them() {
    let mut world = World::with_limits(|limits| limits.reports = 3);
    world.run(SETUP);
    trace(&mut world, true);
    let mut out = String::new();
    for _ in 0..10 {
        out += &world.run("1.1 publish - q one");
    }
    let before = world.broker.view().stats().reports_dropped;
    world.work(&mut out);
    let heard = out.lines().filter(|line| line.trim().starts_with("2.1 deliver c")).count();
    assert_eq!((heard as u64) + before, 10);
    assert!(before > 0 && heard >= 3, "{before} left out, {heard} heard");
}

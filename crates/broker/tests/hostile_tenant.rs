//! Two tenants: one does its worst, the other keeps its latency, counted in calls of the broker between its publish and
//! its delivery; and what the broker holds of memory stays within bounds.

use core::fmt::Write as _;

use warrener_broker::{
    Command, EFFECTS_PER_TURN, Object, PermissionDefinition, PolicyDefinition, UserDefinition,
};

use crate::script::{World, parse_name};

/// A good tenant is connection 1, with a queue and a consumer of its own. The bad one is 2 and above.
fn world() -> World {
    let mut world = World::new();
    world.run("1 connect\n1.1 open\n1.1 queue.declare own\n1.1 consume own c no-ack");
    world.run("2 connect\n2.1 open\n2.1 exchange.declare wide fanout");
    world
}

/// A message of the good tenant, and how many calls it takes until it is delivered: its own included.
fn latency(world: &mut World) -> usize {
    let mut seen = world.run("1.1 publish - own ping");
    let mut turns = 1;
    while !seen.contains("1.1 deliver c") {
        assert!(turns < 100, "it is starved");
        world.take_turn(&mut seen);
        turns += 1;
    }
    world.run("1 drained 1000000");
    turns
}

/// Lets the broker work until it is done, and the good tenant publish after each turn; the longest it had to wait.
fn worst_latency_while_working(world: &mut World) -> usize {
    let (mut worst, mut turns, mut out) = (0, 0, String::new());
    while world.broker.poll_timeout().is_some_and(|(due, _)| due <= world.now()) {
        worst = worst.max(latency(world));
        world.take_turn(&mut out);
        for connection in 2..6 {
            world.run(&format!("{connection} drained 4000000"));
        }
        turns += 1;
        assert!(turns < 10_000, "it comes to an end");
    }
    worst
}

#[test]
fn fan_outs_to_very_many_queues_with_consumers() {
    let mut world = world();
    world.run("3 connect\n3.1 open");
    for number in 0..3_000 {
        world.run(&format!("2.1 queue.declare q{number}\n2.1 queue.bind q{number} wide -"));
        world.run(&format!("3.1 consume q{number} c{number} no-ack"));
    }
    world.run("1 drained 1000\n2 drained 1000000\n3 drained 1000000");
    let before = world.broker.view().memory_bytes();
    for channel in 2..12 {
        world.run(&format!("2.{channel} open\n2.{channel} publish wide - bomb"));
        assert!(latency(&mut world) <= 2);
    }
    // Only one of them is under way, and the others wait as the messages that they are.
    assert!(world.broker.view().memory_bytes() < before + (1 << 20));
    assert!(worst_latency_while_working(&mut world) <= 3);
    assert_eq!(world.broker.view().messages(), 0);
    // What the last inputs have led to is still on its way.
    world.run("3 drained 1000000");
    assert_eq!(world.broker.view().memory_bytes(), before);
}

#[test]
fn a_hundred_queues_for_each_of_very_many_messages_are_charged() {
    let mut world = world();
    for number in 0..1_000 {
        world.run(&format!(
            "2.1 queue.declare q{number} arg:x-max-length=1\n2.1 queue.bind q{number} wide -"
        ));
    }
    let (mut seen, mut sent) = (String::new(), 0);
    while !seen.contains("2 paused") {
        seen += &world.run("2.1 publish wide - m");
        sent += 1;
        assert!(sent < 100, "it is not read for ever");
    }
    assert!(latency(&mut world) <= 2);
    let mut seen = String::new();
    world.work(&mut seen);
    assert!(seen.contains("2 resumed"), "it is read again: {seen}");
}

#[test]
fn very_many_unacknowledged_on_a_connection_that_breaks() {
    let mut world = world();
    world.run("2.1 queue.declare q\n3 connect\n3.1 open\n3.1 consume q c");
    for number in 0..6_000 {
        world.run(&format!("2.1 publish - q m{number}"));
    }
    let mut out = String::new();
    while world.broker.view().unacked() < 6_000 {
        world.run("3 drained 4000000");
        world.work(&mut out);
    }
    world.run("3 disconnect");
    assert!(worst_latency_while_working(&mut world) <= 3);
    world.run("2.1 queue.purge q");
    assert!(worst_latency_while_working(&mut world) <= 3);
    assert_eq!(world.broker.view().messages(), 0);
}

#[test]
fn a_flood_that_is_consumed_as_fast_leaves_others_their_turn() {
    let mut world = world();
    world.run("2.1 queue.declare q\n3 connect\n3.1 open");
    for number in 0..6_000 {
        world.run(&format!("2.1 publish - q m{number}"));
    }
    world.run("3.1 consume q c no-ack");
    assert!(worst_latency_while_working(&mut world) <= 3);
    assert_eq!(world.broker.view().messages(), 0);
}

#[test]
fn as_many_consumers_as_it_can_get() {
    let mut world = world();
    world.run("2.1 queue.declare q");
    let mut script = String::new();
    for number in 0..4_096 {
        writeln!(script, "2.1 consume q c{number} no-wait").expect("strings take text");
    }
    world.run(&script);
    let refused = world.run("2.1 consume q one-more");
    assert!(
        refused
            .contains("530 NOT_ALLOWED - reached maximum (4096) of consumers per channel (60, 20)"),
        "{refused}",
    );
    assert!(worst_latency_while_working(&mut world) <= 3);

    // One channel after another: all of them together are counted as well.
    let mut world = World::with_limits(|limits| limits.consumers_per_connection = 50);
    world.run("1 connect\n1.1 open\n1.2 open\n1.1 queue.declare q");
    world.run("2 connect\n2.1 open");
    for number in 0..50 {
        world.run(&format!("1.{} consume q c{number}", 1 + number % 2));
    }
    let refused = world.run("1.2 consume q more");
    assert!(refused.contains("530 NOT_ALLOWED - reached maximum (50) of consumers per connection"));
    // Consumers that are gone are not counted.
    for number in 0..60 {
        let seen = world.run(&format!("2.1 consume q c{number}\n2.1 cancel c{number}"));
        assert!(seen.contains("consume-ok"));
    }
}

#[test]
fn a_huge_transaction() {
    let mut world = World::with_limits(|limits| {
        (limits.transaction_entries, limits.transaction_bytes) = (1_000, 500_000);
    });
    world.run("1 connect\n1.1 open\n1.1 queue.declare own\n1.1 consume own c no-ack");
    world.run("2 connect\n2.1 open\n2.1 queue.declare q\n2.1 tx.select");
    world.run("1 drained 1000\n2 drained 1000");
    let before = world.broker.view().memory_bytes();
    let mut seen = String::new();
    while !seen.contains("close channel") {
        seen = world.run("2.1 publish - q entry");
        assert!(world.broker.view().memory_bytes() < before + 1_000_000);
    }
    assert!(
        seen.contains("406 PRECONDITION_FAILED - transaction is larger than 1000 entries (60, 40)"),
        "{seen}"
    );
    assert_eq!(world.broker.view().memory_bytes(), before);
    let body = "x".repeat(150_000);
    world.run("2.2 open\n2.2 tx.select\n2 drained 1000");
    let seen = world.run(&format!("2.2 publish - q {body}\n").repeat(4));
    assert!(seen.contains("406 PRECONDITION_FAILED - transaction is larger than 500000 bytes"));
    assert_eq!(world.broker.view().memory_bytes(), before);
    assert_eq!(latency(&mut world), 1);
}

#[test]
fn bindings_with_large_arguments() {
    let mut world = World::with_limits(|limits| limits.binding_bytes_per_vhost = 4 << 20);
    world.run("1 connect\n1.1 open\n1.1 queue.declare own\n1.1 consume own c no-ack");
    world.run("2 connect\n2.1 open\n2.1 queue.declare q\n2.1 exchange.declare h headers");
    let before = world.broker.view().memory_bytes();
    let large = "x".repeat(100 << 10);
    let refused = world.run(&format!("2.1 queue.bind q h - arg:a={large}"));
    assert!(
        refused.contains("406 PRECONDITION_FAILED - arguments of 102407 bytes are larger than the limit of 65536 (50, 20)"),
        "{}", refused.replace(&large, "large"),
    );
    world.run("2.1 closed\n2.1 open");
    let large = "x".repeat(60 << 10);
    let (mut seen, mut paused) = (String::new(), false);
    for number in 0..60 {
        seen = world.run(&format!("2.1 queue.bind q h k{number} arg:a={large}"));
        paused |= seen.contains("2 paused");
        if seen.contains("close channel") {
            break;
        }
        assert_eq!(latency(&mut world), 1);
    }
    assert!(paused, "so much memory is work, and it is charged");
    assert!(
        seen.contains("406 PRECONDITION_FAILED - cannot bind queue 'q' in vhost '/': limit of 4194304 bytes of bindings of a vhost is reached"),
        "{}", seen.replace(&large, "large"),
    );
    let held = world.broker.view().memory_bytes() - before;
    assert!((4 << 20..5 << 20).contains(&held), "{held} octets");
    world.run("2.1 closed\n2.1 open\n2.1 queue.delete q");
    world.work(&mut String::new());
    world.run("1 drained 100000\n2 drained 100000");
    let after = world.broker.view().memory_bytes();
    assert!(after <= before, "all of it is given back: {after}");
}

#[test]
fn more_bindings_than_there_may_be() {
    let mut world = World::with_limits(|limits| {
        (limits.bindings_per_target, limits.bindings_per_exchange, limits.bindings_per_vhost) =
            (3, 4, 5);
    });
    world.run("1 connect\n1.1 open\n1.1 queue.declare a\n1.1 queue.declare b\n1.1 queue.declare c");
    world.run("1.1 queue.bind a amq.direct 1\n1.1 queue.bind a amq.direct 2\n1.1 queue.bind a amq.direct 3");
    let refused = world.run("1.1 queue.bind a amq.direct 4");
    assert!(refused.contains("cannot bind queue 'a' in vhost '/': limit of 3 bindings of a destination is reached (50, 20)"), "{refused}");
    world.run("1.1 closed\n1.1 open");
    assert!(world.run("1.1 queue.bind a amq.direct 3").contains("bind-ok"), "it is there already");
    world.run("1.1 queue.bind b amq.direct 1");
    let refused = world.run("1.1 queue.bind b amq.direct 2");
    assert!(refused.contains("limit of 4 bindings of an exchange"), "{refused}");
    world.run("1.1 closed\n1.1 open\n1.1 queue.bind b amq.fanout -");
    let refused = world.run("1.1 queue.bind c amq.fanout -");
    assert!(
        refused.contains("cannot bind in vhost '/': binding limit of 5 is reached"),
        "{refused}"
    );
    world.run("1.1 closed\n1.1 open\n1.1 queue.unbind a amq.direct 1");
    assert!(world.run("1.1 queue.bind c amq.fanout -").contains("bind-ok"));
}

#[test]
fn patterns_that_are_slow_to_match() {
    let mut world = world();
    world.run("2.1 queue.declare q");
    for number in 0..200 {
        world.run(&format!("2.1 queue.bind q amq.topic #.a.#.b.#.c.#.{number}.#"));
    }
    let key = "a.b.c.".repeat(40);
    for _ in 0..20 {
        world.run(&format!("2.1 publish amq.topic {} m", &key[..key.len() - 1]));
        assert_eq!(latency(&mut world), 1);
    }
}

#[test]
fn patterns_of_rights_and_policies_that_never_come_to_an_end() {
    let evil = "^(?:(?=(a*))a){100}z";
    let name = "a".repeat(250);
    let mut world = world();
    world.run("2.1 queue.declare q");
    for number in 0..2_000 {
        world.run(&format!("2.1 queue.declare {}{number}", &name[..240]));
    }
    world.obeyed(Command::SetUser(UserDefinition {
        name: parse_name("crowd"),
        ..UserDefinition::default()
    }));
    world.obeyed(Command::SetPermission(PermissionDefinition {
        user: parse_name("crowd"),
        vhost: parse_name("/"),
        configure: evil.into(),
        write: ".*".into(),
        read: ".*".into(),
        ..PermissionDefinition::default()
    }));
    world.run("3 connect user=crowd");
    for channel in 1..50 {
        let seen = world.run(&format!("3.{channel} open\n3.{channel} queue.declare {name}"));
        assert!(seen.contains("403 ACCESS_REFUSED - configure access to queue"), "{seen}");
        assert!(seen.contains(&format!("pattern '{evil}' takes too many steps")), "{seen}");
        assert_eq!(latency(&mut world), 1);
    }
    // A policy with it applies to nothing, and goes over the queues in slices.
    let mut seen = world.begin(Command::SetPolicy(PolicyDefinition {
        vhost: parse_name("/"),
        name: parse_name("evil"),
        pattern: evil.into(),
        apply_to: "queues".into(),
        definition: Object::new().with("max-length", 1_i64),
        ..PolicyDefinition::default()
    }));
    let before = world.turns;
    assert!(worst_latency_while_working(&mut world) <= 3);
    assert!(world.turns > before + 100, "it is spread over turns");
    seen += &world.run("2.1 publish - q one\n2.1 publish - q two");
    assert_eq!(world.broker.view().queue("/", "q").expect("there").ready, 2, "{seen}");
}

#[test]
fn a_consumer_that_does_not_read_and_a_getter_that_does_not_either() {
    let mut world = world();
    world.run("2.1 queue.declare q\n3 connect\n3.1 open\n3.1 consume q c no-ack");
    let body = "x".repeat(100_000);
    let before = world.broker.view().memory_bytes();
    for _ in 0..30 {
        world.run(&format!("2.1 publish - q {body}"));
        assert_eq!(latency(&mut world), 1);
    }
    // What is on its way to it is about a mebibyte; the rest waits in the queue, and counts.
    let view = world.broker.view();
    assert!(view.messages() >= 18, "{}", view.messages());
    assert!(view.memory_bytes() - before < 5 << 20);
    let mut seen = String::new();
    let (mut effects, mut gets) = (0, 0);
    while !seen.contains("2 paused") {
        seen = world.run("2.1 get q no-ack");
        if seen.contains("get-empty") {
            world.run(&format!("2.1 publish - q {body}"));
        }
        gets += 1;
        effects += seen.lines().count();
        assert!(gets < 1_000);
    }
    assert!(effects < EFFECTS_PER_TURN);
    assert_eq!(latency(&mut world), 1);
}

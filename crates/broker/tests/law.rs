//! The law: no input and no timer leads to more than 4,096 effects, nor to visits of more than 10,000 objects. What is
//! more goes on in later turns, in the right order. The world of these scripts checks it after every call.

use core::fmt::Write as _;

use warrener_broker::{
    Command, EFFECTS_PER_TURN, Effect, Json, Outcome, ParameterDefinition, PermissionDefinition,
    QueueDefinition, UserDefinition, VISITS_PER_TURN, VhostDefinition,
};

use crate::script::{World, parse_name};

/// More than one turn can do.
const MANY: usize = 8_000;

/// A client with a channel, and so many queues bound to an exchange.
fn world_with_queues(count: usize, flags: &str) -> World {
    let mut world = World::new();
    world.run("1 connect\n1.1 open\n1.1 exchange.declare wide fanout durable");
    for number in 0..count {
        world.run(&format!("1.1 queue.declare q{number} {flags}\n1.1 queue.bind q{number} wide -"));
    }
    world
}

/// A queue with so many messages, all handed to a client that has not acknowledged them.
fn world_with_unacked(count: usize) -> World {
    let mut world = World::new();
    world.run("1 connect\n1.1 open\n1.1 queue.declare q");
    publish(&mut world, "q", count);
    world.run("2 connect\n2.1 open\n2.1 consume q c");
    let mut out = String::new();
    // The client takes what is sent to it.
    while world.broker.view().unacked() < count {
        world.run("2 drained 4000000");
        world.work(&mut out);
    }
    world
}

fn publish(world: &mut World, queue: &str, count: usize) {
    for number in 0..count {
        world.run(&format!("1.1 publish - {queue} m{number}"));
    }
}

fn work(world: &mut World) -> String {
    let mut out = String::new();
    world.work(&mut out);
    out
}

fn publish_persistent(world: &mut World, queue: &str, count: usize) {
    for number in 0..count {
        world.run(&format!("1.1 publish - {queue} m{number} persistent"));
    }
}

/// The bodies of all that somebody got, in order.
fn bodies_got(seen: &str) -> Vec<String> {
    let got = seen.lines().filter(|line| line.contains(" get-ok "));
    got.filter_map(|line| line.rsplit('"').nth(1).map(str::to_owned)).collect()
}

/// How many messages wait in a queue.
fn ready(world: &World, queue: &str) -> u64 {
    let counts = world.broker.view().queue("/", queue);
    counts.expect("the queue is there").ready
}

/// The bodies of all that is delivered, in order.
fn bodies(seen: &str) -> Vec<String> {
    let delivered = seen.lines().filter(|line| line.contains(" deliver "));
    let body = |line: &str| line.rsplit('"').nth(1).map(str::to_owned);
    delivered.filter_map(body).collect()
}

fn expected(from: usize, count: usize) -> Vec<String> {
    (from..count).map(|number| format!("m{number}")).collect()
}

/// The first difference of two long lists, if there is one.
fn assert_same(left: &[String], right: &[String], what: &str) {
    let differs = left.iter().zip(right).position(|(left, right)| left != right);
    let place = differs.map(|place| (place, &left[place], &right[place]));
    assert_eq!((place, left.len()), (None, right.len()), "{what}");
}

#[test]
fn a_fan_out_is_confirmed_when_all_have_it_and_nothing_overtakes_it() {
    let mut world = world_with_queues(MANY, "");
    world.run("1.1 confirm.select\n1.2 open\n2 connect\n2.1 open\n2.1 queue.declare own");
    world.run("2.1 consume own c no-ack");
    let before = world.turns;
    let mut seen = world.run("1.1 publish wide - first\n1.1 publish - q7999 second");
    seen += &world.run("1.2 publish - q7999 other-channel\n1.1 queue.declare q0 passive");
    assert!(!seen.contains("ack"), "not before all have it: {seen}");
    // Somebody else is served in the midst of it, in one turn.
    world.take_turn(&mut seen);
    let served = world.run("2.1 publish - own news");
    assert!(served.contains("deliver c 1"), "{served}");
    assert!(ready(&world, "q7999") == 0);
    let rest = work(&mut world);
    let (confirmed, declared) = (rest.find("1.1 ack 2 multiple"), rest.find("declare-ok q0"));
    assert!(confirmed.expect("confirmed") < declared.expect("declared"), "{rest}");
    assert!(world.turns > before + 5);
    for number in 0..MANY - 1 {
        assert_eq!(ready(&world, &format!("q{number}")), 1);
    }
    let seen = world.run("1.3 open\n1.3 get q7999\n1.3 get q7999\n1.3 get q7999");
    let order = ["first", "second", "other-channel"].map(|body| seen.find(body).expect(body));
    assert!(order.is_sorted(), "{seen}");
}

#[test]
fn a_fan_out_that_one_queue_refuses_is_refused_and_gone_queues_are_passed_by() {
    let mut world = world_with_queues(2_000, "durable");
    world.run("1.1 queue.declare full durable arg:x-max-length=1 arg:x-overflow=reject-publish");
    world
        .run("1.1 queue.bind full wide -\n1.1 publish - full there persistent\n1.1 confirm.select");
    world.run("2 connect\n2.1 open");
    let mut seen = world.run("1.1 publish wide - all persistent");
    let refused = work(&mut world);
    assert!(refused.contains("1.1 nack 1"), "{refused}");
    seen += &world.run("1.1 queue.delete full\n1.1 publish wide - again persistent");
    world.take_turn(&mut seen);
    world.run("2.1 queue.delete q1999\n2.1 queue.delete q0");
    let rest = work(&mut world);
    assert!(rest.contains("1.1 ack 2"), "{rest}");
    // What consumers take leaves nothing behind on disk.
    for number in 1..1_999 {
        assert_eq!(
            world.run(&format!("2.1 queue.purge q{number}")).matches(" 2 messages").count(),
            1
        );
    }
    work(&mut world);
    assert_eq!(world.broker.view().messages(), 0);
    // The exchange, 1,998 queues and their bindings.
    assert_eq!(world.records(), 1 + 2 * 1_998);
}

#[test]
fn a_crash_in_a_fan_out_shows_all_of_it_or_nothing() {
    let mut world = world_with_queues(1_500, "durable");
    let before = world.journal.len();
    world.run("1.1 queue.declare taken\n2 connect\n2.1 open\n2.1 consume q3 c");
    world.run("1.1 publish wide - all persistent");
    let mut out = String::new();
    while world.broker.poll_timeout().is_some_and(|(due, _)| due <= world.now()) {
        world.take_turn(&mut out);
        // A consumer may be done with it before the last queue has it.
        if out.contains("deliver c") && !out.contains("acked") {
            out.push_str("acked");
            world.run("2.1 ack 1");
        }
    }
    assert!(out.contains("acked"));
    for steps in before..=world.journal.len() {
        let after = world.crashed_after(steps);
        let with: Vec<u64> =
            (0..1_500).map(|number| ready(&after, &format!("q{number}"))).collect();
        let count: u64 = with.iter().sum();
        assert!(count == 0 || count >= 1_499, "{count} after {steps} steps");
        assert!(count == 0 || count == 1_500 || with[3] == 0);
    }
}

#[test]
fn a_dead_letter_to_very_many_keeps_its_place_among_others() {
    let mut world = world_with_queues(1_500, "");
    world.run("1.1 queue.declare dying arg:x-dead-letter-exchange=wide arg:x-message-ttl=1000");
    publish(&mut world, "dying", 5);
    world.run("wait 2s");
    assert_eq!(ready(&world, "dying"), 0);
    for number in [0, 700, 1_499] {
        for body in expected(0, 5) {
            let seen = world.run(&format!("1.1 get q{number} no-ack"));
            assert!(seen.contains(&format!("\"{body}\"")), "{seen}");
        }
    }
    assert_eq!(ready(&world, "q1"), 5);
    world.run("1.1 queue.delete dying");
    work(&mut world);
    assert_eq!(world.broker.view().queue("/", "dying"), None);
}

#[test]
fn a_channel_that_ends_with_very_many_gives_them_back_in_order() {
    for ending in
        ["2.1 close", "2 leave", "2 disconnect", "2.1 nack 0 multiple requeue", "2.1 recover"]
    {
        let mut world = world_with_unacked(MANY);
        world.run("3 connect\n3.1 open\n1.1 publish - q last");
        if !ending.contains("2.1 nack") && !ending.contains("recover") {
            world.run("3.1 consume q late");
        } else {
            world.run("2.1 cancel c\n3.1 consume q late");
        }
        // What was there first comes first, as far as the consumer has not been handed the last already.
        let mut seen = world.run(ending);
        loop {
            seen += &world.run("3 drained 4000000");
            if world.broker.poll_timeout().is_none() {
                break;
            }
            world.take_turn(&mut seen);
        }
        seen += &world.run("3 drained 4000000");
        seen += &work(&mut world);
        let mut all = expected(0, MANY);
        all.push("last".to_owned());
        assert_same(&bodies(&seen), &all, ending);
        assert!(world.longest.1 > VISITS_PER_TURN / 4, "it was much: {:?}", world.longest);
        match ending {
            "2.1 close" => assert!(seen.contains("2.1 channel.close-ok")),
            "2.1 recover" => assert!(seen.contains("2.1 basic.recover-ok")),
            "2.1 nack 0 multiple requeue" => {}
            _ => assert!(seen.contains("2 closed") || !world.is_connected(2)),
        }
    }
}

#[test]
fn an_acknowledgement_of_very_many_is_done_before_what_follows_it() {
    let mut world = world_with_unacked(MANY);
    let seen = world.run("2.1 ack 7990 multiple\n2.1 queue.declare q passive\n2.1 close");
    assert!(!seen.contains("declare-ok"), "{seen}");
    let seen = work(&mut world);
    assert!(seen.contains("declare-ok q 0 messages 1 consumers"), "{seen}");
    assert_eq!(world.broker.view().stats().acknowledged, 7_990);
    assert_eq!(ready(&world, "q"), 10);

    // A connection that breaks in the midst of it has said what it said.
    let mut world = world_with_unacked(MANY);
    world.run("2.1 ack 7990 multiple\n2 disconnect");
    work(&mut world);
    assert_eq!(ready(&world, "q"), 10);
    assert_eq!((world.broker.view().connections(), world.broker.view().messages()), (1, 10));

    // An end in order does it all.
    let mut world = world_with_unacked(MANY);
    world.run("2.1 ack 0 multiple\nshutdown\nend");
    assert_eq!(world.broker.view().messages(), 0);
}

#[test]
fn purging_deleting_and_expiring_very_many_goes_on_in_slices() {
    for end in ["1.1 queue.purge q", "1.1 queue.delete q", "wait 5s"] {
        let mut world = World::new();
        world.run("1 connect\n1.1 open\n1.1 queue.declare dead arg:x-max-length=100");
        let ttl = if end == "wait 5s" { "arg:x-message-ttl=5000" } else { "" };
        world.run(&format!("1.1 queue.declare q {ttl} arg:x-dead-letter-exchange= arg:x-dead-letter-routing-key=dead"));
        publish(&mut world, "q", MANY);
        let before = world.turns;
        world.run(end);
        work(&mut world);
        let dead = if end == "wait 5s" { 100 } else { 0 };
        assert_eq!(world.broker.view().messages(), dead, "{end}");
        assert!(world.turns > before + 5, "{end}");
    }
}

#[test]
fn time_in_one_queue_makes_nobody_wait_in_another() {
    let mut world = World::new();
    world.run("1 connect\n1.1 open\n1.1 queue.declare q arg:x-message-ttl=5000");
    world.run("1.1 queue.declare other arg:x-message-ttl=5000");
    publish(&mut world, "q", MANY);
    world.run("1.1 publish - other one");
    let mut out = String::new();
    world.run("wait 4999ms");
    world.pass(core::time::Duration::from_millis(2));
    world.take_turn(&mut out);
    assert!(ready(&world, "q") > 5_000);
    assert_eq!(ready(&world, "other"), 0, "both get a turn");
}

#[test]
fn what_has_very_many_bindings_ends_before_its_end_is_told() {
    let bindings = 2_500;
    let mut world = World::new();
    world.run(
        "1 connect\n1.1 open\n1.1 queue.declare q durable\n1.1 exchange.declare x topic durable",
    );
    world.run("1.1 exchange.declare up fanout auto-delete\n1.1 exchange.bind x up -");
    for number in 0..bindings {
        world.run(&format!("1.1 queue.bind q x key.{number} no-wait"));
    }
    assert_eq!(world.records(), bindings + 2);
    let seen = world.run("1.1 queue.delete q\n1.1 queue.declare q durable");
    assert!(!seen.contains("delete-ok") && !seen.contains("declare-ok"), "{seen}");
    let seen = work(&mut world);
    assert!(seen.find("delete-ok").expect("deleted") < seen.find("declare-ok").expect("declared"));
    assert_eq!(world.records(), 2);

    for number in 0..bindings {
        world.run(&format!("1.1 queue.bind q x key.{number} no-wait"));
    }
    let seen = world.run("1.1 exchange.delete x\n1.1 publish x key.7 late");
    assert!(!seen.contains("delete-ok"), "{seen}");
    let seen = work(&mut world);
    assert!(seen.find("delete-ok").expect("deleted") < seen.find("404").expect("it is gone"));
    assert_eq!(world.records(), 1);
    assert_eq!(ready(&world, "q"), 0);
    // One that is bound to itself ends like any other.
    world.run("1.3 open\n1.3 exchange.declare self fanout\n1.3 exchange.bind self self -");
    assert!(world.run("1.3 exchange.delete self").contains("delete-ok"));
    assert_eq!(world.broker.view().binding_bytes(), 0);
    // Its only binding gone, the exchange before it is gone too.
    assert!(world.run("1.2 open\n1.2 exchange.declare up fanout passive").contains("404"));
}

#[test]
fn a_queue_that_ends_tells_very_many_consumers() {
    let mut world = World::new();
    world.run("1 connect\n1.1 open\n1.1 queue.declare q");
    for number in 0..MANY {
        let channel = 2 + number / 1_000;
        if number % 1_000 == 0 {
            world.run(&format!("1.{channel} open"));
        }
        world.run(&format!("1.{channel} consume q c{number} no-wait"));
    }
    let mut seen = world.run("1.1 queue.delete q");
    while world.broker.poll_timeout().is_some() {
        world.take_turn(&mut seen);
        seen += &world.run("1 drained 4000000");
    }
    assert_eq!(seen.matches("basic.cancel").count(), MANY);
    assert_eq!(world.broker.view().consumers(), 0);
    assert_eq!(world.broker.view().queue("/", "q"), None);
}

#[test]
fn a_connection_with_very_many_consumers_goes_and_comes_back_to_life_in_slices() {
    let mut world = World::new();
    world.run("1 connect\n1.1 open\n1.1 queue.declare q\n2 connect");
    for number in 0..MANY {
        let channel = 1 + number / 1_000;
        if number % 1_000 == 0 {
            world.run(&format!("2.{channel} open"));
        }
        world.run(&format!("2.{channel} consume q c{number} no-wait no-ack"));
    }
    let body = "x".repeat(600_000);
    for _ in 0..3 {
        world.run(&format!("1.1 publish - q {body}"));
        work(&mut world);
    }
    assert_eq!(ready(&world, "q"), 1, "it is congested");
    world.run("2 drained 2000000");
    work(&mut world);
    assert_eq!(ready(&world, "q"), 0, "it goes on");
    let seen = world.run("2 leave") + &work(&mut world);
    assert!(seen.contains("2 closed"), "{seen}");
    assert_eq!(world.broker.view().consumers(), 0);
}

#[test]
fn very_many_answers_that_the_disk_held_back_come_in_slices_and_in_order() {
    let mut world = World::new();
    world.run("1 connect\n1.1 open\n1.1 confirm.select\n1.1 queue.declare d durable\ndisk slow");
    for number in 0..6_000 {
        world.run(&format!("1.1 queue.declare q{number} durable\n1.1 publish - d m persistent"));
    }
    let mut seen = world.run("disk done");
    seen += &work(&mut world);
    let declared: Vec<usize> = seen
        .lines()
        .filter_map(|line| line.split("declare-ok q").nth(1)?.split(' ').next()?.parse().ok())
        .collect();
    assert_eq!(declared, (0..6_000).collect::<Vec<_>>());
    assert_eq!(world.broker.view().unconfirmed(), 0);
    assert!(seen.contains("ack 6000 multiple"));
}

#[test]
fn a_virtual_host_and_a_user_end_in_slices() {
    let mut world = World::new();
    let vhost = VhostDefinition { name: parse_name("busy"), ..VhostDefinition::default() };
    world.obeyed(Command::SetVhost(vhost));
    for number in 0..4_000 {
        let definition = QueueDefinition {
            name: parse_name(&format!("q{number}")),
            vhost: parse_name("busy"),
            durable: true,
            ..QueueDefinition::default()
        };
        world.obeyed(Command::DeclareQueue(definition));
    }
    let name = parse_name("busy");
    world.obeyed(Command::DeleteVhost(name));
    assert_eq!(world.records(), 0);

    let user = UserDefinition { name: parse_name("crowd"), ..UserDefinition::default() };
    world.obeyed(Command::SetUser(user));
    world.obeyed(Command::SetPermission(PermissionDefinition {
        user: parse_name("crowd"),
        vhost: parse_name("/"),
        configure: ".*".into(),
        write: ".*".into(),
        read: ".*".into(),
        ..PermissionDefinition::default()
    }));
    world.run("1 connect\n1.1 open\n1.1 queue.declare q");
    for connection in 10..60 {
        world.run(&format!("{connection} connect user=crowd"));
        for channel in 1..100 {
            world.run(&format!("{connection}.{channel} open\n{connection}.{channel} consume q c"));
        }
    }
    world.obeyed(Command::DeleteUser(parse_name("crowd")));
    assert_eq!(world.broker.view().connections(), 1);
    assert_eq!(world.broker.view().consumers(), 0);
}

#[test]
fn what_a_channel_was_asked_meanwhile_is_done_in_slices_too() {
    let mut world = World::new();
    world.run("1 connect\n1.1 open\n1.1 queue.declare q\nalarm memory on");
    let mut script = String::new();
    for number in 0..MANY {
        writeln!(script, "1.1 publish - q m{number}").expect("strings take text");
    }
    world.run(&script);
    let seen = world.run("alarm memory off") + &work(&mut world);
    assert!(seen.contains("connection.unblocked"));
    assert_eq!(ready(&world, "q"), MANY as u64);
    let seen = world.run("1.1 consume q c no-ack") + &drain(&mut world);
    assert_same(&bodies(&seen), &expected(0, MANY), "in order");
}

fn drain(world: &mut World) -> String {
    let mut seen = String::new();
    while world.broker.poll_timeout().is_some_and(|(due, _)| due <= world.now()) {
        world.take_turn(&mut seen);
        seen += &world.run("1 drained 4000000");
    }
    seen
}

#[test]
fn a_new_binding_is_told_a_long_history_in_slices() {
    let mut world = World::new();
    world.run("1 connect\n1.1 open\n1.1 queue.declare q");
    world.run("1.1 exchange.declare past x-recent-history arg:x-recent-history-length=9000");
    for number in 0..9_000 {
        world.run(&format!("1.1 publish past - m{number}"));
    }
    world.run("1.1 queue.bind q past -\n1.1 publish past - new");
    work(&mut world);
    assert_eq!(ready(&world, "q"), 9_001);
    let mut seen = world.run("1.1 consume q c no-ack");
    seen += &drain(&mut world);
    let mut all = bodies(&seen);
    all.retain(|body| body != "new");
    assert_same(&all, &expected(0, 9_000), "in order");
}

/// A transaction of this client with so many messages, on channel 1.
fn transact(world: &mut World, exchange: &str, key: &str, count: usize) {
    world.run("1.1 tx.select");
    for number in 0..count {
        world.run(&format!("1.1 publish {exchange} {key} m{number} persistent"));
    }
}

#[test]
fn a_large_transaction_is_committed_in_slices_and_is_one_record() {
    let mut world = World::new();
    world.run("1 connect\n1.1 open\n1.1 queue.declare q durable\n2 connect\n2.1 open");
    world.run("2.1 queue.declare own\n2.1 consume own c no-ack");
    transact(&mut world, "-", "q", MANY);
    let before = (world.records(), world.turns);
    let mut seen = world.run("1.1 tx.commit\n1.1 publish - q next\n1.1 tx.commit");
    assert!(!seen.contains("commit-ok"), "{seen}");
    // Somebody else is served in the midst of it, in one turn.
    world.take_turn(&mut seen);
    assert!(world.run("2.1 publish - own news").contains("deliver c 1"));
    seen += &work(&mut world);
    assert_eq!(seen.matches("commit-ok").count(), 2, "{seen}");
    assert!(world.turns > before.1 + 5);
    assert_eq!(world.records(), before.0 + 1, "one record, with all that lasts");
    let seen = world.run("2.1 consume q d no-ack") + &drain_of(&mut world, 2);
    let mut all = expected(0, MANY);
    all.push("next".to_owned());
    assert_same(&bodies(&seen), &all, "in order");
    assert_eq!(world.records(), before.0, "nothing is left of it");
}

#[test]
fn a_large_transaction_settles_in_slices() {
    let mut world = World::new();
    world.run("1 connect\n1.1 open\n1.1 queue.declare dead durable\n1.1 queue.declare q durable arg:x-dead-letter-exchange= arg:x-dead-letter-routing-key=dead");
    for number in 0..MANY {
        world.run(&format!("1.1 publish - q m{number} persistent"));
    }
    world.run("2 connect\n2.1 open\n2.1 tx.select\n2.1 consume q c");
    drain_of(&mut world, 2);
    world.run("2.1 ack 3000 multiple\n2.1 nack 6000 multiple\n2.1 nack 7990 multiple requeue");
    work(&mut world);
    world.run("2.1 cancel c");
    let seen = world.run("2.1 tx.commit") + &work(&mut world);
    assert!(seen.contains("commit-ok"), "{seen}");
    assert_eq!((ready(&world, "q"), ready(&world, "dead")), (1_990, 3_000));
    assert_eq!(world.broker.view().stats().acknowledged, 3_000);
    let again = world.crashed_after(world.journal.len());
    assert_eq!((ready(&again, "q"), ready(&again, "dead")), (2_000, 3_000));
}

#[test]
fn a_crash_in_a_large_transaction_shows_all_of_it_or_nothing() {
    let mut world = world_with_queues(60, "durable");
    world.run("1.1 queue.declare own durable\n1.1 publish - own mine persistent");
    let before = world.journal.len();
    world
        .run("2 connect\n2.1 open\n2.1 consume q3 c no-ack\n1.1 tx.select\n1.1 get own\n1.1 ack 1");
    transact(&mut world, "wide", "-", 60);
    world.run("1.1 tx.commit\n1 disconnect");
    assert!(world.broker.poll_timeout().is_some(), "it takes several turns");
    world.run("2.1 queue.delete q59");
    work(&mut world);
    for steps in before..=world.journal.len() {
        let after = world.crashed_after(steps);
        let mine = ready(&after, "own");
        for number in (0..59).filter(|number| *number != 3) {
            let count = ready(&after, &format!("q{number}"));
            assert_eq!(count, if mine == 1 { 0 } else { 60 }, "q{number} after {steps} steps");
        }
    }
    assert_eq!((ready(&world, "own"), ready(&world, "q58")), (0, 60));
    world.run("2.1 queue.delete own");
    for number in 0..59 {
        world.run(&format!("2.1 queue.delete q{number}"));
    }
    work(&mut world);
    assert_eq!((world.broker.view().messages(), world.records()), (0, 1), "only the exchange");
}

#[test]
fn a_large_transaction_that_a_queue_refuses_leaves_no_trace() {
    let mut world = World::new();
    world.run("1 connect\n1.1 open\n1.1 queue.declare q durable\n1.1 queue.declare full arg:x-max-length=7 arg:x-overflow=reject-publish");
    transact(&mut world, "-", "q", MANY);
    for _ in 0..8 {
        world.run("1.1 publish - full m");
    }
    let before = world.records();
    let seen = world.run("1.1 tx.commit") + &work(&mut world);
    assert!(seen.contains("406 PRECONDITION_FAILED - partial tx completion (90, 20)"), "{seen}");
    assert_eq!((world.broker.view().messages(), world.records()), (0, before));
    // One for which there was room has it, whoever comes in between.
    world.run("1.1 closed\n1.1 open");
    world.run("1.1 tx.select\n1.1 publish - full m");
    transact(&mut world, "-", "q", MANY);
    world.run("1.1 tx.commit\n2 connect\n2.1 open");
    for _ in 0..8 {
        world.run("2.1 publish - full other");
    }
    let seen = work(&mut world);
    assert!(seen.contains("commit-ok"), "{seen}");
    assert_eq!((ready(&world, "q"), ready(&world, "full")), (MANY as u64, 8));
}

#[test]
fn a_message_held_until_very_many_have_it() {
    let mut world = world_with_queues(1_500, "durable");
    world.run("1.1 queue.declare dying durable arg:x-dead-letter-exchange=wide arg:x-overflow=reject-publish arg:x-dead-letter-strategy=at-least-once arg:x-queue-type=quorum");
    world.run("1.1 queue.declare full durable arg:x-max-length=1 arg:x-overflow=reject-publish\n1.1 queue.bind full wide -");
    world.run("1.1 publish - full there persistent");
    for body in expected(0, 3) {
        world.run(&format!("1.1 publish - dying {body} persistent"));
    }
    world.run("2 connect\n2.1 open\n2.1 consume dying c");
    let before = world.journal.len();
    world.run("2.1 nack 0 multiple");
    work(&mut world);
    let held = |world: &World| world.broker.view().messages();
    assert_eq!((held(&world), ready(&world, "q7")), (4, 0), "one has no room, so none has it");
    world.run("1.1 queue.purge full\nwait 1s");
    work(&mut world);
    assert_eq!((ready(&world, "q0"), ready(&world, "q1499"), ready(&world, "full")), (1, 1, 1));
    world.run("1.1 queue.delete full\nwait 1s");
    work(&mut world);
    for number in [0, 700, 1_499] {
        let seen =
            world.run(&format!("1.1 consume q{number} c{number} no-ack")) + &work(&mut world);
        let places: Vec<_> =
            expected(0, 3).iter().map(|body| seen.find(&format!("\"{body}\""))).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{seen}");
    }
    assert_eq!(ready(&world, "q1"), 3);
    for steps in (before..=world.journal.len()).step_by(13) {
        let after = world.crashed_after(steps);
        let all: Vec<u64> = (1..700).map(|number| ready(&after, &format!("q{number}"))).collect();
        assert!(all.iter().all(|count| *count == all[0]), "{all:?} after {steps} steps");
    }
}

#[test]
fn a_large_transaction_is_read_back_in_slices_and_few_times() {
    let mut world = World::with_budget(Some(64 << 20));
    world.run("1 connect\n1.1 open\n1.1 queue.declare q durable\n1.1 tx.select");
    for number in 0..MANY {
        world.run(&format!("1.1 publish - q m{number} persistent"));
    }
    world.run("1.1 tx.commit");
    work(&mut world);
    world.run("end\nrestart");
    assert_eq!(ready(&world, "q"), MANY as u64);
    let before = world.journal.len();
    let mut seen = world.run("1 connect\n1.1 open\n1.1 consume q c");
    while world.broker.view().unacked() < MANY {
        seen += &world.run("1 drained 4000000");
        seen += &work(&mut world);
    }
    assert_same(&bodies(&seen), &expected(0, MANY), "in order");
    // The record is read whole each time, so one reading serves many deliveries.
    let loads = world.journal[before..].iter().filter(|effect| matches!(effect, Effect::Load(_)));
    assert!((1..=8).contains(&loads.clone().count()), "{} readings", loads.count());
}

#[test]
fn what_is_asked_of_a_large_record_while_it_is_read_is_read_again() {
    let mut world = World::with_budget(Some(64 << 20));
    world.run("1 connect\n1.1 open\n1.1 queue.declare q durable\n1.1 queue.declare other durable");
    world.run("1.1 tx.select\n1.1 publish - other first persistent");
    for number in 0..MANY {
        world.run(&format!("1.1 publish - q m{number} persistent"));
    }
    world.run("1.1 publish - other last persistent\n1.1 tx.commit");
    work(&mut world);
    world.run("end\nrestart\n1 connect\n1.1 open\n1.2 open");
    // While the first queue's are on their way, another asks for what was passed already, and for what is still to come.
    let mut seen = world.run("1.1 consume q c");
    seen += &world
        .run("1.2 get other no-ack\n1.2 get other no-ack\n2 connect\n2.1 open\n2.1 queue.purge q");
    seen += &work(&mut world);
    let place = |body: &str| seen.find(&format!("\"{body}\"")).expect(body);
    assert!(place("first") < place("last"), "{seen}");
}

#[test]
fn very_many_channels_that_wait_for_a_content_go_on_in_slices() {
    let mut world = World::with_fixed(1 << 30, true);
    world.run("1 connect\n1.1 open\n1.1 queue.declare q durable");
    publish_persistent(&mut world, "q", 20);
    world.run("disk reads-slowly");
    for connection in 10..20 {
        world.run(&format!("{connection} connect"));
        for channel in 1..=1_200 {
            let all = format!("{connection}.{channel}");
            world.run(&format!("{all} open\n{all} get q no-ack"));
        }
    }
    let mut seen = String::new();
    for _ in 0..100 {
        seen += &world.run("disk read");
        seen += &work(&mut world);
    }
    assert_eq!(bodies_got(&seen), expected(0, 20));
    assert_eq!(seen.matches("get-empty").count(), 12_000 - 20);
}

#[test]
fn very_many_settings_are_told_in_slices() {
    let mut world = World::new();
    for number in 0..MANY {
        world.obeyed(Command::SetParameter(ParameterDefinition {
            vhost: parse_name("/"),
            component: parse_name("shovel"),
            name: parse_name(&format!("p{number}")),
            value: Json::Integer(number as i64),
            ..ParameterDefinition::default()
        }));
        let name = parse_name(&format!("u{number}"));
        world.obeyed(Command::SetUser(UserDefinition { name, ..UserDefinition::default() }));
    }
    let before = world.turns;
    let Outcome::Exported(all) = world.obeyed(Command::Export { vhost: None }) else {
        panic!("it is exported")
    };
    assert_eq!((all.parameters.len(), all.users.len()), (MANY, MANY + 3));
    assert!(world.turns > before + 50);
    let of_one = Command::Export { vhost: Some(parse_name("/")) };
    let Outcome::Exported(all) = world.obeyed(of_one) else { panic!("it is exported") };
    assert_eq!((all.parameters.len(), all.users.len()), (MANY, 0));
}

fn drain_of(world: &mut World, connection: u64) -> String {
    let mut seen = String::new();
    loop {
        seen += &world.run(&format!("{connection} drained 4000000"));
        if world.broker.poll_timeout().is_none_or(|(due, _)| due > world.now()) {
            return seen;
        }
        world.take_turn(&mut seen);
    }
}

#[test]
fn the_law_is_what_it_says() {
    assert_eq!((EFFECTS_PER_TURN, VISITS_PER_TURN), (4_096, 10_000));
}

//! A backlog larger than memory: contents leave for the disk and come back, and clients cannot tell.

use expect_test::expect;
use proptest::prelude::*;

use crate::random::{NAMES, everybody_leaves, line, step};
use crate::script::World;

/// Nothing that waits may stay in memory.
fn without_memory() -> World {
    World::with_budget(Some(0))
}

const READY: &str = "1 connect\n1.1 open\n1.1 queue.declare q durable";

/// What is held besides definitions, in octets.
fn held(world: &World) -> u64 {
    let view = world.broker.view();
    view.memory_bytes() - view.definition_bytes()
}

#[test]
fn what_is_on_disk_anyway_is_forgotten_and_the_rest_is_written_first() {
    let mut world = without_memory();
    let seen = world.run(&format!(
        "{READY}
        disk shown
        1.1 publish - q durable persistent
        1.1 publish - q fleeting
        disk reads-slowly
        1.1 get q
        1.1 queue.declare q durable passive
        1.1 get q no-ack
        disk read
        1.1 ack 1
        view"
    ));
    expect![[r#"
        1 connect
            1 opened
        1.1 open
            1.1 channel.open-ok
        1.1 queue.declare q durable
            1.1 queue.declare-ok q 0 messages 0 consumers
        disk shown
        1.1 publish - q durable persistent
            disk + 2
        1.1 publish - q fleeting
            disk + 3
        disk reads-slowly
        1.1 get q
            disk ? 2
            disk ? 3
        1.1 queue.declare q durable passive
        1.1 get q no-ack
        disk read
            1.1 get-ok 1 - q "durable" (1 left)
            1.1 queue.declare-ok q 1 messages 0 consumers
            1.1 get-ok 2 - q "fleeting" (0 left)
            disk - 3
        1.1 ack 1
            disk - 2
        view
            vhost '/'
            queue 'q' classic durable: 0 ready, 0 unacked, 0 consumers
    "#]]
    .assert_eq(&seen);
}

#[test]
fn a_consumer_gets_them_in_order_and_is_read_ahead_of() {
    let mut world = without_memory();
    world.run(READY);
    for number in 0..10 {
        world.run(&format!("1.1 publish - q m{number} priority=0"));
    }
    assert_eq!(world.broker.view().paged_out(), 10);
    let seen = world.run("disk shown\ndisk reads-slowly\n1.1 qos 3\n1.1 consume q c\n1.2 open");
    assert_eq!(seen.matches("disk ?").count(), 10, "{seen}");
    let seen = world.run("disk read");
    let order: Vec<usize> = (0..3).filter_map(|n| seen.find(&format!("\"m{n}\""))).collect();
    assert!(order.len() == 3 && order.is_sorted(), "{seen}");
    let seen = world.run("1.1 nack 2 multiple requeue\ndisk read");
    assert!(seen.contains("deliver c 4 - q \"m0\" redelivered"), "{seen}");
    let seen = world.run("1.1 ack 0 multiple\ndisk read\n1.1 ack 0 multiple\ndisk read");
    let order: Vec<_> = (3..8).map(|n| seen.find(&format!("\"m{n}\""))).collect();
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{seen}");
}

#[test]
fn what_dies_on_disk_is_buried_in_the_order_of_dying() {
    let mut world = without_memory();
    let seen = world.run(
        "
        1 connect
        1.1 open
        1.1 queue.declare grave durable
        1.1 queue.declare q durable arg:x-message-ttl=50 arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
        1.1 publish - q one persistent
        1.1 publish - q two
        disk reads-slowly
        wait 50ms
        1.1 queue.declare q durable passive
        1.1 queue.delete q
        disk read
        1.1 get grave
        disk read
        1.1 get grave
        disk read
        ",
    );
    let order = [seen.find("get-ok 1 - grave \"one\""), seen.find("get-ok 2 - grave \"two\"")];
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{seen}");
    world.run("1.1 ack 0 multiple\n1.1 queue.delete grave");
    assert_eq!((world.broker.view().messages(), world.records()), (0, 0));
}

#[test]
fn one_queue_may_still_read_what_another_has_settled_on_disk() {
    let mut world = without_memory();
    let seen = world.run(
        "
        1 connect
        1.1 open
        1.1 queue.declare kept durable
        1.1 queue.declare lost
        1.1 queue.bind kept amq.fanout -
        1.1 queue.bind lost amq.fanout -
        1.1 publish amq.fanout - both persistent
        1.1 queue.purge kept
        1.1 get lost no-ack
        ",
    );
    assert!(seen.contains("get-ok 1 amq.fanout - \"both\""), "{seen}");
    world.run("1.1 queue.delete kept\n1.1 queue.delete lost");
    assert_eq!((world.broker.view().messages(), world.records()), (0, 0));
}

#[test]
fn a_channel_that_waits_for_the_disk_keeps_the_order_of_its_words() {
    let mut world = without_memory();
    let seen = world.run(&format!(
        "{READY}
        1.1 publish - q one
        disk reads-slowly
        1.1 get q no-ack
        1.1 publish - q two
        1.1 close
        disk read"
    ));
    let order =
        ["get-ok 1", "channel.close-ok"].map(|word| seen.find(word).expect("it is answered"));
    assert!(order.is_sorted(), "{seen}");
    let counts = world.broker.view().queue("/", "q").expect("declared");
    assert_eq!(counts.ready, 1, "what was published behind the get");
}

#[test]
fn a_client_that_leaves_gets_first_what_it_asked_for() {
    let mut world = without_memory();
    let seen = world.run(&format!(
        "{READY}
        1.1 publish - q one
        disk reads-slowly
        1.1 get q no-ack
        1 leave
        disk read"
    ));
    let order = ["get-ok 1", "1 closed"].map(|word| seen.find(word).expect("it is answered"));
    assert!(order.is_sorted(), "{seen}");
}

#[test]
fn a_channel_that_waits_for_the_disk_is_not_read_without_end() {
    let mut world = without_memory();
    world.run(&format!("{READY}\n1.1 publish - q one\ndisk reads-slowly\n1.1 get q no-ack"));
    let body = "x".repeat(600_000);
    world.run(&format!("1.1 publish - q {body}"));
    let seen = world.run(&format!("1.1 publish - q {body}"));
    assert!(seen.contains("1 paused"));
    let seen = world.run("disk read");
    assert!(seen.contains("1 resumed") && seen.contains("get-ok 1 - q \"one\""));
    world.run("disk read\n1.1 queue.purge q\n1 disconnect");
    assert_eq!(held(&world), 0);
}

#[test]
fn a_queue_that_goes_while_its_message_is_read_says_so() {
    let mut world = without_memory();
    let seen = world.run(&format!(
        "{READY}
        1.1 publish - q one
        disk reads-slowly
        1.1 get q
        1.2 open
        1.2 queue.delete q
        disk read"
    ));
    assert!(seen.contains("1.1 close channel 404"), "{seen}");
    assert_eq!(world.broker.view().messages(), 0);
}

/// What clients do with one queue, so that nothing depends on how fast queues are against each other.
fn lonely() -> impl Strategy<Value = String> {
    let tag = 0..8_u8;
    prop_oneof![
        8 => (0..1000_u32).prop_map(|n| format!("1.1 publish - q m{n}")),
        8 => (0..1000_u32).prop_map(|n| format!("1.1 publish - q p{n} persistent")),
        4 => tag.clone().prop_map(|tag| format!("1.2 ack {tag}")),
        2 => tag.clone().prop_map(|tag| format!("1.2 ack {tag} multiple")),
        2 => tag.clone().prop_map(|tag| format!("1.2 nack {tag} multiple requeue")),
        2 => tag.prop_map(|tag| format!("1.2 reject {tag}")),
        3 => Just("1.2 get q".to_string()),
        2 => Just("1.2 get q no-ack".to_string()),
        2 => Just("1.2 consume q c".to_string()),
        2 => Just("1.2 cancel c".to_string()),
        1 => (0..4_u8).prop_map(|count| format!("1.2 qos {count}")),
        1 => Just("1.2 close\n1.2 open".to_string()),
        1 => Just("wait 10ms".to_string()),
    ]
}

const LONELY: &str = "
    1 connect
    1.1 open
    1.1 queue.declare grave durable
    1.1 queue.declare q durable arg:x-message-ttl=50 arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
    1.2 open
";

/// What was answered, without what is only between broker and disk.
fn reopened(world: &mut World, line: &str) -> String {
    if !world.is_open(1, 2) {
        world.agree();
        world.run("1.2 open");
    }
    world.run(line)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn clients_cannot_tell(lines in prop::collection::vec(lonely(), 1..100), budget in 0..3_000_u64) {
        let (mut roomy, mut tight) = (World::new(), World::with_budget(Some(budget)));
        roomy.run(LONELY);
        tight.run(LONELY);
        for line in &lines {
            prop_assert_eq!(reopened(&mut tight, line), reopened(&mut roomy, line));
            warrener_broker::fuzzing::audit(&tight.broker);
        }
    }

    #[test]
    fn nothing_is_left_on_disk(lines in prop::collection::vec(line("persistent"), 1..80), budget in 0..3_000_u64) {
        let mut world = World::with_budget(Some(budget));
        for line in &lines {
            step(&mut world, line);
        }
        everybody_leaves(&mut world);
        world.run("1 connect\n1.1 open");
        for queue in NAMES {
            world.run(&format!("1.1 queue.delete {queue}"));
        }
        everybody_leaves(&mut world);
        let view = world.broker.view();
        prop_assert_eq!((view.messages(), view.memory_bytes()), (0, 0));
        prop_assert_eq!(world.records(), 0, "and nothing in the log");
    }

    #[test]
    fn a_restart_brings_it_back(lines in prop::collection::vec(line("persistent"), 1..80), budget in 0..3_000_u64) {
        let mut world = World::with_budget(Some(budget));
        for line in &lines {
            step(&mut world, line);
        }
        everybody_leaves(&mut world);
        world.run("1 connect\n1.1 open\n1.1 queue.delete fleeting\n1 disconnect");
        let before = world.broker.view().to_string();
        world.run("restart");
        warrener_broker::fuzzing::audit(&world.broker);
        let after = world.broker.view().to_string();
        prop_assert_eq!(before.lines().count(), after.lines().count(), "{}\n{}", before, after);
        for (before, after) in before.lines().zip(after.lines()) {
            prop_assert!([before, after].contains(&"  on disk") || before == after, "{before} {after}");
        }
    }
}

#[test]
fn a_commit_waits_for_the_contents_of_what_it_rejects() {
    let mut world = without_memory();
    let script = "
        1 connect
        1.1 open
        1.1 queue.declare grave durable
        1.1 queue.declare q durable arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
        1.1 publish - q one persistent
        1.1 publish - q two persistent
        1.1 get q
        1.1 get q
        1.1 tx.select
        1.1 publish - grave new persistent
        1.1 nack 2 multiple
        1.1 tx.commit
        ";
    let told = world.run(script);
    assert!(told.trim_end().ends_with("1.1 tx.commit-ok"), "{told}");
    let grave = world.broker.view().queue("/", "grave").expect("it was declared");
    assert_eq!(grave.ready, 3);
}

#[test]
fn messages_that_have_come_in_part_are_counted() {
    let mut world = without_memory();
    world.run(&format!("{READY}\n2 connect"));
    let before = world.broker.view().memory_bytes();
    world.run("1 unfinished 70000000\n2 unfinished 1000000");
    assert_eq!(world.broker.view().memory_bytes(), before + 71_000_000);
    world.run("2 unfinished 0\n1 unfinished 80000000");
    assert_eq!(world.broker.view().memory_bytes(), before + 80_000_000);
    world.run("1 disconnect\n1 unfinished 7");
    assert_eq!(held(&world), 0, "what was on its way to it is gone as well");
}

#[test]
fn open_transactions_are_counted_over_all_channels_of_a_connection() {
    let mut world = without_memory();
    world.run(&format!("{READY}\n1.2 open\n1.1 tx.select\n1.2 tx.select"));
    let body = "x".repeat(70 << 20);
    assert!(!world.run(&format!("1.1 publish - q {body}")).contains("close"));
    assert!(world.broker.view().memory_bytes() > 70 << 20);
    let seen = world.run(&format!("1.2 publish - q {body}"));
    assert!(seen.contains("1.2 close channel 406"), "its other channel has half of it");
    world.run("1.1 tx.rollback\n1.1 publish - q small\n1.1 tx.commit");
    assert_eq!(world.broker.view().queue("/", "q").expect("declared").ready, 1);
    world.run("1.1 queue.purge q\n1 disconnect");
    assert_eq!(held(&world), 0);
}

#[test]
fn what_was_rejected_and_could_not_leave_before_an_orderly_end_says_that_it_was_delivered() {
    let mut world = without_memory();
    let seen = world.run(
        "
        1 connect
        1.1 open
        1.1 queue.declare grave durable
        1.1 queue.declare q durable arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
        1.1 publish - q one persistent
        1.1 publish - q two persistent
        1.1 get q
        disk reads-slowly
        1.1 nack 1
        end
        restart
        2 connect
        2.1 open
        2.1 get q
        disk read
        2.1 get q
        disk read
        ",
    );
    assert!(seen.contains("get-ok 1 - q \"one\" (1 left) redelivered\n"), "{seen}");
    assert!(seen.contains("get-ok 2 - q \"two\" (0 left)\n"), "{seen}");
}

#[test]
fn what_could_not_leave_a_full_queue_before_an_orderly_end_leaves_it_after_the_start() {
    let mut world = without_memory();
    let seen = world.run(
        "
        1 connect
        1.1 open
        1.1 queue.declare grave durable
        1.1 queue.declare q durable arg:x-max-length=1 arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
        1.1 publish - q one persistent
        1.1 get q
        disk read
        1.1 publish - q two persistent
        disk reads-slowly
        1.1 nack 1 requeue
        end
        restart
        2 connect
        2.1 open
        wait 1ms
        disk read
        2.1 get q
        disk read
        2.1 get q
        2.1 get grave
        disk read
        ",
    );
    assert!(seen.contains("\"two\" (0 left)\n"), "{seen}");
    assert!(seen.contains("basic.get-empty"), "{seen}");
    assert!(seen.contains("\"one\" (0 left)"), "{seen}");
}

#[test]
fn what_waits_for_the_disk_counts_towards_the_length_whoever_consumes() {
    let mut world = without_memory();
    world.run(
        "
        1 connect
        1.1 open
        1.1 queue.declare q durable arg:x-max-length=2
        1.1 publish - q one persistent
        1.1 publish - q two persistent
        disk reads-slowly
        1.1 consume q c
        ",
    );
    let seen = world.run("1.1 publish - q three persistent\n1.1 publish - q four persistent\nview");
    assert!(seen.contains("queue 'q' classic durable: 2 ready, 0 unacked, 1 consumers"), "{seen}");
    let seen = world.run("disk read\ndisk read\nview");
    assert!(seen.contains("\"three\""), "{seen}");
    assert!(seen.contains("\"four\""), "{seen}");
    assert!(seen.contains("queue 'q' classic durable: 0 ready, 2 unacked, 1 consumers"), "{seen}");
}

#[test]
fn many_that_left_behind_one_on_disk_follow_it() {
    let mut world = World::with_budget(None);
    world.run(
        "
        1 connect
        1.1 open
        1.1 queue.declare grave durable
        1.1 queue.declare q durable arg:x-message-ttl=1000 arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
        1.1 publish - q first persistent
        end
        restart
        disk reads-slowly
        1 connect
        1.1 open
        ",
    );
    for _ in 0..100 {
        world.run("1.1 publish - q next persistent");
    }
    world.run("wait 1001ms\nwait 1ms");
    let seen = world.run("disk read\nview");
    assert!(seen.contains("queue 'grave' classic durable: 101 ready"), "{seen}");
}

#[test]
fn what_failed_too_often_and_is_still_on_disk_at_the_end_is_not_handed_out_after_it() {
    for (grave, left) in
        [("", 0), ("arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave", 1)]
    {
        let mut world = without_memory();
        world.run(&format!(
            "1 connect
            1.1 open
            1.1 queue.declare grave durable
            1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-delivery-limit=0 {grave}
            1.1 publish - q hello persistent
            1.1 get q
            disk reads-slowly
            1.1 reject 1 requeue
            end
            restart
            disk read
            wait 1ms
            disk read"
        ));
        let seen =
            world.run("1 connect\n1.1 open\n1.1 get q\n1.1 queue.declare grave durable passive");
        assert!(seen.contains("basic.get-empty"), "{seen}");
        assert!(seen.contains(&format!("grave {left} messages")), "{seen}");
    }
}

#[test]
fn what_is_asked_behind_a_refusal_is_not_done_after_a_wait_for_the_disk_either() {
    let refusals = [
        "1.1 tx.select",
        "1.1 publish - full x persistent\n1.1 tx.commit",
        "1.1 queue.declare missing passive",
    ];
    for (before, refused, code) in [
        (refusals[0], refusals[1], "406"),
        ("", refusals[2], "404"),
        (refusals[0], refusals[2], "404"),
    ] {
        let mut world = without_memory();
        world.run(&format!(
            "{READY}
            1.1 queue.declare full arg:x-max-length=0 arg:x-overflow=reject-publish
            1.1 publish - q hello persistent
            {before}
            disk reads-slowly
            1.1 get q
            {refused}
            1.1 publish - q late
            1.1 tx.rollback
            1.1 queue.declare late"
        ));
        let seen = world.run("disk read\nwait 1ms\nview");
        assert!(seen.contains(&format!("1.1 close channel {code}")), "{seen}");
        assert!(!seen.contains("late") && seen.contains("'q' classic durable: 1 ready"), "{seen}");
    }
}

#[test]
fn a_channel_that_its_client_closed_behind_a_refusal_is_closed() {
    let mut world = without_memory();
    world.run(&format!(
        "{READY}
        1.1 publish - q hello persistent
        disk reads-slowly
        1.1 get q
        1.1 queue.declare missing passive
        1.1 publish - q late
        1.1 close"
    ));
    let seen = world.run("disk read\nwait 1ms\n1.1 open\nview");
    assert!(seen.contains("channel.close-ok") && seen.contains("channel.open-ok"), "{seen}");
    assert!(!seen.contains("late") && seen.contains("'q' classic durable: 1 ready"), "{seen}");
}

//! Alarms: who publishes while the host runs short waits, who consumes does not.

use expect_test::expect;

use crate::script::{World, check};

#[test]
fn a_publisher_is_stopped_by_its_first_publish_and_goes_on_when_no_alarm_is_left() {
    check(
        "
        1 connect
        1.1 open
        1.1 queue.declare q
        2 connect no-blocked
        2.1 open
        3 connect
        3.1 open
        3.1 consume q c no-ack
        alarm disk on
        1.1 publish - q one
        1.1 publish - q two
        2.1 publish - q three
        alarm memory on
        alarm disk off
        alarm memory off
        1.1 publish - q four
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            2 connect no-blocked
                2 opened
            2.1 open
                2.1 channel.open-ok
            3 connect
                3 opened
            3.1 open
                3.1 channel.open-ok
            3.1 consume q c no-ack
                3.1 basic.consume-ok c
            alarm disk on
            1.1 publish - q one
                1 paused
                1.0 connection.blocked
            1.1 publish - q two
            2.1 publish - q three
                2 paused
            alarm memory on
            alarm disk off
            alarm memory off
                1 resumed
                1.0 connection.unblocked
                3.1 deliver c 1 - q "one"
                3.1 deliver c 2 - q "two"
                2 resumed
                3.1 deliver c 3 - q "three"
            1.1 publish - q four
                3.1 deliver c 4 - q "four"
        "#]],
    );
}

#[test]
fn a_log_that_fails_closes_every_connection_and_confirms_nothing() {
    check(
        "
        1 connect
        1.1 open
        1.1 queue.declare q durable
        1.1 confirm.select
        disk slow
        1.1 publish - q one persistent
        failed
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q durable
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 confirm.select
                1.1 confirm.select-ok
            disk slow
            1.1 publish - q one persistent
            failed
                1 close connection 541 INTERNAL_ERROR - the broker's log has failed; what was not confirmed may be lost (0, 0)
        "#]],
    );
}

#[test]
fn a_publisher_that_consumes_is_read_on_so_that_its_acknowledgements_make_room() {
    let mut world = World::new();
    world.run(
        "
        1 connect
        1.1 open
        1.1 queue.declare q
        1.1 publish - q one
        1.1 consume q c
        alarm memory on
        ",
    );
    let seen = world.run("1.1 publish - q two\n1.1 publish - q three\n1.1 ack 1\n1.1 qos 5");
    expect![[r#"
        1.1 publish - q two
            1.0 connection.blocked
        1.1 publish - q three
        1.1 ack 1
        1.1 qos 5
    "#]]
    .assert_eq(&seen);
    assert_eq!(world.broker.view().unacked(), 0, "the acknowledgement was obeyed");
    let large = format!("1.1 publish - q {}", "x".repeat(600_000));
    assert!(!world.run(&large).contains("paused"));
    assert!(world.run(&large).contains("1 paused"), "no more than so much is kept");
    let seen = world.run("alarm memory off").replace(&"x".repeat(600_000), "large");
    expect![[r#"
        alarm memory off
            1.0 connection.unblocked
            1.1 deliver c 2 - q "two"
            1.1 deliver c 3 - q "three"
            1.1 basic.qos-ok
            1.1 deliver c 4 - q "large"
            1 resumed
            1.1 deliver c 5 - q "large"
    "#]]
    .assert_eq(&seen);
}

#[test]
fn without_a_disk_only_those_are_blocked_whose_queues_grow() {
    // Besides what two queues take.
    let mut world = World::with_fixed(16_000, false);
    world.run(
        "
        1 connect
        1.1 open
        1.1 queue.declare hoard
        2 connect
        2.1 open
        2.1 queue.declare work
        2.1 consume work c no-ack
        ",
    );
    let hoard = format!("1.1 publish - hoard {}", "x".repeat(1_000));
    let seen: String = (0..9).map(|_| world.run(&hoard)).collect();
    assert!(seen.contains("1 paused") && seen.contains("1.0 connection.blocked"), "{seen}");
    let seen = world.run("2.1 publish - work on");
    assert!(seen.contains("deliver c 1") && !seen.contains("blocked"), "{seen}");
    // What was published meanwhile is not lost, and goes in when there is room.
    let before = world.broker.view().queue("/", "hoard").expect("declared").ready;
    world.run(&hoard);
    assert_eq!(world.broker.view().queue("/", "hoard").expect("declared").ready, before);
    let seen = world.run("3 connect\n3.1 open\n3.1 queue.purge hoard\nwait 1ms");
    assert!(seen.contains("1 resumed") && seen.contains("1.0 connection.unblocked"), "{seen}");
    assert!(world.broker.view().queue("/", "hoard").expect("declared").ready > 0);
}

#[test]
fn an_index_that_fills_memory_alone_blocks_as_well_and_loses_nothing() {
    let mut world = World::with_fixed(10_000, true);
    world.run("1 connect\n1.1 open\n1.1 queue.declare q\n1.1 confirm.select");
    let mut published = 0;
    while !world.run("1.1 publish - q m").contains("blocked") {
        published += 1;
        assert!(published < 1_000, "it is never blocked");
    }
    let ready = world.broker.view().queue("/", "q").expect("declared").ready;
    assert_eq!(ready, published + 1);
    assert!(world.broker.view().memory_bytes() <= 10_000 + 1_000);
    world.run("1.1 publish - q late\n2 connect\n2.1 open");
    let seen = world.run("2.1 consume q c no-ack\n2 drained 1000000\nwait 1ms");
    assert_eq!(seen.matches("deliver c").count() as u64, ready + 1, "{seen}");
    assert!(seen.contains("1.0 connection.unblocked"));
}

#[test]
fn a_client_that_leaves_under_an_alarm_has_published_what_it_said() {
    let mut world = World::new();
    world.run("1 connect\n1.1 open\n1.1 queue.declare q\n1.1 consume q c no-ack\nalarm disk on");
    assert!(!world.run("1.1 publish - q last\n1 leave").contains("1 closed"));
    let seen = world.run("alarm disk off");
    let order = ["\"last\"", "1 closed"].map(|word| seen.find(word).expect("both"));
    assert!(order.is_sorted(), "{seen}");
}

#[test]
fn what_waits_behind_a_publish_that_ends_its_connection_goes_with_it() {
    let mut world = World::new();
    world.run("1 connect\n1.1 open\n1.1 queue.declare q\nalarm disk on");
    world.run("1.1 publish - q never immediate\n1.1 queue.declare r\n1.1 publish - q nor-this");
    let seen = world.run("alarm disk off");
    assert!(seen.contains("540"), "{seen}");
    let view = world.broker.view();
    assert_eq!((view.connections(), view.messages(), view.queue("/", "r").is_none()), (0, 0, true));
    assert_eq!(view.memory_bytes(), view.definition_bytes(), "nothing of it is held");
}

#[test]
fn a_broker_that_holds_too_much_says_so_once() {
    let mut world = World::with_limits(|limits| limits.memory_alarm_bytes = 1_000_000);
    let large = "x".repeat(600_000);
    let seen = world.run(&format!(
        "
        1 connect
        1.1 open
        1.1 queue.declare q
        1.1 publish - q {large}
        1.1 publish - q {large}
        1.1 publish - q {large}
        "
    ));
    let warnings: Vec<&str> = seen.lines().filter(|line| line.contains("warning: ")).collect();
    let [low] = warnings[..] else { panic!("{warnings:?}") };
    assert!(low.contains("low on memory") && low.contains("publishers wait"), "{low}");
}

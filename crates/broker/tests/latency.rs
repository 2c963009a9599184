//! How long messages wait, how large they are and why they die: what metrics tell.

use core::time::Duration;

use warrener_broker::{Command, Waits};

use crate::script::World;

fn counted(waits: Waits) -> Vec<(Option<u64>, u64)> {
    waits.buckets().filter(|(_, count)| *count > 0).collect()
}

const SETUP: &str = "
    1 connect
    1.1 open
    1.1 confirm.select
    1.1 queue.declare q durable
";

#[test]
fn waits_are_measured_while_somebody_looks_and_not_before_or_after() {
    let mut world = World::new();
    world.run(SETUP);
    world.run("disk slow\n1.1 publish - q one persistent\nwait 3ms\ndisk done\n1.1 get q no-ack");
    assert_eq!(world.broker.view().waits(), (Waits::default(), Waits::default()));
    world.obeyed(Command::Measure(Duration::from_secs(10)));
    world.run("1.1 publish - q two persistent\nwait 3ms\ndisk done\nwait 50ms\n1.1 get q no-ack");
    let (confirm, deliver) = world.broker.view().waits();
    assert_eq!(counted(confirm), [(Some(4_096), 1)], "3 ms until the disk had it");
    assert_eq!(counted(deliver), [(Some(65_536), 1)], "53 ms until somebody got it");
    world.run("wait 10s\n1.1 publish - q three persistent\ndisk done\n1.1 get q no-ack");
    world.run("1.1 publish - q four persistent\nwait 9ms\ndisk done\n1.1 get q no-ack");
    assert_eq!(counted(world.broker.view().waits().0).last(), Some(&(Some(4_096), 1)));
}

#[test]
fn messages_are_counted_by_size_and_deaths_by_reason_and_strategy() {
    let mut world = World::new();
    world.run(SETUP);
    world.run(
        "
        1.1 queue.declare limited arg:x-max-length=1
        1.1 queue.declare buried arg:x-message-ttl=10 arg:x-dead-letter-exchange=amq.fanout
        1.1 publish - limited one
        1.1 publish - limited two
        1.1 publish - buried three
        wait 20ms
        1.1 publish - q four
        1.1 get q
        1.1 nack 1
        ",
    );
    let stats = world.broker.view().stats();
    let deaths = &stats.classic_deaths;
    assert_eq!((deaths.disabled.max_length, deaths.disabled.rejected), (1, 1));
    assert_eq!((deaths.at_most_once.expired, deaths.disabled.expired), (1, 0));
    assert_eq!((stats.sizes.counts[0], stats.sizes.bytes), (4, 15));
}

//! Random clients: whatever they do, the broker's books agree, nothing is left when all is deleted, and a restart brings
//! back what it must.

use proptest::prelude::*;

use crate::script::World;

/// Queues that differ in what can happen to a message in them.
const QUEUES: [&str; 5] = [
    "queue.declare plain durable",
    "queue.declare short durable arg:x-max-length=2 arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=plain",
    "queue.declare brief durable arg:x-message-ttl=50 arg:x-dead-letter-exchange=amq.fanout",
    "queue.declare full durable arg:x-max-length=1 arg:x-overflow=reject-publish-dlx arg:x-dead-letter-exchange=amq.topic",
    "queue.declare counted durable arg:x-queue-type=quorum arg:x-delivery-limit=1 arg:x-dead-letter-exchange=amq.fanout",
];

pub(crate) const NAMES: [&str; 6] = ["plain", "short", "brief", "full", "counted", "fleeting"];

fn queue() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&NAMES[..])
}

fn place() -> impl Strategy<Value = String> {
    (1..3, 1..3).prop_map(|(connection, channel)| format!("{connection}.{channel}"))
}

/// What clients do, with `mode` for how messages are published.
pub(crate) fn line(mode: &'static str) -> impl Strategy<Value = String> {
    let flags = prop::sample::select(vec!["", " multiple"]);
    let ends = prop::sample::select(vec!["", " requeue"]);
    let exchange = prop::sample::select(vec!["amq.fanout -", "amq.topic k", "- nowhere"]);
    prop_oneof![
        8 => (place(), queue()).prop_map(move |(p, q)| format!("{p} publish - {q} direct {mode}")),
        4 => (place(), exchange).prop_map(move |(p, x)| format!("{p} publish {x} far mandatory {mode}")),
        4 => (place(), 0..6_u8, flags.clone()).prop_map(|(p, tag, all)| format!("{p} ack {tag}{all}")),
        3 => (place(), 0..6_u8, flags, ends.clone()).prop_map(|(p, tag, all, end)| format!("{p} nack {tag}{all}{end}")),
        3 => (place(), 0..6_u8, ends).prop_map(|(p, tag, end)| format!("{p} reject {tag}{end}")),
        3 => (place(), queue()).prop_map(|(p, q)| format!("{p} get {q}")),
        2 => (place(), queue()).prop_map(|(p, q)| format!("{p} get {q} no-ack")),
        3 => (place(), queue(), 0..3_u8).prop_map(|(p, q, tag)| format!("{p} consume {q} c{tag}")),
        1 => (place(), queue(), 0..3_u8).prop_map(|(p, q, tag)| format!("{p} consume {q} c{tag} no-ack")),
        2 => (place(), 0..3_u8).prop_map(|(p, tag)| format!("{p} cancel c{tag}")),
        2 => (place(), 0..4_u8).prop_map(|(p, count)| format!("{p} qos {count}")),
        1 => (place(), 0..4_u8).prop_map(|(p, count)| format!("{p} qos {count} global")),
        1 => place().prop_map(|p| format!("{p} recover")),
        1 => place().prop_map(|p| format!("{p} confirm.select")),
        1 => place().prop_map(|p| format!("{p} tx.select")),
        2 => place().prop_map(|p| format!("{p} tx.commit")),
        1 => place().prop_map(|p| format!("{p} tx.rollback")),
        1 => (place(), queue()).prop_map(|(p, q)| format!("{p} queue.purge {q}")),
        1 => (place(), queue()).prop_map(|(p, q)| format!("{p} queue.delete {q}")),
        2 => (place(), prop::sample::select(&QUEUES[..])).prop_map(|(p, q)| format!("{p} {q}")),
        1 => place().prop_map(|p| format!("{p} queue.declare fleeting auto-delete")),
        1 => (place(), queue()).prop_map(|(p, q)| format!("{p} queue.bind {q} amq.fanout -")),
        1 => (place(), queue()).prop_map(|(p, q)| format!("{p} queue.bind {q} amq.topic #")),
        1 => place().prop_map(|p| format!("{p} flow off")),
        1 => place().prop_map(|p| format!("{p} flow on")),
        1 => place().prop_map(|p| format!("{p} close")),
        1 => (1..3_u8).prop_map(|connection| format!("{connection} disconnect")),
        2 => (1..100_u8).prop_map(|ms| format!("wait {ms}ms")),
        1 => Just("disk slow".to_string()),
        1 => Just("disk done".to_string()),
    ]
}

/// Runs a line, and looks after the clients: a connection or channel that is gone comes back.
pub(crate) fn step(world: &mut World, line: &str) {
    world.agree();
    for connection in 1..3_u64 {
        if !world.is_connected(connection) {
            world.run(&format!("{connection} connect"));
        }
        for channel in 1..3_u16 {
            if !world.is_open(connection, channel) {
                world.run(&format!("{connection}.{channel} open"));
            }
        }
    }
    world.run(line);
    warrener_broker::fuzzing::audit(&world.broker);
}

pub(crate) fn everybody_leaves(world: &mut World) {
    world.run("1 disconnect\n2 disconnect\ndisk done\nwait 1ms");
    warrener_broker::fuzzing::audit(&world.broker);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_left_when_everything_is_deleted(lines in prop::collection::vec(line("persistent"), 1..80)) {
        let mut world = World::new();
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
        prop_assert_eq!(view.messages(), 0, "no message");
        prop_assert_eq!((view.connections(), view.channels(), view.consumers()), (0, 0, 0));
        prop_assert_eq!(world.records(), 0, "and nothing in the log");
    }

    #[test]
    fn a_restart_brings_back_what_was_there(lines in prop::collection::vec(line("persistent"), 1..80)) {
        let mut world = World::new();
        for line in &lines {
            step(&mut world, line);
        }
        everybody_leaves(&mut world);
        world.run("1 connect\n1.1 open\n1.1 queue.delete fleeting\n1 disconnect");
        let before = world.broker.view().to_string();
        world.run("restart");
        warrener_broker::fuzzing::audit(&world.broker);
        prop_assert_eq!(&world.broker.view().to_string(), &before);
        world.run("restart");
        prop_assert_eq!(&world.broker.view().to_string(), &before, "and again");
    }

    #[test]
    fn transient_messages_leave_no_trace_on_disk(lines in prop::collection::vec(line(""), 1..60)) {
        let mut world = World::new();
        for line in &lines {
            step(&mut world, line);
        }
        everybody_leaves(&mut world);
        world.run("restart");
        warrener_broker::fuzzing::audit(&world.broker);
        let quorum = world.broker.view().queue("/", "counted").map_or(0, |counts| counts.ready);
        // What a quorum queue buried is on disk where it went only if it says that it is persistent.
        prop_assert_eq!(world.broker.view().messages() as u64, quorum);
    }
}

//! What a client was told is durable, and what is durable comes back.

mod world;

use core::time::Duration;
use std::io::ErrorKind;

use warrener_codec::method::{basic, queue};
use warrener_codec::{ChannelId, Method, ShortStr, TableBuilder};
use warrener_node::{NodeError, Notice};
use warrener_store::{Config, LogError, MemoryLog, SegmentLog, SimulatedDisk};
use world::{START, World};

const CHANNEL: ChannelId = ChannelId::new(1);

fn log(disk: &SimulatedDisk) -> SegmentLog<SimulatedDisk> {
    SegmentLog::new(disk.clone(), Config::new(7))
}

#[test]
fn a_persistent_message_is_confirmed_when_it_is_on_disk_and_not_before() {
    let (mut world, _) = World::open(log(&SimulatedDisk::new()), START);
    let alice = world.connect();
    world.client(alice).declare_durable("q");
    world.client(alice).select_confirms();
    world.run();
    // The answer to a durable declare waits as well; nothing after it on the channel overtakes it.
    assert_eq!(world.client(alice).names(), [""; 0]);
    world.settle();
    assert_eq!(world.client(alice).names(), ["queue.declare-ok", "confirm.select-ok"]);

    world.client(alice).publish_persistent("q", b"dear");
    world.client(alice).publish("q", b"cheap");
    world.run();
    assert_eq!(world.node.broker().view().messages(), 2);
    assert!(!world.client(alice).names().contains(&"basic.ack 1".to_owned()));
    world.settle();
    let names = world.client(alice).names();
    assert!(names.iter().any(|name| name == "basic.ack 1" || name == "basic.ack 2"), "{names:?}");
}

#[test]
fn a_delivery_does_not_wait_for_the_disk() {
    let (mut world, _) = World::open(log(&SimulatedDisk::new()), START);
    let alice = world.connect();
    world.client(alice).declare_durable("q");
    world.client(alice).consume("q", true);
    world.settle();
    world.client(alice).heard();
    world.client(alice).publish_persistent("q", b"now");
    world.run();
    assert_eq!(world.client(alice).deliveries(), [("now".to_owned(), false)]);
}

#[test]
fn what_was_confirmed_is_there_after_the_power_was_lost() {
    let disk = SimulatedDisk::new();
    let (mut world, _) = World::open(log(&disk), START);
    let alice = world.connect();
    world.client(alice).declare_durable("q");
    world.client(alice).declare("forgotten");
    world.client(alice).select_confirms();
    world.client(alice).publish_persistent("q", b"confirmed");
    world.settle();
    let names = world.client(alice).names();
    assert_eq!(names.last().map(String::as_str), Some("basic.ack 1"), "{names:?}");
    // Nobody was told of this one.
    world.client(alice).publish_persistent("q", b"unconfirmed");
    world.run();
    disk.cut_power();
    drop(world);
    disk.restart(|_| 0);

    let (mut world, records) = World::open(log(&disk), START + Duration::from_secs(60));
    assert_eq!(records, 2);
    let bob = world.connect();
    world.client(bob).get("q");
    world.client(bob).get("q");
    world.settle();
    assert_eq!(world.client(bob).names(), ["basic.get-ok confirmed", "basic.get-empty"]);
    assert!(world.node.broker().view().queue("/", "forgotten").is_none());
}

#[test]
fn what_was_acknowledged_does_not_come_back() {
    let (mut world, _) = World::open(MemoryLog::new(), START);
    let alice = world.connect();
    world.client(alice).declare_durable("q");
    world.client(alice).publish_persistent("q", b"one");
    world.client(alice).publish_persistent("q", b"two");
    world.client(alice).consume("q", false);
    world.settle();
    assert_eq!(world.client(alice).deliveries().len(), 2);
    world.client(alice).ack(1);
    world.settle();

    let log = world.close().reopen();
    let (mut world, _) = World::open(log, START + Duration::from_secs(60));
    let bob = world.connect();
    world.client(bob).consume("q", true);
    world.settle();
    assert_eq!(world.client(bob).deliveries(), [("two".to_owned(), true)]);
}

#[test]
fn what_was_acknowledged_on_a_quiet_broker_is_on_disk_a_second_later() {
    for busy in [false, true] {
        let disk = SimulatedDisk::new();
        let (mut world, _) = World::open(log(&disk), START);
        let (alice, bob) = (world.connect(), world.connect());
        world.client(alice).declare_durable("q");
        world.client(alice).publish_persistent("q", b"done");
        world.client(bob).consume("q", false);
        world.settle();
        if busy {
            // A commit is under way, and what it syncs was there before the acknowledgement.
            world.client(alice).declare_durable("another");
            world.run();
        }
        world.client(bob).ack(1);
        world.run();
        world.work_once();
        world.settle();
        world.pass(Duration::from_secs(1));
        world.settle();
        disk.cut_power();
        drop(world);
        disk.restart(|_| 0);
        let (mut world, _) = World::open(log(&disk), START + Duration::from_secs(60));
        let bob = world.connect();
        world.client(bob).get("q");
        world.settle();
        assert_eq!(world.client(bob).names(), ["basic.get-empty"], "busy: {busy}");
    }
}

/// Dead letters and transactions, in the order in which they wait.
fn fill_with_compounds<L: warrener_store::Log>(world: &mut World<L>) {
    let alice = world.connect();
    world.client(alice).declare_durable("q");
    let arguments = TableBuilder::new()
        .with("x-dead-letter-exchange", "")
        .with("x-dead-letter-routing-key", "q");
    let declare = queue::Declare {
        queue: ShortStr::from_static("dying"),
        durable: true,
        arguments: arguments.build().expect("small"),
        ..Default::default()
    };
    world.client(alice).say(CHANNEL, declare);
    for number in 0..3 {
        let body = format!("dead {number}");
        world.client(alice).publish_persistent("dying", body.as_bytes());
    }
    world.settle();
    let bob = world.connect();
    world.client(bob).consume("dying", false);
    world.settle();
    for delivery_tag in [1, 2] {
        world.client(bob).say(CHANNEL, basic::Reject { delivery_tag, requeue: false });
    }
    world.settle();
    world.client(alice).say(CHANNEL, Method::TxSelect);
    for number in 0..4 {
        let body = format!("committed {number}");
        world.client(alice).publish_persistent("q", body.as_bytes());
    }
    world.client(alice).say(CHANNEL, Method::TxCommit);
    world.settle();
}

#[test]
fn a_restart_reads_no_bodies_of_dead_letters_and_transactions_either() {
    let disk = SimulatedDisk::new();
    let open = || {
        let mut world = World::opening_with(log(&disk), START, |config| config.limits.pages = true);
        world.settle();
        world
    };
    let mut world = open();
    fill_with_compounds(&mut world);
    drop(world.close());
    for life in 0..2 {
        let mut world = open();
        assert_eq!(world.node.broker().view().paged_out(), 7, "none was read");
        let bob = world.connect();
        world.client(bob).consume("q", false);
        world.settle();
        let texts = world.client(bob).deliveries().into_iter().map(|(text, _)| text);
        let expected =
            ["dead 0", "dead 1", "committed 0", "committed 1", "committed 2", "committed 3"];
        assert!(texts.eq(expected), "life {life}");
        drop(world.close());
    }
}

#[test]
fn many_bodies_come_back_in_their_order_whatever_their_size() {
    let disk = SimulatedDisk::new();
    let (mut world, _) = World::open(log(&disk), START);
    let alice = world.connect();
    world.client(alice).declare_durable("q");
    let body = |number: usize| vec![b'a' + (number % 26) as u8; number * 257 % 70_000];
    for number in 0..300 {
        world.client(alice).publish_persistent("q", &body(number));
    }
    world.settle();
    let log = world.close();
    drop(log);

    let (mut world, records) = World::open(self::log(&disk), START + Duration::from_secs(60));
    assert_eq!(records, 302, "the queue, its messages, and which of them were delivered");
    let bob = world.connect();
    world.client(bob).consume("q", true);
    world.settle();
    let delivered = world.client(bob).deliveries();
    assert_eq!(delivered.len(), 300);
    for (number, (text, _)) in delivered.iter().enumerate() {
        assert_eq!(text.as_bytes(), body(number), "message {number}");
    }
}

#[test]
fn a_disk_that_fails_stops_the_node_and_confirms_nothing() {
    let disk = SimulatedDisk::new();
    let (mut world, _) = World::open(log(&disk), START);
    let alice = world.connect();
    world.client(alice).declare_durable("q");
    world.client(alice).select_confirms();
    world.settle();
    world.client(alice).heard();
    disk.fail_at(disk.operations(), ErrorKind::Other);
    world.client(alice).publish_persistent("q", b"lost");
    world.settle();
    assert_eq!(world.client(alice).names(), [""; 0]);
    let notices = world.notices();
    let [Notice::Failed(NodeError::Log(LogError::Io { .. }))] = &notices[..] else {
        panic!("{notices:?}")
    };
}

#[test]
fn a_log_that_somebody_else_has_open_is_not_shared() {
    let disk = SimulatedDisk::new();
    let (_first, _) = World::open(log(&disk), START);
    let mut second = World::opening(log(&disk), START);
    second.settle();
    assert_eq!(second.notices(), [Notice::Failed(NodeError::Log(LogError::Locked))]);
}

#[test]
fn a_full_disk_is_told_waits_and_goes_on_when_there_is_room() {
    let disk = SimulatedDisk::new();
    let mut config = Config::new(7);
    config.reserve_bytes = 16 << 10;
    let (mut world, _) = World::open(SegmentLog::new(disk.clone(), config), START);
    let alice = world.connect();
    world.client(alice).declare_durable("q");
    world.client(alice).select_confirms();
    world.settle();
    world.client(alice).heard();
    world.notices();

    disk.set_capacity_bytes(Some(disk.used_bytes()));
    world.client(alice).publish_persistent("q", &[b'x'; 100_000]);
    world.settle();
    assert_eq!(world.notices(), [Notice::DiskFull]);
    assert_eq!(world.client(alice).names(), [""; 0]);

    disk.set_capacity_bytes(None);
    world.pass(Duration::from_secs(2));
    world.settle();
    assert_eq!(world.notices(), [Notice::DiskRelieved]);
    assert_eq!(world.client(alice).names(), ["basic.ack 1"]);
}

#[test]
fn a_client_that_closes_politely_is_confirmed_before_close_ok() {
    let disk = SimulatedDisk::new();
    let (mut world, _) = World::open(log(&disk), START);
    let alice = world.connect();
    world.client(alice).declare_durable("q");
    world.client(alice).select_confirms();
    world.settle();
    world.client(alice).heard();
    world.client(alice).publish_persistent("q", b"owed");
    let now = world.now;
    world.client(alice).close(now);
    world.run();
    assert!(!world.client(alice).connection.is_finished(), "close-ok waits for the disk");
    world.settle();
    assert!(world.client(alice).connection.is_finished());
    drop(world.close());
    let (mut world, _) = World::open(log(&disk), START + Duration::from_secs(60));
    let bob = world.connect();
    world.client(bob).get("q");
    world.settle();
    assert_eq!(world.client(bob).names(), ["basic.get-ok owed"]);
}

#[test]
fn a_restart_reads_no_bodies_where_they_can_stay_on_disk() {
    let disk = SimulatedDisk::new();
    let open = || {
        let mut world = World::opening_with(log(&disk), START, |config| config.limits.pages = true);
        world.settle();
        world
    };
    let mut world = open();
    let alice = world.connect();
    world.client(alice).declare_durable("q");
    for number in 0..50 {
        world.client(alice).publish_persistent("q", format!("number {number}").as_bytes());
    }
    world.client(alice).publish_expiring("q", b"short-lived", Duration::from_secs(5));
    world.settle();
    drop(world.close());

    let mut world = open();
    assert_eq!(world.node.broker().view().messages(), 51);
    world.pass(Duration::from_secs(6));
    assert_eq!(world.node.broker().view().messages(), 50, "what it says of its life is known");
    let bob = world.connect();
    world.client(bob).consume("q", true);
    world.settle();
    let expected: Vec<_> = (0..50).map(|number| (format!("number {number}"), false)).collect();
    assert_eq!(world.client(bob).deliveries(), expected);
    drop(world.close());

    // A body that is damaged is no concern of a restart.
    let mut world = open();
    let alice = world.connect();
    world.client(alice).publish_persistent("q", b"damaged");
    world.settle();
    drop(world.close());
    let names = warrener_store::Disk::list(&disk).expect("files");
    for name in names.iter().filter(|name| name.ends_with(".segment")) {
        let mut bytes = disk.contents(name).expect("a segment");
        if let Some(at) = bytes.windows(7).position(|window| window == b"damaged") {
            bytes[at] = b'D';
            disk.put(name, &bytes);
        }
    }
    let mut world = open();
    let notices = world.notices();
    assert!(matches!(notices[..], [Notice::Ready { .. }]), "{notices:?}");
}

#[test]
fn what_would_happen_after_the_end_happens_after_the_next_start() {
    let disk = SimulatedDisk::new();
    let (mut world, _) = World::open(log(&disk), START);
    let alice = world.connect();
    world.client(alice).declare_durable("grave");
    let arguments = TableBuilder::new()
        .with("x-message-ttl", 50)
        .with("x-dead-letter-exchange", "")
        .with("x-dead-letter-routing-key", "grave");
    let declare = queue::Declare {
        queue: ShortStr::from_static("brief"),
        durable: true,
        arguments: arguments.build().expect("small"),
        ..Default::default()
    };
    world.client(alice).say(CHANNEL, declare);
    world.client(alice).publish_persistent("brief", b"soon dead");
    world.settle();

    // The log is being closed, slowly, when the message's time comes.
    world.begin_to_close();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.node.poll_timeout(), None, "the host is not kept awake");
    world.settle();
    assert_eq!(world.notices().last(), Some(&Notice::Closed), "an orderly end");

    drop(world);
    let (mut world, _) = World::open(log(&disk), START);
    let bob = world.connect();
    world.client(bob).consume("grave", true);
    world.pass(Duration::from_secs(1));
    world.settle();
    assert_eq!(world.client(bob).deliveries(), [("soon dead".to_owned(), false)]);
}

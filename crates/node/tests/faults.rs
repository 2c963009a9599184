//! Disks that fill up, fail or take their time, and clocks that are set back.

mod world;

use core::time::Duration;
use std::io::ErrorKind;

use warrener_broker::{Input, Sync};
use warrener_node::{NodeError, Notice};
use warrener_store::{
    After, Append, Config, Lane, Log, LogError, LogEvent, RecordId, SegmentLog, SimulatedDisk, Work,
};
use world::{START, World};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn log(disk: &SimulatedDisk) -> SegmentLog<SimulatedDisk> {
    SegmentLog::new(disk.clone(), Config::new(7))
}

#[test]
fn whatever_operation_fails_the_node_says_so_once_and_confirms_nothing_more() {
    let mut failed = 0;
    for operation in 0..20 {
        let disk = SimulatedDisk::new();
        let (mut world, _) = World::open(log(&disk), START);
        let alice = world.connect();
        world.client(alice).declare_durable("q");
        world.client(alice).select_confirms();
        world.settle();
        world.client(alice).heard();
        disk.fail_at(disk.operations() + operation, ErrorKind::Other);
        for _ in 0..8 {
            world.client(alice).publish_persistent("q", b"m");
            world.settle();
        }
        let notices = world.notices();
        if notices.is_empty() {
            continue;
        }
        failed += 1;
        let [Notice::Failed(NodeError::Log(LogError::Io { .. }))] = &notices[..] else {
            panic!("{notices:?}")
        };
        let before = world.client(alice).names();
        assert!(before.len() < 8, "{before:?}");
        // The host tells everybody; nobody learns of a confirm on the way out.
        world.tell(Input::Failed);
        assert_eq!(world.client(alice).names(), ["closed 541"]);
        drop(world);
        // What was confirmed is there.
        disk.cut_power();
        disk.restart(|_| 0);
        let (mut world, _) = World::open(log(&disk), START);
        let bob = world.connect();
        world.client(bob).consume("q", true);
        world.settle();
        assert!(world.client(bob).deliveries().len() >= before.len());
    }
    assert!(failed > 10, "{failed}");
}

#[test]
fn publishers_are_stopped_before_the_disk_is_full_and_go_on_without_a_restart() {
    let disk = SimulatedDisk::new();
    let (mut world, _) = World::open(log(&disk), START);
    world.node.set_disk_limit(4 << 20);
    let (alice, bob) = (world.connect(), world.connect());
    world.client(alice).declare_durable("q");
    world.client(alice).select_confirms();
    world.client(bob).consume("q", false);
    world.settle();
    world.client(alice).heard();
    world.client(bob).heard();

    disk.set_capacity_bytes(Some(disk.used_bytes() + (5 << 20)));
    let body = vec![b'x'; 1 << 19];
    let mut sent = 0;
    while world.notices().is_empty() {
        world.client(alice).publish_persistent("q", &body);
        world.settle();
        sent += 1;
        assert!(sent < 10, "the alarm comes while there is room");
    }
    // The first publish under the alarm is the last that is read, and is kept back.
    for _ in 0..3 {
        world.client(alice).publish_persistent("q", &body);
        world.settle();
    }
    assert!(!world.node.space().full, "there is still room");
    assert_eq!(world.node.broker().view().messages(), sent);
    assert!(world.client(alice).names().contains(&"connection.blocked".to_owned()));

    // Consumers go on, and what they acknowledge makes room.
    assert_eq!(world.client(bob).deliveries().len(), sent);
    for tag in 1..=sent {
        world.client(bob).ack(tag as u64);
    }
    world.settle();
    assert_eq!(world.node.broker().view().messages(), 0);
    disk.set_capacity_bytes(Some(1 << 30));
    world.pass(Duration::from_secs(2));
    world.settle();
    let notices = world.notices();
    assert!(matches!(notices[..], [Notice::DiskEnough { .. }]), "{notices:?}");
    let names = world.client(alice).names();
    assert_eq!(names.iter().filter(|name| *name == "connection.unblocked").count(), 1, "{names:?}");
    assert_eq!(world.client(bob).deliveries().len(), 3, "what was held back came after all");
}

#[test]
fn a_clock_that_was_set_back_a_day_expires_nothing_early_and_stops_no_timer() {
    let disk = SimulatedDisk::new();
    let (mut world, _) = World::open(log(&disk), START + DAY);
    let alice = world.connect();
    world.client(alice).declare_durable("q");
    world.client(alice).publish_expiring("q", b"for a minute", Duration::from_secs(60));
    world.client(alice).publish_persistent("q", b"for ever");
    world.settle();
    drop(world.close());

    let (mut world, _) = World::open(log(&disk), START);
    assert_eq!(world.now, START + DAY, "time goes on from the last record");
    world.pass(Duration::from_secs(59));
    assert_eq!(world.node.broker().view().messages(), 2);
    world.pass(Duration::from_secs(2));
    assert_eq!(world.node.broker().view().messages(), 1);
    // Another message is written with a time that the next restart can trust as well.
    let bob = world.connect();
    world.client(bob).publish_expiring("q", b"for a minute", Duration::from_secs(60));
    world.settle();
    drop(world.close());
    let (world, _) = World::open(log(&disk), START);
    assert_eq!(world.now, START + DAY + Duration::from_secs(61));
    assert_eq!(world.node.broker().view().messages(), 2);
}

#[test]
fn small_confirms_do_not_wait_behind_a_message_that_is_larger_than_a_segment() {
    let disk = SimulatedDisk::new();
    let mut config = Config::new(7);
    (config.segment_bytes, config.fragment_bytes, config.batch_bytes) =
        (64 << 10, 8 << 10, 16 << 10);
    let (mut world, _) = World::open(SegmentLog::new(disk.clone(), config), START);
    let (alice, bob) = (world.connect(), world.connect());
    world.client(alice).declare_durable("q");
    for client in [alice, bob] {
        world.client(client).select_confirms();
    }
    world.settle();
    world.client(alice).heard();
    world.client(bob).heard();

    world.client(alice).publish_persistent("q", &vec![b'x'; 512 << 10]);
    world.client(alice).publish_persistent("q", b"small, on the same channel");
    world.run();
    world.client(bob).publish_persistent("q", b"small, of somebody else");
    world.run();
    // One commit is under way already; with the next one, all that is small is on disk.
    world.work_once();
    world.work_once();
    assert_eq!(world.client(alice).names(), ["basic.ack 2"]);
    assert_eq!(world.client(bob).names(), ["basic.ack 1"]);
    assert!(world.node.backlog().bytes > 400 << 10, "the large one is hardly begun");
    world.settle();
    assert_eq!(world.client(alice).names(), ["basic.ack 1"]);
    assert!(world.node.space().segments > 8);
    drop(world);

    disk.cut_power();
    disk.restart(|_| 0);
    let (mut world, _) = World::open(SegmentLog::new(disk, config), START);
    let carol = world.connect();
    world.client(carol).consume("q", true);
    world.settle();
    let lengths: Vec<_> =
        world.client(carol).deliveries().iter().map(|(text, _)| text.len()).collect();
    assert_eq!(lengths, [512 << 10, 26, 23]);
}

#[test]
fn where_the_disk_is_not_waited_for_a_confirm_comes_with_the_write() {
    for (sync, syncs) in [(Sync::Os, 0), (Sync::Interval(Duration::from_millis(200)), 1)] {
        let disk = SimulatedDisk::new();
        let mut world = World::opening_with(log(&disk), START, |config| {
            config.syncs.default = sync;
        });
        world.settle();
        world.notices();
        let alice = world.connect();
        world.client(alice).declare_durable("q");
        world.client(alice).select_confirms();
        world.settle();
        world.client(alice).heard();
        let before = disk.operations();
        world.client(alice).publish_persistent("q", b"one");
        world.client(alice).publish_persistent("q", b"two");
        world.settle();
        assert_eq!(world.client(alice).names().last().map(String::as_str), Some("basic.ack 2"));
        assert_eq!(disk.operations() - before, 1, "written, and not synced");
        world.pass(Duration::from_millis(201));
        world.settle();
        assert_eq!(disk.operations() - before, 1 + syncs, "{sync:?}");
        world.pass(Duration::from_secs(10));
        world.settle();
        assert_eq!(disk.operations() - before, 1 + syncs, "nothing is left to sync");
        // What was synced survives the power; what was not may be gone.
        disk.cut_power();
        disk.restart(|_| 0);
        let (world, _) = World::open(log(&disk), START);
        assert_eq!(world.node.broker().view().messages(), if syncs == 1 { 2 } else { 0 });
    }
}

/// Does all there is to do in a log; what it tells.
fn run(log: &mut SegmentLog<SimulatedDisk>) -> Vec<LogEvent> {
    let mut events = Vec::new();
    loop {
        let before = events.len();
        for lane in Lane::ALL {
            while let Some(work) = log.poll_work(lane) {
                log.handle_done(work.run());
            }
        }
        events.extend(core::iter::from_fn(|| log.poll_event()));
        if events.len() == before {
            return events;
        }
    }
}

/// Puts something at the end of the digest of the last message, as a later version might; where it lies then.
fn extend_last(disk: &SimulatedDisk, tail: (&[u8], &[u8])) -> (RecordId, String) {
    let mut log = log(disk);
    log.open();
    let replayed = |event| match event {
        LogEvent::Replayed(record) if record.body_bytes > 0 => Some(record),
        _ => None,
    };
    let last = run(&mut log).into_iter().filter_map(replayed).next_back().expect("a message");
    log.load(last.id);
    let loaded = run(&mut log);
    let [LogEvent::Loaded { outcome: Ok(loaded), .. }] = &loaded[..] else { panic!("{loaded:?}") };
    let (plain, extended) = tail;
    let kept = last.digest.strip_suffix(plain).expect("a plain message");
    let (id, digest) = (RecordId(last.id.0 + 1_000), [kept, extended].concat());
    let body = [loaded.body.clone()];
    log.append(Append {
        id,
        refers_to: &[],
        digest: &digest,
        body: &body,
        sync: true,
        after: After::Nothing,
    })
    .expect("a record");
    log.release(last.id);
    run(&mut log);
    let at = log.locate(id).expect("it is written").to_string();
    (id, at)
}

#[test]
fn a_field_that_must_be_understood_and_is_not_is_refused_with_file_and_offset() {
    for (number, understood) in [(0x004d_u16, true), (0x804d, false)] {
        let disk = SimulatedDisk::new();
        let (mut world, _) = World::open(log(&disk), START);
        let alice = world.connect();
        world.client(alice).declare_durable("q");
        world.client(alice).publish_persistent("q", b"one");
        world.settle();
        world.close();
        // The flags of a plain message and of its traits, and the same when fields follow: their length together, and one.
        let field = [&number.to_be_bytes()[..], &2_u32.to_be_bytes(), b"hi"].concat();
        let extended = [&[6, 4], &(field.len() as u32).to_be_bytes()[..], &field].concat();
        let (id, at) = extend_last(&disk, (&[2, 4], &extended));
        assert!(at.contains(".segment at offset "), "{at}");

        disk.end_process();
        let mut world = World::opening(log(&disk), START);
        world.settle();
        let notices = world.notices();
        if understood {
            assert!(matches!(notices[..], [Notice::Ready { .. }]), "{notices:?}");
            continue;
        }
        let [Notice::Failed(error)] = &notices[..] else { panic!("{notices:?}") };
        let told = error.to_string();
        assert!(told.starts_with(&format!("{at}: record {id}: message with field 77 ")), "{told}");
    }
}

#[test]
fn a_log_at_rest_gives_up_what_it_keeps_for_the_next_records_and_is_left_alone() {
    let disk = SimulatedDisk::new();
    let mut config = Config::new(7);
    config.segment_bytes = 64 << 10;
    let (mut world, _) = World::open(SegmentLog::new(disk.clone(), config), START);
    let (alice, bob) = (world.connect(), world.connect());
    world.client(alice).declare_durable("q");
    let body = vec![b'x'; 8 << 10];
    for _ in 0..50 {
        world.client(alice).publish_persistent("q", &body);
        world.settle();
    }
    world.client(bob).consume("q", true);
    world.settle();
    // Acknowledgements are synced by and by.
    world.pass(Duration::from_secs(1));
    world.settle();
    let spare = || disk.contents("spare").is_some();
    assert!(spare(), "the file of a segment is kept for the next one");
    for _ in 0..4 {
        world.pass(Duration::from_secs(10));
        world.settle();
    }
    assert!(!spare());
    assert!(
        disk.used_bytes() < (8 << 20) + (32 << 10),
        "but for the reserve: {}",
        disk.used_bytes()
    );
    let due = world.node.poll_timeout();
    assert!(due.is_none_or(|due| due > world.now + DAY), "{due:?}");
}

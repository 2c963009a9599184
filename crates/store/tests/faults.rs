//! Disks that fail, fill up, or give back something else than what was written.

mod world;

use std::collections::BTreeSet;
use std::io::ErrorKind;
use warrener_store::{
    Disk, Lane, LoadError, Log, LogError, LogEvent, RecordId, SegmentLog, SimulatedDisk, Work,
};
use world::{World, body, run, small};

/// A log with twenty records of which some are released, in several segments; closed cleanly or not.
fn some_log(close: bool) -> World {
    let mut world = World::new();
    for id in 1..=40 {
        world.append(id, 900);
        if id % 4 == 0 {
            world.run();
        }
    }
    for id in 4..=8 {
        world.log.release(RecordId(id));
    }
    world.append(41, 9000);
    if close {
        world.log.close();
    }
    world.run();
    world
}

/// Opens a log on `disk` and reads everything; the ids, or why not.
fn read_all(disk: &SimulatedDisk) -> Result<BTreeSet<u64>, String> {
    read_all_after_cut(disk).map(|(ids, cut)| {
        assert!(!cut);
        ids
    })
}

/// The same, and whether a torn end was told of.
fn read_all_after_cut(disk: &SimulatedDisk) -> Result<(BTreeSet<u64>, bool), String> {
    let mut log = SegmentLog::new(disk.clone(), small());
    log.open();
    let mut ids = BTreeSet::new();
    let (mut loaded, mut cut) = (0, false);
    loop {
        run(&mut log);
        let Some(event) = log.poll_event() else { break };
        match event {
            LogEvent::Replayed(record) => {
                ids.insert(record.id.0);
            }
            LogEvent::Ready { .. } => ids.iter().for_each(|&id| log.load(RecordId(id))),
            LogEvent::Loaded { id, outcome } => {
                let length = if id.0 == 41 { 9000 } else { 900 };
                match outcome {
                    Ok(found) => assert_eq!(found.body, body(id.0, length), "{id}"),
                    Err(error) => return Err(error.to_string()),
                }
                loaded += 1;
            }
            LogEvent::Failed(error) => return Err(error.to_string()),
            LogEvent::Opened(opened) => cut = opened.cut.is_some(),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(loaded, ids.len());
    Ok((ids, cut))
}

#[test]
fn a_failed_write_or_sync_stops_the_log_for_ever() {
    let mut failures = BTreeSet::new();
    for operation in 0..150 {
        let mut world = World::new();
        world.disk.fail_at(world.disk.operations() + operation, ErrorKind::Other);
        let mut durable = 0;
        for id in 1..=100 {
            world.append(id, 2000);
            world.log.release(RecordId(id.saturating_sub(5)));
            world.run();
            let events = world.events();
            for event in &events {
                match event {
                    LogEvent::Durable { upto, .. } => durable = upto.0,
                    LogEvent::Failed(LogError::Io { kind: ErrorKind::Other, doing }) => {
                        failures.insert(doing.clone());
                    }
                    other => panic!("{other:?}"),
                }
            }
            if matches!(events.last(), Some(LogEvent::Failed(_))) {
                break;
            }
        }
        assert!(world.log.append(world::append(1000)).is_err(), "operation {operation}");
        world.log.sync();
        assert!(Lane::ALL.into_iter().all(|lane| world.log.poll_work(lane).is_none()));
        world.power_loss();
        let replayed = world.replayed();
        for id in durable.saturating_sub(4).max(1)..=durable {
            assert!(replayed.contains(&id), "operation {operation}: {id} of {durable} is lost");
        }
    }
    let expected = [
        "beginning a segment",
        "giving space back",
        "keeping the file of a segment",
        "removing a segment",
        "sealing a segment",
        "syncing a segment",
        "writing a batch",
        "writing the manifest",
    ];
    assert_eq!(failures.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn what_a_process_reads_after_a_failed_sync_it_has_on_disk_before_it_says_so() {
    for full in [false, true] {
        let mut showed_more = 0;
        for operation in 0..150 {
            showed_more += usize::from(restart_after_fault(operation, full));
        }
        assert!(showed_more > 5, "the system showed what it had not written: {showed_more}");
    }
}

/// A write or a sync fails, and only the process starts again: it sees what was written, on disk or not. Whether that was
/// more than had been durable. No room is left for it on a full disk but the reserve.
fn restart_after_fault(operation: u64, full: bool) -> bool {
    let mut world = World::new();
    world.disk.fail_at(world.disk.operations() + operation, ErrorKind::Other);
    let mut durable = 0;
    for id in 1..=100 {
        world.append(id, 2000);
        world.run();
        let events = world.events();
        let upto = |event: &LogEvent| match event {
            LogEvent::Durable { upto, .. } => Some(upto.0),
            _ => None,
        };
        durable = events.iter().filter_map(upto).fold(durable, u64::max);
        if matches!(events.last(), Some(LogEvent::Failed(_))) {
            break;
        }
    }
    if full {
        world.disk.set_capacity_bytes(Some(world.disk.used_bytes()));
    }
    world.process_end();
    let seen = world.replayed();
    assert!((1..=durable).all(|id| seen.contains(&id)), "operation {operation}");
    world.disk.set_capacity_bytes(None);
    world.append(1000, 100);
    world.run();
    assert_eq!(world.durable(), 1000);
    world.power_loss();
    let left = world.replayed();
    let kept = seen.iter().chain([&1000]).all(|id| left.contains(id));
    assert!(kept, "operation {operation}: {seen:?} and 1000 became {left:?}");
    seen.iter().any(|id| *id > durable)
}

#[test]
fn an_opening_that_may_not_write_the_end_again_does_not_believe_it() {
    let mut world = some_log(false);
    world.run();
    let before = world.disk.operations();
    for (kind, expected) in [
        (ErrorKind::StorageFull, "the disk is full: writing the end of the last segment again"),
        (
            ErrorKind::Other,
            "the disk failed (other error): writing the end of the last segment again",
        ),
    ] {
        let disk = world.disk.copy();
        disk.fail_at(disk.operations(), kind);
        assert_eq!(read_all(&disk).unwrap_err(), expected);
        assert_eq!(read_all(&disk).unwrap().len(), 36, "later it can");
    }
    assert_eq!(world.disk.operations(), before);
}

#[test]
fn a_full_disk_is_told_of_and_waited_for() {
    let mut world = World::new();
    world.append(1, 1000);
    world.run();
    world.events();
    let used = world.disk.used_bytes();
    world.disk.set_capacity_bytes(Some(used + 20_000));
    let mut told = Vec::new();
    for id in 2..=60 {
        world.append(id, 1000);
        world.run();
        told.extend(world.events());
    }
    let full = told.iter().filter(|event| **event == LogEvent::Full).count();
    assert_eq!(full, 1, "told once");
    assert!(world.log.space().full);
    let durable = |told: &[LogEvent]| {
        told.iter().rev().find_map(|event| match event {
            LogEvent::Durable { upto, .. } => Some(upto.0),
            _ => None,
        })
    };
    let before = durable(&told).unwrap();
    assert!((30..60).contains(&before), "the reserve was used too: {before}");
    // Nothing comes of trying again, and nothing breaks.
    for _ in 0..3 {
        world.log.check_space();
        world.run();
        assert_eq!(world.events(), []);
    }
    // A power loss now loses nothing that was said to be durable, and a full disk can be opened.
    let mut copy = World::with(world.disk.copy(), world.config);
    copy.power_loss();
    assert!(copy.replayed().starts_with(&(1..=before).collect::<Vec<_>>()));
    // Room comes: what waited is written, without a restart.
    world.disk.set_capacity_bytes(Some(used + 200_000));
    world.log.check_space();
    world.run();
    let told = world.events();
    assert!(told.contains(&LogEvent::Relieved), "{told:?}");
    assert_eq!(durable(&told), Some(60));
    world.power_loss();
    assert_eq!(world.replayed(), (1..=60).collect::<Vec<_>>());
}

#[test]
fn consumers_empty_a_full_disk() {
    let mut world = World::new();
    world.disk.set_capacity_bytes(Some(150_000));
    let mut id = 0;
    while !world.log.space().full {
        id += 1;
        world.append(id, 1000);
        world.run();
    }
    // Publishers have stopped; consumers acknowledge.
    for released in 1..=id {
        world.log.release(RecordId(released));
        if released % 10 == 0 {
            world.log.sync();
            world.run();
        }
    }
    world.log.sync();
    world.run();
    world.log.check_space();
    world.run();
    let told = world.events();
    assert!(told.contains(&LogEvent::Relieved), "{told:?}");
    assert!(world.log.space().used_bytes < 5000, "{:?}", world.log.space());
}

#[test]
fn a_changed_byte_is_refused_or_harmless_wherever_it_is() {
    for close in [true, false] {
        let world = some_log(close);
        let disk = world.disk.copy();
        let expected = read_all(&disk).unwrap();
        assert_eq!(expected.len(), 36);
        let (mut refused, mut harmless, mut cut) = (0, 0, 0);
        let disk = world.disk.copy();
        for name in disk.list().unwrap().iter().filter(|name| *name != "reserve") {
            let whole = disk.contents(name).unwrap();
            for at in (0..whole.len()).step_by(if whole.len() > 500 { 37 } else { 1 }) {
                let disk = world.disk.copy();
                let mut changed = whole.clone();
                changed[at] ^= 1 << (at % 8);
                disk.put(name, &changed);
                match read_all_after_cut(&disk) {
                    Ok((found, _)) if found == expected => harmless += 1,
                    Ok((found, told)) => {
                        // Only the very last write can look as if it had been torn, and that is said.
                        assert!(told && !close && found.is_subset(&expected), "{name} at {at}");
                        cut += 1;
                    }
                    Err(error) => {
                        let named = error.contains(".segment") || error.contains("manifest");
                        assert!(named, "{error}");
                        refused += 1;
                    }
                }
            }
        }
        assert!(refused > 500, "{refused} refused, {harmless} harmless, {cut} cut");
        assert!(cut < 100, "{cut} cut");
    }
}

#[test]
fn a_missing_file_is_refused() {
    let world = some_log(true);
    for name in world.disk.copy().list().unwrap() {
        let disk = world.disk.copy();
        disk.remove(&name).unwrap();
        let outcome = read_all(&disk);
        if name == "reserve" {
            assert_eq!(outcome.unwrap().len(), 36);
        } else {
            let error = outcome.unwrap_err();
            assert!(error.contains("damaged"), "{name}: {error}");
        }
    }
}

#[test]
fn a_newer_version_is_refused_before_anything_is_written() {
    let world = some_log(true);
    let segment = "0000000000000001.00000000.segment";
    for (name, at, what) in [
        ("manifest", 8, "version 4 of the format, and this program reads up to 3"),
        ("manifest", 10, "version 4 of the records, and this program reads up to 0"),
        (segment, 8, "version 4 of the format, and this program reads up to 3"),
    ] {
        let disk = world.disk.copy();
        let mut bytes = disk.contents(name).unwrap();
        bytes[at] = 4;
        let checked = if name == segment { 44 } else { bytes.len() - 4 };
        let check = crc32c::crc32c(&bytes[..checked]);
        bytes[checked..checked + 4].copy_from_slice(&check.to_le_bytes());
        disk.put(name, &bytes);
        let before = disk.operations();
        let error = read_all(&disk).unwrap_err();
        assert_eq!(error, format!("{name}: {what}"));
        assert_eq!(disk.operations(), before);
    }
}

#[test]
fn a_damaged_body_is_told_of_when_it_is_loaded_or_moved() {
    let mut world = some_log(true);
    let name = "0000000000000001.00000000.segment";
    let mut bytes = world.disk.contents(name).unwrap();
    bytes[400] ^= 1;
    world.disk.put(name, &bytes);
    world.power_loss();
    assert_eq!(world.replayed().len(), 36, "an opening reads no bodies");
    world.log.load(RecordId(1));
    world.run();
    let events = world.events();
    let [LogEvent::Loaded { outcome: Err(LoadError::Corrupt(damage)), .. }] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(damage.file, name);
    (2..=41).for_each(|id| world.log.release(RecordId(id)));
    world.log.sync();
    world.run();
    let damaged = |event: &LogEvent| matches!(event, LogEvent::Damaged(at) if at.file == name);
    assert_eq!(world.events().iter().filter(|event| damaged(event)).count(), 1);
    assert!(world.disk.contents(name).is_some(), "it is kept for whoever can mend it");
}

#[test]
fn bytes_of_a_message_that_look_like_a_batch_are_only_bytes() {
    let mut world = some_log(false);
    let name =
        world.disk.copy().list().unwrap().into_iter().rfind(|n| n.ends_with(".segment")).unwrap();
    let stolen = world.disk.contents(&name).unwrap();
    // A message carries a stretch of another log's file, headers and all, and its write is torn.
    let mut other = World::new();
    let body = [stolen.into()];
    other.append(1, 10);
    other.run();
    let before = other.disk.operations();
    other.disk.cut_power_at(before + 1);
    other.log.append(warrener_store::Append { body: &body, ..world::append(2) }).unwrap();
    other.run();
    other.power_loss_choosing(3);
    let replayed = other.replayed();
    assert!(replayed == [1] || replayed == [1, 2], "{replayed:?}");
    world.log.close();
    world.run();
}

#[test]
fn a_commit_does_not_wait_for_a_load_or_a_rewrite() {
    let mut world = World::new();
    world.append(1, 1000);
    world.run();
    world.log.load(RecordId(1));
    let load = world.log.poll_work(Lane::Read).unwrap();
    world.append(2, 10);
    let commit = world.log.poll_work(Lane::Commit).unwrap();
    world.append(3, 10);
    assert!(world.log.poll_work(Lane::Commit).is_none(), "one at a time");
    world.log.handle_done(commit.run());
    world.log.handle_done(load.run());
    world.run();
    assert_eq!(world.events().len(), 4, "opened is past: durable, loaded, durable");
}

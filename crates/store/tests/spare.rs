//! A segment is written over the file of one that was given back, and nothing of that one is believed.

mod world;

use warrener_store::{Disk, Lane, Log, LogEvent, RecordId, SimulatedDisk, Work, salvage, verify};
use world::{World, body, small};

/// How long the file of the last segment was when the segment took it over.
fn taken_bytes(disk: &SimulatedDisk) -> u32 {
    let names = disk.list().unwrap();
    let last = names.into_iter().rfind(|name| name.ends_with(".segment")).unwrap();
    let header = disk.contents(&last).unwrap();
    u32::from_le_bytes(header[40..44].try_into().unwrap())
}

fn has_spare(world: &World) -> bool {
    world.disk.list().unwrap().iter().any(|name| name == "spare")
}

/// Appends records of which the last five stay, until the last segment was written over an older one, and a bit on.
fn flow(world: &mut World, first: u64) -> u64 {
    let mut id = first;
    let mut after = 0;
    while after < 3 {
        world.append(id, 900);
        world.log.release(RecordId(id.saturating_sub(5)));
        world.run();
        after += u64::from(taken_bytes(&world.disk) > 0);
        id += 1;
        assert!(id < first + 500, "no segment was written over another");
    }
    id - 1
}

#[test]
fn what_an_older_segment_left_behind_the_end_is_neither_read_nor_called_torn() {
    let mut world = World::new();
    let last = flow(&mut world, 1);
    let kept: Vec<_> = (last - 4..=last).collect();
    let before = world.disk.copy();

    let found = verify(&before).unwrap();
    assert_eq!((found.torn, found.damages), (None, vec![]));
    let into = SimulatedDisk::new();
    let salvaged = salvage(&before, into, small()).unwrap();
    assert_eq!((salvaged.records, salvaged.incomplete, salvaged.damages), (5, 0, vec![]));

    world.disk.end_process();
    let mut world = World::opening(world.disk.clone(), small());
    world.run();
    let events = world.events();
    let Some(LogEvent::Opened(opened)) = events.first() else { panic!("{events:?}") };
    assert_eq!(opened.cut, None);
    let replayed = |event: &LogEvent| match event {
        LogEvent::Replayed(record) => Some(record.id.0),
        _ => None,
    };
    assert_eq!(events.iter().filter_map(replayed).collect::<Vec<_>>(), kept);
    kept.into_iter().for_each(|id| world.assert_loads(id, 900));
}

#[test]
fn a_batch_that_is_torn_over_an_older_segment_is_cut_off_and_told() {
    let mut world = World::new();
    let last = flow(&mut world, 1);
    let names = world.disk.list().unwrap();
    let name = names.into_iter().rfind(|name| name.ends_with(".segment")).unwrap();
    let before = world.disk.contents(&name).unwrap();
    world.append(last + 1, 900);
    world.run();
    let after = world.disk.contents(&name).unwrap();
    let start = before.iter().zip(&after).position(|(a, b)| a != b).unwrap();
    // The header and some of the record came to the disk.
    let mut torn = before;
    torn[start..start + 300].copy_from_slice(&after[start..start + 300]);
    world.disk.put(&name, &torn);
    let found = verify(&world.disk.copy()).unwrap();
    assert_eq!(found.damages, []);
    let cut = found.torn.expect("the header says that there was a batch");
    assert!(cut.offset <= start as u64 && cut.bytes > 900 && cut.bytes < 1200, "{cut:?}");
    world.disk.end_process();
    let mut world = World::opening(world.disk.clone(), small());
    world.run();
    assert_eq!(
        world.events().first(),
        Some(&LogEvent::Opened(warrener_store::Opened {
            epoch: warrener_store::Epoch(2),
            cut: Some(cut),
        }))
    );
    world.assert_loads(last, 900);
    world.assert_missing(last + 1);
}

#[test]
fn a_load_that_is_out_reads_what_it_was_sent_for() {
    let mut world = World::new();
    let last = flow(&mut world, 1);
    // A record of a segment that is sealed, and everything else of it is released, so that it moves.
    let first = last + 1;
    for id in first..first + 40 {
        world.append(id, 900);
        world.run();
    }
    world.log.load(RecordId(first + 20));
    let load = world.log.poll_work(Lane::Read).expect("a load");
    (1..first + 20).chain(first + 21..first + 30).for_each(|id| world.log.release(RecordId(id)));
    // While it is out, its segment is given back, and new ones begin.
    for id in first + 40..first + 120 {
        world.append(id, 900);
        while let Some(work) = world.log.poll_work(Lane::Commit) {
            world.log.handle_done(work.run());
        }
        while let Some(work) = world.log.poll_work(Lane::Reclaim) {
            world.log.handle_done(work.run());
        }
        if id > first + 60 {
            world.log.release(RecordId(id - 10));
        }
    }
    while world.log.poll_event().is_some() {}
    world.log.handle_done(load.run());
    let Some(LogEvent::Loaded { id, outcome }) = world.log.poll_event() else { panic!("no load") };
    assert_eq!((id, outcome.unwrap().body), (RecordId(first + 20), body(first + 20, 900).into()));
}

#[test]
fn a_log_at_rest_gives_its_spare_file_up() {
    let mut world = World::new();
    let mut id = flow(&mut world, 1);
    while !has_spare(&world) {
        id += 1;
        world.append(id, 900);
        world.log.release(RecordId(id - 5));
        world.run();
        assert!(id < 500, "no file is kept");
    }
    world.log.check_space();
    world.run();
    assert!(has_spare(&world), "a segment was begun not long ago");
    world.log.check_space();
    world.run();
    assert!(!has_spare(&world));
    // It is made anew when there is something to do, and not left behind by a clean stop.
    while !has_spare(&world) {
        id += 1;
        world.append(id, 900);
        world.log.release(RecordId(id - 5));
        world.run();
        assert!(id < 1_000, "no file is kept any more");
    }
    world.log.close();
    world.run();
    assert!(!has_spare(&world));
    assert_eq!(verify(&world.disk.copy()).unwrap().damages, []);
}

#[test]
fn on_a_full_disk_the_spare_file_goes_before_the_reserve() {
    let mut world = World::new();
    let mut id = flow(&mut world, 1);
    while !has_spare(&world) {
        id += 1;
        world.append(id, 900);
        world.log.release(RecordId(id - 5));
        world.run();
    }
    world.disk.set_capacity_bytes(Some(world.disk.used_bytes() + 100));
    world.events();
    while has_spare(&world) {
        id += 1;
        world.append(id, 900);
        world.run();
        assert!(id < 1_000, "the spare file stays");
    }
    assert!(!world.events().contains(&LogEvent::Full), "there is room again");
    assert!(world.disk.list().unwrap().iter().any(|name| name == "reserve"));
}

#[test]
fn a_log_at_rest_gives_back_what_lies_behind_the_end_of_its_last_segment() {
    let mut world = World::new();
    let last = flow(&mut world, 1);
    let length = |world: &World| {
        let name = world.disk.list().unwrap().into_iter().rfind(|name| name.ends_with(".segment"));
        world.disk.contents(&name.unwrap()).unwrap().len()
    };
    let before = length(&world);
    assert_eq!(before, taken_bytes(&world.disk) as usize);
    for look in 0..2 {
        assert_eq!(length(&world), before, "look {look}");
        world.log.check_space();
        world.run();
    }
    let cut = length(&world);
    assert!(cut < before / 2, "{cut} of {before}");
    assert!(!has_spare(&world));

    // Whichever length a loss of power leaves, and whatever comes behind the end afterwards.
    for grows in [false, true] {
        let disk = world.disk.copy();
        let mut other = World::opening(disk, small());
        other.run();
        if grows {
            (last + 1..last + 4).for_each(|id| other.append(id, 900));
            other.run();
        }
        other.disk.cut_power();
        other.disk.restart(|_| 0);
        let mut other = World::opening(other.disk.clone(), small());
        other.run();
        let upto = if grows { last + 3 } else { last };
        (last - 4..=upto).for_each(|id| other.assert_loads(id, 900));
        assert_eq!(verify(&other.disk.copy()).unwrap().damages, []);
    }
    // It goes on in the same segment.
    (last + 1..last + 4).for_each(|id| world.append(id, 900));
    world.run();
    assert!(length(&world) > cut);
    world.disk.end_process();
    let mut world = World::opening(world.disk.clone(), small());
    world.run();
    (last - 4..last + 4).for_each(|id| world.assert_loads(id, 900));
}

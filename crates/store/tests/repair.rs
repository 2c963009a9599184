//! Looking at a whole log, and saving what is left of a damaged one.

mod world;

use std::collections::BTreeMap;
use warrener_store::{
    Disk, Lane, Log, LogError, LogEvent, RecordId, SegmentLog, SimulatedDisk, Work, salvage, verify,
};
use world::{World, body, small};

/// Forty records, of which five are released, a large one, and a segment that was rewritten; closed or not.
fn some_log(close: bool) -> SimulatedDisk {
    let mut world = World::new();
    for id in 1..=40 {
        world.append(id, 900);
        if id % 4 == 0 {
            world.run();
        }
    }
    for id in (4..=8).chain(10..=24) {
        world.log.release(RecordId(id));
    }
    world.append(41, 9000);
    world.log.sync();
    world.run();
    if close {
        world.log.close();
        world.run();
    }
    world.disk.copy()
}

/// Every record with its body.
fn contents(disk: &SimulatedDisk) -> BTreeMap<u64, Vec<u8>> {
    let mut log = SegmentLog::new(disk.clone(), small());
    log.open();
    let mut found = BTreeMap::new();
    let mut idle = false;
    while !idle {
        idle = true;
        for lane in Lane::ALL {
            while let Some(work) = log.poll_work(lane) {
                let done = work.run();
                log.handle_done(done);
                idle = false;
            }
        }
        while let Some(event) = log.poll_event() {
            idle = false;
            match event {
                LogEvent::Replayed(record) => log.load(record.id),
                LogEvent::Loaded { id, outcome } => {
                    found.insert(id.0, outcome.unwrap().body.to_vec());
                }
                LogEvent::Failed(error) => panic!("{error}"),
                _ => {}
            }
        }
    }
    found
}

#[test]
fn a_sound_log_is_found_sound_and_is_not_changed() {
    for close in [true, false] {
        let disk = some_log(close);
        let before = disk.operations();
        let found = verify(&disk).unwrap();
        assert_eq!(found.damages, []);
        assert_eq!(found.torn, None);
        assert!(found.segments >= 3 && found.records > 20 && found.bytes > 20_000, "{found:?}");
        assert_eq!(disk.operations(), before);
    }
}

#[test]
fn every_changed_byte_is_found_wherever_it_is() {
    let sound = some_log(true);
    for name in sound.list().unwrap().iter().filter(|name| *name != "reserve") {
        let whole = sound.contents(name).unwrap();
        for at in (0..whole.len()).step_by(if whole.len() > 500 { 23 } else { 1 }) {
            let disk = sound.copy();
            let mut changed = whole.clone();
            changed[at] ^= 1 << (at % 8);
            disk.put(name, &changed);
            match verify(&disk) {
                Ok(found) => {
                    assert!(!found.damages.is_empty(), "{name} at {at} is not noticed");
                    let named = found.damages.iter().all(|damage| damage.file == *name);
                    assert!(named, "{name} at {at}: {:?}", found.damages);
                }
                Err(LogError::Corrupt(damage)) => assert_eq!(damage.file, *name),
                Err(LogError::TooNew { .. }) => assert!((8..10).contains(&at), "{name} at {at}"),
                Err(error) => panic!("{name} at {at}: {error}"),
            }
        }
    }
}

#[test]
fn a_torn_end_is_not_damage() {
    let disk = some_log(false);
    let name = disk.list().unwrap().into_iter().rfind(|name| name.ends_with(".segment")).unwrap();
    let mut bytes = disk.contents(&name).unwrap();
    bytes.extend_from_slice(b"WBAT and then the power went");
    disk.put(&name, &bytes);
    let found = verify(&disk).unwrap();
    assert_eq!(found.damages, []);
    assert_eq!(found.torn.map(|cut| cut.bytes), Some(28));
}

#[test]
fn a_salvage_keeps_all_but_what_is_damaged_and_touches_nothing() {
    let sound = some_log(true);
    let expected = contents(&sound.copy());
    let (mut whole, mut partial, mut nothing) = (0, 0, 0);
    for name in sound.list().unwrap().iter().filter(|name| *name != "reserve") {
        let bytes = sound.contents(name).unwrap();
        for at in
            (0..48).step_by(3).chain((48..bytes.len()).step_by(97)).filter(|at| *at < bytes.len())
        {
            let disk = sound.copy();
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            disk.put(name, &changed);
            let before = disk.operations();
            let into = SimulatedDisk::new();
            let salvaged = match salvage(&disk, into.clone(), small()) {
                Ok(salvaged) => salvaged,
                Err(LogError::TooNew { .. }) if (8..10).contains(&at) => continue,
                Err(error) => panic!("{name} at {at}: {error}"),
            };
            assert_eq!(disk.operations(), before, "the damaged log is left as it is");
            assert_eq!(verify(&into).unwrap().damages, []);
            let found = contents(&into);
            for (id, found) in &found {
                let length = if *id == 41 { 9000 } else { 900 };
                assert_eq!(*found, body(*id, length), "{name} at {at}: record {id}");
            }
            let lost = expected.keys().filter(|id| !found.contains_key(id)).count();
            match lost {
                0 => whole += 1,
                1 => partial += 1,
                // Everything in a segment whose salt is gone.
                _ => {
                    assert!((24..32).contains(&at), "{name} at {at}: {lost} lost: {salvaged:?}");
                    nothing += 1;
                }
            }
        }
    }
    assert!(whole > 20 && partial > 50 && nothing > 1, "{whole} {partial} {nothing}");
}

#[test]
fn a_salvaged_log_goes_on_where_the_old_one_ended() {
    let disk = some_log(true);
    let into = SimulatedDisk::new();
    let salvaged = salvage(&disk, into.clone(), small()).unwrap();
    assert_eq!((salvaged.damages.len(), salvaged.incomplete), (0, 0));
    assert_eq!(contents(&into.copy()), contents(&disk.copy()));
    let mut world = World::opening(into.clone(), small());
    world.run();
    assert_eq!(world.events().last(), Some(&LogEvent::Ready { last: RecordId(41) }));
    drop(world);
    let again = salvage(&disk, into, small()).unwrap_err();
    assert!(again.to_string().contains("not empty"), "{again}");
}

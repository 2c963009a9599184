//! Space comes back, whatever stays.

mod world;

use warrener_store::{Lane, Log, LogEvent, RecordId, Work};
use world::{World, body};

#[test]
fn one_record_that_stays_does_not_pin_the_disk() {
    let mut world = World::new();
    for id in 1..=600 {
        world.append(id, 900);
        // Every hundredth stays; all others go, oldest first.
        if id > 20 && (id - 20) % 100 != 0 {
            world.log.release(RecordId(id - 20));
        }
        if id % 10 == 0 {
            world.run();
        }
    }
    (581..=600).for_each(|id| world.log.release(RecordId(id)));
    world.log.sync();
    world.run();
    let space = world.log.space();
    assert!(space.used_bytes < 64 << 10, "{space:?}");
    world.power_loss();
    assert_eq!(world.replayed(), [100, 200, 300, 400, 500]);
    for id in [100, 200, 300, 400, 500] {
        world.log.load(RecordId(id));
    }
    world.run();
    let whole = |event: &LogEvent| matches!(event, LogEvent::Loaded { id, outcome: Ok(loaded) } if loaded.body == body(id.0, 900));
    assert!(world.events().iter().all(whole));
}

#[test]
fn a_queue_that_is_purged_frees_its_files() {
    let mut world = World::new();
    for id in 1..=500 {
        world.append(id, 900);
        if id % 20 == 0 {
            world.run();
        }
    }
    assert!(world.log.space().segments > 20);
    (1..=500).for_each(|id| world.log.release(RecordId(id)));
    world.log.sync();
    world.run();
    let space = world.log.space();
    assert!(space.used_bytes < 4 << 10 && space.segments <= 1, "{space:?}");
}

#[test]
fn short_segments_are_put_together_when_there_is_room_and_not_tried_for_ever_while_there_is_none() {
    let mut world = World::new();
    for id in 1..=4 {
        world.append(id, 1500);
        world.run();
        if id == 4 {
            // Enough to open, and not for a copy of all four.
            world.disk.set_capacity_bytes(Some(world.disk.used_bytes() + 4_000));
        }
        world.process_end();
        if id < 4 {
            world.replayed();
        }
    }
    let mut works = 0;
    loop {
        while world.log.poll_event().is_some() {}
        let Some(work) = Lane::ALL.into_iter().find_map(|lane| world.log.poll_work(lane)) else {
            break;
        };
        world.log.handle_done(work.run());
        works += 1;
        assert!(works < 1_000, "the log does not come to rest");
    }
    assert_eq!(world.log.space().segments, 4);
    world.disk.set_capacity_bytes(None);
    world.log.check_space();
    world.run();
    assert_eq!(world.log.space().segments, 1);
    world.power_loss();
    assert_eq!(world.replayed(), [1, 2, 3, 4]);
}

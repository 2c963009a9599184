//! Space comes back, whatever stays.

mod world;

use warrener_store::{Log, LogEvent, RecordId};
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

//! Priorities: the higher first, first in and first out among equals.

#[expect(dead_code, reason = "each test file uses some of it")]
mod support;

use support::World;
use warrener_queue::{Config, Outcome};

#[test]
fn the_higher_goes_first_and_equals_in_order() {
    let mut world = World::new(Config::default().with_max_priority(255));
    for (handle, priority) in [(1, 0), (2, 255), (3, 64), (4, 63), (5, 255), (6, 128), (7, 0)] {
        world.publish_at(handle, priority);
    }
    assert_eq!(world.drain(), [2, 5, 6, 3, 4, 1, 7]);
}

#[test]
fn priorities_above_the_highest_are_taken_down() {
    let mut world = World::new(Config::default().with_max_priority(5));
    world.publish_at(1, 5);
    world.publish_at(2, 200);
    let first = world.get().unwrap();
    assert_eq!((first.handle, world.get().unwrap().priority), (1, 5));
}

#[test]
fn without_priorities_all_are_equal() {
    let mut world = World::new(Config::default());
    world.publish_at(1, 0);
    world.publish_at(2, 9);
    assert_eq!(world.drain(), [1, 2]);
}

#[test]
fn what_returns_keeps_its_priority_and_its_place() {
    let mut world = World::new(Config::default().with_max_priority(9));
    for (handle, priority) in [(1, 5), (2, 5), (3, 1)] {
        world.publish_at(handle, priority);
    }
    let taken: Vec<_> = (0..3).map(|_| world.get().unwrap().seq).collect();
    for seq in taken.into_iter().rev() {
        world.settle(seq, Outcome::Requeue { failed: false });
    }
    world.publish_at(4, 5);
    assert_eq!(world.drain(), [1, 2, 4, 3]);
}

#[test]
fn another_highest_priority_holds_for_what_comes() {
    let mut world = World::new(Config::default().with_max_priority(9));
    world.publish_at(1, 3);
    world.publish_at(2, 9);
    let flat = Config::default().with_max_priority(4);
    world.queue.reconfigure(world.now, flat, &mut world.effects);
    world.publish_at(3, 9);
    world.publish_at(4, 4);
    assert_eq!(world.drain(), [2, 3, 4, 1]);
}

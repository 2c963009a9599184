//! What a queue costs, counted: memory for each waiting entry, and allocations for each message.

#[expect(dead_code, reason = "each test file uses some of it")]
mod support;

use allocation_counter::measure;
use core::mem;
use support::{ANN, World, millis};
use warrener_queue::{Config, Consume, Effect, Entry, Outcome, Progress, Queue, Rare, Whose};
use warrener_time::Time;

/// Counted on a fortieth of ten million; the cost of one does not depend on how many there are.
const MANY: u64 = 250_000;

fn bytes_per_entry<M: Clone>(handle: M, config: Config) -> u64 {
    let mut kept = None;
    let allocated = measure(|| {
        let mut queue = Queue::new(Time::ZERO, config);
        for number in 0..MANY {
            let handle = handle.clone();
            let entry = Entry { handle, bytes: 100, priority: (number % 10) as u8 };
            let now = Time::from_micros(number);
            queue.publish(now, entry, Rare::default(), &mut Vec::new()).ok().expect("room");
        }
        kept = Some(queue);
    });
    assert_eq!(kept.map(|queue| queue.counts().ready), Some(MANY));
    allocated.bytes_current as u64 * 10 / MANY
}

#[test]
fn a_waiting_entry_costs_less_than_40_bytes() {
    for config in [Config::default(), Config::default().with_ttl(Some(millis(1_000_000)))] {
        let (small, large) = (bytes_per_entry(0u32, config), bytes_per_entry(0u64, config));
        assert!(small <= 340 && large <= 340, "{small} and {large} tenths of a byte");
        let config = config.with_max_priority(9);
        assert!(bytes_per_entry(0u32, config) <= 400);
    }
}

#[test]
fn messages_pass_without_allocation() {
    let rare = Rare { ttl: Some(millis(60_000)), not_before: None };
    for (config, rare) in [
        (Config::default(), Rare::default()),
        (Config::default().with_max_priority(9), Rare::default()),
        (Config::default().with_ttl(Some(millis(1_000))), Rare::default()),
        (Config::default(), rare),
        (Config::default().with_max_length(Some(1_000_000)), rare),
    ] {
        let mut world = World::new(config);
        world.consume(ANN, Consume::default());
        let mut unacked = std::collections::VecDeque::with_capacity(1_000);
        let mut turn = |rounds: u32| {
            for handle in 0..rounds {
                let entry = Entry { handle, bytes: 1, priority: (handle % 10) as u8 };
                world.queue.publish(world.now, entry, rare, &mut world.effects).unwrap();
                let next = world.queue.poll_delivery(world.now, &mut world.effects).unwrap();
                unacked.push_back(next.seq);
                if unacked.len() > 300 {
                    let seq = unacked.pop_front().unwrap();
                    world.queue.settle(world.now, &[seq], Outcome::Accept, &mut world.effects);
                }
                world.effects.clear();
                world.now += core::time::Duration::from_micros(1);
            }
        };
        turn(5_000);
        assert_eq!(measure(|| turn(20_000)).count_total, 0, "{config:?}");
    }
}

#[test]
fn an_emptied_queue_can_give_its_memory_back() {
    let mut world = World::new(Config::default().with_max_priority(255));
    let allocated = measure(|| {
        for handle in 0..100_000 {
            world.publish_at(handle, handle as u8);
        }
        world.queue.purge(world.now, &mut Vec::new());
        while world.queue.work(world.now, 10_000, &mut Vec::new()) == Progress::More {}
        while world.queue.shrink() == Progress::More {}
        world.effects = Vec::new();
    });
    assert!(allocated.bytes_current < 1_000, "{allocated:?}");
}

#[test]
fn a_queue_whose_consumers_have_settled_everything_is_small_again() {
    let measured = measure(|| {
        let mut world = crowd(Config::default(), true);
        world.queue.settle_all(world.now, Whose::Everyones, Outcome::Accept, &mut Vec::new());
        while world.queue.work(world.now, 10_000, &mut Vec::new()) == Progress::More {}
        world.effects = Vec::new();
        // What is not given back at once goes while the queue is used.
        for handle in 0..500 {
            let seq = world.publish(handle);
            assert_eq!(world.handles(), [handle]);
            world.settle(seq, Outcome::Accept);
            world.effects.clear();
        }
        mem::forget(world);
    });
    assert!(measured.bytes_max > 9_000_000, "{measured:?}");
    assert!(measured.bytes_current < 250_000, "{measured:?}");
}

#[test]
fn no_slice_does_more_than_its_budget() {
    let mut world = World::new(Config::default());
    for handle in 0..10_000 {
        world.publish_with(handle, Some(10), None);
    }
    world.now += millis(10);
    for slice in 1..=100 {
        let _ = world.queue.work(world.now, 100, &mut world.effects);
        assert_eq!(world.effects.len(), slice * 100);
    }
    assert_eq!(world.queue.poll_timeout(), None);
}

/// A hundred thousand entries, all of which Ann holds if `held`.
fn crowd(config: Config, held: bool) -> World {
    let mut world = World::new(config);
    if held {
        world.consume(ANN, Consume::default());
    }
    for handle in 0..100_000 {
        world.publish(handle);
    }
    assert_eq!(world.handles().len(), if held { 100_000 } else { 0 });
    world
}

#[test]
fn no_verb_does_everything_at_once_and_the_counts_are_right_at_once() {
    type Verb = fn(&mut Queue<u32>, Time, &mut Vec<Effect<u32>>);
    let verbs: [(Verb, bool, u64); 7] = [
        (|queue, now, out| _ = queue.purge(now, out), false, 0),
        (|queue, now, out| _ = queue.delete(now, out), false, 0),
        (|queue, now, out| _ = queue.delete(now, out), true, 0),
        (
            |queue, now, out| {
                queue.settle_all(now, Whose::Everyones, Outcome::Requeue { failed: true }, out);
            },
            true,
            100_000,
        ),
        (
            |queue, now, out| {
                queue.cancel(now, ANN, out);
                queue.settle_all(now, Whose::Consumer(ANN), Outcome::Discard, out);
            },
            true,
            0,
        ),
        (|queue, now, out| queue.reconfigure(now, Config::default(), out), false, 100_000),
        (|queue, now, out| _ = queue.cancel(now, ANN, out), true, 0),
    ];
    for (verb, held, ready) in verbs {
        let mut world = crowd(Config::default(), held);
        verb(&mut world.queue, world.now, &mut world.effects);
        assert!(world.effects.len() <= 64, "{} effects at once", world.effects.len());
        assert_eq!(world.queue.counts().ready, ready);
        let (mut slices, mut before) = (0, world.effects.len());
        while world.queue.work(world.now, 500, &mut world.effects) == Progress::More {
            assert!(world.effects.len() - before <= 500, "a slice keeps to its budget");
            (slices, before) = (slices + 1, world.effects.len());
        }
        // A queue that is deleted also gives the memory of its entries back, which is a few steps for each thousand.
        assert!(slices <= 110_000 / 500, "each step does something: {slices} slices");
        assert_eq!(world.queue.counts().ready, ready);
    }
}

#[test]
fn a_shorter_time_to_live_over_a_huge_queue_expires_in_slices() {
    let mut world = crowd(Config::default(), false);
    world.now += millis(100);
    let config = Config::default().with_ttl(Some(millis(50)));
    world.queue.reconfigure(world.now, config, &mut world.effects);
    assert!(world.effects.len() <= 128, "{} effects at once", world.effects.len());
    while world.queue.work(world.now, 500, &mut world.effects) == Progress::More {}
    assert_eq!(world.gone().len(), 100_000);
    assert_eq!(world.queue.poll_timeout(), None);
}

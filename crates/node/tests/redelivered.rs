//! After a restart a message says whether it may have been delivered before.

mod world;

use core::time::Duration;
use std::collections::BTreeSet;

use warrener_broker::{Config as BrokerConfig, ConnectionId};
use warrener_store::{Config, SegmentLog, SimulatedDisk};
use world::{START, World};

type FalseWorld = World<SegmentLog<SimulatedDisk>>;

/// A queue writes a mark for so many messages.
const STEP: u64 = 10;

fn open(disk: &SimulatedDisk) -> FalseWorld {
    let log = SegmentLog::new(disk.clone(), Config::new(7));
    let small = |config: &mut BrokerConfig| {
        config.limits.mark_messages = STEP;
        config.limits.pages = true;
    };
    let mut world = World::opening_with(log, START, small);
    world.settle();
    world.notices();
    world
}

fn publish(world: &mut FalseWorld, publisher: ConnectionId, numbers: core::ops::Range<usize>) {
    for number in numbers {
        world.client(publisher).publish_persistent("q", number.to_string().as_bytes());
        world.run();
    }
    world.settle();
}

/// Everything that is in the queue, by number, and what it says.
fn drain(world: &mut FalseWorld) -> Vec<(usize, bool)> {
    let reader = world.connect();
    world.client(reader).consume("q", true);
    world.settle();
    let deliveries = world.client(reader).deliveries();
    deliveries.into_iter().map(|(body, told)| (body.parse().expect("a number"), told)).collect()
}

fn lose_power(disk: &SimulatedDisk, choose: impl FnMut(usize) -> usize) {
    disk.cut_power();
    disk.restart(choose);
}

#[test]
fn after_a_clean_stop_it_is_exact() {
    let disk = SimulatedDisk::new();
    let mut world = open(&disk);
    let alice = world.connect();
    world.client(alice).declare_durable("q");
    publish(&mut world, alice, 0..60);
    let bob = world.connect();
    for _ in 0..20 {
        world.client(bob).take("q");
    }
    world.run();
    world.client(bob).ack(4);
    world.settle();
    drop(world.close());

    // It stays so over a second stop, and over a crash right after a start.
    drop(open(&disk).close());
    drop(open(&disk));
    lose_power(&disk, |_| 0);
    let mut world = open(&disk);
    let expected: Vec<_> = (4..60).map(|number| (number, number < 20)).collect();
    assert_eq!(drain(&mut world), expected);
}

#[test]
fn after_a_crash_the_rest_of_a_deep_queue_is_not_marked() {
    let disk = SimulatedDisk::new();
    let mut world = open(&disk);
    let alice = world.connect();
    world.client(alice).declare_durable("q");
    publish(&mut world, alice, 0..100);
    let bob = world.connect();
    for _ in 0..35 {
        world.client(bob).take("q");
    }
    world.settle();
    drop(world);
    lose_power(&disk, |_| 0);
    let mut world = open(&disk);
    let found = drain(&mut world);
    assert_eq!(found.len(), 100);
    let marked = found.iter().filter(|(_, told)| *told).count();
    assert!(found[..35].iter().all(|(_, told)| *told), "all that was delivered is");
    assert!(marked <= 35 + 2 * STEP as usize, "{marked} of 100");
    assert!(found[marked..].iter().all(|(_, told)| !told));
}

#[test]
fn a_delivery_that_the_log_denies_waits_until_that_is_taken_back() {
    let disk = SimulatedDisk::new();
    let mut world = open(&disk);
    let alice = world.connect();
    world.client(alice).declare_durable("q");
    publish(&mut world, alice, 0..30);
    drop(world.close());
    let mut world = open(&disk);
    let bob = world.connect();
    world.client(bob).consume("q", true);
    world.run();
    assert_eq!(world.client(bob).deliveries(), [], "the log says that none was delivered");
    world.settle();
    assert_eq!(world.client(bob).deliveries().len(), 30);
}

#[test]
fn whenever_the_power_goes_what_was_delivered_says_so() {
    let (mut marked, mut unmarked, mut delivered) = (0, 0, 0);
    for seed in 1..=60_u64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut random = move |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 20) as usize % below
        };
        let disk = SimulatedDisk::new();
        let mut seen = BTreeSet::new();
        let mut next = 0;
        for life in 0..4 {
            let mut world = open(&disk);
            let (alice, bob) = (world.connect(), world.connect());
            if life == 0 {
                world.client(alice).declare_durable("q");
                world.settle();
            }
            for _ in 0..random(12) {
                let more = next + random(30);
                for number in next..more {
                    let text = number.to_string();
                    world.client(alice).publish_persistent("q", text.as_bytes());
                }
                next = more;
                (0..random(30)).for_each(|_| world.client(bob).take("q"));
                match random(3) {
                    0 => world.run(),
                    1 => (world.run(), world.work_once()).1,
                    _ => world.settle(),
                }
                if random(4) == 0 {
                    world.pass(Duration::from_secs(1));
                }
                let gotten = world.client(bob).names();
                let bodies = gotten.iter().filter_map(|name| name.strip_prefix("basic.get-ok "));
                seen.extend(bodies.map(|body| body.parse::<usize>().expect("a number")));
            }
            if random(3) == 0 {
                drop(world.close());
            } else {
                drop(world);
                lose_power(&disk, &mut random);
            }
        }
        let mut world = open(&disk);
        for (number, told) in drain(&mut world) {
            assert!(told || !seen.contains(&number), "seed {seed}: {number} denies its delivery");
            *if told { &mut marked } else { &mut unmarked } += 1;
        }
        delivered += seen.len();
    }
    assert!(delivered > 2_000 && unmarked > 500 && marked > 500, "{delivered} {unmarked} {marked}");
}

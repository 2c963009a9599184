//! What a large record brings goes on before the record is whole on disk: a crash at any moment leaves each message once.

use core::time::Duration;

use warrener_codec::{Method, method};
use warrener_simulator::{QueueSpec, World, queue};

const LARGE: usize = 4_000;

/// A world whose disk takes a second for each piece of a large record. `orders` holds one message, which is on disk;
/// what dies of `sick` dies at once a second time, and is then in `grave`.
fn world(sick: fn() -> QueueSpec) -> World {
    let world = World::new(1);
    world.set_log(|log| log.fragment_bytes = 1_000);
    world.restart();
    let alice = world.connect();
    for name in ["grave", "copies", "large"] {
        alice.declare(name);
    }
    alice.declare(queue("orders").dead_letter_to("", "sick"));
    alice.declare(sick().ttl_ms(0).dead_letter_to("", "grave"));
    alice.bind("orders", "amq.fanout", "");
    alice.bind("copies", "amq.fanout", "");
    alice.publish("amq.fanout", "", "one");
    world.settle();
    world.set_disk_delay(Duration::from_secs(1));
    world
}

/// The server is killed after so many half seconds, and started again; how many messages are in these queues then.
fn killed(world: &World, half_seconds: u32, queues: [&str; 3]) -> [u32; 3] {
    world.advance(Duration::from_millis(500) * half_seconds);
    world.kill();
    world.set_disk_delay(Duration::ZERO);
    world.start();
    world.settle();
    let bob = world.connect();
    queues.map(|queue| bob.count(queue).0)
}

#[test]
fn a_message_rejected_in_a_large_transaction_is_there_once() {
    let mut ends = [0, 0];
    for moment in 0..16 {
        let world = world(|| queue("sick"));
        let bob = world.connect();
        bob.call(Method::TxSelect).unwrap();
        let one = bob.get("orders").unwrap();
        bob.publish("", "large", "x".repeat(LARGE));
        bob.reject(one.delivery_tag, false);
        bob.send(Method::TxCommit);
        let [orders, grave, large] = killed(&world, moment, ["orders", "grave", "large"]);
        assert_eq!(orders + grave, 1, "after {moment} half seconds");
        assert_eq!(grave, large, "all of the transaction, or nothing, after {moment} half seconds");
        ends[grave as usize] += 1;
    }
    assert!(ends[0] > 2 && ends[1] > 2, "{ends:?}");
}

#[test]
fn what_a_large_transaction_acknowledged_is_gone_only_with_what_it_published() {
    let mut ends = [0, 0];
    for moment in 0..24 {
        let world = world(|| queue("sick"));
        let bob = world.connect();
        bob.call(Method::TxSelect).unwrap();
        let one = bob.get("orders").unwrap();
        // It dies at once: what the transaction brought is gone, and what it said is said again.
        bob.publish("", "sick", "x".repeat(LARGE));
        bob.ack(one.delivery_tag);
        bob.send(Method::TxCommit);
        let [orders, grave, copies] = killed(&world, moment, ["orders", "grave", "copies"]);
        assert_eq!(orders + grave, 1, "after {moment} half seconds");
        assert_eq!(copies, 1);
        ends[grave as usize] += 1;
    }
    assert!(ends[0] > 2 && ends[1] > 2, "{ends:?}");
}

#[test]
fn a_dead_letter_that_went_through_a_transient_queue_does_not_overtake_its_end() {
    let mut ends = [0, 0];
    for moment in 0..16 {
        let world = world(|| queue("sick").transient());
        let bob = world.connect();
        let one = bob.get("orders").unwrap();
        bob.publish("", "large", "x".repeat(LARGE));
        bob.reject(one.delivery_tag, false);
        let [orders, grave, _] = killed(&world, moment, ["orders", "grave", "large"]);
        assert!(orders + grave <= 1, "twice after {moment} half seconds");
        ends[grave as usize] += 1;
    }
    assert!(ends[0] > 2 && ends[1] > 2, "{ends:?}");
}

#[test]
fn a_queue_that_was_purged_is_empty_once_that_is_answered() {
    let world = world(|| queue("sick"));
    let bob = world.connect();
    bob.publish("", "orders", "two");
    world.settle();
    bob.publish("", "large", "x".repeat(LARGE));
    bob.call(purge("orders")).unwrap();
    let [orders, _, copies] = killed(&world, 0, ["orders", "grave", "copies"]);
    assert_eq!((orders, copies), (0, 1));
}

fn purge(queue: &str) -> method::queue::Purge {
    let queue = queue.try_into().unwrap();
    method::queue::Purge { queue, ..Default::default() }
}

//! docs/confirms.md: what is confirmed survives a loss of power; what is not may be gone.

use core::time::Duration;

use warrener_simulator::{World, queue};

#[test]
fn a_confirmed_message_survives_a_loss_of_power() {
    let world = World::new(1);
    let alice = world.connect();
    alice.declare("orders");
    alice.confirm_select();
    alice.publish("", "orders", "one");
    world.settle();
    assert_eq!(alice.confirms(), [(1, false, true)]);
    world.restart();
    let bob = world.connect();
    assert_eq!(bob.get("orders").unwrap().body, "one");
}

#[test]
fn a_confirm_waits_for_the_disk_and_a_delivery_does_not() {
    let world = World::new(1);
    let alice = world.connect();
    alice.declare("orders");
    alice.confirm_select();
    alice.consume("orders");
    world.set_disk_delay(Duration::from_secs(30));
    alice.publish("", "orders", "one");
    world.settle();
    assert_eq!(alice.deliveries().len(), 1);
    assert!(alice.confirms().is_empty());
    world.advance(Duration::from_secs(60));
    assert_eq!(alice.confirms(), [(1, false, true)]);
}

#[test]
fn an_acknowledged_message_does_not_come_back_once_that_is_on_disk() {
    let world = World::new(1);
    let alice = world.connect();
    alice.declare("orders");
    alice.publish("", "orders", "one");
    alice.publish("", "orders", "two");
    let one = alice.get("orders").unwrap();
    alice.ack(one.delivery_tag);
    // What is confirmed after it is on disk after it.
    alice.confirm_select();
    alice.publish("", "orders", "three");
    world.settle();
    assert_eq!(alice.confirms().len(), 1);
    world.restart();
    let bob = world.connect();
    assert_eq!(bob.get("orders").unwrap().body, "two");
    assert_eq!(bob.get("orders").unwrap().body, "three");
    assert!(bob.get("orders").is_none());
}

#[test]
fn a_transient_queue_is_gone_after_a_loss_of_power() {
    let world = World::new(1);
    let alice = world.connect();
    alice.declare(queue("scratch").transient());
    alice.declare("kept");
    world.restart();
    let bob = world.connect();
    assert_eq!(bob.count("kept"), (0, 0));
    assert!(world.view(|view| view.queue("/", "scratch").is_none()));
}

#[test]
fn a_message_that_dies_at_once_is_confirmed_when_its_dead_letter_is_on_disk() {
    let world = World::new(1);
    let alice = world.connect();
    alice.declare("grave");
    alice.declare(queue("orders").ttl_ms(0).dead_letter_to("", "grave"));
    alice.confirm_select();
    alice.publish("", "orders", "one");
    world.settle();
    assert_eq!(alice.confirms(), [(1, false, true)]);
    world.restart();
    let bob = world.connect();
    assert_eq!(bob.count("grave"), (1, 0));
}

#[test]
fn a_large_message_is_not_gone_before_its_dead_letter_is_there() {
    let world = World::new(1);
    // Large: it is written in several pieces, between which other things are written.
    world.set_log(|log| log.fragment_bytes = 1_000);
    world.restart();
    let alice = world.connect();
    alice.declare("grave");
    alice.declare(queue("orders").ttl_ms(0).dead_letter_to("", "grave"));
    alice.confirm_select();
    world.set_disk_delay(Duration::from_secs(1));
    alice.publish("", "orders", "x".repeat(10_000));
    while alice.confirms().is_empty() {
        world.advance(Duration::from_millis(10));
    }
    world.restart();
    let bob = world.connect();
    // If it dies only now, it has to be read from the disk first.
    world.settle();
    assert_eq!(bob.count("grave"), (1, 0));
}

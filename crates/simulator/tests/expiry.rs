//! What expires is gone on time, however much of it there is at once and wherever it waits.

use core::time::Duration;

use warrener_simulator::{World, queue};

#[test]
fn very_many_messages_expire_on_disk_while_a_consumer_waits_for_the_first_of_them() {
    // A turn expires 256 of a queue, and whoever looks at what comes next, 64 more: here something is left after either.
    for expiring in [300, 360, 420] {
        let world = World::new(1);
        world.set_memory_budget_bytes(0);
        world.restart();
        let alice = world.connect();
        alice.declare(queue("orders").ttl_ms(60_000));
        (0..expiring).for_each(|_| alice.publish("", "orders", "old"));
        world.settle();
        world.advance(Duration::from_secs(30));
        alice.publish("", "orders", "young");
        world.settle();
        // What is asked for comes when it is too late for all but one.
        world.set_disk_delay(Duration::from_secs(120));
        let bob = world.connect();
        bob.consume("orders");
        world.advance(Duration::from_secs(30));
        assert_eq!(bob.count("orders"), (1, 1), "{expiring} expire");
    }
}

//! The turn: order, and what becomes of connections that are gone.

mod world;

use core::time::Duration;

use warrener_broker::{ConnectionId, Input};
use warrener_store::MemoryLog;
use world::{START, World};

#[test]
fn one_batch_of_events_is_answered_in_its_order() {
    let (mut world, _) = World::open(MemoryLog::new(), START);
    let alice = world.connect();
    let client = world.client(alice);
    client.declare("q");
    client.publish("q", b"one");
    client.get("q");
    client.declare_passively("missing");
    client.get("q");
    world.run();
    assert_eq!(
        world.client(alice).names(),
        ["queue.declare-ok", "basic.get-ok one", "channel closed 404"],
    );
}

#[test]
fn one_publish_to_very_many_consumers_reaches_them_all() {
    let (mut world, _) = World::open(MemoryLog::new(), START);
    let alice = world.connect();
    let others: Vec<ConnectionId> = (0..50).map(|_| world.connect()).collect();
    for &other in &others {
        world.client(other).subscribe(&format!("news for {other}"));
    }
    world.run();
    for _ in 0..100 {
        world.client(alice).publish_to("amq.fanout", "", b"news");
    }
    world.run();
    // What was too much for one turn is due at once.
    world.pass(Duration::ZERO);
    for other in others {
        assert_eq!(world.client(other).deliveries().len(), 100);
    }
}

#[test]
fn effects_for_a_connection_that_is_gone_reach_nobody_and_harm_nobody() {
    let (mut world, _) = World::open(MemoryLog::new(), START);
    let (alice, bob) = (world.connect(), world.connect());
    world.client(alice).declare("q");
    world.client(alice).consume("q", false);
    world.run();
    world.drop_stream(alice);
    world.client(bob).publish("q", b"one");
    world.run();
    world.tell(Input::Disconnected(alice));
    world.client(bob).consume("q", true);
    world.run();
    assert_eq!(world.client(bob).deliveries(), [("one".to_owned(), true)]);
    assert_eq!(world.node.broker().view().connections(), 1);
}

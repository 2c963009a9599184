//! What a transaction brought ends message by message, and stays ended.

use warrener_codec::Method;
use warrener_simulator::{World, queue};

#[test]
fn a_message_of_a_transaction_that_was_acknowledged_does_not_return_with_the_rest() {
    let world = World::new(1);
    let alice = world.connect();
    alice.declare("orders");
    alice.call(Method::TxSelect).unwrap();
    alice.publish("", "orders", "one");
    alice.publish("", "orders", "two");
    alice.call(Method::TxCommit).unwrap();
    let bob = world.connect();
    let one = bob.get("orders").unwrap();
    bob.ack(one.delivery_tag);
    world.settle();
    world.shut_down();
    world.settle();
    world.start();
    let carol = world.connect();
    assert_eq!(carol.get("orders").unwrap().body, "two");
    assert!(carol.get("orders").is_none());
}

#[test]
fn a_dead_letter_of_a_transaction_is_not_there_twice_after_a_restart() {
    let world = World::new(1);
    let alice = world.connect();
    for grave in ["grave", "grave of the grave"] {
        alice.declare(grave);
    }
    alice.declare(queue("orders").dead_letter_to("", "sick"));
    alice.declare(queue("sick").dead_letter_to("", "grave"));
    alice.call(Method::TxSelect).unwrap();
    alice.publish("", "orders", "one");
    alice.publish("", "grave of the grave", "two");
    alice.call(Method::TxCommit).unwrap();
    let bob = world.connect();
    for queue in ["orders", "sick"] {
        let one = bob.get(queue).unwrap();
        bob.reject(one.delivery_tag, false);
        world.settle();
    }
    world.kill();
    world.start();
    let carol = world.connect();
    assert_eq!(carol.count("orders"), (0, 0));
    assert_eq!(carol.count("sick"), (0, 0));
    assert_eq!(carol.count("grave"), (1, 0));
}

#[test]
fn messages_of_one_transaction_are_read_back_one_by_one_after_a_restart() {
    let world = World::new(1);
    world.set_memory_budget_bytes(0);
    let alice = world.connect();
    alice.declare("orders");
    alice.call(Method::TxSelect).unwrap();
    for body in ["one", "two", "three"] {
        alice.publish("", "orders", body);
    }
    alice.call(Method::TxCommit).unwrap();
    world.restart();
    let bob = world.connect();
    bob.consume("orders");
    world.settle();
    let bodies: Vec<_> = bob.deliveries().into_iter().map(|message| message.body).collect();
    assert_eq!(bodies, ["one", "two", "three"]);
}

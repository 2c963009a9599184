//! Ends: of channels, of connections, orderly and not.

mod world;

use warrener_broker::Input;
use warrener_codec::{ChannelId, Method};
use world::World;

#[test]
fn an_error_ends_the_channel_and_its_number_can_be_used_again() {
    let mut world = World::new();
    let alice = world.connect();
    world.client(alice).declare_passively("missing");
    // What is on its way already is dropped.
    world.client(alice).declare("never");
    world.run();
    assert_eq!(world.client(alice).names(), ["channel closed 404"]);
    assert!(world.broker.view().queue("/", "never").is_none());

    world.client(alice).open_channel();
    world.client(alice).declare("q");
    world.run();
    assert_eq!(world.client(alice).names(), ["channel opened", "queue.declare-ok"]);
}

#[test]
fn a_hard_error_ends_the_connection_and_nothing_of_it_remains() {
    let mut world = World::new();
    let alice = world.connect();
    world.client(alice).declare_exclusive("mine");
    world.run();
    world.client(alice).heard();
    let mut second_open = Vec::new();
    Method::ChannelOpen.encode(ChannelId::new(1), &mut second_open);
    world.feed(alice, &second_open);
    world.run();
    assert_eq!(world.client(alice).names(), ["closed 504"]);
    assert!(world.peers[alice].endpoint.is_finished());
    assert_eq!(world.broker.view().connections(), 0);
    assert!(world.broker.view().queue("/", "mine").is_none());
}

#[test]
fn octets_that_are_no_frames_end_the_connection_with_an_explanation() {
    let mut world = World::new();
    let alice = world.connect();
    world.feed(alice, &[0xFF; 64]);
    world.run();
    assert_eq!(world.client(alice).names(), ["closed 501"]);
    assert_eq!(world.broker.view().connections(), 0);
}

#[test]
fn exclusive_queues_are_gone_when_close_is_answered() {
    let mut world = World::new();
    let (alice, bob) = (world.connect(), world.connect());
    world.client(alice).declare_exclusive("mine");
    world.run();
    world.client(alice).heard();
    world.client(bob).declare("mine");
    world.run();
    assert_eq!(world.client(bob).names(), ["channel closed 405"]);

    let now = world.now;
    world.client(alice).close(now);
    world.run();
    assert_eq!(world.client(alice).names(), ["closed 200"]);
    assert!(world.peers[alice].endpoint.is_finished());
    world.client(bob).open_channel();
    world.client(bob).declare("mine");
    world.run();
    assert_eq!(world.client(bob).names(), ["channel opened", "queue.declare-ok"]);
}

#[test]
fn what_a_lost_client_held_is_delivered_again_and_says_so() {
    let mut world = World::new();
    let (alice, bob) = (world.connect(), world.connect());
    world.client(alice).declare("q");
    world.client(alice).consume("q", false);
    world.run();
    world.client(bob).publish("q", b"work");
    world.run();
    assert_eq!(world.client(alice).deliveries(), [("work".to_owned(), false)]);

    world.cut(alice);
    assert!(world.peers[alice].endpoint.is_finished());
    world.client(bob).consume("q", false);
    world.run();
    assert_eq!(world.client(bob).deliveries(), [("work".to_owned(), true)]);
}

#[test]
fn a_broker_that_stops_says_so_to_everybody() {
    let mut world = World::new();
    let (alice, bob) = (world.connect(), world.connect());
    world.tell_broker(Input::Shutdown);
    assert_eq!(world.client(alice).names(), ["closed 320"]);
    assert_eq!(world.client(bob).names(), ["closed 320"]);
    assert!(world.peers.iter().all(|peer| peer.endpoint.is_finished()));
}

#[test]
fn a_close_that_crosses_the_other_sides_close_ends_as_well() {
    let mut world = World::new();
    let alice = world.connect();
    let now = world.now;
    // She says goodbye and has not heard yet that the broker stops.
    world.client(alice).close(now);
    world.peers[alice].reads = false;
    let goodbye = world.client(alice).octets();
    world.tell_broker(Input::Shutdown);
    world.feed(alice, &goodbye);
    world.peers[alice].reads = true;
    world.run();
    assert!(world.peers[alice].endpoint.is_finished());
    assert!(world.client(alice).connection.is_finished());
}

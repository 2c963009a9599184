//! Messages from client to client, and back-pressure when one does not read.

mod world;

use world::World;

#[test]
fn a_message_goes_from_one_client_to_another() {
    let mut world = World::new();
    let (alice, bob) = (world.connect(), world.connect());
    world.client(bob).declare("q");
    world.client(bob).consume("q", false);
    world.run();
    world.client(bob).heard();

    world.client(alice).publish("q", b"hello");
    world.client(alice).publish("q", b"");
    world.run();
    let delivered = world.client(bob).deliveries();
    assert_eq!(delivered, [("hello".to_owned(), false), (String::new(), false)]);
    assert_eq!(world.broker.view().unacked(), 2);
    world.client(bob).ack(2);
    world.run();
    assert_eq!(world.broker.view().messages(), 0);
}

#[test]
fn a_body_of_many_frames_arrives_whole() {
    let mut world = World::new();
    let alice = world.connect();
    let body: Vec<u8> = (0..10_u32 << 20).map(|at| (at % 251) as u8).collect();
    world.client(alice).declare("q");
    world.client(alice).publish("q", &body);
    world.client(alice).get("q");
    world.run();
    let heard = world.client(alice).heard();
    let Some(warrener_connection::Event::Content(_, _, content)) = heard.last() else {
        panic!("{heard:?}")
    };
    assert_eq!(content.body.to_bytes(), body);
}

#[test]
fn a_return_comes_before_its_confirm() {
    let mut world = World::new();
    let alice = world.connect();
    world.client(alice).select_confirms();
    world.client(alice).publish_mandatory("nowhere", b"lost");
    world.client(alice).publish("nowhere", b"dropped");
    world.run();
    let names = world.client(alice).names();
    assert_eq!(names[..2], ["confirm.select-ok", "basic.return lost"]);
    // The two confirms may be one.
    assert_eq!(names.last().map(String::as_str), Some("basic.ack 2"));
}

#[test]
fn getting_gives_what_is_there_and_says_when_nothing_is() {
    let mut world = World::new();
    let alice = world.connect();
    world.client(alice).declare("q");
    world.client(alice).publish("q", b"one");
    world.client(alice).get("q");
    world.client(alice).get("q");
    world.run();
    let names = world.client(alice).names();
    assert_eq!(names, ["queue.declare-ok", "basic.get-ok one", "basic.get-empty"]);
}

#[test]
fn a_client_that_does_not_read_is_sent_no_more_until_it_does() {
    let mut world = World::new();
    let (alice, bob) = (world.connect(), world.connect());
    world.client(bob).declare("q");
    world.client(bob).consume("q", true);
    world.run();
    world.client(bob).heard();

    world.peers[bob].reads = false;
    let body = [b'x'; 10_000];
    for _ in 0..1_000 {
        world.client(alice).publish("q", &body);
    }
    world.run();
    // Ten megabytes are for bob, and a little more than one waits for him.
    let waiting = world.peers[bob].endpoint.outgoing().len();
    assert!((1 << 19..3 << 20).contains(&waiting), "{waiting}");
    let there = world.broker.view().queue("/", "q").expect("declared").ready;
    assert!(there > 500, "{there}");
    // Nothing that he could say would be answered in time, so nothing is read of him.
    assert!(!world.peers[bob].endpoint.wants_read());

    world.peers[bob].reads = true;
    world.run();
    assert_eq!(world.client(bob).deliveries().len(), 1_000);
    assert!(world.peers[bob].endpoint.wants_read());
}

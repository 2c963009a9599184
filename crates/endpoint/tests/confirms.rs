//! Confirms never count as something that a client does not read: they wait as ranges.

mod world;

use warrener_broker::{Confirm, ConnectionId, Effect};
use warrener_codec::{ChannelId, Method};
use warrener_connection::Event;
use world::World;

/// The confirms that a client heard.
fn acks(world: &mut World, client: usize) -> Vec<(u64, bool)> {
    let heard = world.client(client).heard();
    let ack = |event: &Event| match event {
        Event::Method(_, Method::BasicAck(ack)) => Some((ack.delivery_tag, ack.multiple)),
        _ => None,
    };
    heard.iter().filter_map(ack).collect()
}

#[test]
fn a_client_may_publish_for_long_before_it_reads_the_first_confirm() {
    let mut world = World::new();
    let alice = world.connect();
    world.client(alice).declare("q");
    world.client(alice).select_confirms();
    world.run();
    world.client(alice).heard();
    world.peers[alice].reads = false;
    for _ in 0..100 {
        for _ in 0..500 {
            world.client(alice).publish("missing", b"m");
        }
        world.run();
        let endpoint = &mut world.peers[alice].endpoint;
        assert!(endpoint.wants_read(), "it is read on");
        assert!(endpoint.outgoing().len() < 20 << 10 && endpoint.waiting_confirms() <= 1);
    }
    assert_eq!(world.broker.view().stats().published, 50_000);
    world.peers[alice].reads = true;
    world.run();
    let acks = acks(&mut world, alice);
    assert_eq!(acks.last(), Some(&(50_000, true)));
    assert!(acks.iter().all(|(tag, multiple)| *tag < 50_000 || *multiple));
}

#[test]
fn a_million_confirms_of_many_channels_take_no_memory_to_speak_of() {
    let mut world = World::new();
    let alice = world.connect();
    let now = world.now;
    for number in 2..=8 {
        world.client(alice).say(ChannelId::new(number), Method::ChannelOpen);
    }
    world.run();
    let endpoint = &mut world.peers[alice].endpoint;
    let before = endpoint.outgoing().len();
    for tag in 1..=125_000 {
        for number in 1..=8 {
            let confirm = Confirm {
                connection: ConnectionId(1),
                channel: ChannelId::new(number),
                delivery_tag: tag,
                multiple: false,
                accepted: true,
            };
            endpoint.apply(now, &Effect::Confirm(confirm)).expect("it can be said");
        }
    }
    let held = endpoint.outgoing().capacity() + endpoint.waiting_confirms() * 64;
    assert!(before == 0 && held < 64 << 10, "{held} octets are held for a million confirms");
    assert_eq!(endpoint.waiting_confirms(), 8);
    world.client(alice).heard();
    world.run();
    let last: Vec<_> = acks(&mut world, alice).into_iter().rev().take(8).collect();
    assert_eq!(last, [(125_000, true); 8]);
}

#[test]
fn what_follows_a_confirm_on_its_channel_waits_for_it() {
    let mut world = World::new();
    let alice = world.connect();
    world.client(alice).select_confirms();
    world.run();
    world.client(alice).heard();
    world.peers[alice].reads = false;
    for _ in 0..2_000 {
        world.client(alice).publish("missing", b"m");
        world.run();
    }
    assert_eq!(world.peers[alice].endpoint.waiting_confirms(), 1);
    world.client(alice).declare("q");
    world.client(alice).publish("missing", b"m");
    world.client(alice).publish_mandatory("missing", b"back");
    world.run();
    world.peers[alice].reads = true;
    world.run();
    let names = world.client(alice).names();
    let end: Vec<&str> = names[names.len() - 5..].iter().map(String::as_str).collect();
    let expected = [
        "basic.ack 2000",
        "queue.declare-ok",
        "basic.ack 2001",
        "basic.return back",
        "basic.ack 2002",
    ];
    assert_eq!(end, expected);
}

//! The law in octets: a turn neither asks the allocator for much nor gives much back, however much there is. What is not
//! counted as a visit shows here: one vector that grows or goes with everything in it is a long turn.

use allocation_counter::measure;
use warrener_broker::{Broker, Effect, Input, Progress};
use warrener_codec::method::{basic, queue};
use warrener_codec::{ChannelId, Method};
use warrener_time::Time;

use crate::script::{World, parse_name};

/// What a turn may ask for or give back. A vector with a place for each of [`MANY`] is larger.
const OCTETS_A_TURN: u64 = 1 << 20;

/// More than a turn can do.
const MANY: usize = 50_000;

/// What a transaction keeps of acknowledgements lies in one piece: they are no more than a limit says.
const TRANSACTION_OCTETS: u64 = 8 << 20;

const CHANNEL: ChannelId = ChannelId::new(1);

/// Does something, and measures how many octets that asks for and gives back; the greater.
fn weigh(
    world: &mut World,
    call: impl FnOnce(&mut Broker, Time, &mut Vec<Effect>),
) -> (u64, Vec<Effect>) {
    // Room for what a turn may say, so that only the broker's memory counts.
    let mut effects = Vec::with_capacity(8_192);
    let now = world.now();
    let cost = measure(|| call(&mut world.broker, now, &mut effects));
    let kept = i128::from(cost.bytes_current);
    let given_back = u64::try_from(i128::from(cost.bytes_total) - kept).unwrap_or(u64::MAX);
    (cost.bytes_total.max(given_back), effects)
}

/// Hands an input over and lets the broker finish it, with a disk and a client that take all at once; the heaviest turn.
fn heaviest(world: &mut World, input: Input) -> u64 {
    let (mut heaviest, mut effects) =
        weigh(world, |broker, now, effects| broker.handle(now, input, effects));
    loop {
        let mut written = None;
        for effect in effects.drain(..) {
            if let Effect::Persist(record) = effect {
                written = Some(record.id);
            }
        }
        let (octets, more) = match written {
            Some(upto) => weigh(world, |broker, now, effects| {
                broker.handle(now, Input::Persisted(Progress { upto, ahead: upto }), effects);
            }),
            None if world.broker.poll_timeout().is_some_and(|(due, _)| due <= world.now()) => {
                weigh(world, |broker, now, effects| broker.handle_timeout(now, effects))
            }
            None => return heaviest,
        };
        heaviest = heaviest.max(octets);
        effects = more;
    }
}

fn method(method: impl Into<Method>) -> Input {
    Input::Method(World::connection(2), CHANNEL, method.into())
}

/// A queue with so many messages, all handed to a client that has not acknowledged them.
fn world_with_unacked() -> World {
    let mut world = World::new();
    world.run("1 connect\n1.1 open\n1.1 queue.declare q");
    for _ in 0..MANY {
        world.run("1.1 publish - q m");
    }
    world.run("2 connect\n2.1 open\n2.1 consume q c");
    while world.broker.view().unacked() < MANY {
        world.run("2 drained 4000000");
        world.work(&mut String::new());
    }
    world
}

#[test]
fn a_channel_that_ends_with_very_many_unacked() {
    let mut world = world_with_unacked();
    let leave = Input::Disconnected(World::connection(2));
    let octets = heaviest(&mut world, leave);
    assert!(octets <= OCTETS_A_TURN, "{octets} octets in one turn");
    assert_eq!((world.broker.view().unacked(), world.broker.view().messages()), (0, MANY));
}

#[test]
fn a_queue_that_ends_with_very_many_unacked() {
    let mut world = world_with_unacked();
    let delete = queue::Delete { queue: parse_name("q"), ..Default::default() };
    let octets = heaviest(&mut world, method(delete));
    assert!(octets <= OCTETS_A_TURN, "{octets} octets in one turn");
    assert_eq!(world.broker.view().messages(), 0);
}

#[test]
fn very_many_are_delivered_and_none_is_acknowledged() {
    let mut world = World::new();
    world.run("1 connect\n1.1 open\n1.1 queue.declare q\n2 connect\n2.1 open");
    for _ in 0..MANY {
        world.run("1.1 publish - q m");
    }
    let consume = basic::Consume { queue: parse_name("q"), ..Default::default() };
    let mut octets = heaviest(&mut world, method(consume));
    while world.broker.view().unacked() < MANY {
        octets = octets.max(heaviest(&mut world, Input::Drained(World::connection(2), u32::MAX)));
    }
    assert!(octets <= OCTETS_A_TURN, "{octets} octets in one turn");
}

#[test]
fn every_other_is_acknowledged_before_the_rest() {
    let mut world = world_with_unacked();
    let mut octets = 0;
    for tag in (1..=MANY as u64).step_by(2) {
        let ack = basic::Ack { delivery_tag: tag, multiple: false };
        octets = octets.max(heaviest(&mut world, method(ack)));
    }
    octets =
        octets.max(heaviest(&mut world, method(basic::Ack { delivery_tag: 0, multiple: true })));
    assert!(octets <= OCTETS_A_TURN, "{octets} octets in one turn");
    assert_eq!(world.broker.view().messages(), 0);
}

#[test]
fn a_rollback_of_very_many_publishes_and_acknowledgements() {
    let mut world = world_with_unacked();
    world.run("2.1 tx.select");
    for tag in (1..=MANY as u64).step_by(50) {
        world.run(&format!("2.1 publish - q {}\n2.1 ack {tag}", "x".repeat(200)));
    }
    let octets = heaviest(&mut world, method(Method::TxRollback));
    assert!(octets <= OCTETS_A_TURN, "{octets} octets in one turn");
    // All is as it was before.
    assert_eq!((world.broker.view().unacked(), world.broker.view().messages()), (MANY, MANY));
    let octets = heaviest(&mut world, method(basic::Ack { delivery_tag: 0, multiple: true }));
    assert!(octets <= TRANSACTION_OCTETS, "{octets} octets in one turn");
    let octets = heaviest(&mut world, method(Method::TxCommit));
    assert!(octets <= TRANSACTION_OCTETS, "{octets} octets in one turn");
    assert_eq!(world.broker.view().messages(), 0);
}

#[test]
fn a_client_that_breaks_off_in_a_large_transaction() {
    let mut world = World::new();
    world.run("2 connect\n2.1 open\n2.1 queue.declare q\n2.1 tx.select");
    let body = "x".repeat(20_000);
    for _ in 0..3_000 {
        world.run(&format!("2.1 publish - q {body}"));
    }
    let before = world.broker.view().memory_bytes();
    assert!(before > 60_000_000, "{before}");
    let leave = Input::Disconnected(World::connection(2));
    let octets = heaviest(&mut world, leave);
    // A visit stands for four kibibytes of bodies.
    assert!(octets <= 24 << 20, "{octets} octets in one turn");
    assert!(world.broker.view().memory_bytes() < 1_000_000);
}

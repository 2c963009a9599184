//! Looking without touching.

#[expect(dead_code, reason = "each test file uses some of it")]
mod support;

use support::{ANN, BOB, World, millis};
use warrener_queue::{Config, Consume, SingleActive, State};

#[test]
fn ready_messages_are_shown_in_the_order_in_which_they_would_be_handed_out() {
    let mut world = World::new(Config::default().with_max_priority(9));
    for handle in 0..1_000 {
        world.publish_at(handle, (handle % 10) as u8);
    }
    let shown: Vec<u32> = world.queue.ready(None).map(|look| *look.handle).collect();
    assert_eq!(world.queue.counts().ready, 1_000, "nothing was taken");
    assert_eq!(shown, world.drain());
}

#[test]
fn looking_goes_on_after_a_position_even_if_that_message_left() {
    let mut world = World::new(Config::default().with_max_priority(9));
    for handle in 0..100 {
        world.publish_at(handle, (handle % 10) as u8);
    }
    let page: Vec<_> =
        world.queue.ready(None).take(15).map(|look| (*look.handle, look.state)).collect();
    let Some((14, State::Ready(position))) = page.last().copied().map(|(_, state)| (14, state))
    else {
        panic!("ready messages have a position");
    };
    for _ in 0..20 {
        world.get();
    }
    let next = *world.queue.ready(Some(position)).next().unwrap().handle;
    assert_eq!(next, world.get().unwrap().handle);
}

#[test]
fn a_message_can_be_searched_for() {
    let mut world = World::new(Config::default());
    for handle in 0..100 {
        world.publish_with(handle, Some(50), None);
    }
    let found = world.queue.ready(None).find(|look| *look.handle == 42).unwrap();
    assert_eq!((found.seq.number(), found.bytes), (43, 10));
    assert_eq!(found.expires, Some(world.now + millis(50)));
}

#[test]
fn unacknowledged_messages_are_shown_with_who_holds_them() {
    let mut world = World::new(Config::default());
    world.consume(ANN, Consume::default().with_credit(1));
    for handle in 0..3 {
        world.publish(handle);
    }
    world.deliver();
    world.pass(5);
    world.get();
    let shown: Vec<_> = world.queue.unacked(None).map(|look| (*look.handle, look.state)).collect();
    let since = world.now.saturating_sub(millis(5));
    assert_eq!(shown[0], (0, State::Unacked { consumer: Some(ANN), since }));
    assert_eq!(shown[1], (1, State::Unacked { consumer: None, since: world.now }));
    let first = world.queue.unacked(None).next().unwrap().seq;
    assert_eq!(world.queue.unacked(Some(first)).count(), 1);
    assert!(world.queue.holds(first));
}

#[test]
fn consumers_are_shown_in_the_order_in_which_they_came() {
    let mut world = World::new(Config::default().with_single_active(SingleActive::FirstCome));
    world.consume(BOB, Consume::default().with_priority(4).with_credit(3));
    world.consume(ANN, Consume::default().with_settled(true));
    world.publish(1);
    world.deliver();
    let shown: Vec<_> = world.queue.consumers().collect();
    assert_eq!((shown[0].id, shown[0].priority, shown[0].credit), (BOB, 4, 2));
    assert_eq!((shown[0].active, shown[0].unacked), (true, 1));
    assert_eq!((shown[1].id, shown[1].active, shown[1].settled), (ANN, false, true));
    assert_eq!(world.queue.consumer(ANN), Some(shown[1]));
}

#[test]
fn looking_changes_nothing() {
    let mut world = World::new(Config::default().with_max_priority(2).with_ttl(Some(millis(90))));
    world.consume(ANN, Consume::default().with_credit(2));
    for handle in 0..20 {
        world.publish_at(handle, (handle % 3) as u8);
    }
    world.publish_with(20, None, Some(30));
    world.deliver();
    let mut twin = World { now: world.now, queue: world.queue.clone(), effects: Vec::new() };
    world.effects.clear();
    let looked = world.queue.ready(None).count()
        + world.queue.delayed(None).count()
        + world.queue.unacked(None).count()
        + world.queue.held(None).count();
    assert_eq!((looked, world.queue.consumers().count()), (21, 1));
    assert_eq!(world.queue.next_consumer(), None);
    for world in [&mut world, &mut twin] {
        world.queue.set_credit(ANN, 5);
    }
    assert_eq!(world.deliver(), twin.deliver());
    assert_eq!(world.queue.poll_timeout(), twin.queue.poll_timeout());
    world.pass(1_000);
    twin.pass(1_000);
    assert_eq!(world.effects, twin.effects);
}

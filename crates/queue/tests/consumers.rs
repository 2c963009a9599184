//! Who gets the next message.

#[expect(dead_code, reason = "each test file uses some of it")]
mod support;

use support::{ANN, BOB, CAT, World};
use warrener_queue::{
    Config, Consume, ConsumeError, ConsumerId, Effect, Entry, Outcome, SingleActive, Why,
};

fn credit(credit: u32) -> Consume {
    Consume::default().with_credit(credit)
}

fn single(mode: SingleActive) -> World {
    World::new(Config::default().with_single_active(mode))
}

fn activated(world: &mut World) -> Vec<ConsumerId> {
    let activated = |effect| match effect {
        Effect::Activated(consumer) => Some(consumer),
        _ => None,
    };
    world.effects.drain(..).filter_map(activated).collect()
}

#[test]
fn equals_take_turns() {
    let mut world = World::new(Config::default());
    [ANN, BOB, CAT].into_iter().for_each(|consumer| world.consume(consumer, Consume::default()));
    for handle in 0..6 {
        world.publish(handle);
    }
    let turns: Vec<_> = world.deliver().into_iter().map(|(consumer, _)| consumer).collect();
    assert_eq!(turns, [ANN, BOB, CAT, ANN, BOB, CAT]);
}

#[test]
fn whoever_gets_new_credit_waits_for_its_turn() {
    let mut world = World::new(Config::default());
    world.consume(ANN, credit(1));
    world.consume(BOB, credit(2));
    for handle in 0..5 {
        world.publish(handle);
    }
    assert_eq!(world.deliver(), [(ANN, 0), (BOB, 1), (BOB, 2)]);
    world.queue.set_credit(BOB, 1);
    world.queue.set_credit(ANN, 1);
    assert_eq!(world.deliver(), [(BOB, 3), (ANN, 4)]);
}

#[test]
fn the_highest_with_credit_gets_everything() {
    let mut world = World::new(Config::default());
    world.consume(ANN, Consume::default().with_priority(-5));
    world.consume(BOB, credit(2).with_priority(10));
    world.consume(CAT, credit(1).with_priority(i32::MAX));
    for handle in 0..5 {
        world.publish(handle);
    }
    assert_eq!(world.deliver(), [(CAT, 0), (BOB, 1), (BOB, 2), (ANN, 3), (ANN, 4)]);
}

#[test]
fn many_priorities_are_served_in_order() {
    let mut world = World::new(Config::default());
    for id in 0..200 {
        world.consume(ConsumerId(id), credit(1).with_priority((id as i32 * 77) % 200));
    }
    for id in (0..200).step_by(3) {
        world.cancel(ConsumerId(id));
    }
    for handle in 0..200 {
        world.publish(handle);
    }
    let served: Vec<i32> =
        world.deliver().into_iter().map(|(id, _)| (id.0 as i32 * 77) % 200).collect();
    assert_eq!(served.len(), 133);
    assert!(served.is_sorted_by(|left, right| left > right), "{served:?}");
}

#[test]
fn a_settled_consumer_has_accepted_what_it_gets() {
    let mut world = World::new(Config::default());
    world.consume(ANN, credit(1).with_settled(true));
    world.publish(1);
    world.publish(2);
    assert_eq!(world.handles(), [1]);
    assert_eq!(world.gone(), [(1, Why::Accepted)]);
    assert_eq!((world.queue.counts().unacked, world.queue.counts().ready), (0, 1));
}

#[test]
fn an_exclusive_consumer_is_alone() {
    let mut world = World::new(Config::default());
    let exclusive = Consume::default().with_exclusive(true);
    let consume =
        |world: &mut World, id, how| world.queue.consume(world.now, id, how, &mut Vec::new());
    world.consume(ANN, exclusive);
    assert_eq!(consume(&mut world, BOB, Consume::default()), Err(ConsumeError::Exclusive));
    assert_eq!(consume(&mut world, ANN, Consume::default()), Err(ConsumeError::Duplicate));
    world.cancel(ANN);
    world.consume(BOB, Consume::default());
    assert_eq!(consume(&mut world, ANN, exclusive), Err(ConsumeError::InUse));
    let mut world = single(SingleActive::FirstCome);
    assert_eq!(consume(&mut world, ANN, exclusive), Err(ConsumeError::SingleActive));
}

#[test]
fn a_single_active_consumer_gets_everything_until_it_leaves() {
    let mut world = single(SingleActive::FirstCome);
    world.consume(ANN, credit(1));
    world.consume(BOB, Consume::default().with_priority(9));
    world.consume(CAT, Consume::default());
    assert_eq!(activated(&mut world), [ANN]);
    for handle in 0..3 {
        world.publish(handle);
    }
    assert_eq!(world.deliver(), [(ANN, 0)], "without credit nobody is served in its place");
    world.cancel(ANN);
    assert_eq!(activated(&mut world), [BOB], "the next in order, whatever its priority");
    assert_eq!(world.deliver(), [(BOB, 1), (BOB, 2)]);
    assert_eq!(world.queue.counts().unacked, 3);
}

#[test]
fn a_higher_priority_takes_over_when_the_active_one_has_settled() {
    let mut world = single(SingleActive::HighestPriority);
    world.consume(ANN, Consume::default());
    let seq = world.publish(0);
    assert_eq!(world.deliver(), [(ANN, 0)]);
    world.consume(BOB, Consume::default().with_priority(1));
    world.publish(1);
    assert_eq!(world.deliver(), [], "the active one gets nothing more");
    assert_eq!(activated(&mut world), [ANN]);
    world.settle(seq, Outcome::Requeue { failed: false });
    assert_eq!(activated(&mut world), [BOB]);
    assert_eq!(world.deliver(), [(BOB, 0), (BOB, 1)], "in order over the hand-over");
}

#[test]
fn an_idle_active_consumer_hands_over_at_once() {
    let mut world = single(SingleActive::HighestPriority);
    world.consume(ANN, Consume::default());
    world.consume(BOB, Consume::default().with_priority(1));
    assert_eq!(activated(&mut world), [ANN, BOB]);
}

#[test]
fn a_single_active_consumer_may_be_asked_for_while_the_queue_lives() {
    let mut world = World::new(Config::default());
    world.consume(ANN, Consume::default());
    world.consume(BOB, Consume::default());
    let single = Config::default().with_single_active(SingleActive::FirstCome);
    world.queue.reconfigure(world.now, single, &mut world.effects);
    assert_eq!(activated(&mut world), [ANN]);
    for handle in 0..2 {
        world.publish(handle);
    }
    assert_eq!(world.deliver(), [(ANN, 0), (ANN, 1)]);
    world.queue.reconfigure(world.now, Config::default(), &mut world.effects);
    for handle in 2..4 {
        world.publish(handle);
    }
    let served: Vec<_> = world.deliver().into_iter().map(|(consumer, _)| consumer).collect();
    assert_eq!(served, [ANN, BOB]);
}

#[test]
fn each_consumer_sees_the_order_of_publishing() {
    let mut world = World::new(Config::default());
    for (consumer, most) in [(ANN, 40), (BOB, 25), (CAT, 100)] {
        world.consume(consumer, credit(most));
    }
    let mut seen = Vec::new();
    for handle in 0..150 {
        world.publish(handle);
        if handle % 7 == 0 {
            seen.extend(world.deliver());
        }
    }
    seen.extend(world.deliver());
    assert!(seen.iter().map(|(_, handle)| *handle).eq(0..150));
    for (consumer, most) in [(ANN, 40), (BOB, 25), (CAT, 85)] {
        assert_eq!(seen.iter().filter(|(who, _)| *who == consumer).count(), most);
    }
}

#[test]
fn what_is_asked_for_takes_nobodys_credit() {
    let mut world = World::new(Config::default());
    for handle in 0..4 {
        world.publish(handle);
    }
    world.consume(ANN, credit(1));
    let got = world.get().unwrap();
    assert_eq!((got.handle, got.consumer, world.queue.counts().ready), (0, None, 3));
    assert_eq!(world.deliver(), [(ANN, 1)]);
    assert_eq!(world.get().unwrap().handle, 2, "a consumer without credit is not in the way");
    world.cancel(ANN);
    assert_eq!(world.queue.counts().unacked, 3);
}

#[test]
fn what_is_taken_at_once_and_for_good_passes_through() {
    let mut world = World::new(Config::default().with_max_length(Some(1)));
    world.consume(ANN, Consume::default().with_settled(true));
    world.consume(BOB, Consume::default().with_settled(true));
    let passages: Vec<_> = (0..4).map_while(|_| world.queue.pass_through(world.now)).collect();
    let turns: Vec<_> = passages.iter().map(|passage| passage.consumer).collect();
    assert_eq!(turns, [ANN, BOB, ANN, BOB], "equals take turns, as with what stands in line");
    assert!(passages.is_sorted_by_key(|passage| passage.seq));
    assert_eq!(world.effects, []);
    assert_eq!(world.queue.counts().ready, 0);

    let next = world.publish(7);
    assert!(next > passages[3].seq, "no number is given twice");
    assert_eq!(world.queue.pass_through(world.now), None, "not past what stands in line");
    assert_eq!(world.deliver(), [(ANN, 7)]);
    assert!(world.queue.pass_through(world.now).is_some());
}

#[test]
fn what_must_be_settled_or_finds_nobody_does_not_pass_through() {
    let mut world = World::new(Config::default());
    assert_eq!(world.queue.pass_through(world.now), None);
    world.consume(ANN, Consume::default());
    assert_eq!(world.queue.pass_through(world.now), None);
    world.consume(BOB, credit(1).with_settled(true).with_priority(1));
    assert_eq!(world.queue.pass_through(world.now).map(|passage| passage.consumer), Some(BOB));
    assert_eq!(world.queue.pass_through(world.now), None, "its credit is used up");
}

#[test]
fn what_is_taken_at_once_and_to_be_settled_goes_straight_into_hands() {
    let mut world = World::new(Config::default().with_max_length(Some(1)));
    let entry = |handle| Entry { handle, bytes: 1, priority: 0 };
    let pass = |world: &mut World, handle| {
        let passage = world.queue.pass_into_hands(world.now, || entry(handle));
        passage.map(|passage| (passage.consumer, passage.seq))
    };
    assert_eq!(pass(&mut world, 0), None, "nobody is there");
    world.consume(ANN, credit(2));
    let (first, second) = (pass(&mut world, 1).unwrap(), pass(&mut world, 2).unwrap());
    assert_eq!([first.0, second.0], [ANN, ANN]);
    assert_eq!(pass(&mut world, 3), None, "its credit is used up");
    assert_eq!((world.queue.counts().ready, world.queue.counts().unacked), (0, 2));
    world.settle(first.1, Outcome::Requeue { failed: true });
    world.queue.set_credit(ANN, 2);
    assert_eq!(pass(&mut world, 4), None, "not past what stands in line");
    let again = world.queue.poll_delivery(world.now, &mut world.effects).unwrap();
    assert_eq!((again.handle, again.redelivered, again.tries.acquired), (1, true, 1));
}

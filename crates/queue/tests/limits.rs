//! How much may wait, and what happens when it is more.

#[expect(dead_code, reason = "each test file uses some of it")]
mod support;

use support::{ANN, World, millis};
use warrener_queue::{
    Config, Consume, Entry, Outcome, Overflow, Progress, Rare, Refusal, Rejected, Whose, Why,
};

fn max(length: u64) -> Config {
    Config::default().with_max_length(Some(length))
}

#[test]
fn the_oldest_makes_room() {
    let mut world = World::new(max(2));
    for handle in 1..=4 {
        world.publish(handle);
    }
    assert_eq!(world.gone(), [(1, Why::MaxLength), (2, Why::MaxLength)]);
    assert_eq!(world.drain(), [3, 4]);
}

#[test]
fn a_limit_of_zero_drops_even_the_newest() {
    let mut world = World::new(max(0));
    world.publish(1);
    assert_eq!(world.gone(), [(1, Why::MaxLength)]);
}

#[test]
fn what_a_consumer_can_take_at_once_is_not_in_the_way() {
    let mut world = World::new(max(0));
    world.consume(ANN, Consume::default().with_credit(1));
    world.publish(1);
    world.publish(2);
    assert_eq!(world.handles(), [1]);
    assert_eq!(world.gone(), [(2, Why::MaxLength)]);
}

#[test]
fn the_lowest_priority_makes_room_first() {
    let mut world = World::new(max(3).with_max_priority(9));
    for (handle, priority) in [(1, 5), (2, 1), (3, 9), (4, 1), (5, 7)] {
        world.publish_at(handle, priority);
    }
    assert_eq!(world.gone(), [(2, Why::MaxLength), (4, Why::MaxLength)]);
    world.publish_at(6, 0);
    assert_eq!(world.gone(), [(6, Why::MaxLength)]);
}

#[test]
fn bytes_are_limited_too() {
    let mut world = World::new(Config::default().with_max_length_bytes(Some(100)));
    for (handle, bytes) in [(1, 40), (2, 40), (3, 40), (4, 101)] {
        world.offer(Entry { handle, bytes, priority: 0 }, Rare::default());
    }
    let dropped: Vec<u32> = world.gone().into_iter().map(|(handle, _)| handle).collect();
    assert_eq!(dropped, [1, 2, 3, 4]);
}

#[test]
fn a_full_queue_refuses_if_told_to() {
    for (overflow, dead_letter) in
        [(Overflow::RejectPublish, false), (Overflow::RejectPublishDeadLetter, true)]
    {
        let mut world = World::new(max(1).with_overflow(overflow));
        let entry = Entry { handle: 1, bytes: 1, priority: 0 };
        assert!(world.offer(entry, Rare::default()).is_some());
        let refused = world.queue.publish(world.now, entry, Rare::default(), &mut world.effects);
        assert_eq!(refused, Err(Rejected { entry, why: Refusal::Full { dead_letter } }));
        assert_eq!(world.effects, []);
        world.get();
        assert!(world.offer(entry, Rare::default()).is_some(), "unacked messages do not count");
    }
}

#[test]
fn a_full_queue_takes_what_it_can_hand_out_at_once() {
    let mut world = World::new(max(0).with_overflow(Overflow::RejectPublish));
    let entry = Entry { handle: 1, bytes: 1, priority: 0 };
    assert!(world.offer(entry, Rare::default()).is_none());
    world.consume(ANN, Consume::default().with_credit(1));
    assert!(world.offer(entry, Rare::default()).is_some());
    assert!(world.offer(entry, Rare::default()).is_none());
    assert_eq!(world.handles(), [1]);
}

#[test]
fn what_returns_may_exceed_the_limit_and_then_the_oldest_makes_room() {
    let mut world = World::new(max(1));
    world.publish(1);
    let delivery = world.get().unwrap();
    world.publish(2);
    world.settle(delivery.seq, Outcome::Requeue { failed: false });
    assert_eq!(world.gone(), [(1, Why::MaxLength)]);
    assert_eq!(world.drain(), [2]);
}

#[test]
fn what_returns_makes_the_lowest_priority_leave() {
    let mut world = World::new(max(2).with_max_priority(9));
    world.publish_at(1, 9);
    let delivery = world.get().unwrap();
    world.publish_at(2, 5);
    world.publish_at(3, 1);
    world.settle(delivery.seq, Outcome::Requeue { failed: true });
    assert_eq!(world.gone(), [(3, Why::MaxLength)]);
    assert_eq!(world.drain(), [1, 2]);
}

#[test]
fn what_returns_and_is_handed_out_again_is_not_in_the_way() {
    let mut world = World::new(max(1));
    world.publish(1);
    let delivery = world.get().unwrap();
    world.consume(ANN, Consume::default().with_credit(1));
    world.publish(2);
    assert_eq!(world.handles(), [2]);
    world.queue.set_credit(ANN, 1);
    world.publish(3);
    world.settle(delivery.seq, Outcome::Requeue { failed: false });
    assert_eq!(world.handles(), [1]);
    assert_eq!((world.gone(), world.queue.counts().ready), (vec![], 1));
}

#[test]
fn what_a_slow_consumer_loses_makes_the_oldest_leave() {
    let mut world = World::new(max(1));
    let how = Consume::default().with_credit(1).with_delivery_timeout(Some(millis(10)));
    world.consume(ANN, how);
    world.publish(1);
    assert_eq!(world.handles(), [1]);
    world.publish(2);
    world.pass(10);
    assert_eq!(world.gone(), [(1, Why::MaxLength)]);
}

#[test]
fn a_hundred_thousand_that_return_make_room_in_slices() {
    let mut world = World::new(Config::default());
    world.consume(ANN, Consume::default());
    for handle in 0..100_000 {
        world.publish(handle);
    }
    assert_eq!(world.handles().len(), 100_000);
    world.cancel(ANN);
    world.queue.reconfigure(world.now, max(10), &mut world.effects);
    let outcome = Outcome::Requeue { failed: false };
    world.queue.settle_all(world.now, Whose::Everyones, outcome, &mut world.effects);
    assert_eq!(world.queue.counts().ready, 100_000);
    assert!(world.effects.is_empty(), "nothing is dropped before all that returns is there");
    loop {
        let before = world.effects.len();
        let progress = world.queue.work(world.now, 500, &mut world.effects);
        assert!(world.effects.len() - before <= 500, "no call works without bound");
        if progress == Progress::Done {
            break;
        }
    }
    assert_eq!(world.gone().len(), 99_990);
    assert_eq!(world.drain(), (99_990..100_000).collect::<Vec<u32>>());
}

#[test]
fn delayed_messages_count_and_make_room_last() {
    let mut world = World::new(max(2));
    world.publish_with(1, None, Some(10));
    world.publish(2);
    world.publish(3);
    assert_eq!(world.gone(), [(2, Why::MaxLength)]);
    world.publish_with(4, None, Some(10));
    assert_eq!(world.gone(), [(3, Why::MaxLength)]);
    world.publish_with(5, None, Some(10));
    assert_eq!(world.gone(), [(1, Why::MaxLength)]);
}

#[test]
fn a_lower_limit_holds_for_what_is_there_in_slices() {
    let mut world = World::new(Config::default());
    for handle in 0..1_000 {
        world.publish(handle);
    }
    world.queue.reconfigure(world.now, max(10), &mut world.effects);
    assert!(world.effects.len() < 100, "no call works without bound");
    world.consume(ANN, Consume::default().with_credit(1));
    while world.queue.work(world.now, 100, &mut world.effects) == Progress::More {}
    assert_eq!(world.gone().len(), 990);
    assert_eq!(world.handles(), [990], "nothing that was to be dropped is handed out");
}

#[test]
fn refusing_drops_nothing_when_the_limit_is_lowered() {
    let mut world = World::new(Config::default());
    for handle in 0..10 {
        world.publish(handle);
    }
    let config = max(1).with_overflow(Overflow::RejectPublish);
    world.queue.reconfigure(world.now, config, &mut world.effects);
    world.pass(1);
    assert_eq!(world.queue.counts().ready, 10);
}

#[test]
fn what_expired_unnoticed_is_expired_and_not_dropped_however_much_it_is() {
    let mut world = World::new(Config::default());
    for handle in 0..1_000 {
        world.publish(handle);
    }
    world.now += millis(10);
    let config = max(10).with_ttl(Some(millis(10)));
    world.queue.reconfigure(world.now, config, &mut world.effects);
    world.publish(1_000);
    world.queue.settle(world.now, &[], Outcome::Accept, &mut world.effects);
    world.pass(0);
    let gone = world.gone();
    assert_eq!(gone.len(), 1_000);
    assert!(gone.iter().all(|(_, why)| *why == Why::Expired));
}

#[test]
fn what_expired_unnoticed_is_not_in_the_way() {
    let config = max(1).with_overflow(Overflow::RejectPublish).with_ttl(Some(millis(10)));
    let mut world = World::new(config);
    world.publish(1);
    world.now += millis(10);
    world.publish(2);
    assert_eq!(world.gone(), [(1, Why::Expired)]);
}

#[test]
fn unacknowledged_messages_neither_count_nor_leave() {
    let mut world = World::new(max(1));
    for handle in 1..4 {
        world.publish(handle);
        if handle < 3 {
            world.get();
        }
    }
    assert_eq!(world.effects, [], "two are out, one waits");
    world.publish(4);
    assert_eq!(world.gone(), [(3, Why::MaxLength)]);
    assert_eq!((world.queue.counts().unacked, world.drain()), (2, vec![4]));
}

#[test]
fn a_message_too_big_for_what_is_left_is_refused() {
    let config =
        Config::default().with_max_length_bytes(Some(100)).with_overflow(Overflow::RejectPublish);
    let mut world = World::new(config);
    let mut offer =
        |bytes| world.offer(Entry { handle: bytes, bytes, priority: 0 }, Rare::default()).is_some();
    assert!(offer(60));
    assert!(!offer(41));
    assert!(offer(40), "exactly full");
    assert!(!offer(1));
    assert!(offer(0), "nothing takes no room");
}

#[test]
fn what_cannot_be_handed_out_yet_is_in_the_way() {
    for overflow in [Overflow::DropHead, Overflow::RejectPublish] {
        let mut world = World::new(max(2).with_overflow(overflow));
        world.consume(ANN, Consume::default());
        world.queue.set_credit(ANN, 10);
        let mut offer = |handle| {
            let entry = Entry { handle, bytes: 1, priority: 0 };
            let World { queue, now, effects, .. } = &mut world;
            let taken = queue.publish(*now, entry, Rare::default(), effects).is_ok();
            if queue.next_delivery(*now, effects).is_some() {
                queue.put_off(*now, effects);
            }
            taken
        };
        let taken = [1, 2, 3, 4].map(&mut offer);
        assert_eq!(taken[..2], [true, true]);
        if overflow == Overflow::DropHead {
            assert_eq!(world.gone(), [(1, Why::MaxLength), (2, Why::MaxLength)]);
            assert_eq!(world.handles(), [3, 4]);
        } else {
            assert_eq!(taken[2..], [false, false]);
            assert_eq!(world.handles(), [1, 2]);
        }
        // It can be handed out again, and so can what comes.
        world.publish(5);
        world.publish(6);
        assert_eq!(world.handles(), [5, 6]);
    }
}

#[test]
fn a_full_queue_that_has_nothing_to_drop_takes_what_it_can_hand_out_at_once() {
    let mut world = World::new(Config::default().with_max_length(Some(0)).with_hold(true));
    world.consume(ANN, Consume::default());
    // As many as one call settles by the way, and nothing is left of what it may do to look after the limit.
    for handle in 0..63 {
        world.publish(handle);
        assert_eq!(world.handles(), [handle]);
    }
    let (outcome, effects) = (Outcome::Discard, &mut world.effects);
    assert_eq!(world.queue.settle_all(world.now, Whose::Everyones, outcome, effects), 63);
    assert_eq!(world.queue.counts().held, 63);
    world.publish(63);
    assert_eq!((world.handles(), world.gone()), (vec![63], vec![]));
}

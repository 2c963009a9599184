//! Messages expire exactly on time, wherever they stand; queues expire when nobody uses them; and a consumer that holds
//! a message for too long loses it.

#[expect(dead_code, reason = "each test file uses some of it")]
mod support;

use core::time::Duration;
use support::{ANN, BOB, World, millis};
use warrener_queue::{Config, Consume, Effect, Outcome, Timer, Why};
use warrener_time::Time;

fn ttl(time: u64) -> Config {
    Config::default().with_ttl(Some(millis(time)))
}

#[test]
fn a_message_expires_exactly_on_time() {
    let mut world = World::new(ttl(100));
    world.publish(1);
    assert_eq!(world.queue.poll_timeout(), Some((world.now + millis(100), Timer::Expiry)));
    world.pass(99);
    assert_eq!((world.gone(), world.queue.counts().ready), (vec![], 1));
    world.pass(1);
    assert_eq!((world.gone(), world.queue.counts().ready), (vec![(1, Why::Expired)], 0));
    assert_eq!(world.queue.poll_timeout(), None);
}

#[test]
fn a_message_expires_behind_others_that_do_not() {
    let mut world = World::new(Config::default());
    world.publish(1);
    world.publish_with(2, Some(10), None);
    world.publish(3);
    world.pass(10);
    assert_eq!(world.gone(), [(2, Why::Expired)]);
    assert_eq!(world.drain(), [1, 3]);
}

#[test]
fn the_shorter_time_to_live_wins() {
    let mut world = World::new(ttl(50));
    world.publish_with(1, Some(20), None);
    world.publish_with(2, Some(80), None);
    world.pass(20);
    assert_eq!(world.gone(), [(1, Why::Expired)]);
    world.pass(30);
    assert_eq!(world.gone(), [(2, Why::Expired)]);
}

#[test]
fn the_clock_survives_requeue() {
    let mut world = World::new(ttl(100));
    world.publish(1);
    world.publish_with(2, Some(70), None);
    let first = world.get().unwrap();
    let second = world.get().unwrap();
    world.pass(60);
    world.settle(first.seq, Outcome::Requeue { failed: false });
    world.settle(second.seq, Outcome::Requeue { failed: false });
    world.pass(10);
    assert_eq!(world.gone(), [(2, Why::Expired)]);
    world.pass(30);
    assert_eq!(world.gone(), [(1, Why::Expired)]);
}

#[test]
fn what_is_handed_out_does_not_expire_until_it_returns() {
    let mut world = World::new(ttl(100));
    world.publish(1);
    let delivery = world.get().unwrap();
    world.pass(500);
    assert_eq!(world.gone(), []);
    world.settle(delivery.seq, Outcome::Requeue { failed: false });
    assert_eq!(world.gone(), [(1, Why::Expired)]);
}

#[test]
fn a_time_to_live_of_zero_is_now_or_never() {
    let mut world = World::new(ttl(0));
    world.publish(1);
    assert_eq!(world.gone(), [(1, Why::Expired)]);
    world.consume(ANN, Consume::default().with_credit(1));
    world.publish(2);
    world.publish(3);
    assert_eq!(world.handles(), [2]);
    world.pass(1);
    assert_eq!(world.gone(), [(3, Why::Expired)]);
}

#[test]
fn an_expired_message_is_never_handed_out_however_late_the_timers_are() {
    let mut world = World::new(ttl(10));
    for handle in 0..1_000 {
        world.publish(handle);
    }
    world.now += millis(11);
    world.publish(1_000);
    world.consume(ANN, Consume::default());
    let mut handles = Vec::new();
    while handles.is_empty() {
        handles = world.handles();
    }
    assert_eq!(handles, [1_000]);
    assert_eq!(world.gone().len(), 1_000);
}

#[test]
fn a_huge_purge_makes_no_message_late() {
    let mut world = World::new(Config::default());
    for handle in 0..10_000 {
        world.publish(handle);
    }
    world.queue.purge(world.now, &mut world.effects);
    world.publish_with(10_000, Some(10), None);
    world.effects.clear();
    world.now += millis(10);
    let _ = world.queue.work(world.now, 1, &mut world.effects);
    assert_eq!(world.gone(), [(10_000, Why::Expired)]);
}

#[test]
fn a_changed_time_to_live_holds_for_messages_that_wait() {
    let mut world = World::new(Config::default());
    world.publish(1);
    world.pass(30);
    world.publish(2);
    world.queue.reconfigure(world.now, ttl(40), &mut world.effects);
    world.pass(10);
    assert_eq!(world.gone(), [(1, Why::Expired)]);
    world.queue.reconfigure(world.now, ttl(100), &mut world.effects);
    world.pass(89);
    assert_eq!(world.gone(), []);
    world.pass(1);
    assert_eq!(world.gone(), [(2, Why::Expired)]);
}

#[test]
fn an_unused_queue_expires() {
    let mut world = World::new(Config::default().with_expires(Some(millis(100))));
    world.publish(1);
    world.pass(60);
    world.publish(2); // Publishing is no use of a queue.
    assert_eq!(world.queue.poll_timeout(), Some((Time::from_millis(1_100), Timer::Unused)));
    world.pass(39);
    assert_eq!(world.effects, []);
    world.pass(1);
    assert_eq!(world.effects, [Effect::Expired]);
    world.pass(1_000);
    assert_eq!(world.effects, [Effect::Expired], "it is said once");
}

#[test]
fn using_a_queue_keeps_it() {
    let mut world = World::new(Config::default().with_expires(Some(millis(100))));
    world.pass(90);
    world.get();
    world.pass(90);
    world.queue.touch(world.now);
    world.pass(90);
    world.consume(ANN, Consume::default());
    world.pass(10_000);
    world.cancel(ANN);
    world.pass(99);
    assert_eq!(world.effects, []);
    world.pass(1);
    assert_eq!(world.effects, [Effect::Expired]);
}

#[test]
fn only_the_overdue_message_is_taken_back() {
    let mut world = World::new(Config::default());
    world.consume(ANN, Consume::default().with_delivery_timeout(Some(millis(100))));
    let first = world.publish(1);
    world.deliver();
    world.pass(50);
    let second = world.publish(2);
    world.deliver();
    world.queue.set_credit(ANN, 0);
    world.pass(50);
    assert_eq!(world.effects, [Effect::TakenBack { seq: first, consumer: ANN }]);
    assert_eq!((world.queue.counts().ready, world.queue.counts().unacked), (1, 1));
    world.settle(second, Outcome::Accept);
    world.consume(BOB, Consume::default());
    let again = world.queue.poll_delivery(world.now, &mut world.effects).unwrap();
    assert_eq!((again.consumer, again.handle, again.redelivered), (Some(BOB), 1, true));
    assert_eq!((again.tries.acquired, again.tries.failed), (1, 0), "it is no failure");
}

#[test]
fn a_cancelled_consumer_still_has_its_timeout() {
    let mut world = World::new(Config::default());
    world.consume(ANN, Consume::default().with_delivery_timeout(Some(millis(100))));
    let seq = world.publish(1);
    world.deliver();
    world.cancel(ANN);
    world.pass(100);
    assert_eq!(world.effects, [Effect::TakenBack { seq, consumer: ANN }]);
    assert_eq!(world.drain(), [1]);
}

#[test]
fn a_time_too_far_away_never_comes() {
    let mut world = World::new(Config::default().with_ttl(Some(Duration::MAX)));
    world.publish_with(1, Some(u64::MAX), None);
    assert_eq!(world.queue.poll_timeout(), None);
}

#[test]
fn a_changed_time_without_use_holds_at_once() {
    let expires = |time| Config::default().with_expires(Some(millis(time)));
    let mut world = World::new(expires(1_000));
    world.pass(80);
    world.queue.reconfigure(world.now, expires(100), &mut world.effects);
    world.pass(19);
    assert_eq!(world.effects, [], "reconfiguring is no use of a queue");
    world.pass(1);
    assert_eq!(world.effects, [Effect::Expired]);
}

#[test]
fn messages_of_a_queue_that_expires_stay_until_it_is_deleted() {
    let mut world = World::new(Config::default().with_expires(Some(millis(100))));
    world.publish(1);
    world.pass(100);
    assert_eq!(world.effects, [Effect::Expired]);
    assert_eq!(world.queue.delete(world.now, &mut world.effects), 1);
    assert_eq!(world.gone(), [(1, Why::Deleted)], "not as if it had expired");
}

//! What returns: its place, its marks, its limits, and retries that wait.

#[expect(dead_code, reason = "each test file uses some of it")]
mod support;

use support::{ANN, World, millis};
use warrener_queue::{
    AfterDeliveryLimit, Config, Consume, DeliveryLimit, Effect, Outcome, Progress, Whose, Why,
};

const NACK: Outcome = Outcome::Requeue { failed: false };
const FAIL: Outcome = Outcome::Requeue { failed: true };

fn limit(failures: u32, then: AfterDeliveryLimit) -> Config {
    Config::default().with_delivery_limit(Some(DeliveryLimit { failures, then }))
}

#[test]
fn one_failure_more_than_allowed_is_too_many() {
    let mut world = World::new(limit(2, AfterDeliveryLimit::Leave));
    world.publish(1);
    for failed in 0..3 {
        let delivery = world.get().unwrap();
        assert_eq!((delivery.tries.failed, delivery.redelivered), (failed, failed > 0));
        world.settle(delivery.seq, FAIL);
    }
    assert_eq!(world.gone(), [(1, Why::DeliveryLimit)]);
}

#[test]
fn what_did_not_fail_returns_for_ever() {
    let mut world = World::new(limit(0, AfterDeliveryLimit::Leave));
    world.publish(1);
    for acquired in 0..50 {
        let delivery = world.get().unwrap();
        assert_eq!((delivery.tries.acquired, delivery.tries.failed), (acquired, 0));
        world.settle(delivery.seq, NACK);
    }
    assert_eq!(world.effects, []);
}

#[test]
fn what_fails_too_often_may_be_sent_to_the_last_place_instead() {
    let mut world = World::new(limit(1, AfterDeliveryLimit::SendBack).with_ttl(Some(millis(100))));
    let seq = world.publish(1);
    world.pass(40);
    world.publish(2);
    for _ in 0..2 {
        let delivery = world.get().unwrap();
        assert_eq!(delivery.handle, 1);
        world.settle(delivery.seq, FAIL);
    }
    assert_eq!(world.effects, [Effect::SentBack { seq, failed: 2 }]);
    world.pass(59);
    let look: Vec<u32> = world.queue.ready(None).map(|look| *look.handle).collect();
    assert_eq!(look, [2, 1]);
    world.pass(1);
    assert_eq!(world.gone(), [(1, Why::Expired)], "its clock was not set back");
}

#[test]
fn many_return_to_their_places_in_slices_and_nothing_overtakes_them() {
    let mut world = World::new(Config::default());
    for handle in 0..2_000 {
        world.publish(handle);
    }
    world.consume(ANN, Consume::default().with_credit(1_000));
    assert_eq!(world.handles().len(), 1_000);
    let whose = Whose::Consumer(ANN);
    let returned = world.queue.settle_all(world.now, whose, NACK, &mut world.effects);
    assert_eq!(returned, 1_000);
    assert_eq!((world.queue.counts().ready, world.queue.counts().unacked), (2_000, 0));
    world.queue.set_credit(ANN, 2);
    assert_eq!(world.handles(), [], "not all are back");
    while world.queue.work(world.now, 100, &mut world.effects) == Progress::More {}
    assert_eq!(world.handles(), [0, 1]);
    assert_eq!(world.drain(), (2..2_000).collect::<Vec<_>>());
}

#[test]
fn what_was_settled_with_all_others_is_not_settled_again() {
    let mut world = World::new(Config::default());
    for handle in 0..1_000 {
        world.publish(handle);
    }
    let last = (0..1_000).map(|_| world.get().unwrap().seq).last().unwrap();
    let all = Whose::Everyones;
    assert_eq!(world.queue.settle_all(world.now, all, Outcome::Accept, &mut world.effects), 1_000);
    assert_eq!(world.queue.settle_all(world.now, all, Outcome::Accept, &mut world.effects), 0);
    assert_eq!(world.queue.settle(world.now, &[last], NACK, &mut world.effects), 0);
    world.pass(0);
    assert_eq!(world.gone().len(), 1_000);
}

#[test]
fn a_purge_takes_those_that_are_about_to_return() {
    let mut world = World::new(Config::default());
    for handle in 0..1_000 {
        world.publish(handle);
    }
    assert_eq!(world.drain().len(), 1_000);
    world.queue.settle_all(world.now, Whose::Everyones, NACK, &mut world.effects);
    assert_eq!(world.queue.purge(world.now, &mut world.effects), 1_000);
    assert_eq!(world.queue.counts(), Default::default());
    world.pass(0);
    let gone = world.gone();
    assert_eq!(gone.len(), 1_000);
    assert!(gone.iter().all(|(_, why)| *why == Why::Purged));
}

#[test]
fn what_returns_does_not_wait_for_what_leaves() {
    let mut world = World::new(Config::default());
    for handle in 0..10_000 {
        world.publish(handle);
    }
    let taken: Vec<_> = (0..100).map(|_| world.get().unwrap().handle).collect();
    world.queue.purge(world.now, &mut world.effects);
    world.queue.settle_all(world.now, Whose::Everyones, NACK, &mut world.effects);
    let _ = world.queue.work(world.now, 100, &mut world.effects);
    assert_eq!(world.drain(), taken);
    assert_ne!(world.queue.poll_timeout(), None, "the purge goes on");
}

#[test]
fn a_retry_waits_and_then_has_its_old_place() {
    let mut world = World::new(Config::default());
    for handle in 1..=3 {
        world.publish(handle);
    }
    let delivery = world.get().unwrap();
    let not_before = world.now + millis(50);
    world.settle(delivery.seq, Outcome::Retry { failed: true, not_before });
    assert_eq!((world.queue.counts().ready, world.queue.counts().delayed), (2, 1));
    world.pass(49);
    assert_eq!(world.get().unwrap().handle, 2);
    world.pass(1);
    assert_eq!(world.get().unwrap().handle, 1);
}

#[test]
fn a_retry_that_waits_expires_on_time_even_if_the_time_is_changed() {
    let mut world = World::new(Config::default().with_ttl(Some(millis(100))));
    world.publish(1);
    let delivery = world.get().unwrap();
    let not_before = world.now + millis(5_000);
    world.settle(delivery.seq, Outcome::Retry { failed: false, not_before });
    let config = Config::default().with_ttl(Some(millis(60)));
    world.queue.reconfigure(world.now, config, &mut world.effects);
    world.pass(59);
    assert_eq!(world.gone(), []);
    world.pass(1);
    assert_eq!(world.gone(), [(1, Why::Expired)]);
}

#[test]
fn what_is_rejected_leaves_and_says_why() {
    let mut world = World::new(Config::default());
    for handle in 1..4 {
        world.publish(handle);
    }
    let second = [world.get(), world.get()].map(|delivery| delivery.unwrap().seq)[1];
    world.settle(second, Outcome::Discard);
    assert_eq!(world.gone(), [(2, Why::Discarded)]);
    let all = Whose::Everyones;
    world.queue.settle_all(world.now, all, Outcome::Discard, &mut world.effects);
    assert_eq!(world.gone(), [(1, Why::Discarded)]);
    assert_eq!(world.drain(), [3]);
}

#[test]
fn a_lower_delivery_limit_holds_for_what_failed_before() {
    let mut world = World::new(limit(9, AfterDeliveryLimit::Leave));
    let seq = world.publish(1);
    for _ in 0..3 {
        world.get();
        world.settle(seq, FAIL);
    }
    let lower = limit(2, AfterDeliveryLimit::Leave);
    world.queue.reconfigure(world.now, lower, &mut world.effects);
    assert_eq!(world.get().unwrap().tries.failed, 3, "what waits is handed out once more");
    world.settle(seq, FAIL);
    assert_eq!(world.gone(), [(1, Why::DeliveryLimit)]);
}

#[test]
fn nobody_gets_anything_out_of_turn_while_very_many_return() {
    let mut world = World::new(Config::default().with_max_priority(1));
    for handle in 0..1_000 {
        world.publish_at(handle, 0);
    }
    assert_eq!(world.drain().len(), 1_000);
    world.publish_at(1_000, 1);
    assert_eq!(world.drain(), [1_000]);
    let outcome = Outcome::Requeue { failed: false };
    world.queue.settle_all(world.now, Whose::Everyones, outcome, &mut world.effects);
    assert_eq!(world.queue.first(world.now, &mut world.effects).map(|look| *look.handle), None);
    assert_eq!(world.get().map(|delivery| delivery.handle), None, "the next is on its way");
    world.pass(0);
    assert_eq!(
        world.queue.first(world.now, &mut world.effects).map(|look| *look.handle),
        Some(1_000)
    );
    assert_eq!(world.get().map(|delivery| delivery.handle), Some(1_000));
}

#[test]
fn a_retry_of_many_that_need_not_wait_makes_them_ready_at_once() {
    let mut world = World::new(Config::default());
    for handle in 0..1_000 {
        world.publish(handle);
    }
    world.drain();
    let outcome = Outcome::Retry { failed: false, not_before: world.now };
    world.queue.settle_all(world.now, Whose::Everyones, outcome, &mut world.effects);
    let counts = world.queue.counts();
    assert_eq!((counts.ready, counts.delayed), (1_000, 0));
}

//! Messages that must leave and may not yet: what dead-lettering at least once needs.

#[expect(dead_code, reason = "each test file uses some of it")]
mod support;

use support::{World, millis};
use warrener_queue::{Config, Effect, Outcome, Overflow, Whose, Why};

fn holding() -> Config {
    Config::default().with_hold(true)
}

#[test]
fn what_expires_is_held_until_it_is_settled() {
    let mut world = World::new(holding().with_ttl(Some(millis(10))));
    let seq = world.publish(1);
    world.pass(10);
    assert_eq!(world.effects, [Effect::Held { seq, handle: 1, why: Why::Expired }]);
    assert_eq!((world.queue.counts().held, world.queue.counts().ready), (1, 0));
    assert_eq!(world.drain(), []);
    world.effects.clear();
    world.settle(seq, Outcome::Accept);
    assert_eq!(world.gone(), [(1, Why::Expired)]);
    assert_eq!(world.queue.counts().held, 0);
}

#[test]
fn what_is_discarded_is_held_and_may_return() {
    let mut world = World::new(holding());
    let seq = world.publish(1);
    world.publish(2);
    world.get();
    world.settle(seq, Outcome::Discard);
    assert_eq!(world.effects, [Effect::Held { seq, handle: 1, why: Why::Discarded }]);
    world.settle(seq, Outcome::Requeue { failed: false });
    assert_eq!(world.drain(), [1, 2]);
}

#[test]
fn one_message_may_be_held_in_a_queue_that_holds_none() {
    let mut world = World::new(Config::default());
    let seq = world.publish(1);
    world.get();
    world.settle(seq, Outcome::Hold);
    assert_eq!(world.queue.held(None).map(|look| look.seq).collect::<Vec<_>>(), [seq]);
    world.effects.clear();
    world.settle(seq, Outcome::Discard);
    assert_eq!(world.gone(), [(1, Why::Discarded)]);
}

#[test]
fn held_messages_count_towards_the_limit() {
    let config = holding().with_max_length(Some(1)).with_overflow(Overflow::RejectPublish);
    let mut world = World::new(config);
    let seq = world.publish(1);
    world.get();
    world.settle(seq, Outcome::Discard);
    let entry = warrener_queue::Entry { handle: 2, bytes: 1, priority: 0 };
    assert!(world.offer(entry, Default::default()).is_none());
    world.settle(seq, Outcome::Accept);
    assert!(world.offer(entry, Default::default()).is_some());
}

#[test]
fn settling_everything_does_not_settle_what_is_held_and_deleting_does() {
    let mut world = World::new(holding());
    let seq = world.publish(1);
    world.get();
    world.settle(seq, Outcome::Discard);
    let whose = Whose::Everyones;
    assert_eq!(world.queue.settle_all(world.now, whose, Outcome::Accept, &mut world.effects), 0);
    assert_eq!(world.queue.counts().held, 1);
    world.queue.delete(world.now, &mut world.effects);
    assert_eq!(world.gone(), [(1, Why::Deleted)]);
}

#[test]
fn a_purge_lets_go_of_what_is_held() {
    let mut world = World::new(holding());
    let seq = world.publish(1);
    world.get();
    world.settle(seq, Outcome::Discard);
    assert_eq!(world.queue.purge(world.now, &mut world.effects), 0);
    assert_eq!(world.gone(), [(1, Why::Purged)]);
    assert_eq!(world.queue.counts().held, 0);
}

#[test]
fn what_was_held_is_held_again_after_a_restart() {
    let mut world = World::new(holding());
    let now = world.now;
    let restored = warrener_queue::Restored {
        seq: warrener_queue::Seq::new(7),
        published: now,
        rare: warrener_queue::Rare { ttl: Some(millis(1)), ..Default::default() },
        redelivered: true,
        tries: Default::default(),
        held: Some((Why::Expired, now)),
    };
    let entry = warrener_queue::Entry { handle: 1, bytes: 1, priority: 0 };
    world.queue.restore(now, entry, restored);
    world.pass(100);
    assert_eq!((world.drain(), world.queue.counts().held), (vec![], 1));
    world.settle(restored.seq, Outcome::Accept);
    assert_eq!(world.gone(), [(1, Why::Expired)]);
}

/// What one call does by the way, several times over.
const MANY: u32 = 300;

fn many_handed_out(config: Config) -> World {
    let mut world = World::new(config);
    for handle in 0..MANY {
        world.publish(handle);
    }
    assert_eq!(world.drain().len(), MANY as usize);
    world
}

fn settle_all(world: &mut World, outcome: Outcome) {
    let settled = world.queue.settle_all(world.now, Whose::Everyones, outcome, &mut world.effects);
    assert_eq!(settled, u64::from(MANY));
}

#[test]
fn what_is_held_all_at_once_counts_at_once() {
    for (config, outcome) in [(holding(), Outcome::Discard), (Config::default(), Outcome::Hold)] {
        let mut world = many_handed_out(config);
        settle_all(&mut world, outcome);
        let counts = world.queue.counts();
        assert_eq!((counts.held, counts.held_bytes), (u64::from(MANY), u64::from(MANY) * 10));
        world.pass(0);
        assert_eq!(world.queue.counts(), counts);
        assert_eq!(world.effects.len(), MANY as usize);
    }
}

#[test]
fn what_is_discarded_all_at_once_is_held_or_not_as_the_queue_was_told_then() {
    for hold in [false, true] {
        let told = |hold| Config::default().with_hold(hold);
        let mut world = many_handed_out(told(hold));
        settle_all(&mut world, Outcome::Discard);
        world.queue.reconfigure(world.now, told(!hold), &mut world.effects);
        world.pass(0);
        assert_eq!(world.queue.counts().held, if hold { u64::from(MANY) } else { 0 });
        assert_eq!(world.effects.len(), MANY as usize);
    }
}

#[test]
fn a_queue_purged_or_deleted_while_many_begin_to_be_held_keeps_none_of_them() {
    for delete in [false, true] {
        let mut world = many_handed_out(holding());
        settle_all(&mut world, Outcome::Discard);
        if delete {
            world.queue.delete(world.now, &mut world.effects);
        } else {
            world.queue.purge(world.now, &mut world.effects);
        }
        assert_eq!(world.queue.counts(), Default::default());
        world.pass(0);
        assert_eq!(world.gone().len(), MANY as usize, "every handle comes back");
        assert_eq!(world.queue.held(None).count(), 0);
        assert_eq!(world.queue.poll_timeout(), None);
    }
}

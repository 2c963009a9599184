//! Messages that are not to be handed out before a time.

#[expect(dead_code, reason = "each test file uses some of it")]
mod support;

use core::time::Duration;
use support::{World, millis};
use warrener_queue::{Config, Outcome, State, Timer, Why};

#[test]
fn a_delayed_message_is_handed_out_exactly_on_time() {
    let mut world = World::new(Config::default());
    world.publish_with(1, None, Some(50));
    assert_eq!(world.queue.poll_timeout(), Some((world.now + millis(50), Timer::Entry)));
    world.pass(49);
    assert_eq!((world.drain(), world.queue.counts().delayed), (vec![], 1));
    world.pass(1);
    assert_eq!((world.drain(), world.queue.counts().delayed), (vec![1], 0));
}

#[test]
fn it_stands_where_one_published_then_would() {
    let mut world = World::new(Config::default());
    world.publish_with(1, None, Some(50));
    world.publish_with(2, None, Some(30));
    world.publish_with(3, None, Some(50));
    world.publish(4);
    world.pass(40);
    world.publish(5);
    world.pass(40);
    world.publish(6);
    assert_eq!(world.drain(), [4, 2, 5, 1, 3, 6]);
}

#[test]
fn the_time_to_live_begins_when_it_is_ready() {
    let mut world = World::new(Config::default().with_ttl(Some(millis(20))));
    world.publish_with(1, None, Some(50));
    world.publish_with(2, Some(10), Some(50));
    world.pass(59);
    assert_eq!(world.gone(), []);
    world.pass(1);
    assert_eq!(world.gone(), [(2, Why::Expired)]);
    world.pass(10);
    assert_eq!(world.gone(), [(1, Why::Expired)]);
}

#[test]
fn a_purge_takes_delayed_messages_too() {
    let mut world = World::new(Config::default());
    world.publish_with(1, None, Some(50));
    world.publish(2);
    assert_eq!(world.queue.purge(world.now, &mut world.effects), 1);
    assert_eq!(world.gone(), [(2, Why::Purged), (1, Why::Purged)]);
    world.pass(100);
    assert_eq!(world.effects, []);
}

#[test]
fn delayed_messages_can_be_looked_at() {
    let mut world = World::new(Config::default());
    let seq = world.publish_with(1, None, Some(50));
    let look = world.queue.delayed(None).next().unwrap();
    assert_eq!((look.seq, *look.handle), (seq, 1));
    assert!(
        matches!(look.state, State::Delayed { not_before, .. } if not_before == world.now + millis(50))
    );
}

#[test]
fn a_delayed_message_shows_when_it_will_expire() {
    let mut world = World::new(Config::default());
    world.publish_with(1, None, Some(50));
    world.publish_with(2, Some(30), Some(50));
    world.publish_with(3, Some(0), Some(50));
    let expires = |world: &World| -> Vec<_> {
        world.queue.delayed(None).map(|look| (*look.handle, look.expires)).collect()
    };
    // The clock starts when it is ready; a message that lives for no time has that one instant.
    let ready = world.now + millis(50);
    let instant = ready + Duration::from_micros(1);
    assert_eq!(expires(&world), [(1, None), (2, Some(ready + millis(30))), (3, Some(instant))]);
    world.pass(20);
    let config = Config::default().with_ttl(Some(millis(10)));
    world.queue.reconfigure(world.now, config, &mut world.effects);
    let shared = Some(ready + millis(10));
    assert_eq!(expires(&world), [(1, shared), (2, shared), (3, Some(instant))]);
    world.pass(39);
    assert_eq!(world.gone(), [(3, Why::Expired)]);
    world.pass(1);
    assert_eq!(world.gone(), [(1, Why::Expired), (2, Why::Expired)], "as it was shown");
}

#[test]
fn what_waits_to_be_tried_again_shows_when_it_will_expire() {
    let mut world = World::new(Config::default());
    let published = world.now;
    let seq = world.publish_with(1, Some(100), None);
    world.pass(20);
    world.get();
    let not_before = world.now + millis(50);
    world.settle(seq, Outcome::Retry { failed: false, not_before });
    let look = world.queue.delayed(None).next().unwrap();
    assert_eq!(look.expires, Some(published + millis(100)), "its clock goes on");
    world.pass(79);
    assert_eq!(world.gone(), []);
    world.pass(1);
    assert_eq!(world.gone(), [(1, Why::Expired)]);
}

#[test]
fn what_became_ready_unnoticed_expires_on_time_however_much_it_is() {
    let mut world = World::new(Config::default().with_ttl(Some(millis(100))));
    for handle in 0..200 {
        world.publish_with(handle, None, Some(10));
    }
    let due = world.now + millis(10);
    // The host comes late, and publishes before it does what is due.
    world.now += millis(50);
    world.publish(200);
    world.pass(59);
    assert_eq!((world.gone(), world.queue.counts().ready), (vec![], 201));
    assert_eq!(world.queue.poll_timeout().map(|(at, _)| at), Some(due + millis(100)));
    world.pass(1);
    assert_eq!(world.gone().len(), 200);
    assert_eq!(world.drain(), [200]);
}

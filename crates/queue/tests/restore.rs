//! A queue rebuilt from what the host made durable.

#[expect(dead_code, reason = "each test file uses some of it")]
mod support;

use proptest::prelude::*;
use support::{World, millis};
use warrener_queue::{
    AfterDeliveryLimit, Config, DeliveryLimit, Entry, Outcome, Rare, Restored, Seq, Tries, Why,
};
use warrener_time::Time;

fn restored(seq: u64, published: Time) -> Restored {
    Restored {
        seq: Seq::new(seq),
        published,
        rare: Rare::default(),
        redelivered: false,
        tries: Tries::default(),
        held: None,
    }
}

fn entry(handle: u32) -> Entry<u32> {
    Entry { handle, bytes: 10, priority: 0 }
}

#[test]
fn entries_come_back_with_their_number_place_and_marks() {
    let mut world = World::new(Config::default());
    let now = world.now;
    let tries = Tries { acquired: 3, failed: 2 };
    let marked = Restored { redelivered: true, tries, ..restored(70, now) };
    world.queue.restore(now, entry(7), marked);
    world.queue.restore(now, entry(3), restored(30, now));
    world.queue.restore(now, entry(9), restored(90, now));
    let delivery = world.get().unwrap();
    assert_eq!((delivery.seq, delivery.handle, delivery.redelivered), (Seq::new(30), 3, false));
    let delivery = world.get().unwrap();
    assert_eq!((delivery.seq, delivery.redelivered), (Seq::new(70), true));
    assert_eq!(delivery.tries, tries);
    assert_eq!(world.publish(10), Seq::new(91), "numbers only grow");
}

#[test]
fn numbers_of_entries_that_are_gone_are_not_given_again() {
    let mut world = World::new(Config::default());
    world.queue.continue_after(Seq::new(500));
    assert_eq!(world.publish(1), Seq::new(501));
    assert_eq!(world.queue.last_seq(), Seq::new(501));
}

#[test]
fn what_is_too_much_leaves_before_anything_is_handed_out() {
    let mut world = World::new(Config::default().with_max_length(Some(2)));
    let now = world.now;
    for seq in [3, 1, 4, 2] {
        world.queue.restore(now, entry(seq), restored(u64::from(seq), now));
    }
    assert_eq!((world.gone(), world.queue.counts().ready), (vec![], 4), "not while it is rebuilt");
    world.pass(0);
    assert_eq!(world.gone(), [(1, Why::MaxLength), (2, Why::MaxLength)]);
    assert_eq!(world.drain(), [3, 4]);
}

#[test]
fn what_failed_too_often_is_not_in_line_again() {
    let too_often = Tries { acquired: 3, failed: 3 };
    let limit = |then| DeliveryLimit { failures: 2, then };
    let leave = Config::default().with_delivery_limit(Some(limit(AfterDeliveryLimit::Leave)));
    let rebuilt = |config| {
        let mut world = World::new(config);
        let now = world.now;
        for (seq, failed) in [(2, 3), (1, 3), (3, 2)] {
            let tries = Tries { failed, ..too_often };
            let restored = Restored { tries, ..restored(u64::from(seq), now) };
            world.queue.restore(now, entry(seq), restored);
        }
        world
    };
    let mut world = rebuilt(leave);
    assert_eq!((world.queue.counts().ready, world.queue.counts().ready_bytes), (1, 10));
    assert_eq!(world.drain(), [3]);
    world.pass(0);
    assert_eq!(world.gone(), [(1, Why::DeliveryLimit), (2, Why::DeliveryLimit)]);

    let mut world = rebuilt(leave.with_hold(true));
    assert_eq!((world.queue.counts().ready, world.queue.counts().held), (1, 2));
    world.settle(Seq::new(1), Outcome::Accept);
    assert_eq!(world.gone(), [(1, Why::DeliveryLimit)]);

    let send_back = limit(AfterDeliveryLimit::SendBack);
    let mut world = rebuilt(Config::default().with_delivery_limit(Some(send_back)));
    assert_eq!(world.drain(), [1, 2, 3]);
}

#[test]
fn time_to_live_goes_on_over_a_restart() {
    let mut world = World::new(Config::default().with_ttl(Some(millis(100))));
    let now = world.now;
    let earlier = now.saturating_sub(millis(60));
    world.queue.restore(now, entry(1), restored(1, earlier));
    let rare = Rare { ttl: Some(millis(50)), not_before: None };
    world.queue.restore(now, entry(2), Restored { rare, ..restored(2, earlier) });
    world.pass(0);
    assert_eq!(world.gone(), [(2, Why::Expired)]);
    world.pass(40);
    assert_eq!(world.gone(), [(1, Why::Expired)]);
}

#[test]
fn a_delay_goes_on_over_a_restart() {
    let mut world = World::new(Config::default());
    let now = world.now;
    for (seq, not_before) in [(1, now + millis(50)), (2, now)] {
        let rare = Rare { ttl: None, not_before: Some(not_before) };
        world.queue.restore(now, entry(seq), Restored { rare, ..restored(u64::from(seq), now) });
    }
    world.queue.restore(now, entry(3), restored(3, now));
    assert_eq!(world.drain(), [2, 3]);
    world.pass(50);
    assert_eq!(world.drain(), [1]);
}

#[test]
fn one_whose_time_came_meanwhile_makes_no_other_late() {
    let mut world = World::new(Config::default().with_ttl(Some(millis(100))));
    let begun = world.now;
    let delayed = Rare { ttl: None, not_before: Some(begun + millis(60)) };
    world.now += millis(70);
    world.queue.restore(world.now, entry(1), Restored { rare: delayed, ..restored(1, begun) });
    let later = begun + millis(20);
    world.queue.restore(world.now, entry(2), restored(2, later));
    world.pass(49);
    assert_eq!(world.gone(), []);
    world.pass(1);
    assert_eq!(world.gone(), [(2, Why::Expired)], "100 ms after it was published");
    world.pass(40);
    assert_eq!(world.gone(), [(1, Why::Expired)], "100 ms after its time came");
}

#[test]
#[should_panic(expected = "entry 5 is there already")]
fn an_entry_is_restored_only_once() {
    let mut world = World::new(Config::default().with_max_priority(9));
    for priority in [0, 9] {
        let entry = Entry { priority, ..entry(1) };
        world.queue.restore(world.now, entry, restored(5, world.now));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// In whatever order entries come back, and whatever their times say, they stand in the order of their numbers and
    /// expire in order of time.
    #[test]
    fn any_order_of_restoring_gives_the_same_line(
        seqs in prop::collection::btree_map(1..10_000u64, 0..1_000u64, 1..400).prop_map(Vec::from_iter).prop_shuffle(),
    ) {
        let mut world = World::new(Config::default().with_ttl(Some(millis(1_000_000))));
        for (seq, published) in &seqs {
            let published = world.now + millis(*published);
            world.queue.restore(world.now, entry(*seq as u32), restored(*seq, published));
        }
        let looks: Vec<(u64, Time)> =
            world.queue.ready(None).map(|look| (look.seq.number(), look.published)).collect();
        let mut expected: Vec<u64> = seqs.into_iter().map(|(seq, _)| seq).collect();
        expected.sort_unstable();
        prop_assert!(looks.iter().map(|(seq, _)| *seq).eq(expected));
        prop_assert!(looks.is_sorted_by_key(|(_, published)| *published));
    }
}

#[test]
#[should_panic(expected = "entry 5 is there already")]
fn a_number_that_is_held_is_not_restored_again() {
    let mut world = World::new(Config::default());
    let now = world.now;
    let held = Restored { held: Some((Why::Expired, now)), ..restored(5, now) };
    world.queue.restore(now, entry(1), held);
    world.queue.restore(now, entry(2), held);
}

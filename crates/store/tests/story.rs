//! What a log promises, one story at a time.

mod world;

use warrener_store::{
    After, Append, Appended, Lane, Log, LogError, LogEvent, RecordId, Refused, SegmentLog,
};
use world::{World, small};

#[test]
fn what_was_durable_is_replayed_in_order_with_its_digest_and_body() {
    let mut world = World::new();
    for id in 1..=50 {
        world.append(id, 100);
    }
    world.run();
    assert_eq!(world.durable(), 50);
    world.power_loss();
    assert_eq!(world.replayed(), (1..=50).collect::<Vec<_>>());
    for id in 1..=50 {
        world.assert_loads(id, 100);
    }
}

#[test]
fn what_was_released_is_not_replayed_and_cannot_be_loaded() {
    let mut world = World::new();
    (1..=10).for_each(|id| world.append(id, 2000));
    world.run();
    for id in [2, 3, 4, 9] {
        world.log.release(RecordId(id));
    }
    world.log.sync();
    world.run();
    world.assert_missing(3);
    world.power_loss();
    assert_eq!(world.replayed(), [1, 5, 6, 7, 8, 10]);
    world.assert_missing(9);
    world.assert_loads(10, 2000);
}

#[test]
fn a_record_goes_with_the_last_of_those_it_refers_to() {
    let mut world = World::new();
    world.append(1, 10);
    world.append(2, 10);
    world.append_about(3, &[1, 2]);
    world.append_about(4, &[1]);
    world.append_about(5, &[4]);
    world.run();
    world.log.release(RecordId(1));
    world.log.sync();
    world.run();
    world.power_loss();
    assert_eq!(world.replayed(), [2, 3]);
    world.log.release(RecordId(2));
    world.append(6, 10);
    world.run();
    world.power_loss();
    assert_eq!(world.replayed(), [6]);
}

#[test]
fn a_large_record_goes_in_fragments_and_small_ones_overtake_it() {
    let mut world = World::new();
    let fragments = 20;
    world.append(1, 10);
    assert_eq!(world.try_append(2, fragments * 1000), Appended::InFragments);
    world.append(3, 10);
    world.run_one_commit();
    assert_eq!(
        world.events(),
        [LogEvent::Durable { upto: RecordId(1), ahead: RecordId(3) }],
        "the small one does not wait"
    );
    world.run();
    assert_eq!(
        world.events(),
        [LogEvent::Durable { upto: RecordId(3), ahead: RecordId(3) }],
        "the large one is there when its last fragment is"
    );
    world.power_loss();
    assert_eq!(world.replayed(), [1, 2, 3]);
    world.assert_loads(2, fragments * 1000);
}

#[test]
fn a_large_record_cut_short_by_a_crash_was_never_there() {
    let mut world = World::new();
    world.append(1, 20_000);
    world.append(2, 10);
    world.run_one_commit();
    world.power_loss();
    assert_eq!(world.replayed(), [2]);
    world.append(3, 10);
    world.run();
    world.power_loss();
    assert_eq!(world.replayed(), [2, 3]);
}

#[test]
fn what_takes_the_place_of_something_large_does_not_overtake_it() {
    let mut world = World::new();
    world.append(1, 10);
    world.append(2, 20_000);
    let places = [RecordId(1), RecordId(2)];
    let behind = Append { after: After::Records(&places), ..world::append(3) };
    assert_eq!(world.log.append(behind).unwrap(), Appended::InFragments);
    let other = Append { after: After::Records(&places[..1]), ..world::append(4) };
    assert_eq!(world.log.append(other).unwrap(), Appended::Whole, "it is about nothing large");
    let second = Append { after: After::Records(&[RecordId(3)]), ..world::append(5) };
    assert_eq!(world.log.append(second).unwrap(), Appended::InFragments, "as what it is about");
    world.run_one_commit();
    assert_eq!(world.events(), [LogEvent::Durable { upto: RecordId(1), ahead: RecordId(4) }]);
    world.power_loss();
    assert_eq!(world.replayed(), [1, 4], "nothing takes the place of what was never there");
}

#[test]
fn what_waits_for_something_large_is_there_with_its_last_fragment() {
    let mut world = World::new();
    world.append(1, 20_000);
    for id in 2..=40 {
        let behind = Append { after: After::Everything, ..world::append(id) };
        assert_eq!(world.log.append(behind).unwrap(), Appended::InFragments);
    }
    let mut commits = 0;
    while !world.events().contains(&LogEvent::Durable { upto: RecordId(40), ahead: RecordId(40) }) {
        world.run_one_commit();
        commits += 1;
    }
    assert!(commits <= 6, "{commits} commits for five fragments and what waits for them");
    world.power_loss();
    assert_eq!(world.replayed(), (1..=40).collect::<Vec<_>>());
    world.log.load(RecordId(7));
    world.run();
    let loaded = |event: &LogEvent| matches!(event, LogEvent::Loaded { outcome: Ok(_), .. });
    assert!(world.events().iter().any(loaded), "a record without a body can be in a fragment");
}

#[test]
fn what_comes_after_everything_comes_after_the_releases_too() {
    for cut in 0..40 {
        let mut world = World::new();
        world.append(1, 10);
        world.run();
        let now = world.disk.operations();
        world.disk.cut_power_at(now + cut);
        world.append(2, 10_000);
        world.log.release(RecordId(1));
        world.append(3, 10);
        let after = Append { after: After::Everything, ..world::append(4) };
        world.log.append(after).unwrap();
        world.append(5, 10);
        world.run();
        world.power_loss_choosing(cut);
        let replayed = world.replayed();
        let both = replayed.contains(&1) && replayed.contains(&4);
        assert!(!both, "4 has taken the place of 1: {replayed:?}");
    }
}

#[test]
fn what_was_released_before_a_mark_is_gone_when_the_mark_is_there() {
    let mut told = 0;
    for commits in 0..20 {
        let mut world = World::new();
        world.append(1, 10);
        world.run();
        world.append(2, 10_000);
        world.log.release(RecordId(1));
        let mark = Append { after: After::Everything, ..world::append(3) };
        world.log.append(mark).unwrap();
        world.log.release(RecordId(3));
        (0..commits).for_each(|_| world.run_one_commit());
        let upto = |event: &LogEvent| match event {
            LogEvent::Durable { upto, .. } => upto.0,
            _ => 0,
        };
        let is_told = world.events().iter().map(upto).max().is_some_and(|upto| upto >= 3);
        told += u32::from(is_told);
        world.power_loss();
        assert!(!is_told || !world.replayed().contains(&1), "after {commits} commits");
    }
    assert!(told > 0);
}

#[test]
fn a_record_of_a_group_does_not_wait() {
    let mut world = World::new();
    world.log.begin_group();
    let waiting = Append { after: After::Everything, ..world::append(1) };
    assert_eq!(world.log.append(waiting), Err(Refused::WaitsInGroup));
    assert_eq!(world.log.append(world::append(1)), Ok(Appended::Whole));
}

#[test]
fn an_id_is_never_used_again_even_when_all_its_kind_are_gone() {
    let mut world = World::new();
    (1..=100).for_each(|id| world.append(id, 1000));
    world.run();
    (1..=100).for_each(|id| world.log.release(RecordId(id)));
    world.log.sync();
    world.run();
    world.power_loss();
    assert_eq!(world.replayed(), []);
    assert!(world.log.append(world::append(100)).is_err());
    assert!(world.log.append(world::append(101)).is_ok());
}

#[test]
fn a_record_released_before_it_was_written_is_durable_without_being_written() {
    let mut world = World::new();
    world.append(1, 900);
    world.log.release(RecordId(1));
    let before = world.disk.used_bytes();
    world.run();
    assert_eq!(world.durable(), 1);
    assert_eq!(world.disk.used_bytes(), before);
}

#[test]
fn two_logs_cannot_have_one_directory() {
    let mut world = World::new();
    let mut second = SegmentLog::new(world.disk.clone(), small());
    second.open();
    world::run(&mut second);
    assert_eq!(second.poll_event(), Some(LogEvent::Failed(LogError::Locked)));
    world.log.close();
    world.run();
    assert_eq!(world.events(), [LogEvent::Closed]);
    let mut third = SegmentLog::new(world.disk.clone(), small());
    third.open();
    world::run(&mut third);
    assert!(matches!(third.poll_event(), Some(LogEvent::Opened(_))));
}

#[test]
fn closing_writes_what_waits_and_leaves_everything_sealed() {
    let mut world = World::new();
    world.append(1, 10);
    world.append(2, 30_000);
    world.log.close();
    world.run();
    assert!(world.events().contains(&LogEvent::Closed));
    world.power_loss();
    assert_eq!(world.replayed(), [1, 2]);
}

#[test]
fn a_load_of_what_is_not_written_yet_is_answered_when_it_is() {
    let mut world = World::new();
    world.append(1, 10);
    world.append(2, 20_000);
    world.assert_loads(1, 10);
    world.append(3, 10);
    world.assert_loads(2, 20_000);
    world.assert_missing(99);
}

#[test]
fn a_group_is_there_altogether_or_not_at_all() {
    for cut in 0..40 {
        let mut world = World::new();
        world.append(1, 10);
        world.run();
        let now = world.disk.operations();
        world.disk.cut_power_at(now + cut);
        world.log.begin_group();
        (2..=9).for_each(|id| world.append(id, 3000));
        world.log.release(RecordId(1));
        assert!(world.log.poll_work(Lane::Commit).is_none(), "not before its end");
        world.log.end_group();
        world.run();
        world.power_loss_choosing(cut);
        let replayed = world.replayed();
        assert!(replayed == [1] || replayed == (2..=9).collect::<Vec<_>>(), "{replayed:?}");
    }
}

//! The plain life of a queue: in, out, back, away.

use warrener_queue::{
    Config, Consume, ConsumerId, Effect, Entry, Outcome, Progress, Queue, Rare, Seq, Why,
};
use warrener_time::Time;

const NOW: Time = Time::from_secs(1);
const ANN: ConsumerId = ConsumerId(1);
const BOB: ConsumerId = ConsumerId(2);

fn entry(handle: u32) -> Entry<u32> {
    Entry { handle, bytes: 10, priority: 0 }
}

fn queue_of(handles: impl IntoIterator<Item = u32>) -> Queue<u32> {
    let mut queue = Queue::new(NOW, Config::default());
    for handle in handles {
        queue.publish(NOW, entry(handle), Rare::default(), &mut Vec::new()).unwrap();
    }
    queue
}

fn handles_delivered(queue: &mut Queue<u32>) -> Vec<u32> {
    core::iter::from_fn(|| queue.poll_delivery(NOW, &mut Vec::new())).map(|d| d.handle).collect()
}

#[test]
fn first_in_is_first_out() {
    let mut queue = queue_of(0..1_000);
    queue.consume(NOW, ANN, Consume::default(), &mut Vec::new()).unwrap();
    assert_eq!(handles_delivered(&mut queue), (0..1_000).collect::<Vec<_>>());
}

#[test]
fn a_queue_is_drained_when_nothing_is_ready_and_no_limit_is_to_be_looked_after() {
    let mut queue = queue_of(0..2);
    let mut out = Vec::new();
    queue.consume(NOW, ANN, Consume::default(), &mut out).unwrap();
    let first = queue.poll_delivery(NOW, &mut out).unwrap();
    assert!(!queue.is_drained(), "another one is ready");
    queue.poll_delivery(NOW, &mut out).unwrap();
    assert!(queue.is_drained());
    queue.settle(NOW, &[first.seq], Outcome::Requeue { failed: false }, &mut out);
    assert!(!queue.is_drained(), "one is back");
    queue.poll_delivery(NOW, &mut out).unwrap();
    assert!(
        !queue.is_drained(),
        "what is back may be too much, and is looked after by the next call"
    );
    assert_eq!(queue.poll_delivery(NOW, &mut out), None);
    assert!(queue.is_drained());
}

#[test]
fn what_returns_gets_its_old_place_and_is_marked() {
    let mut queue = queue_of(0..10);
    let mut out = Vec::new();
    let taken: Vec<Seq> = (0..5).map(|_| queue.get(NOW, false, &mut out).unwrap().seq).collect();
    for index in [3, 1, 4, 0, 2] {
        queue.settle(NOW, &[taken[index]], Outcome::Requeue { failed: true }, &mut out);
    }
    assert_eq!(out, []);
    for handle in 0..10 {
        let delivery = queue.get(NOW, false, &mut out).unwrap();
        assert_eq!(delivery.handle, handle);
        assert_eq!(delivery.redelivered, handle < 5);
        assert_eq!(delivery.tries.failed, u32::from(handle < 5));
    }
}

#[test]
fn a_purge_counts_at_once_and_leaves_in_slices() {
    let mut queue = queue_of(0..1_000);
    let mut out = Vec::new();
    let held = queue.get(NOW, false, &mut out).unwrap();
    assert_eq!(queue.purge(NOW, &mut out), 999);
    assert_eq!((queue.counts().ready, queue.counts().unacked), (0, 1));
    assert!(out.len() < 100);
    assert_eq!(queue.work(NOW, 500, &mut out), Progress::More);
    assert!(out.len() < 600);
    assert_eq!(queue.work(NOW, 600, &mut out), Progress::Done);
    assert_eq!(out.len(), 999);
    assert!(out.iter().all(|effect| matches!(effect, Effect::Gone { why: Why::Purged, .. })));
    assert_eq!(queue.settle(NOW, &[held.seq], Outcome::Accept, &mut out), 1);
}

#[test]
fn a_deleted_queue_gives_everything_back() {
    let mut queue = queue_of(0..100);
    let mut out = Vec::new();
    queue.consume(NOW, ANN, Consume::default().with_credit(30), &mut out).unwrap();
    assert_eq!(handles_delivered(&mut queue).len(), 30);
    assert_eq!(queue.delete(NOW, &mut out), 70);
    assert_eq!(queue.counts(), Default::default());
    while queue.work(NOW, 7, &mut out) == Progress::More {}
    assert_eq!(out.len(), 100);
    assert!(queue.publish(NOW, entry(1), Rare::default(), &mut out).is_err());
    assert!(queue.consume(NOW, BOB, Consume::default(), &mut out).is_err());
}

#[test]
fn credit_is_absolute_and_can_be_taken_back() {
    let mut queue = queue_of(0..10);
    queue.consume(NOW, ANN, Consume::default().with_credit(3), &mut Vec::new()).unwrap();
    assert_eq!(handles_delivered(&mut queue), [0, 1, 2]);
    queue.set_credit(ANN, 5);
    queue.set_credit(ANN, 1);
    assert_eq!(handles_delivered(&mut queue), [3]);
    queue.set_credit(ANN, 2);
    queue.set_credit(ANN, 0);
    assert_eq!(handles_delivered(&mut queue), []);
}

#[test]
fn what_a_cancelled_consumer_holds_can_still_be_settled() {
    let mut queue = queue_of(0..2);
    let mut out = Vec::new();
    queue.consume(NOW, ANN, Consume::default(), &mut out).unwrap();
    handles_delivered(&mut queue);
    assert!(queue.cancel(NOW, ANN, &mut out));
    assert!(!queue.cancel(NOW, ANN, &mut out));
    assert_eq!(queue.counts().unacked, 2);
    let seqs = [Seq::new(1), Seq::new(2), Seq::new(2), Seq::new(99)];
    assert_eq!(queue.settle(NOW, &seqs, Outcome::Accept, &mut out), 2);
    assert_eq!(out.len(), 2);
}

//! The queue's costs per message, by feature. The figures to hold are in the README of `warrener-queue`.

#![expect(missing_docs, reason = "what criterion's macros make is not documented")]

use core::hint::black_box;
use core::time::Duration;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use warrener_queue::{
    Config, Consume, ConsumerId, Effect, Entry, Outcome, Progress, Queue, Rare, Seq, Whose,
};
use warrener_time::Time;

const NOW: Time = Time::from_secs(1_000);

/// Messages in one measured round.
const ROUND: u32 = 1_000;

fn entry(handle: u32, priority: u8) -> Entry<u32> {
    Entry { handle, bytes: 100, priority }
}

fn queue(config: Config, consumers: u64) -> Queue<u32> {
    let mut queue = Queue::new(NOW, config);
    for id in 0..consumers {
        queue.consume(NOW, ConsumerId(id), Consume::default(), &mut Vec::new()).expect("admitted");
    }
    queue
}

/// Publish, deliver, accept: one message at a time, while `standing` of them stay unacknowledged.
fn round(
    queue: &mut Queue<u32>,
    effects: &mut Vec<Effect<u32>>,
    unacked: &mut std::collections::VecDeque<Seq>,
    rare: Rare,
) {
    for handle in 0..ROUND {
        let entry = entry(handle, (handle % 10) as u8);
        queue.publish(NOW, entry, rare, effects).expect("there is room");
        let delivery = queue.poll_delivery(NOW, effects).expect("a consumer waits");
        unacked.push_back(delivery.seq);
        let oldest = unacked.pop_front().expect("one was just pushed");
        queue.settle(NOW, &[oldest], Outcome::Accept, effects);
    }
    effects.clear();
}

fn publish_deliver_accept(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("publish_deliver_accept");
    group.throughput(Throughput::Elements(u64::from(ROUND)));
    let priorities = Config::default().with_max_priority(9);
    let ttl = Config::default().with_ttl(Some(Duration::from_secs(60)));
    let own = Rare { ttl: Some(Duration::from_secs(60)), not_before: None };
    for (name, config, rare, consumers, backlog) in [
        ("fifo", Config::default(), Rare::default(), 1, 0),
        ("fifo_with_backlog", Config::default(), Rare::default(), 1, 100_000),
        ("priorities", priorities, Rare::default(), 1, 0),
        ("priorities_with_backlog", priorities, Rare::default(), 1, 100_000),
        ("queue_ttl", ttl, Rare::default(), 1, 0),
        ("message_ttl", Config::default(), own, 1, 0),
        ("message_ttl_with_backlog", Config::default(), own, 1, 100_000),
        ("10_consumers", Config::default(), Rare::default(), 10, 0),
        ("1000_consumers", Config::default(), Rare::default(), 1_000, 0),
    ] {
        let mut effects = Vec::new();
        let mut unacked = std::collections::VecDeque::new();
        let mut queue = queue(config, 0);
        for handle in 0..backlog {
            let entry = entry(handle, (handle % 10) as u8);
            queue.publish(NOW, entry, rare, &mut effects).expect("there is room");
        }
        for id in 0..consumers {
            let how = Consume::default();
            queue.consume(NOW, ConsumerId(id), how, &mut effects).expect("admitted");
        }
        // Some are always unacknowledged, as with real consumers.
        for handle in 0..100 {
            queue.publish(NOW, entry(handle, 0), rare, &mut effects).expect("there is room");
            unacked.extend(queue.poll_delivery(NOW, &mut effects).map(|delivery| delivery.seq));
        }
        group.bench_function(name, |bencher| {
            bencher.iter(|| round(&mut queue, &mut effects, &mut unacked, rare));
        });
    }
    group.finish();
}

/// Credit is given one by one, as for consumers with a prefetch of one.
fn credit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("prefetch_of_one");
    group.throughput(Throughput::Elements(u64::from(ROUND)));
    for consumers in [10, 1_000] {
        let mut queue = queue(Config::default(), 0);
        let mut effects = Vec::new();
        for id in 0..consumers {
            let how = Consume::default().with_credit(1);
            queue.consume(NOW, ConsumerId(id), how, &mut effects).expect("admitted");
        }
        group.bench_function(format!("{consumers}_consumers"), |bencher| {
            bencher.iter(|| {
                for handle in 0..ROUND {
                    let entry = entry(handle, 0);
                    queue.publish(NOW, entry, Rare::default(), &mut effects).expect("room");
                    let delivery = queue.poll_delivery(NOW, &mut effects).expect("credit");
                    queue.settle(NOW, &[delivery.seq], Outcome::Accept, &mut effects);
                    queue.set_credit(delivery.consumer.expect("consumed"), 1);
                }
                effects.clear();
            });
        });
    }
    group.finish();
}

fn requeue(criterion: &mut Criterion) {
    const UNACKED: u32 = 10_000;
    let mut group = criterion.benchmark_group("requeue_10000");
    let prepare = || {
        let mut queue = queue(Config::default(), 0);
        for handle in 0..UNACKED * 2 {
            queue.publish(NOW, entry(handle, 0), Rare::default(), &mut Vec::new()).expect("room");
        }
        let how = Consume::default().with_credit(UNACKED);
        queue.consume(NOW, ConsumerId(1), how, &mut Vec::new()).expect("admitted");
        let seqs: Vec<Seq> = core::iter::from_fn(|| queue.poll_delivery(NOW, &mut Vec::new()))
            .map(|d| d.seq)
            .collect();
        assert_eq!(seqs.len(), UNACKED as usize);
        (queue, seqs)
    };
    let requeue = Outcome::Requeue { failed: false };
    group.bench_function("by_number", |bencher| {
        bencher.iter_batched_ref(
            prepare,
            |(queue, seqs)| queue.settle(NOW, seqs, requeue, &mut Vec::new()),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("by_number_newest_first", |bencher| {
        bencher.iter_batched_ref(
            || {
                let (queue, mut seqs) = prepare();
                seqs.reverse();
                (queue, seqs)
            },
            |(queue, seqs)| queue.settle(NOW, seqs, requeue, &mut Vec::new()),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("all_at_once", |bencher| {
        bencher.iter_batched_ref(
            prepare,
            |(queue, _)| {
                queue.settle_all(NOW, Whose::Everyones, requeue, &mut Vec::new());
                while queue.work(NOW, 1_000, &mut Vec::new()) == Progress::More {}
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn expire(criterion: &mut Criterion) {
    const EXPIRING: u32 = 1_000_000;
    let mut group = criterion.benchmark_group("expire_1000000");
    group.throughput(Throughput::Elements(u64::from(EXPIRING)));
    group.sample_size(10);
    // A multiplicative walk: every time to live once, in no order.
    let scattered = |handle: u32| {
        let millis = u64::from(handle) * 2_654_435_761 % u64::from(EXPIRING);
        Some(Duration::from_millis(1 + millis))
    };
    let in_order = |_: u32| Some(Duration::from_secs(60));
    let queue_wide = |_: u32| None;
    let shared = Config::default().with_ttl(Some(Duration::from_secs(60)));
    type Ttl = dyn Fn(u32) -> Option<Duration>;
    let cases: [(&str, Config, &Ttl); 4] = [
        ("queue_ttl", shared, &queue_wide),
        ("message_ttl_in_order", Config::default(), &in_order),
        ("message_ttl_scattered", Config::default(), &scattered),
        ("message_ttl_scattered_one_by_one", Config::default(), &scattered),
    ];
    for (name, config, ttl) in cases {
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                || {
                    let mut queue = queue(config, 0);
                    for handle in 0..EXPIRING {
                        let rare = Rare { ttl: ttl(handle), not_before: None };
                        let out = &mut Vec::new();
                        queue.publish(NOW, entry(handle, 0), rare, out).expect("room");
                    }
                    (queue, Vec::with_capacity(1_000))
                },
                |(queue, effects)| {
                    // As the clock moves, rather than all that is due at once.
                    while name.ends_with("one_by_one")
                        && let Some((at, _)) = queue.poll_timeout()
                    {
                        let _ = queue.work(at, 1_000, effects);
                        effects.clear();
                    }
                    let later = NOW + Duration::from_secs(10_000);
                    while queue.work(later, 1_000, effects) == Progress::More {
                        black_box(&*effects);
                        effects.clear();
                    }
                    assert_eq!(queue.counts().ready, 0);
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, publish_deliver_accept, credit, requeue, expire);
criterion_main!(benches);

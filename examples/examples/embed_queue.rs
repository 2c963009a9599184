//! A job queue in a program of its own: priorities, retries that wait longer each time, and a list of the jobs that
//! never succeeded. The program brings the clock, which here is a number.
//!
//! `cargo run -p warrener-examples --example embed_queue`

use core::time::Duration;
use std::collections::BTreeMap;
use std::io::{self, Write};
use warrener_queue::{
    AfterDeliveryLimit, Config, Consume, ConsumerId, DeliveryLimit, Effect, Entry, Outcome, Queue,
    Rare, Why,
};
use warrener_time::Time;

/// A job, and how often it fails before it succeeds.
struct Job {
    name: &'static str,
    failures: u32,
}

const WORKERS: [ConsumerId; 2] = [ConsumerId(1), ConsumerId(2)];

pub(crate) fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut now = Time::from_secs(0);
    let limit = DeliveryLimit { failures: 3, then: AfterDeliveryLimit::Leave };
    let config = Config::default().with_max_priority(9).with_delivery_limit(Some(limit));
    let mut queue = Queue::new(now, config);
    let mut effects = Vec::new();

    let mut jobs = BTreeMap::new();
    for (number, (name, priority, failures)) in
        [("resize", 1, 0), ("invoice", 5, 2), ("report", 1, 9), ("alarm", 9, 0)]
            .into_iter()
            .enumerate()
    {
        jobs.insert(number, Job { name, failures });
        let entry = Entry { handle: number, bytes: 1, priority };
        queue.publish(now, entry, Rare::default(), &mut effects).expect("the queue has no limit");
    }
    for worker in WORKERS {
        let one_at_a_time = Consume::default().with_credit(1);
        queue.consume(now, worker, one_at_a_time, &mut effects).expect("workers share");
    }

    while !jobs.is_empty() {
        while let Some(delivery) = queue.poll_delivery(now, &mut effects) {
            let job = &jobs[&delivery.handle];
            let outcome = if delivery.tries.acquired < job.failures {
                // One second, then two, then four.
                let pause = Duration::from_secs(1 << delivery.tries.acquired);
                Outcome::Retry { failed: true, not_before: now + pause }
            } else {
                Outcome::Accept
            };
            writeln!(out, "{now} {:8} {outcome:?}", job.name)?;
            queue.settle(now, &[delivery.seq], outcome, &mut effects);
            queue.set_credit(delivery.consumer.expect("a worker has it"), 1);
        }
        for effect in effects.drain(..) {
            if let Effect::Gone { handle, why, .. } = effect {
                let job = jobs.remove(&handle).expect("every handle comes back once");
                if why != Why::Accepted {
                    writeln!(out, "{now} {:8} given up: {why:?}", job.name)?;
                }
            }
        }
        if let Some((at, _)) = queue.poll_timeout() {
            now = now.max(at);
            let _ = queue.work(now, 100, &mut effects);
        }
    }
    Ok(())
}

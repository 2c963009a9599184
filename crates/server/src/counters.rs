//! What the server asks of the operating system, counted: whoever makes a path longer sees it here and on no clock.

use core::sync::atomic::{AtomicU64, Ordering};

/// How often something was done since the server started.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    reads: AtomicU64,
    writes: AtomicU64,
    wakes: AtomicU64,
    turns: AtomicU64,
    commits: AtomicU64,
}

/// The same, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Reads of sockets that brought something.
    pub reads: u64,
    /// Writes to sockets that took something.
    pub writes: u64,
    /// How often the task of a connection was woken by something other than its socket.
    pub wakes: u64,
    /// Turns of the node, each under its lock.
    pub turns: u64,
    /// Commits of the log; each syncs once at most.
    pub commits: u64,
}

impl Counters {
    pub(crate) fn read(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn write(&self) {
        self.writes.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn wake(&self) {
        self.wakes.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn turn(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn commit(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> Counts {
        let now = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            reads: now(&self.reads),
            writes: now(&self.writes),
            wakes: now(&self.wakes),
            turns: now(&self.turns),
            commits: now(&self.commits),
        }
    }
}

#[cfg(test)]
mod tests {
    use core::net::SocketAddr;
    use std::sync::Arc;

    use warrener_codec::method::{confirm, queue};
    use warrener_codec::{Content, Method, Properties, ShortStr};
    use warrener_connection::Event;
    use warrener_store::MemoryLog;

    use super::*;
    use crate::server::tests::{Client, with_server};
    use crate::turns::Core;

    const BATCHES: u64 = 100;
    const BATCH: u64 = 100;

    /// A busy machine cuts a batch in two where it would have come in one: so much is allowed of everything, and no more.
    const SLACK: u64 = 2;

    /// What `batch`, done so often, asks of the operating system.
    fn cost(core: &Core<MemoryLog>, mut batch: impl FnMut(u64)) -> Counts {
        // The first makes everybody's buffers.
        batch(0);
        let before = core.counters.counts();
        (1..=BATCHES).for_each(&mut batch);
        let after = core.counters.counts();
        Counts {
            reads: after.reads - before.reads,
            writes: after.writes - before.writes,
            wakes: after.wakes - before.wakes,
            turns: after.turns - before.turns,
            commits: after.commits - before.commits,
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn ten_thousand_transient_messages_in_a_hundred_batches_cost_a_read_a_turn_and_a_write_each()
     {
        let story = |address: SocketAddr, core: Arc<Core<MemoryLog>>| {
            let (mut consumer, mut producer) = (Client::connect(address), Client::connect(address));
            consumer.declare("q");
            consumer.consume("q");
            let cost = cost(&core, |_| {
                for _ in 0..BATCH {
                    producer.publish("q", b"0123456789abcdef");
                }
                producer.flush();
                for _ in 0..BATCH {
                    consumer.wait_for(|event| matches!(event, Event::Content(..)));
                }
            });
            let most = SLACK * BATCHES;
            assert!(cost.reads <= most, "{cost:?}");
            assert!(cost.turns <= most, "{cost:?}");
            assert!(cost.writes <= most, "{cost:?}");
            // 2 MiB of deliveries: what has left is told in lots, and by whoever wrote it.
            assert!(cost.wakes <= BATCHES / 2, "{cost:?}");
            assert_eq!(cost.commits, 0, "{cost:?}");
        };
        with_server(story).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn ten_thousand_confirmed_messages_in_a_hundred_batches_cost_a_commit_and_a_write_each() {
        let story = |address: SocketAddr, core: Arc<Core<MemoryLog>>| {
            let mut producer = Client::connect(address);
            producer.say(queue::Declare {
                queue: ShortStr::from_static("q"),
                durable: true,
                ..Default::default()
            });
            producer.say(confirm::Select { no_wait: false });
            let is_on = |event: &Event| matches!(event, Event::Method(_, Method::ConfirmSelectOk));
            producer.wait_for(is_on);
            let properties = Properties::builder().delivery_mode(2).build().unwrap();
            let content = Content::new(properties, vec![7; 64]);
            let cost = cost(&core, |number| {
                for _ in 0..BATCH {
                    producer.send("q", &content);
                }
                let last = (number + 1) * BATCH;
                producer.wait_for(|event| {
                    matches!(event, Event::Method(_, Method::BasicAck(ack)) if ack.delivery_tag == last)
                });
            });
            let most = SLACK * BATCHES;
            assert!(cost.reads <= most, "{cost:?}");
            assert!(cost.writes <= most, "{cost:?}");
            assert!(cost.commits <= most, "{cost:?}");
            // What a batch brings, and what its commit brings.
            assert!(cost.turns <= 2 * most, "{cost:?}");
        };
        with_server(story).await.unwrap();
    }
}

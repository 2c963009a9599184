//! A backlog larger than memory: the process stays small, and nothing is lost, doubled or out of order.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::thread;

use warrener_client::codec::method::{basic, queue};
use warrener_client::{Channel, Connection, Properties};

use crate::broker::Broker;

/// What the broker may hold in memory, in MiB.
const BUDGET_MIB: u64 = 16;

/// The largest that the process may become: half as much again, and 64 MiB.
const MOST_BYTES: u64 = (BUDGET_MIB * 3 / 2 + 64) << 20;

/// How much is published, in MiB; far more in the nightly run.
fn backlog_bytes() -> u64 {
    let mib = std::env::var("WARRENER_TEST_BACKLOG_MIB");
    mib.map_or(96, |text| text.parse().expect("a number of MiB")) << 20
}

/// The lengths of bodies.
const LENGTHS: [usize; 3] = [100, 2 << 10, 64 << 10];

/// The body of a message: its number, and then what is to be expected.
fn body(number: u64) -> Vec<u8> {
    // Of twenty messages, one is large and seven are not small.
    let length = match number % 20 {
        0 => LENGTHS[2],
        1..=7 => LENGTHS[1],
        _ => LENGTHS[0],
    };
    let mut body = vec![number as u8; length];
    body[..8].copy_from_slice(&number.to_be_bytes());
    body
}

#[test]
fn a_backlog_larger_than_memory_stays_out_of_it() {
    let budget = format!("{BUDGET_MIB}M");
    let broker = Broker::start_with(&["--memory-budget", &budget]);
    let watch = Watch::default();
    let largest = thread::scope(|scope| {
        let watcher = scope.spawn(|| watch.largest(&broker));
        let until = Until(&watch);
        let url = broker.url();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let count = fill(&url).await;
            drain(&url, count).await;
        });
        drop(until);
        watcher.join().expect("the watcher")
    });
    assert!(largest < MOST_BYTES, "{} MiB at most", largest >> 20);
}

/// Looks at the size of the process until all is over.
#[derive(Default)]
struct Watch {
    over: AtomicBool,
    largest: AtomicU64,
}

/// Ends the watch, in whichever way this ends.
struct Until<'a>(&'a Watch);

impl Drop for Until<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

impl Watch {
    fn largest(&self, broker: &Broker) -> u64 {
        while !self.over.load(Ordering::Relaxed) {
            self.largest.fetch_max(broker.resident_bytes(), Ordering::Relaxed);
            thread::sleep(Duration::from_millis(20));
        }
        self.largest.load(Ordering::Relaxed)
    }
}

async fn open(url: &str) -> (Connection, Channel) {
    let connection = Connection::open(url).await.expect("the broker");
    let channel = connection.channel().await.expect("a channel");
    (connection, channel)
}

/// Publishes the backlog, every other message persistent, and says how many messages it is.
async fn fill(url: &str) -> u64 {
    let (_connection, channel) = open(url).await;
    let name = "backlog".try_into().expect("short");
    let declare = queue::Declare { queue: name, durable: true, ..Default::default() };
    channel.call(declare).await.expect("queue.declare-ok");
    channel.confirm_select().await.expect("confirm.select-ok");
    let (mut number, mut bytes) = (0, 0);
    let mut confirms = std::collections::VecDeque::new();
    while bytes < backlog_bytes() {
        let body = body(number);
        bytes += body.len() as u64;
        let mode = if number % 2 == 0 { 2 } else { 1 };
        let properties = Properties::builder().delivery_mode(mode).build().expect("short");
        let confirm = channel.publish_confirmed("", "backlog", false, properties, body).await;
        confirms.push_back(confirm.expect("published"));
        if confirms.len() > 1_000 {
            confirms.pop_front().expect("several").await.expect("a confirm");
        }
        number += 1;
    }
    for confirm in confirms {
        confirm.await.expect("a confirm");
    }
    number
}

/// Takes half of it without a word, gives that back, and then takes it all, in order.
async fn drain(url: &str, count: u64) {
    let (connection, channel) = open(url).await;
    let mut consumer = consume(&channel).await;
    for number in 0..count / 2 {
        let delivery = consumer.next().await.expect("a delivery");
        assert!(!delivery.redelivered);
        assert!(delivery.body.to_bytes()[..] == body(number)[..], "message {number}");
    }
    connection.close().await.expect("connection.close-ok");

    let (_connection, channel) = open(url).await;
    channel.prefetch(2_000).await.expect("basic.qos-ok");
    let mut consumer = consume(&channel).await;
    for number in 0..count {
        let delivery = consumer.next().await.expect("a delivery");
        assert!(delivery.body.to_bytes()[..] == body(number)[..], "message {number}");
        if number % 100 == 99 || number == count - 1 {
            channel.ack(delivery.message.delivery_tag, true).await.expect("acknowledged");
        }
    }
    let ok = channel
        .call(queue::Delete { queue: "backlog".try_into().expect("short"), ..Default::default() });
    let left = ok.await.expect("queue.delete-ok");
    assert_eq!(left.message_count, 0);
}

async fn consume(channel: &Channel) -> warrener_client::Consumer {
    let consume =
        basic::Consume { queue: "backlog".try_into().expect("short"), ..Default::default() };
    channel.consume(consume).await.expect("basic.consume-ok")
}

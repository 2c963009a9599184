//! A message through both machines of a connection: encoded by one, taken apart and told by the other.
//!
//! `cargo bench -p warrener-benches --bench connection`

#![expect(missing_docs, reason = "what criterion's macros make is not documented")]

use bytes::{BufMut, Bytes, BytesMut};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use warrener_codec::method::basic;
use warrener_codec::{ChannelId, Content, Method, Properties, ShortRef};
use warrener_connection::testing::{Pair, START};
use warrener_connection::{Connection, Event};

/// Messages between one write and the next, as on a busy connection.
const BATCH: usize = 64;
const ONE: ChannelId = ChannelId::new(1);

fn through_a_pair(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("connection");
    for len in [0, 100, 1_024, 65_536] {
        group.throughput(Throughput::Elements(BATCH as u64));
        group.bench_function(BenchmarkId::new("publish", len), |bencher| {
            let mut world = World::new(len);
            bencher.iter(|| world.publish());
        });
        group.bench_function(BenchmarkId::new("deliver", len), |bencher| {
            let mut world = World::new(len);
            bencher.iter(|| world.deliver());
        });
    }
    group.bench_function("ack", |bencher| {
        let mut world = World::new(0);
        bencher.iter(|| world.ack());
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("publish alone/100", |bencher| {
        let mut world = World::new(100);
        bencher.iter(|| world.publish_alone());
    });
    group.finish();
}

/// An open connection with one channel, and one buffer each way.
struct World {
    client: Connection,
    server: Connection,
    to_server: BytesMut,
    to_client: BytesMut,
    content: Content,
}

impl World {
    fn new(len: usize) -> Self {
        let mut pair = Pair::established();
        pair.open_channel(1);
        let properties = Properties::builder().delivery_mode(2).build().expect("short");
        Self {
            client: pair.client.connection,
            server: pair.server.connection,
            to_server: BytesMut::with_capacity(64 * 1024),
            to_client: BytesMut::with_capacity(64 * 1024),
            content: Content::new(properties, Bytes::from(vec![7; len])),
        }
    }

    fn publish(&mut self) {
        for _ in 0..BATCH {
            self.publish_one();
        }
        self.read_by_server(BATCH);
    }

    fn publish_alone(&mut self) {
        self.publish_one();
        self.read_by_server(1);
    }

    fn publish_one(&mut self) {
        let publish = basic::PublishRef {
            exchange: ShortRef::new(b"amq.topic").expect("short"),
            routing_key: ShortRef::new(b"orders.eu.created").expect("short"),
            ..basic::PublishRef::default()
        };
        self.client.publish(ONE, publish, &self.content).expect("an open channel");
    }

    fn read_by_server(&mut self, messages: usize) {
        self.to_server.put(self.client.outgoing());
        self.server.handle_bytes(START, &mut self.to_server).expect("lawful frames");
        let told = core::iter::from_fn(|| self.server.poll_event())
            .filter(|event| matches!(event, Event::Content(..)));
        assert_eq!(told.count(), messages);
    }

    fn deliver(&mut self) {
        for delivery_tag in 1..=BATCH as u64 {
            let deliver = basic::DeliverRef {
                consumer_tag: ShortRef::new(b"ctag-1").expect("short"),
                delivery_tag,
                redelivered: false,
                exchange: ShortRef::new(b"amq.topic").expect("short"),
                routing_key: ShortRef::new(b"orders.eu.created").expect("short"),
            };
            let out = self.server.outbound();
            out.deliver(ONE, deliver, &self.content).expect("an open channel");
        }
        self.to_client.put(self.server.outgoing());
        self.client.handle_bytes(START, &mut self.to_client).expect("lawful frames");
        let told = core::iter::from_fn(|| self.client.poll_event())
            .filter(|event| matches!(event, Event::Content(..)));
        assert_eq!(told.count(), BATCH);
    }

    fn ack(&mut self) {
        for delivery_tag in 1..=BATCH as u64 {
            let ack: Method = basic::Ack { delivery_tag, multiple: false }.into();
            self.client.send(ONE, &ack).expect("an open channel");
        }
        self.to_server.put(self.client.outgoing());
        self.server.handle_bytes(START, &mut self.to_server).expect("lawful frames");
        assert_eq!(core::iter::from_fn(|| self.server.poll_event()).count(), BATCH);
    }
}

criterion_group!(benches, through_a_pair);
criterion_main!(benches);

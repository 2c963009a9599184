//! One message through the broker, without sockets: publish, route, enqueue, deliver, acknowledge.

#![expect(missing_docs, reason = "what criterion's macros make is not documented")]

use bytes::Bytes;
use core::hint::black_box;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use warrener_broker::{
    Broker, Capabilities, Config, Connected, ConnectionId, Effect, Input, PasswordHash, Seed, User,
};
use warrener_codec::method::basic::{Ack, Consume, Publish, PublishRef};
use warrener_codec::method::{confirm, queue};
use warrener_codec::{ChannelId, Content, Method, Properties, ShortRef, ShortStr};
use warrener_time::Time;

const NOW: Time = Time::from_secs(1_000);
const PUBLISHER: ConnectionId = ConnectionId(1);
const CONSUMER: ConnectionId = ConnectionId(2);
const CHANNEL: ChannelId = ChannelId::new(1);

/// Messages in one measured round.
const ROUND: u64 = 1_024;

/// After so many the effects are done with: the server gives way to others after 256 events.
const TURN: u64 = 128;

struct Core {
    broker: Broker,
    effects: Vec<Effect>,
    /// What every publish shares, as slices of one read buffer do.
    publish: Publish,
    body: Bytes,
    tag: u64,
}

fn short(name: &str) -> ShortStr {
    ShortStr::try_from(name).expect("a short name")
}

impl Core {
    fn new(exchange: &str, key: &str) -> Self {
        let mut config = Config::new(Seed::from(1));
        config.users =
            vec![User::with_full_access(short("guest"), PasswordHash::default(), short("/"))];
        config.limits.outbound_high_bytes = u64::MAX;
        let publish = Publish::from(PublishRef {
            exchange: ShortRef::try_from(exchange).expect("short"),
            routing_key: ShortRef::try_from(key).expect("short"),
            ..PublishRef::default()
        });
        let mut core = Self {
            broker: Broker::new(config, NOW),
            effects: Vec::new(),
            publish,
            body: Bytes::from(vec![7; 100]),
            tag: 0,
        };
        for connection in [PUBLISHER, CONSUMER] {
            core.handle(Input::Connected(Box::new(Connected {
                connection,
                user: short("guest"),
                vhost: short("/"),
                name: ShortStr::EMPTY,
                frame_max: 131_072,
                capabilities: Capabilities::default(),
                said: Default::default(),
            })));
            core.handle(Input::ChannelOpened(connection, CHANNEL));
        }
        core
    }

    fn handle(&mut self, input: Input) {
        self.broker.handle(NOW, input, &mut self.effects);
    }

    fn declare(&mut self, name: &str) {
        let declare = queue::Declare { queue: short(name), ..queue::Declare::default() };
        self.handle(Input::Method(PUBLISHER, CHANNEL, declare.into()));
    }

    fn bind(&mut self, name: &str, exchange: &str) {
        let bind =
            queue::Bind { queue: short(name), exchange: short(exchange), ..queue::Bind::default() };
        self.handle(Input::Method(PUBLISHER, CHANNEL, bind.into()));
    }

    fn consume(&mut self, name: &str, no_ack: bool) {
        let consume = Consume { queue: short(name), no_ack, ..Consume::default() };
        self.handle(Input::Method(CONSUMER, CHANNEL, consume.into()));
    }

    fn publish(&mut self) {
        let content = Content::new(Properties::default(), self.body.clone());
        self.handle(Input::Publish(PUBLISHER, CHANNEL, self.publish.clone(), content));
    }

    fn ack(&mut self) {
        self.tag += 1;
        let ack = Ack { delivery_tag: self.tag, multiple: false };
        self.handle(Input::Method(CONSUMER, CHANNEL, Method::BasicAck(ack)));
    }

    fn round(&mut self, acks: bool) {
        for _ in 0..ROUND / TURN {
            for _ in 0..TURN {
                self.publish();
                if acks {
                    self.ack();
                }
            }
            black_box(&self.effects);
            self.effects.clear();
        }
    }
}

fn turn(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("core_turn");
    group.throughput(Throughput::Elements(ROUND));
    for (name, exchange, confirms, acks) in [
        ("default_exchange", "", false, false),
        ("default_exchange_ack", "", false, true),
        ("default_exchange_confirm_ack", "", true, true),
        ("fanout", "amq.fanout", false, false),
        ("direct_confirm_ack", "amq.direct", true, true),
        ("topic_confirm_ack", "amq.topic", true, true),
    ] {
        let mut core = Core::new(exchange, "q");
        core.declare("q");
        if !exchange.is_empty() {
            let bind = queue::Bind {
                queue: short("q"),
                exchange: short(exchange),
                routing_key: short("q"),
                ..queue::Bind::default()
            };
            core.handle(Input::Method(PUBLISHER, CHANNEL, bind.into()));
        }
        core.consume("q", !acks);
        if confirms {
            let select = confirm::Select { no_wait: true };
            core.handle(Input::Method(PUBLISHER, CHANNEL, Method::ConfirmSelect(select)));
        }
        group.bench_function(name, |bencher| bencher.iter(|| core.round(acks)));
    }
    group.finish();
}

fn fan_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("core_turn");
    group.throughput(Throughput::Elements(ROUND));
    let mut core = Core::new("amq.fanout", "");
    for name in 0..10 {
        let name = format!("q{name}");
        core.declare(&name);
        core.bind(&name, "amq.fanout");
        core.consume(&name, true);
    }
    group.bench_function("fanout_to_10", |bencher| bencher.iter(|| core.round(false)));
    group.finish();
}

fn parked(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("core_turn");
    group.throughput(Throughput::Elements(ROUND));
    group.bench_function("parked", |bencher| {
        bencher.iter_batched_ref(
            || {
                let mut core = Core::new("", "q");
                core.declare("q");
                core
            },
            |core| core.round(false),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn declarations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("core_turn");
    group.throughput(Throughput::Elements(10_000)).sample_size(10);
    group.bench_function("declare_10000_queues", |bencher| {
        bencher.iter_batched_ref(
            || Core::new("", "q"),
            |core| (0..10_000).for_each(|name| core.declare(&format!("queue-{name}"))),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, turn, fan_out, parked, declarations);
criterion_main!(benches);

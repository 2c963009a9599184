//! One tenant does its worst, and another publishes and consumes in between: the longest single call of the broker, and how
//! long the good tenant waits from its publish to its delivery, in real time.
//!
//! `cargo run --release -p warrener-benches --example hostile_turns` prints a line for each history.

#![expect(clippy::disallowed_methods, reason = "calls are measured one by one")]
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use core::time::Duration;
use std::time::Instant;

use warrener_broker::{
    BindingDefinition, Broker, Capabilities, ClosedBy, Command, CommandId, Config, Connected,
    ConnectionId, Definitions, Effect, Input, Kind, Object, PasswordHash, PolicyDefinition,
    Progress, QueueDefinition, Seed, User,
};
use warrener_codec::method::basic::{Publish, PublishRef};
use warrener_codec::method::{basic, exchange, queue};
use warrener_codec::{
    ChannelId, Content, Method, Properties, ShortRef, ShortStr, Table, TableBuilder,
};
use warrener_time::Time;

const GOOD: ConnectionId = ConnectionId(1);
const BAD: ConnectionId = ConnectionId(2);
const CHANNEL: ChannelId = ChannelId::new(1);
const MILLION: usize = 1_000_000;

fn main() {
    println!(
        "{:40} {:>10} {:>12} {:>12} {:>8}",
        "history", "longest", "good p99", "good worst", "turns"
    );
    fan_out();
    deletion();
    expiry();
    delivery();
    unacked();
    unacked_deletion();
    policy();
    import();
    transaction();
    rollback();
    broken();
}

struct World {
    broker: Broker,
    now: Time,
    effects: Vec<Effect>,
    longest: Duration,
    /// What the good tenant waited, each time.
    waits: Vec<Duration>,
    delivered: bool,
    turns: usize,
}

impl World {
    fn new() -> Self {
        let mut config = Config::new(Seed::from(1));
        let guest = ShortStr::from_static("guest");
        let vhost = ShortStr::from_static("/");
        config.users = vec![User::with_full_access(guest, PasswordHash::default(), vhost)];
        config.limits.memory_budget_bytes = 64 << 30;
        let now = Time::from_secs(1_000);
        let mut world = Self {
            broker: Broker::new(config, now),
            now,
            effects: Vec::new(),
            longest: Duration::ZERO,
            waits: Vec::new(),
            delivered: false,
            turns: 0,
        };
        for connection in [GOOD, BAD] {
            let connected = Connected {
                connection,
                user: ShortStr::from_static("guest"),
                vhost: ShortStr::from_static("/"),
                name: ShortStr::EMPTY,
                frame_max: 131_072,
                capabilities: Capabilities::default(),
                said: Default::default(),
            };
            world.handle(Input::Connected(Box::new(connected)));
            world.handle(Input::ChannelOpened(connection, CHANNEL));
        }
        world.declare(GOOD, "own", Table::default());
        let consume = basic::Consume { queue: short("own"), no_ack: true, ..Default::default() };
        world.method(GOOD, consume.into());
        world
    }

    /// One call, measured.
    fn call(&mut self, call: impl FnOnce(&mut Broker, Time, &mut Vec<Effect>)) -> Duration {
        let begun = Instant::now();
        call(&mut self.broker, self.now, &mut self.effects);
        let took = begun.elapsed();
        self.longest = self.longest.max(took);
        let mut written = None;
        for effect in self.effects.drain(..) {
            match effect {
                Effect::Persist(record) => written = Some(record.id),
                Effect::Deliver(delivery) if delivery.connection == GOOD => self.delivered = true,
                _ => {}
            }
        }
        if let Some(upto) = written {
            self.handle(Input::Persisted(Progress { upto, ahead: upto }));
        }
        took
    }

    fn handle(&mut self, input: Input) -> Duration {
        self.call(|broker, now, effects| broker.handle(now, input, effects))
    }

    fn method(&mut self, connection: ConnectionId, method: Method) -> Duration {
        self.handle(Input::Method(connection, CHANNEL, method))
    }

    fn declare(&mut self, connection: ConnectionId, name: &str, arguments: Table) {
        let declare = queue::Declare { queue: short(name), arguments, ..Default::default() };
        self.method(connection, declare.into());
    }

    fn publish(&mut self, connection: ConnectionId, exchange: &str, key: &str) -> Duration {
        let publish = PublishRef {
            exchange: ShortRef::new(exchange.as_bytes()).expect("short"),
            routing_key: ShortRef::new(key.as_bytes()).expect("short"),
            ..Default::default()
        };
        let content = Content::new(Properties::default(), vec![7; 16]);
        self.handle(Input::Publish(connection, CHANNEL, Publish::from(publish), content))
    }

    /// Goes on until nothing is left to do. After each call, `took` long, the good tenant's message has come in while that was
    /// going on, and waits until it is delivered.
    fn finish(&mut self, mut took: Duration) {
        loop {
            self.delivered = false;
            let mut waited = took + self.publish(GOOD, "", "own");
            while !self.delivered {
                waited += self.turn();
            }
            self.waits.push(waited);
            self.handle(Input::Drained(GOOD, u32::MAX));
            self.handle(Input::Drained(BAD, u32::MAX));
            if self.broker.poll_timeout().is_none_or(|(due, _)| due > self.now) {
                return;
            }
            took = self.turn();
        }
    }

    fn turn(&mut self) -> Duration {
        self.turns += 1;
        self.call(|broker, now, effects| broker.handle_timeout(now, effects))
    }

    fn prepared(&mut self) {
        self.finish(Duration::ZERO);
        (self.longest, self.turns) = (Duration::ZERO, 0);
        self.waits.clear();
    }

    fn tell(mut self, history: &str) {
        self.waits.sort_unstable();
        let p99 = self.waits[self.waits.len() * 99 / 100];
        let worst = self.waits.last().copied().unwrap_or_default();
        println!(
            "{history:40} {:>7.2} ms {:>9.2} ms {:>9.2} ms {:>8}",
            ms(self.longest),
            ms(p99),
            ms(worst),
            self.turns
        );
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn short(text: &str) -> ShortStr {
    ShortStr::truncated(text)
}

fn many_queues(world: &mut World, count: usize) {
    let kind = short("fanout");
    let declare = exchange::Declare { exchange: short("wide"), kind, ..Default::default() };
    world.method(BAD, declare.into());
    for number in 0..count {
        let name = format!("q{number}");
        world.declare(BAD, &name, Table::default());
        let bind = queue::Bind {
            queue: short(&name),
            exchange: short("wide"),
            no_wait: true,
            ..Default::default()
        };
        world.method(BAD, bind.into());
        world.handle(Input::Drained(BAD, u32::MAX));
    }
    world.prepared();
}

fn fan_out() {
    let mut world = World::new();
    many_queues(&mut world, 100_000);
    let took = world.publish(BAD, "wide", "");
    world.finish(took);
    world.tell("fan-out to 100,000 queues");
}

fn full_queue(arguments: Table) -> World {
    let mut world = World::new();
    world.declare(BAD, "full", arguments);
    for _ in 0..MILLION {
        world.publish(BAD, "", "full");
    }
    world
}

fn deletion() {
    let mut world = full_queue(Table::default());
    world.prepared();
    let delete = queue::Delete { queue: short("full"), ..Default::default() };
    let took = world.method(BAD, delete.into());
    world.finish(took);
    world.tell("deletion of a queue of 1,000,000");
}

fn expiry() {
    let ttl = TableBuilder::new().with("x-message-ttl", 60_000).build().expect("short");
    let mut world = full_queue(ttl);
    world.prepared();
    world.now += Duration::from_secs(61);
    let took = world.turn();
    world.finish(took);
    world.tell("1,000,000 messages expire at once");
}

/// A queue and a client that holds all that is in it.
fn held_queue() -> World {
    let mut world = full_queue(Table::default());
    let consume = basic::Consume { queue: short("full"), ..Default::default() };
    world.method(BAD, consume.into());
    world.longest = Duration::ZERO;
    while world.broker.view().unacked() < MILLION {
        world.handle(Input::Drained(BAD, u32::MAX));
        world.turn();
    }
    world
}

fn delivery() {
    let mut world = held_queue();
    world.finish(Duration::ZERO);
    world.tell("1,000,000 delivered, none acknowledged");
}

fn unacked() {
    let mut world = held_queue();
    world.prepared();
    let took = world.handle(Input::ChannelClosed(BAD, CHANNEL, ClosedBy::Client));
    world.finish(took);
    world.tell("a channel closes with 1,000,000 unacked");
}

fn unacked_deletion() {
    let mut world = held_queue();
    world.prepared();
    let delete = queue::Delete { queue: short("full"), ..Default::default() };
    let took = world.method(BAD, delete.into());
    world.finish(took);
    world.tell("deletion of a queue, 1,000,000 unacked");
}

fn policy() {
    let mut world = World::new();
    many_queues(&mut world, 100_000);
    let policy = Command::SetPolicy(PolicyDefinition {
        vhost: short("/"),
        name: short("all"),
        pattern: "^(?!amq\\.).*".into(),
        apply_to: "queues".into(),
        definition: Object::new().with("max-length", 1_000_i64),
        ..PolicyDefinition::default()
    });
    let took = world.handle(Input::Command(CommandId(1), Box::new(policy)));
    world.finish(took);
    world.tell("a policy over 100,000 queues");
}

fn import() {
    let mut all = Definitions::default();
    for number in 0..10_000 {
        all.queues.push(QueueDefinition {
            vhost: short("/"),
            name: short(&format!("q{number}")),
            durable: true,
            ..QueueDefinition::default()
        });
    }
    for number in 0..50_000 {
        all.bindings.push(BindingDefinition {
            vhost: short("/"),
            source: short("amq.topic"),
            destination: short(&format!("q{}", number % 10_000)),
            destination_type: Kind::Queue,
            routing_key: short(&format!("orders.*.{number}")),
            arguments: Object::new(),
            others: Object::new(),
        });
    }
    let mut world = World::new();
    world.prepared();
    let import = Command::Import { definitions: Box::new(all), vhost: None };
    let took = world.handle(Input::Command(CommandId(1), Box::new(import)));
    world.finish(took);
    world.tell("import of 10,000 queues, 50,000 bindings");
}

/// A transaction of so many messages, and of the acknowledgement of some that came before.
fn open_transaction(mut world: World, count: usize) -> World {
    let declare = queue::Declare { queue: short("tx"), durable: true, ..Default::default() };
    world.method(BAD, declare.into());
    world.method(BAD, Method::TxSelect);
    let persistent = Properties::builder().delivery_mode(2).build().expect("short");
    for _ in 0..count {
        let publish =
            PublishRef { routing_key: ShortRef::new(b"tx").expect("short"), ..Default::default() };
        let content = Content::new(persistent.clone(), vec![7; 16]);
        world.handle(Input::Publish(BAD, CHANNEL, Publish::from(publish), content));
    }
    world.prepared();
    world
}

fn transaction() {
    let mut world = open_transaction(World::new(), 65_536);
    let took = world.method(BAD, Method::TxCommit);
    world.finish(took);
    world.tell("a transaction of 65,536 messages");
}

fn rollback() {
    let mut world = open_transaction(held_queue(), 32_768);
    for number in 0..32_768 {
        let ack = basic::Ack { delivery_tag: 1 + number * 30, multiple: false };
        world.method(BAD, ack.into());
    }
    world.prepared();
    let took = world.method(BAD, Method::TxRollback);
    world.finish(took);
    world.tell("rollback, 32,768 messages, 32,768 acks");
}

fn broken() {
    let mut world = open_transaction(World::new(), 65_536);
    let took = world.handle(Input::Disconnected(BAD));
    world.finish(took);
    world.tell("a client breaks off, 65,536 messages");
}

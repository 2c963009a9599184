//! Messages and graphs that are small to send and large to work on.

use warrener_broker::{Command, CommandId, Input, Object, PolicyDefinition};
use warrener_codec::method::basic::{Publish, PublishRef};
use warrener_codec::method::{exchange, queue};
use warrener_codec::{ArrayBuilder, Content, Properties, ShortRef, Table, TableBuilder, Value};

use crate::world::{BAD, CHANNEL, World, short};

pub(crate) const HISTORIES: [(&str, fn()); 9] = [
    ("carbon_copies", carbon_copies),
    ("graph", graph),
    ("chain", chain),
    ("headers", headers),
    ("hashes", hashes),
    ("deaths", deaths),
    ("held", held),
    ("policies", policies),
    ("burial", burial),
];

fn declare_exchange(world: &mut World, name: &str, kind: &str, arguments: Table) {
    let kind = short(kind);
    let declare =
        exchange::Declare { exchange: short(name), kind, arguments, ..Default::default() };
    world.method(BAD, declare.into());
}

fn bind(world: &mut World, queue: &str, exchange: &str, key: &str, arguments: Table) {
    let bind = queue::Bind {
        queue: short(queue),
        exchange: short(exchange),
        routing_key: short(key),
        no_wait: true,
        arguments,
        ..Default::default()
    };
    world.method(BAD, bind.into());
    world.handle(Input::Drained(BAD, u32::MAX));
}

fn bind_exchange(world: &mut World, destination: &str, source: &str) {
    let bind = exchange::Bind {
        destination: short(destination),
        source: short(source),
        no_wait: true,
        ..Default::default()
    };
    world.method(BAD, bind.into());
    world.handle(Input::Drained(BAD, u32::MAX));
}

fn publish_with(
    world: &mut World,
    exchange: &str,
    key: &str,
    headers: Table,
) -> core::time::Duration {
    let publish = PublishRef {
        exchange: ShortRef::new(exchange.as_bytes()).expect("short"),
        routing_key: ShortRef::new(key.as_bytes()).expect("short"),
        ..Default::default()
    };
    let properties = Properties::builder().headers(&headers).build().expect("short");
    let content = Content::new(properties, vec![7; 16]);
    world.handle(Input::Publish(BAD, CHANNEL, Publish::from(publish), content))
}

/// A list of keys as long as a frame allows, each of which leads to a queue.
fn carbon_copies() {
    const COPIES: usize = 13_000;
    let mut world = World::new();
    let mut keys = ArrayBuilder::new();
    for number in 0..COPIES {
        let name = format!("{number:x}");
        world.declare(BAD, &name, Table::default());
        world.handle(Input::Drained(BAD, u32::MAX));
        keys.push(name.as_bytes());
    }
    let keys = keys.build().expect("keys");
    let headers = TableBuilder::new().with("CC", &keys).build().expect("headers");
    world.prepared();
    let took = publish_with(&mut world, "", "0", headers);
    world.finish(took);
    world.tell("CC to 13,000 queues");
}

/// A thousand exchanges, each bound to each.
fn graph() {
    let mut world = World::new();
    for number in 0..1_000 {
        declare_exchange(&mut world, &format!("x{number}"), "fanout", Table::default());
        world.handle(Input::Drained(BAD, u32::MAX));
    }
    for from in 0..1_000 {
        for to in 0..1_000 {
            bind_exchange(&mut world, &format!("x{to}"), &format!("x{from}"));
        }
    }
    world.prepared();
    let took = world.publish(BAD, "x0", "");
    world.finish(took);
    world.tell("1,000 exchanges, each bound to each");
}

/// A long chain of exchanges.
fn chain() {
    let mut world = World::new();
    for number in 0..200_000 {
        declare_exchange(&mut world, &format!("x{number}"), "fanout", Table::default());
        world.handle(Input::Drained(BAD, u32::MAX));
        if number > 0 {
            bind_exchange(&mut world, &format!("x{number}"), &format!("x{}", number - 1));
        }
    }
    world.prepared();
    let took = world.publish(BAD, "x0", "");
    world.finish(took);
    world.tell("a chain of 200,000 exchanges");
}

/// Bindings of two conditions, the common one of which every message meets.
fn headers() {
    let mut world = World::new();
    declare_exchange(&mut world, "h", "headers", Table::default());
    for number in 0..100 {
        world.declare(BAD, &format!("q{number}"), Table::default());
    }
    for number in 0..500_000_i32 {
        let arguments =
            TableBuilder::new().with("a", 1).with("b", number % 1_000).with("x-n", number);
        let arguments = arguments.build().expect("short");
        bind(&mut world, &format!("q{}", number % 100), "h", "", arguments);
    }
    world.prepared();
    let headers = TableBuilder::new().with("a", 1).with("b", -1).build().expect("short");
    let took = publish_with(&mut world, "h", "", headers);
    world.finish(took);
    world.tell("500,000 headers bindings, none agrees");
}

/// Patterns that share nothing and match everywhere.
fn hashes() {
    let mut world = World::new();
    for number in 0..10 {
        world.declare(BAD, &format!("q{number}"), Table::default());
    }
    for number in 0..500_000_usize {
        let word = |shift: usize| ["a", "*", "#", "b"][(number >> shift) & 3];
        let key: Vec<&str> = (0..10).map(|place| word(place * 2)).collect();
        bind(
            &mut world,
            &format!("q{}", number % 10),
            "amq.topic",
            &(key.join(".") + ".#.z"),
            Table::default(),
        );
    }
    world.prepared();
    let took = world.publish(BAD, "amq.topic", &"a.".repeat(120)[..239]);
    world.finish(took);
    world.tell("500,000 patterns of '#' and '*'");
}

/// A message dies in one queue after the other.
fn deaths() {
    const QUEUES: usize = 3_000;
    let mut world = World::new();
    for number in 0..QUEUES {
        let arguments = TableBuilder::new()
            .with("x-message-ttl", 0)
            .with("x-dead-letter-exchange", "")
            .with("x-dead-letter-routing-key", format!("q{}", number + 1).as_str())
            .build()
            .expect("short");
        world.declare(BAD, &format!("q{number}"), arguments);
        world.handle(Input::Drained(BAD, u32::MAX));
    }
    world.declare(BAD, &format!("q{QUEUES}"), Table::default());
    world.prepared();
    let took = world.publish(BAD, "", "q0");
    world.finish(took);
    world.tell("a message dies in 3,000 queues");
}

/// Messages that died, each for a thousand queues of which one is full.
fn held() {
    let mut world = World::new();
    declare_exchange(&mut world, "wide", "fanout", Table::default());
    for number in 0..1_000 {
        let full = TableBuilder::new()
            .with("x-max-length", i32::from(number != 999))
            .with("x-overflow", "reject-publish");
        world.declare(BAD, &format!("q{number}"), full.build().expect("short"));
        bind(&mut world, &format!("q{number}"), "wide", "", Table::default());
    }
    let arguments = TableBuilder::new()
        .with("x-queue-type", "quorum")
        .with("x-message-ttl", 1_000)
        .with("x-dead-letter-exchange", "wide")
        .with("x-dead-letter-strategy", "at-least-once")
        .with("x-overflow", "reject-publish")
        .build()
        .expect("short");
    let declare =
        queue::Declare { queue: short("dying"), durable: true, arguments, ..Default::default() };
    world.method(BAD, declare.into());
    for _ in 0..20_000 {
        world.publish(BAD, "", "dying");
        world.handle(Input::Drained(BAD, u32::MAX));
    }
    world.prepared();
    world.now += core::time::Duration::from_secs(2);
    let took = world.turn();
    world.finish(took);
    world.now += core::time::Duration::from_secs(2);
    let took = world.turn();
    world.finish(took);
    world.tell("20,000 dead for 1,000 queues, one full");
}

/// Policies with patterns that take as long as they may.
fn policies() {
    let mut world = World::new();
    for number in 0..1_000 {
        let policy = Command::SetPolicy(PolicyDefinition {
            vhost: short("/"),
            name: short(&format!("p{number}")),
            pattern: "^(?:(?=(a*))a){100}z".into(),
            apply_to: "queues".into(),
            definition: Object::new().with("max-length", 1_000_i64),
            ..PolicyDefinition::default()
        });
        world.handle(Input::Command(CommandId(number), Box::new(policy)));
    }
    world.prepared();
    let declare = queue::Declare { queue: short(&"a".repeat(250)), ..Default::default() };
    let took = world.method(BAD, declare.into());
    world.finish(took);
    world.tell("a queue under 1,000 evil policies");
}

/// Messages with large headers that all die at once.
fn burial() {
    let mut world = World::new();
    let arguments = TableBuilder::new()
        .with("x-message-ttl", 1_000)
        .with("x-dead-letter-exchange", "")
        .with("x-dead-letter-routing-key", "grave")
        .build()
        .expect("short");
    world.declare(BAD, "dying", arguments);
    world.declare(BAD, "grave", Table::default());
    let headers = (0..10_000).fold(TableBuilder::new(), |mut table, number: i32| {
        table.insert(format!("{number}").as_bytes(), Value::Bool(true));
        table
    });
    let headers = headers.build().expect("short");
    for _ in 0..10_000 {
        publish_with(&mut world, "", "dying", headers.clone());
        world.handle(Input::Drained(BAD, u32::MAX));
    }
    world.prepared();
    world.now += core::time::Duration::from_secs(2);
    let took = world.turn();
    world.finish(took);
    world.tell("10,000 with 60 KiB of headers die");
}

//! One tenant does its worst, and another publishes and consumes in between: the longest single call of the broker, and how
//! long the good tenant waits from its publish to its delivery, in real time.
//!
//! `cargo run --release -p warrener-benches --example hostile_turns` prints a line for each history; words after `--` choose
//! those whose names have them.

mod shapes;
mod world;

use core::time::Duration;

use warrener_broker::{
    BindingDefinition, ClosedBy, Command, CommandId, Definitions, Input, Kind, Object,
    PolicyDefinition, QueueDefinition,
};
use warrener_codec::method::basic::{Publish, PublishRef};
use warrener_codec::method::{basic, exchange, queue};
use warrener_codec::{Content, Method, Properties, ShortRef, Table, TableBuilder};

use crate::world::{BAD, CHANNEL, World, short};

const MILLION: usize = 1_000_000;

fn main() {
    world::headings();
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    let histories: [(&str, fn()); 11] = [
        ("fan_out", fan_out),
        ("deletion", deletion),
        ("expiry", expiry),
        ("delivery", delivery),
        ("unacked", unacked),
        ("unacked_deletion", unacked_deletion),
        ("policy", policy),
        ("import", import),
        ("transaction", transaction),
        ("rollback", rollback),
        ("broken", broken),
    ];
    for (name, history) in histories.into_iter().chain(shapes::HISTORIES) {
        if chosen.is_empty() || chosen.iter().any(|own| name.contains(own.as_str())) {
            history();
        }
    }
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

//! What the people who run a broker ask of it: a policy on many queues, and a large definitions file.

#![expect(missing_docs, reason = "what criterion's macros make is not documented")]

use core::hint::black_box;
use core::time::Duration;
use std::time::Instant;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use warrener_broker::{
    BindingDefinition, Broker, Command, CommandId, Config, Definitions, Effect, ExchangeDefinition,
    Input, Kind, Object, PolicyDefinition, Progress, QueueDefinition, Seed,
};
use warrener_codec::ShortStr;
use warrener_time::Time;

const NOW: Time = Time::from_secs(1_000);

fn short(name: &str) -> ShortStr {
    ShortStr::try_from(name).expect("a short name")
}

/// A broker whose disk is as fast as can be, and the slowest of its turns.
struct World {
    broker: Broker,
    effects: Vec<Effect>,
    slowest: Duration,
}

impl World {
    fn new() -> Self {
        let broker = Broker::new(Config::new(Seed::from(1)), NOW);
        Self { broker, effects: Vec::new(), slowest: Duration::ZERO }
    }

    #[expect(clippy::disallowed_methods, reason = "turns are measured one by one")]
    fn turn(&mut self, turn: impl FnOnce(&mut Broker, &mut Vec<Effect>)) {
        let begin = Instant::now();
        turn(&mut self.broker, &mut self.effects);
        self.slowest = self.slowest.max(begin.elapsed());
        let persisted = self.effects.drain(..).filter_map(|effect| match effect {
            Effect::Persist(record) => Some(record.id),
            _ => None,
        });
        if let Some(upto) = persisted.last() {
            let progress = Progress { upto, ahead: upto };
            self.broker.handle(NOW, Input::Persisted(progress), &mut self.effects);
            self.effects.clear();
        }
    }

    /// Gives a command, and runs turn after turn until nothing is left to do.
    fn command(&mut self, command: Command) {
        let command = Input::Command(CommandId(1), Box::new(command));
        self.turn(|broker, effects| broker.handle(NOW, command, effects));
        while self.broker.poll_timeout().is_some_and(|(due, _)| due <= NOW) {
            self.turn(|broker, effects| broker.handle_timeout(NOW, effects));
        }
    }
}

fn definitions(queues: usize, bindings: usize) -> Definitions {
    let mut all = Definitions::default();
    all.exchanges.push(ExchangeDefinition {
        vhost: short("/"),
        name: short("shop"),
        kind: short("topic"),
        durable: true,
        ..ExchangeDefinition::default()
    });
    for queue in 0..queues {
        all.queues.push(QueueDefinition {
            vhost: short("/"),
            name: short(&format!("shop.queue.{queue}")),
            durable: true,
            arguments: Object::new().with("x-max-length", 100_000_i64),
            ..QueueDefinition::default()
        });
    }
    for binding in 0..bindings {
        all.bindings.push(BindingDefinition {
            vhost: short("/"),
            source: short("shop"),
            destination: short(&format!("shop.queue.{}", binding % queues)),
            destination_type: Kind::Queue,
            routing_key: short(&format!("orders.*.{binding}")),
            arguments: Object::new(),
            others: Object::new(),
        });
    }
    all
}

fn import(definitions: &Definitions) -> Command {
    Command::Import { definitions: Box::new(definitions.clone()), vhost: None }
}

fn policy(pattern: &str, length: i64) -> Command {
    Command::SetPolicy(PolicyDefinition {
        vhost: short("/"),
        name: short("length"),
        pattern: pattern.into(),
        apply_to: "queues".into(),
        definition: Object::new().with("max-length", length).with("message-ttl", 60_000_i64),
        ..PolicyDefinition::default()
    })
}

fn policies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("policy over 100,000 queues");
    group.sample_size(10);
    let mut world = World::new();
    world.command(import(&definitions(100_000, 0)));
    for (label, pattern) in [("anchored", "^shop\\."), ("not amq", "^(?!amq\\.).*")] {
        world.slowest = Duration::ZERO;
        let mut length = 0;
        group.bench_function(label, |bencher| {
            bencher.iter(|| {
                length += 1;
                world.command(policy(pattern, length));
            });
        });
        eprintln_slowest(label, world.slowest);
    }
    group.finish();
}

fn imports(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("definitions");
    group.sample_size(10);
    let file = definitions(10_000, 50_000);
    let mut slowest = Duration::ZERO;
    group.bench_function("import of 10,000 queues and 50,000 bindings", |bencher| {
        bencher.iter_batched(
            || (World::new(), import(&file)),
            |(mut world, command)| {
                world.command(command);
                slowest = slowest.max(world.slowest);
                world
            },
            BatchSize::PerIteration,
        );
    });
    eprintln_slowest("import", slowest);
    let mut world = World::new();
    world.command(import(&file));
    group.bench_function("export of the same", |bencher| {
        bencher.iter(|| world.command(black_box(Command::Export { vhost: None })));
    });
    group.finish();
}

#[expect(clippy::print_stderr, reason = "criterion has no place for the slowest turn")]
fn eprintln_slowest(label: &str, slowest: Duration) {
    eprintln!("{label}: the slowest turn took {slowest:?}");
}

criterion_group!(benches, policies, imports);
criterion_main!(benches);

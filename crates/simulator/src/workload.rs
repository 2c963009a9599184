//! A run: clients that publish, consume, break and come back as chance has it, on a server that loses its power.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::history::{ActorId, Happened, MessageId, QueueId};
use crate::{Client, Random, Weather, World, queue};

/// How a run is set up; all of it follows from the seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The seed.
    pub seed: u64,
    /// How the network treats streams.
    pub weather: Weather,
    /// How many queues there are, all bound to one fanout exchange as well.
    pub queues: usize,
    /// How many clients publish.
    pub publishers: usize,
    /// How many clients consume.
    pub consumers: usize,
    /// How many things happen before all faults end.
    pub steps: usize,
    /// How long the disk takes at most.
    pub disk_delay_max: Duration,
    /// How often, in a thousand steps, a stream breaks.
    pub cut_permille: u64,
    /// How often, in a thousand steps, the server loses its power.
    pub power_permille: u64,
}

impl Options {
    /// The options of this seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut random = Random::new(seed);
        Self {
            seed: random.bits(),
            weather: Weather::drawn(&mut random),
            queues: 1 + random.index(4),
            publishers: 1 + random.index(3),
            consumers: 1 + random.index(4),
            steps: 200 + random.index(400),
            disk_delay_max: Duration::from_micros(*random.pick(&[0, 500, 20_000])),
            cut_permille: *random.pick(&[0, 10, 40]),
            power_permille: *random.pick(&[0, 5, 15]),
        }
    }
}

/// Runs one seed to its end, and gives what happened.
#[must_use]
pub fn run(options: &Options) -> Vec<Happened> {
    let mut run = Run::new(options);
    for _ in 0..options.steps {
        run.step();
    }
    run.drain();
    run.history
}

struct Run<'a> {
    options: &'a Options,
    random: Random,
    world: World,
    history: Vec<Happened>,
    publishers: Vec<Publisher>,
    consumers: Vec<Consumer>,
    actors: u64,
    messages: u64,
}

struct Publisher {
    client: Client,
    id: ActorId,
    published: u64,
    waiting: BTreeMap<u64, MessageId>,
}

struct Consumer {
    client: Client,
    id: ActorId,
    queue: QueueId,
    holds: Vec<(u64, MessageId)>,
}

const EVERYWHERE: &str = "everywhere";

impl<'a> Run<'a> {
    fn new(options: &'a Options) -> Self {
        let mut random = Random::new(options.seed);
        let world = World::in_weather(random.bits(), options.weather);
        world.set_disk_delay(options.disk_delay_max);
        let client = world.connect();
        client.declare_exchange(EVERYWHERE, "fanout");
        for n in 0..options.queues {
            client.declare(queue(&name(QueueId(n))));
            client.bind(&name(QueueId(n)), EVERYWHERE, "");
        }
        client.close();
        let mut run = Self {
            options,
            random,
            world,
            history: Vec::new(),
            publishers: Vec::new(),
            consumers: Vec::new(),
            actors: 0,
            messages: 0,
        };
        run.people();
        run
    }

    /// As many clients as there should be, in place of those that are gone.
    fn people(&mut self) {
        self.publishers.retain(|publisher| publisher.client.closed().is_none());
        while self.publishers.len() < self.options.publishers {
            let client = self.world.connect();
            client.confirm_select();
            let id = self.actor();
            let waiting = BTreeMap::new();
            self.publishers.push(Publisher { client, id, published: 0, waiting });
        }
        self.consumers.retain(|consumer| consumer.client.closed().is_none());
        while self.consumers.len() < self.options.consumers {
            let queue = QueueId(self.random.index(self.options.queues));
            let prefetch = *self.random.pick(&[0, 1, 3, 50]);
            let consumer = self.consumer(queue, prefetch);
            self.consumers.push(consumer);
        }
    }

    fn consumer(&mut self, queue: QueueId, prefetch: u16) -> Consumer {
        let client = self.world.connect();
        client.prefetch(prefetch);
        client.consume(&name(queue));
        Consumer { client, id: self.actor(), queue, holds: Vec::new() }
    }

    fn actor(&mut self) -> ActorId {
        self.actors += 1;
        ActorId(self.actors)
    }

    fn step(&mut self) {
        if self.random.below(1000) < self.options.power_permille {
            self.listen();
            self.world.restart();
            self.history.push(Happened::Restarted);
            self.world.settle();
        } else if self.random.below(1000) < self.options.cut_permille {
            self.cut();
        }
        self.people();
        match self.random.below(10) {
            0..5 => self.publish(),
            5..9 => self.consume(),
            _ => {}
        }
        self.world.advance(Duration::from_micros(self.random.below(20_000)));
        self.listen();
    }

    fn publish(&mut self) {
        let index = self.random.index(self.publishers.len());
        for _ in 0..1 + self.random.index(5) {
            self.messages += 1;
            let (id, body) = (MessageId(self.messages), self.messages.to_string());
            let publisher = &mut self.publishers[index];
            let to: Vec<QueueId> = if self.random.chance(30) {
                publisher.client.publish(EVERYWHERE, "", body);
                (0..self.options.queues).map(QueueId).collect()
            } else {
                let to = QueueId(self.random.index(self.options.queues));
                publisher.client.publish("", &name(to), body);
                vec![to]
            };
            publisher.published += 1;
            publisher.waiting.insert(publisher.published, id);
            self.history.push(Happened::Published { id, by: publisher.id, to });
        }
    }

    /// Every consumer looks at what it holds, and settles some of it in one of the ways people do.
    fn consume(&mut self) {
        for consumer in &mut self.consumers {
            let habit = self.random.below(10);
            let mut kept = Vec::new();
            for (tag, id) in consumer.holds.drain(..) {
                match habit {
                    0..6 => {
                        consumer.client.ack(tag);
                        self.history.push(Happened::Acked { id, from: consumer.queue });
                    }
                    6 => consumer.client.nack(tag, true),
                    7 => consumer.client.reject(tag, true),
                    _ => kept.push((tag, id)),
                }
            }
            consumer.holds = kept;
        }
    }

    fn cut(&mut self) {
        let all = self.publishers.len() + self.consumers.len();
        let index = self.random.index(all);
        match self.publishers.get(index) {
            Some(publisher) => publisher.client.cut(),
            None => self.consumers[index - self.publishers.len()].client.cut(),
        }
        self.world.settle();
        self.listen();
    }

    /// Notes what the clients have heard.
    fn listen(&mut self) {
        for publisher in &mut self.publishers {
            for (tag, multiple, accepted) in publisher.client.confirms() {
                let told: Vec<u64> = if multiple {
                    publisher.waiting.range(..=tag).map(|(tag, _)| *tag).collect()
                } else {
                    vec![tag]
                };
                for tag in told {
                    if let Some(id) = publisher.waiting.remove(&tag) {
                        self.history.push(Happened::Confirmed { id, accepted });
                    }
                }
            }
        }
        for consumer in &mut self.consumers {
            consumer.listen(&mut self.history);
        }
    }

    /// All faults are over: everything still there is delivered and acknowledged.
    fn drain(&mut self) {
        self.world.settle();
        self.listen();
        self.history.push(Happened::Healed);
        for consumer in self.consumers.drain(..) {
            consumer.client.close();
        }
        for n in 0..self.options.queues {
            let mut last = self.consumer(QueueId(n), 100);
            loop {
                self.world.settle();
                last.listen(&mut self.history);
                if last.holds.is_empty() {
                    break;
                }
                for (tag, id) in last.holds.drain(..) {
                    last.client.ack(tag);
                    self.history.push(Happened::Acked { id, from: last.queue });
                }
            }
            last.client.close();
        }
        let client = self.world.connect();
        for n in 0..self.options.queues {
            let (messages, _) = client.count(&name(QueueId(n)));
            self.history.push(Happened::Left { queue: QueueId(n), messages });
        }
        self.listen();
    }
}

impl Consumer {
    fn listen(&mut self, history: &mut Vec<Happened>) {
        for message in self.client.deliveries() {
            let id = MessageId(message.body.parse().expect("every body is a number"));
            let (from, to, redelivered) = (self.queue, self.id, message.redelivered);
            history.push(Happened::Delivered { id, from, to, redelivered });
            self.holds.push((message.delivery_tag, id));
        }
    }
}

fn name(queue: QueueId) -> String {
    format!("queue-{}", queue.0)
}

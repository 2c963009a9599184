//! Random histories of queues that feed each other, against a slow and obvious model: every message in every queue is
//! delivered, dead-lettered, expired, dropped or still there, in order, and every count is right after every step. Whoever asks
//! gets the next message, and consumers that come and go, each on a channel of its own, get theirs as far as their prefetch lets them.

use core::time::Duration;

use proptest::prelude::*;
use warrener_time::Time;

use crate::script::World;

/// A message as the model has it.
#[derive(Clone, Debug)]
struct Message {
    body: String,
    /// Its place in line: it keeps that for as long as it is in one queue.
    place: u64,
    own_ttl_ms: Option<u64>,
    expires: Option<Time>,
    /// Where and why it died, the latest first, each pair once.
    deaths: Vec<(usize, Reason)>,
    /// How often it failed here.
    failed: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Expired,
    MaxLength,
    Rejected,
    DeliveryLimit,
}

/// What a queue is told, and where its dead go.
#[derive(Clone, Copy, Debug)]
struct Kind {
    name: &'static str,
    arguments: &'static str,
    ttl_ms: Option<u64>,
    max_length: Option<usize>,
    refuses: bool,
    limit: Option<u32>,
    grave: Option<usize>,
}

const QUORUM: &str = "arg:x-queue-type=quorum arg:x-delivery-limit=1";

const KINDS: [Kind; 5] = [
    Kind {
        name: "plain",
        arguments: "",
        ttl_ms: None,
        max_length: None,
        refuses: false,
        limit: None,
        grave: None,
    },
    Kind {
        name: "short",
        arguments: "arg:x-max-length=2",
        ttl_ms: None,
        max_length: Some(2),
        refuses: false,
        limit: None,
        grave: Some(2),
    },
    Kind {
        name: "brief",
        arguments: "arg:x-message-ttl=40",
        ttl_ms: Some(40),
        max_length: None,
        refuses: false,
        limit: None,
        grave: Some(1),
    },
    Kind {
        name: "tried",
        arguments: QUORUM,
        ttl_ms: None,
        max_length: None,
        refuses: false,
        limit: Some(1),
        grave: Some(0),
    },
    Kind {
        name: "full",
        arguments: "arg:x-max-length=1 arg:x-overflow=reject-publish arg:x-message-ttl=70",
        ttl_ms: Some(70),
        max_length: Some(1),
        refuses: true,
        limit: None,
        grave: Some(3),
    },
];

#[derive(Debug, Default)]
struct Queue {
    ready: Vec<Message>,
    /// What was asked for and is not settled.
    out: Vec<(u64, Message)>,
    consumer: Consumer,
}

/// Whoever consumes from a queue, now or not any more: one channel.
#[derive(Debug, Default)]
struct Consumer {
    /// How many it may hold, while it is there.
    prefetch: Option<usize>,
    tag: u64,
    /// What it was handed and has not settled.
    holds: Vec<(u64, Message)>,
    /// What this step handed to it.
    heard: Vec<String>,
}

/// Queues that have consumers: in those of a bounded length it matters who comes first, the consumer or the bound.
const CONSUMED: [usize; 3] = [0, 2, 3];

/// The model: one client, one channel to ask on and one for each consumer, everything by hand.
struct Model {
    now: Time,
    places: u64,
    tag: u64,
    queues: [Queue; 5],
}

impl Model {
    fn new(now: Time) -> Self {
        Self { now, places: 0, tag: 0, queues: Default::default() }
    }

    /// Takes a message in; whether the queue did.
    fn enqueue(&mut self, queue: usize, mut message: Message) -> bool {
        let kind = KINDS[queue];
        if kind.refuses && kind.max_length.is_some_and(|max| self.queues[queue].ready.len() >= max)
        {
            return false;
        }
        self.places += 1;
        message.place = self.places;
        message.failed = 0;
        let ttl = kind.ttl_ms.into_iter().chain(message.own_ttl_ms).min();
        message.expires = ttl.map(|ttl| self.now + Duration::from_millis(ttl));
        self.queues[queue].ready.push(message);
        self.serve(queue);
        self.make_room(queue);
        true
    }

    /// A consumer gets what it may have.
    fn serve(&mut self, queue: usize) {
        let Queue { ready, consumer, .. } = &mut self.queues[queue];
        while !ready.is_empty() && consumer.prefetch.is_some_and(|max| consumer.holds.len() < max) {
            let message = ready.remove(0);
            consumer.tag += 1;
            consumer.heard.push(message.body.clone());
            consumer.holds.push((consumer.tag, message));
        }
    }

    /// The oldest leave a queue that is too long, unless it refuses instead.
    fn make_room(&mut self, queue: usize) {
        let Kind { max_length, refuses, .. } = KINDS[queue];
        while !refuses && max_length.is_some_and(|max| self.queues[queue].ready.len() > max) {
            let oldest = self.queues[queue].ready.remove(0);
            self.die(queue, oldest, Reason::MaxLength);
        }
    }

    /// A message leaves its queue for a reason that sends it on, unless it would only go round.
    fn die(&mut self, queue: usize, mut message: Message, reason: Reason) {
        let Some(grave) = KINDS[queue].grave else { return };
        message.deaths.retain(|death| *death != (queue, reason));
        message.deaths.insert(0, (queue, reason));
        message.own_ttl_ms = None;
        let before = message.deaths.iter().position(|(of, _)| *of == grave);
        let by_itself = |place: usize| {
            message.deaths[..=place].iter().all(|(_, reason)| *reason != Reason::Rejected)
        };
        if reason == Reason::Rejected || !before.is_some_and(by_itself) {
            self.enqueue(grave, message);
        }
    }

    fn get(&mut self, queue: usize, settled: bool) -> Option<String> {
        if self.queues[queue].ready.is_empty() {
            return None;
        }
        let message = self.queues[queue].ready.remove(0);
        self.tag += 1;
        let body = message.body.clone();
        if !settled {
            self.queues[queue].out.push((self.tag, message));
        }
        Some(body)
    }

    /// Takes out the delivery that is so many from the oldest.
    fn take(&mut self, nth: usize) -> Option<(u64, usize, Message)> {
        let mut all: Vec<(u64, usize)> = (0..KINDS.len())
            .flat_map(|queue| self.queues[queue].out.iter().map(move |(tag, _)| (*tag, queue)))
            .collect();
        all.sort_unstable();
        let (tag, queue) = *all.get(nth % all.len().max(1))?;
        let place = self.queues[queue].out.iter().position(|(of, _)| *of == tag)?;
        let (_, message) = self.queues[queue].out.remove(place);
        Some((tag, queue, message))
    }

    fn requeue(&mut self, queue: usize, mut message: Message, failed: bool) {
        message.failed += u32::from(failed);
        if failed && KINDS[queue].limit.is_some_and(|limit| message.failed > limit) {
            return self.die(queue, message, Reason::DeliveryLimit);
        }
        if message.expires.is_some_and(|at| at <= self.now) {
            return self.die(queue, message, Reason::Expired);
        }
        let line = &mut self.queues[queue].ready;
        let at = line.partition_point(|other| other.place < message.place);
        line.insert(at, message);
        self.serve(queue);
        self.make_room(queue);
    }

    /// Time passes, and whatever expires on the way does, in its order.
    fn pass(&mut self, how_long: Duration) {
        let end = self.now + how_long;
        loop {
            let next = (0..KINDS.len())
                .flat_map(|queue| self.queues[queue].ready.iter().map(move |own| (queue, own)))
                .filter_map(|(queue, own)| Some((own.expires?, queue, own.place)))
                .filter(|(at, ..)| *at <= end)
                .min();
            let Some((at, queue, place)) = next else { break };
            self.now = at;
            let line = &mut self.queues[queue].ready;
            let index = line.iter().position(|own| own.place == place).expect("it was just there");
            let expired = line.remove(index);
            self.die(queue, expired, Reason::Expired);
        }
        self.now = end;
    }

    fn counts(&self) -> Vec<(usize, usize)> {
        let unacked = |queue: &Queue| queue.out.len() + queue.consumer.holds.len();
        self.queues.iter().map(|queue| (queue.ready.len(), unacked(queue))).collect()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Publish { queue: usize, own_ttl_ms: Option<u64> },
    Get { queue: usize, settled: bool },
    Settle { nth: usize, how: How },
    Consume { queue: usize, prefetch: usize },
    Cancel { queue: usize },
    SettleConsumed { queue: usize, nth: usize, how: How },
    Purge { queue: usize },
    Pass { ms: u64 },
}

#[derive(Clone, Copy, Debug)]
enum How {
    Ack,
    Nack,
    NackBack,
    Reject,
    RejectBack,
}

fn step() -> impl Strategy<Value = Step> {
    let how = prop::sample::select(vec![
        How::Ack,
        How::Nack,
        How::NackBack,
        How::Reject,
        How::RejectBack,
    ]);
    let queue = || 0..KINDS.len();
    let consumed = || prop::sample::select(CONSUMED.to_vec());
    prop_oneof![
        3 => (consumed(), 1..4_usize).prop_map(|(queue, prefetch)| Step::Consume { queue, prefetch }),
        2 => consumed().prop_map(|queue| Step::Cancel { queue }),
        6 => (consumed(), 0..4_usize, how.clone())
            .prop_map(|(queue, nth, how)| Step::SettleConsumed { queue, nth, how }),
        8 => (queue(), prop::option::weighted(0.3, 1..90_u64))
            .prop_map(|(queue, own_ttl_ms)| Step::Publish { queue, own_ttl_ms }),
        5 => (queue(), any::<bool>()).prop_map(|(queue, settled)| Step::Get { queue, settled }),
        6 => (0..8_usize, how).prop_map(|(nth, how)| Step::Settle { nth, how }),
        1 => queue().prop_map(|queue| Step::Purge { queue }),
        4 => (1..60_u64).prop_map(|ms| Step::Pass { ms }),
    ]
}

/// The broker and the model side by side.
struct Both {
    world: World,
    model: Model,
    published: u32,
    /// What this step handed to the consumer of each queue.
    heard: [Vec<String>; 5],
}

/// The channel of a queue's consumer.
fn channel(queue: usize) -> String {
    format!("1.{}", queue + 2)
}

impl Both {
    fn new() -> Self {
        let mut world = World::new();
        world.run("1 connect\n1.1 open\n1.1 confirm.select");
        for Kind { name, arguments, grave, .. } in KINDS {
            let to = grave.map_or_else(String::new, |grave| {
                let grave = KINDS[grave].name;
                format!("arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key={grave}")
            });
            world.run(&format!("1.1 queue.declare {name} durable {arguments} {to}"));
        }
        for queue in CONSUMED {
            world.run(&format!("{} open", channel(queue)));
        }
        let model = Model::new(world.now());
        Self { world, model, published: 0, heard: Default::default() }
    }

    /// Says something, and notes who is handed what.
    fn say(&mut self, line: &str) -> String {
        let seen = self.world.run(line);
        for queue in CONSUMED {
            let deliver = format!("    {} deliver ", channel(queue));
            let delivered = seen.lines().filter(|line| line.starts_with(&deliver));
            let bodies = delivered.filter_map(|line| line.split('"').nth(1));
            self.heard[queue].extend(bodies.map(str::to_owned));
        }
        seen
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Publish { queue, own_ttl_ms } => self.publish(queue, own_ttl_ms),
            Step::Get { queue, settled } => {
                let flag = if settled { "no-ack" } else { "" };
                let seen = self.say(&format!("1.1 get {} {flag}", KINDS[queue].name));
                let body = seen.split('"').nth(1).map(str::to_owned);
                assert_eq!(body, self.model.get(queue, settled), "{seen}");
            }
            Step::Settle { nth, how } => {
                if let Some((tag, queue, message)) = self.model.take(nth) {
                    self.settle("1.1", tag, queue, message, how);
                }
            }
            Step::Consume { queue, prefetch } => self.consume(queue, prefetch),
            Step::Cancel { queue } => {
                if self.model.queues[queue].consumer.prefetch.take().is_some() {
                    self.say(&format!("{} cancel c", channel(queue)));
                }
            }
            Step::SettleConsumed { queue, nth, how } => {
                let held = &mut self.model.queues[queue].consumer.holds;
                if !held.is_empty() {
                    let (tag, message) = held.remove(nth % held.len());
                    self.settle(&channel(queue), tag, queue, message, how);
                }
            }
            Step::Purge { queue } => {
                self.say(&format!("1.1 queue.purge {}", KINDS[queue].name));
                self.model.queues[queue].ready.clear();
            }
            Step::Pass { ms } => {
                self.say(&format!("wait {ms}ms"));
                self.model.pass(Duration::from_millis(ms));
            }
        }
        for queue in CONSUMED {
            let heard = core::mem::take(&mut self.heard[queue]);
            let expected = core::mem::take(&mut self.model.queues[queue].consumer.heard);
            assert_eq!(heard, expected, "by the consumer of {}, {step:?}", KINDS[queue].name);
        }
        warrener_broker::fuzzing::audit(&self.world.broker);
        let view = self.world.broker.view();
        let counts: Vec<(usize, usize)> = KINDS
            .iter()
            .map(|kind| view.queue("/", kind.name).expect("a declared queue"))
            .map(|counts| (counts.ready as usize, counts.unacked as usize))
            .collect();
        assert_eq!(counts, self.model.counts(), "after {step:?}");
    }

    fn publish(&mut self, queue: usize, own_ttl_ms: Option<u64>) {
        self.published += 1;
        let body = format!("m{}", self.published);
        let ttl = own_ttl_ms.map_or_else(String::new, |ms| format!("expiration={ms}"));
        let name = KINDS[queue].name;
        let seen = self.say(&format!("1.1 publish - {name} {body} persistent {ttl}"));
        let message =
            Message { body, place: 0, own_ttl_ms, expires: None, deaths: Vec::new(), failed: 0 };
        let taken = self.model.enqueue(queue, message);
        let answer = if taken { "1.1 ack" } else { "1.1 nack" };
        assert!(seen.contains(&format!("    {answer} {}", self.published)), "{seen}");
    }

    fn consume(&mut self, queue: usize, prefetch: usize) {
        let consumer = &mut self.model.queues[queue].consumer;
        // What an earlier consumer of this channel still holds would count for that one alone.
        if consumer.prefetch.is_some() || !consumer.holds.is_empty() {
            return;
        }
        consumer.prefetch = Some(prefetch);
        let (place, name) = (channel(queue), KINDS[queue].name);
        self.say(&format!("{place} qos {prefetch}\n{place} consume {name} c"));
        self.model.serve(queue);
    }

    fn settle(&mut self, place: &str, tag: u64, queue: usize, message: Message, how: How) {
        let verb = match how {
            How::Ack => format!("ack {tag}"),
            How::Nack => format!("nack {tag}"),
            How::NackBack => format!("nack {tag} requeue"),
            How::Reject => format!("reject {tag}"),
            How::RejectBack => format!("reject {tag} requeue"),
        };
        self.say(&format!("{place} {verb}"));
        match how {
            How::Ack => {}
            How::Nack | How::Reject => self.model.die(queue, message, Reason::Rejected),
            How::NackBack => self.model.requeue(queue, message, false),
            How::RejectBack => self.model.requeue(queue, message, true),
        }
        self.model.serve(queue);
    }

    /// Everything that is left comes out in order.
    fn drain(&mut self) {
        CONSUMED.iter().for_each(|queue| self.run(&Step::Cancel { queue: *queue }));
        for queue in 0..KINDS.len() {
            while !self.model.queues[queue].ready.is_empty() {
                self.run(&Step::Get { queue, settled: true });
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_message_is_where_the_obvious_model_has_it(steps in prop::collection::vec(step(), 0..80)) {
        let mut both = Both::new();
        steps.iter().for_each(|step| both.run(step));
        both.drain();
    }
}

//! Several clients that share queues, with random habits. What the broker sends is checked message by message against
//! the rules of sharing, by an obvious model that remembers everything and decides nothing.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::script::World;

/// A queue, and what is special about it.
struct Kind {
    name: &'static str,
    arguments: &'static str,
    max_priority: u8,
    single_active: bool,
}

const KINDS: [Kind; 4] = [
    Kind { name: "plain", arguments: "", max_priority: 0, single_active: false },
    Kind {
        name: "ranked",
        arguments: "arg:x-max-priority=3",
        max_priority: 3,
        single_active: false,
    },
    Kind {
        name: "alone",
        arguments: "arg:x-single-active-consumer=true",
        max_priority: 0,
        single_active: true,
    },
    Kind {
        name: "counted",
        arguments: "arg:x-queue-type=quorum arg:x-delivery-limit=1000",
        max_priority: 31,
        single_active: false,
    },
];

/// Connection and channel.
type Place = (u64, u16);

const PLACES: [Place; 5] = [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1)];

#[derive(Clone, Debug)]
struct Message {
    number: u32,
    priority: u8,
    /// Its place in line among those of its priority, which it keeps when it returns.
    place: u64,
    was_out: bool,
}

#[derive(Debug)]
struct Consumer {
    place: Place,
    tag: String,
    queue: usize,
    priority: i32,
    /// 0: any number.
    prefetch: u16,
    settled: bool,
    out: u16,
    /// When it last went to the end of its line: as it came, was served, or could take messages again. Those that could
    /// again at the same moment are equals.
    since: u64,
}

#[derive(Debug, Default)]
struct Channel {
    prefetch: u16,
    /// For all its consumers together; 0: any number.
    limit: u16,
    last_tag: u64,
    /// What was delivered, and to which consumer, if to one.
    out: BTreeMap<u64, (usize, Message, Option<String>)>,
}

#[derive(Default)]
struct Model {
    clock: u64,
    ready: [Vec<Message>; KINDS.len()],
    consumers: Vec<Consumer>,
    channels: BTreeMap<Place, Channel>,
}

impl Model {
    fn channel(&mut self, place: Place) -> &mut Channel {
        self.channels.entry(place).or_default()
    }

    fn put(&mut self, queue: usize, message: Message) {
        let line = &mut self.ready[queue];
        let at = line.partition_point(|other| {
            (u8::MAX - other.priority, other.place) < (u8::MAX - message.priority, message.place)
        });
        line.insert(at, message);
    }

    fn can_take(&self, consumer: &Consumer) -> bool {
        let channel = &self.channels[&consumer.place];
        let all = channel.out.values().filter(|(.., tag)| tag.is_some()).count();
        let active =
            !KINDS[consumer.queue].single_active
                || self.consumers.iter().find(|other| other.queue == consumer.queue).is_some_and(
                    |first| first.place == consumer.place && first.tag == consumer.tag,
                );
        active
            && (consumer.settled
                || (consumer.prefetch == 0 || consumer.out < consumer.prefetch)
                    && (channel.limit == 0 || all < usize::from(channel.limit)))
    }

    /// Does something, and sends those to the end of their line who can take messages only since then.
    fn change(&mut self, change: impl FnOnce(&mut Self)) {
        let names = |model: &Self| -> Vec<(Place, String)> {
            let able = model.consumers.iter().filter(|consumer| model.can_take(consumer));
            able.map(|consumer| (consumer.place, consumer.tag.clone())).collect()
        };
        let before = names(self);
        change(self);
        self.clock += 1;
        let after = names(self);
        for consumer in &mut self.consumers {
            let name = (consumer.place, consumer.tag.clone());
            if after.contains(&name) && !before.contains(&name) {
                consumer.since = self.clock;
            }
        }
    }

    /// Takes a delivery off the books of its channel.
    fn settle(&mut self, place: Place, tag: u64) -> (usize, Message) {
        let (queue, message, consumer) =
            self.channel(place).out.remove(&tag).expect("only what is out is settled");
        let holder = self
            .consumers
            .iter_mut()
            .find(|other| other.place == place && Some(&other.tag) == consumer.as_ref());
        if let Some(holder) = holder {
            holder.out -= 1;
        }
        (queue, message)
    }

    fn requeue(&mut self, place: Place, tag: u64) {
        let (queue, mut message) = self.settle(place, tag);
        message.was_out = true;
        self.put(queue, message);
    }

    fn close(&mut self, place: Place) {
        self.consumers.retain(|consumer| consumer.place != place);
        let out: Vec<u64> = self.channel(place).out.keys().copied().collect();
        out.into_iter().for_each(|tag| self.requeue(place, tag));
        self.channels.remove(&place);
    }

    /// A delivery that the broker made: it is the first in line, to one whose turn it is.
    fn delivered(&mut self, seen: &Seen) {
        let Seen { place, consumer, tag, queue, number, redelivered } = seen;
        let message = self.ready[*queue].remove(0);
        assert_eq!(message.number, *number, "the first in line goes first: {seen:?}");
        assert_eq!(message.was_out, *redelivered, "redelivered says so: {seen:?}");
        let able: Vec<&Consumer> = self
            .consumers
            .iter()
            .filter(|consumer| consumer.queue == *queue && self.can_take(consumer))
            .collect();
        let of_it = |other: &&&Consumer| other.place == *place && other.tag == *consumer;
        let served = able.iter().find(of_it).unwrap_or_else(|| panic!("nobody's turn: {seen:?}"));
        let highest = able.iter().map(|consumer| consumer.priority).max();
        assert_eq!(highest, Some(served.priority), "a higher priority goes first: {seen:?}");
        let is_limited = |consumer: &&Consumer| self.channels[&consumer.place].limit > 0;
        if !able.iter().copied().any(|consumer| is_limited(&consumer)) {
            let equals = able.iter().filter(|consumer| Some(consumer.priority) == highest);
            let longest = equals.map(|consumer| consumer.since).min();
            assert_eq!(longest, Some(served.since), "who waits longest goes first: {seen:?}");
        }
        let (settled, holder) = (served.settled, served.tag.clone());
        self.number(*place, *tag);
        self.clock += 1;
        let clock = self.clock;
        let served = self
            .consumers
            .iter_mut()
            .find(|other| other.place == *place && other.tag == *consumer)
            .expect("it was just there");
        served.since = clock;
        if !settled {
            served.out += 1;
            self.channel(*place).out.insert(*tag, (*queue, message, Some(holder)));
        }
    }

    /// Delivery tags count up from one in each channel.
    fn number(&mut self, place: Place, tag: u64) {
        let channel = self.channel(place);
        channel.last_tag += 1;
        assert_eq!(tag, channel.last_tag);
    }

    /// Nobody waits for what is there.
    fn at_rest(&self) {
        for (queue, line) in self.ready.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
            let able = self
                .consumers
                .iter()
                .find(|consumer| consumer.queue == queue && self.can_take(consumer));
            assert!(able.is_none(), "{able:?} could take {:?}", line[0]);
        }
    }

    fn counts(&self) -> Vec<(usize, usize)> {
        let out = |queue: usize| {
            let all = self.channels.values().flat_map(|channel| channel.out.values());
            all.filter(|(of, ..)| *of == queue).count()
        };
        (0..KINDS.len()).map(|queue| (self.ready[queue].len(), out(queue))).collect()
    }
}

/// A delivery in the words of the script.
#[derive(Debug)]
struct Seen {
    place: Place,
    consumer: String,
    tag: u64,
    queue: usize,
    number: u32,
    redelivered: bool,
}

fn deliveries(text: &str) -> impl Iterator<Item = Seen> {
    text.lines().filter(|line| line.starts_with("    ")).filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let &[place, "deliver", consumer, tag, _, key, body, ..] = &words[..] else { return None };
        let (connection, channel) = place.split_once('.')?;
        Some(Seen {
            place: (connection.parse().ok()?, channel.parse().ok()?),
            consumer: consumer.into(),
            tag: tag.parse().ok()?,
            queue: KINDS.iter().position(|kind| kind.name == key)?,
            number: number_of(body),
            redelivered: words.contains(&"redelivered"),
        })
    })
}

fn number_of(body: &str) -> u32 {
    body.trim_matches('"').strip_prefix('m').and_then(|n| n.parse().ok()).expect("our own body")
}

#[derive(Clone, Debug)]
enum Step {
    Publish { place: usize, queue: usize, priority: u8 },
    Consume { place: usize, queue: usize, tag: u8, priority: i32, settled: bool },
    Cancel { nth: usize },
    Get { place: usize, queue: usize },
    Settle { place: usize, nth: usize, multiple: bool, how: How },
    Prefetch { place: usize, count: u16 },
    Limit { place: usize, count: u16 },
    Close { place: usize },
    Disconnect { connection: u64 },
    Recover { place: usize },
}

#[derive(Clone, Copy, Debug)]
enum How {
    Ack,
    Back,
    Away,
}

fn step() -> impl Strategy<Value = Step> {
    let (place, queue) = (|| 0..PLACES.len(), || 0..KINDS.len());
    let how = prop::sample::select(vec![How::Ack, How::Back, How::Away]);
    prop_oneof![
        12 => (place(), queue(), 0..5_u8)
            .prop_map(|(place, queue, priority)| Step::Publish { place, queue, priority }),
        5 => (place(), queue(), 0..3_u8, 0..2_i32, prop::bool::weighted(0.15)).prop_map(
            |(place, queue, tag, priority, settled)| {
                Step::Consume { place, queue, tag, priority, settled }
            }
        ),
        1 => (0..9_usize).prop_map(|nth| Step::Cancel { nth }),
        3 => (place(), queue()).prop_map(|(place, queue)| Step::Get { place, queue }),
        12 => (place(), 0..5_usize, prop::bool::weighted(0.3), how)
            .prop_map(|(place, nth, multiple, how)| Step::Settle { place, nth, multiple, how }),
        2 => (place(), 0..4_u16).prop_map(|(place, count)| Step::Prefetch { place, count }),
        1 => (place(), 0..4_u16).prop_map(|(place, count)| Step::Limit { place, count }),
        1 => place().prop_map(|place| Step::Close { place }),
        1 => (1..4_u64).prop_map(|connection| Step::Disconnect { connection }),
        1 => place().prop_map(|place| Step::Recover { place }),
    ]
}

/// The broker and the model side by side.
struct Both {
    world: World,
    model: Model,
    published: u32,
}

impl Both {
    fn new() -> Self {
        let mut both = Self { world: World::new(), model: Model::default(), published: 0 };
        both.come_back();
        for Kind { name, arguments, .. } in KINDS {
            both.world.run(&format!("1.1 queue.declare {name} durable {arguments}"));
        }
        both
    }

    /// Opens what is closed.
    fn come_back(&mut self) {
        for (connection, channel) in PLACES {
            if !self.world.is_connected(connection) {
                self.world.run(&format!("{connection} connect"));
            }
            if !self.world.is_open(connection, channel) {
                self.world.run(&format!("{connection}.{channel} open"));
                self.model.channel((connection, channel));
            }
        }
    }

    fn run(&mut self, step: &Step) {
        self.come_back();
        let seen = match *step {
            Step::Publish { place, queue, priority } => {
                self.publish(PLACES[place], queue, priority)
            }
            Step::Consume { place, queue, tag, priority, settled } => {
                self.consume(PLACES[place], queue, tag, priority, settled)
            }
            Step::Cancel { nth } => self.cancel(nth),
            Step::Get { place, queue } => self.get(PLACES[place], queue),
            Step::Settle { place, nth, multiple, how } => {
                self.settle(PLACES[place], nth, multiple, how)
            }
            Step::Prefetch { place, count } => {
                self.model.channel(PLACES[place]).prefetch = count;
                self.say(PLACES[place], &format!("qos {count}"))
            }
            Step::Limit { place, count } => {
                self.model.change(|model| model.channel(PLACES[place]).limit = count);
                self.say(PLACES[place], &format!("qos {count} global"))
            }
            Step::Close { place } => {
                self.model.change(|model| model.close(PLACES[place]));
                self.say(PLACES[place], "close")
            }
            Step::Disconnect { connection } => {
                let places = PLACES.iter().filter(|(of, _)| *of == connection);
                self.model.change(|model| places.for_each(|place| model.close(*place)));
                self.world.run(&format!("{connection} disconnect"))
            }
            Step::Recover { place } => self.recover(PLACES[place]),
        };
        deliveries(&seen).for_each(|seen| self.model.delivered(&seen));
        self.model.at_rest();
        self.compare(step);
    }

    fn say(&mut self, (connection, channel): Place, what: &str) -> String {
        self.world.run(&format!("{connection}.{channel} {what}"))
    }

    fn publish(&mut self, place: Place, queue: usize, priority: u8) -> String {
        self.published += 1;
        let number = self.published;
        let kind = &KINDS[queue];
        let message = Message {
            number,
            priority: priority.min(kind.max_priority),
            place: u64::from(number),
            was_out: false,
        };
        self.model.put(queue, message);
        self.say(
            place,
            &format!("publish - {} m{number} persistent priority={priority}", kind.name),
        )
    }

    fn consume(
        &mut self,
        place: Place,
        queue: usize,
        tag: u8,
        priority: i32,
        settled: bool,
    ) -> String {
        let tag = format!("c{tag}");
        if self.model.consumers.iter().any(|other| other.place == place && other.tag == tag) {
            return String::new();
        }
        let kind = &KINDS[queue];
        let priority = if kind.single_active { 0 } else { priority };
        let prefetch = self.model.channel(place).prefetch;
        let consumer = Consumer {
            place,
            tag: tag.clone(),
            queue,
            priority,
            prefetch,
            settled,
            out: 0,
            since: 0,
        };
        self.model.change(|model| model.consumers.push(consumer));
        let flag = if settled { "no-ack" } else { "" };
        self.say(place, &format!("consume {} {tag} {flag} arg:x-priority={priority}", kind.name))
    }

    fn cancel(&mut self, nth: usize) -> String {
        if nth >= self.model.consumers.len() {
            return String::new();
        }
        let mut gone = None;
        self.model.change(|model| gone = Some(model.consumers.remove(nth)));
        let Consumer { place, tag, .. } = gone.expect("it was just there");
        // What it holds stays out, and is nobody's any more for a consumer that comes with the same tag.
        let out = self.model.channel(place).out.values_mut();
        out.filter(|(.., of)| of.as_ref() == Some(&tag))
            .for_each(|(.., of)| *of = Some("-".into()));
        self.say(place, &format!("cancel {tag}"))
    }

    fn get(&mut self, place: Place, queue: usize) -> String {
        let seen = self.say(place, &format!("get {}", KINDS[queue].name));
        if self.model.ready[queue].is_empty() {
            assert!(seen.contains("basic.get-empty"), "{seen}");
            return String::new();
        }
        let message = self.model.ready[queue].remove(0);
        let answer = seen.lines().find(|line| line.contains(" get-ok ")).expect("there is one");
        let words: Vec<&str> = answer.split_whitespace().collect();
        let tag = words[2].parse().expect("a tag");
        assert_eq!(number_of(words[5]), message.number, "the first in line goes first");
        assert_eq!(words.contains(&"redelivered"), message.was_out, "{answer}");
        self.model.number(place, tag);
        self.model.channel(place).out.insert(tag, (queue, message, None));
        String::new()
    }

    fn settle(&mut self, place: Place, nth: usize, multiple: bool, how: How) -> String {
        let tags: Vec<u64> = self.model.channel(place).out.keys().copied().collect();
        let Some(tag) = tags.get(nth % tags.len().max(1)).copied() else { return String::new() };
        let settled = tags.into_iter().filter(|other| *other == tag || multiple && *other < tag);
        self.model.change(|model| {
            settled.for_each(|tag| match how {
                How::Ack | How::Away => drop(model.settle(place, tag)),
                How::Back => model.requeue(place, tag),
            });
        });
        let verb = match how {
            How::Ack => "ack",
            How::Back | How::Away => "nack",
        };
        let multiple = if multiple { "multiple" } else { "" };
        let requeue = if matches!(how, How::Back) { "requeue" } else { "" };
        self.say(place, &format!("{verb} {tag} {multiple} {requeue}"))
    }

    fn recover(&mut self, place: Place) -> String {
        self.model.change(|model| {
            let out: Vec<u64> = model.channel(place).out.keys().copied().collect();
            out.into_iter().for_each(|tag| model.requeue(place, tag));
        });
        self.say(place, "recover")
    }

    fn compare(&self, step: &Step) {
        warrener_broker::fuzzing::audit(&self.world.broker);
        let view = self.world.broker.view();
        let counts: Vec<(usize, usize)> = KINDS
            .iter()
            .map(|kind| view.queue("/", kind.name).expect("a declared queue"))
            .map(|counts| (counts.ready as usize, counts.unacked as usize))
            .collect();
        assert_eq!(counts, self.model.counts(), "after {step:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn clients_that_share_queues_are_served_by_the_rules(steps in prop::collection::vec(step(), 0..120)) {
        let mut both = Both::new();
        steps.iter().for_each(|step| both.run(step));
        for connection in 1..4 {
            both.run(&Step::Disconnect { connection });
        }
        both.come_back();
        for kind in &KINDS {
            both.say((1, 1), &format!("queue.delete {}", kind.name));
        }
        prop_assert_eq!(both.world.broker.view().messages(), 0, "memory is back to nothing");
        prop_assert_eq!(both.world.records(), 0, "and so is the disk");
    }
}

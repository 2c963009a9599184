//! Conversations that nobody wrote: chance says what clients do, our broker answers, and a live one is asked the same.
//!
//! What clients say is chosen with an eye on what they heard, so that most of it means something: tags that were delivered
//! are settled, consumers that are there are cancelled, channels that were closed are opened again.

use std::collections::BTreeMap;

use crate::ours::Ours;
use crate::script::{Script, Step};
use crate::session::Session;

/// How many steps a conversation has.
const STEPS: u32 = 40;

/// Invents a conversation, with our broker's answers as its recording.
pub(crate) fn invent(seed: u64) -> Script {
    let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut talk = Talk::default();
    let mut ours = Ours::new();
    let mut session = Session::new(&mut ours);
    let mut steps = Vec::new();
    for action in talk.beginning(&mut chance) {
        steps.push(answered(&mut session, &mut talk, action));
    }
    for _ in 0..STEPS {
        let action = talk.next(&mut chance);
        steps.push(answered(&mut session, &mut talk, action));
    }
    Script::of_steps(format!("explored/{seed}"), steps)
}

/// Our broker's answers to the steps of a script, in place of its recording.
pub(crate) fn answer(script: &mut Script) {
    let answers = Session::new(&mut Ours::new()).run(script);
    for (step, answer) in script.steps.iter_mut().zip(answers) {
        step.recording = answer;
    }
}

fn answered(session: &mut Session<'_>, talk: &mut Talk, action: String) -> Step {
    let mut step = Step { actions: vec![action], ..Step::default() };
    step.recording = session.step(&step);
    talk.hear(&step.recording);
    step
}

/// What the clients remember.
#[derive(Default)]
struct Talk {
    /// Tags that are not settled, by channel.
    unsettled: BTreeMap<String, Vec<u64>>,
    /// Consumers: their channels and tags.
    consumers: Vec<(String, String)>,
    /// Channels that the broker has closed.
    closed: Vec<String>,
    /// Queues that are not there.
    missing: Vec<&'static str>,
    next_connection: u32,
    next_consumer: u32,
    next_body: u32,
    connections: [u32; 2],
    transactional: bool,
}

const QUEUES: [&str; 3] = ["q1", "q2", "q3"];
const KEYS: [&str; 4] = ["a", "b", "a.b", "q1"];

impl Talk {
    fn beginning(&mut self, chance: &mut Chance) -> Vec<String> {
        self.connections = [1, 2];
        self.next_connection = 3;
        let mut actions = vec![
            "1.1 exchange.declare x1 fanout".into(),
            "1.1 exchange.declare x2 direct arg:alternate-exchange=x1".into(),
            "1.1 exchange.declare x3 topic".into(),
            "1.1 exchange.bind x2 x3 a.#".into(),
        ];
        actions.extend(QUEUES.map(|queue| declaration(queue, chance)));
        actions.push("1.1 queue.bind q1 x1 k".into());
        actions.push("1.1 queue.bind q2 x2 a".into());
        actions.push("1.1 queue.bind q3 x3 *.b".into());
        if chance.of(3) == 0 {
            self.transactional = true;
            actions.push("1.5 tx.select".into());
        } else if chance.of(2) == 0 {
            actions.push("1.4 confirm.select".into());
        }
        actions
    }

    fn next(&mut self, chance: &mut Chance) -> String {
        if let Some(place) = self.closed.pop() {
            self.unsettled.remove(&place);
            self.consumers.retain(|(channel, _)| *channel != place);
            return format!("{place} channel.open");
        }
        if let Some(queue) = self.missing.pop() {
            return declaration(queue, chance);
        }
        // Each channel does one thing, because what several queues send to one channel, or what a broker confirms and
        // delivers on it, comes in an order that nobody promises.
        let connection = *chance.pick(&self.connections);
        let place = format!("{connection}.{}", 1 + chance.of(5));
        match chance.of(100) {
            0..30 => self.publish(&format!("{connection}.{}", 4 + chance.of(2)), chance),
            30..38 => {
                let place = format!("{connection}.5");
                let no_ack = chance.flag(4, " no-ack");
                format!("{place} get {}{no_ack}", chance.pick(&QUEUES))
            }
            38..62 => self.settle(&place, chance),
            62..71 => self.consume(connection, chance),
            71..75 => match self.consumers.pop() {
                Some((channel, tag)) => format!("{channel} cancel {tag}"),
                None => format!("{place} cancel nobody"),
            },
            75..80 => {
                let global = chance.flag(3, " global");
                format!("{place} qos {}{global}", chance.of(4))
            }
            80..83 => {
                self.unsettled.remove(&place);
                format!("{place} recover")
            }
            83..88 => format!("1.1 queue.declare {} passive", chance.pick(&QUEUES)),
            88..90 => format!("1.1 queue.purge {}", chance.pick(&QUEUES)),
            // What a commit does without a queue that is gone meanwhile is a deliberate difference.
            90..92 if !self.transactional => {
                let queue = *chance.pick(&QUEUES);
                self.missing.push(queue);
                format!("1.1 queue.delete {queue}")
            }
            92..95 => self.bind(&place, chance),
            95..97 => {
                self.closed.push(place.clone());
                format!("{place} channel.close")
            }
            97..98 => self.cut(chance),
            _ if self.transactional => format!("1.5 tx.{}", chance.pick(&["commit", "rollback"])),
            _ => format!("{place} queue.declare -"),
        }
    }

    fn publish(&mut self, place: &str, chance: &mut Chance) -> String {
        let exchange = chance.pick(&["-", "-", "x1", "x2", "x3"]);
        let key = if *exchange == "-" { chance.pick(&QUEUES) } else { chance.pick(&KEYS) };
        self.next_body += 1;
        let body = self.next_body;
        let several = if chance.of(3) == 0 { "{1..3}" } else { "" };
        let mandatory = chance.flag(4, " mandatory");
        let cc = chance.flag(8, " h:CC=[q2,b]");
        let priority = match chance.of(3) {
            0 => format!(" priority={}", chance.of(8)),
            _ => String::new(),
        };
        format!("{place} publish {exchange} {key} m{body}-{several}{priority}{mandatory}{cc}")
    }

    fn settle(&mut self, place: &str, chance: &mut Chance) -> String {
        let held = self.unsettled.entry(place.to_owned()).or_default();
        if held.is_empty() {
            return format!("{place} ack 0 multiple");
        }
        let index = chance.of(held.len() as u64) as usize;
        let tag = held[index];
        let multiple = chance.of(4) == 0;
        let verb = *chance.pick(&["ack", "ack", "nack", "nack", "reject"]);
        let requeue = if verb == "ack" { "" } else { chance.flag(2, " requeue") };
        if multiple && verb != "reject" {
            held.retain(|other| *other > tag);
            return format!("{place} {verb} {tag} multiple{requeue}");
        }
        held.remove(index);
        format!("{place} {verb} {tag}{requeue}")
    }

    fn consume(&mut self, connection: u32, chance: &mut Chance) -> String {
        let queue = 1 + chance.of(QUEUES.len() as u64);
        let place = format!("{connection}.{queue}");
        self.next_consumer += 1;
        let tag = format!("c{}", self.next_consumer);
        let no_ack = chance.flag(4, " no-ack");
        let exclusive = chance.flag(10, " exclusive");
        let priority = chance.flag(4, " arg:x-priority=5");
        self.consumers.push((place.clone(), tag.clone()));
        format!("{place} consume q{queue} {tag}{no_ack}{exclusive}{priority}")
    }

    fn bind(&self, place: &str, chance: &mut Chance) -> String {
        let verb = chance.pick(&["bind", "bind", "unbind"]);
        let queue = chance.pick(&QUEUES);
        let exchange = chance.pick(&["x1", "x2", "x3"]);
        format!("{place} queue.{verb} {queue} {exchange} {}", chance.pick(&["a", "b", "#", "a.*"]))
    }

    /// The second connection breaks, and another takes its place.
    fn cut(&mut self, chance: &mut Chance) -> String {
        let lost = self.connections[1];
        let of_lost = |place: &str| place.starts_with(&format!("{lost}."));
        self.unsettled.retain(|place, _| !of_lost(place));
        self.consumers.retain(|(place, _)| !of_lost(place));
        self.closed.retain(|place| !of_lost(place));
        self.connections[1] = self.next_connection;
        self.next_connection += 1;
        let close = *chance.pick(&["cut", "connection.close"]);
        format!("{lost} {close}")
    }

    fn hear(&mut self, lines: &[String]) {
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                [place, "deliver", tag, delivery, ..] if self.holds(place, tag) => {
                    self.hold(place, delivery);
                }
                [place, "get-ok", delivery, ..] => self.hold(place, delivery),
                [place, "channel.close", ..] => self.closed.push(place.to_owned()),
                _ => {}
            }
        }
    }

    /// Whether the consumer was not cancelled meanwhile; those without acknowledgements are found out when they settle.
    fn holds(&self, place: &str, tag: &str) -> bool {
        self.consumers.iter().any(|(channel, own)| channel == place && own == tag)
    }

    fn hold(&mut self, place: &str, delivery: &str) {
        let tag = delivery.parse().expect("a delivery tag");
        self.unsettled.entry(place.to_owned()).or_default().push(tag);
    }
}

/// A classic queue. What comes back to a quorum queue takes another place than RabbitMQ gives it, deliberately.
fn declaration(queue: &str, chance: &mut Chance) -> String {
    let mut action = format!("1.1 queue.declare {queue}");
    match chance.of(4) {
        0 => action.push_str(" arg:x-max-priority=5"),
        1 => action.push_str(" arg:x-max-length=3"),
        2 => action.push_str(" arg:x-max-length=3 arg:x-overflow=reject-publish"),
        _ => {}
    }
    action.push_str(chance.flag(3, " arg:x-dead-letter-exchange=x3"));
    action.push_str(chance.flag(5, " arg:x-single-active-consumer=true"));
    action.push_str(chance.flag(6, " auto-delete"));
    action
}

/// Chance, from a seed.
struct Chance(u64);

impl Chance {
    fn of(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % below
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.of(from.len() as u64) as usize]
    }

    fn flag(&mut self, one_in: u64, flag: &'static str) -> &'static str {
        if self.of(one_in) == 0 { flag } else { "" }
    }
}

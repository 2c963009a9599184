//! Who builds while everybody works: declares, binds, unbinds and deletes queues and exchanges of its own, publishes
//! through them, and counts what has come.

use std::collections::BTreeMap;

use warrener_codec::Properties;
use warrener_codec::method::{confirm, exchange, queue};

use crate::Random;
use crate::channel::short;
use crate::history::{Happened, MessageId, Published, QueueId};

use super::plan::{Kind, Place, Plan, Way};
use super::record::Record;
use super::session::{Asked, Session};
use super::topology::name;

/// How many queues stand at once, and how many exchanges.
const QUEUES_MAX: usize = 4;
const EXCHANGES_MAX: usize = 4;

/// What ways are for, and what is published with: words and patterns alike.
const KEYS: [&str; 7] = ["a.b", "a.c", "a", "a.*", "*.b", "#", "a.#"];

/// One client that builds. All that it asks it asks on one channel, so that it knows at each moment what stands.
pub(super) struct Architect {
    pub(super) session: Session,
    plan: Plan,
    exchanges: u64,
    tag: u64,
    waiting: BTreeMap<u64, MessageId>,
}

impl Architect {
    pub(super) fn dial(record: &Record) -> Option<Self> {
        let session = Session::dial(record)?;
        let (plan, waiting) = (Plan::default(), BTreeMap::new());
        Some(Self { session, plan, exchanges: 0, tag: 0, waiting })
    }

    pub(super) fn listen(&mut self, record: &Record) {
        if self.session.progress(record) {
            self.session.ask(confirm::Select::default(), Asked::Setup);
        }
        let by = self.session.by;
        self.session.note_returns(record);
        for (asked, reply) in self.session.answers(record) {
            match asked {
                Asked::Made(queue) => record.note(Happened::Made { by, queue }),
                Asked::Count { queue, expected } => {
                    let found = reply.message_count().unwrap_or(u64::MAX);
                    record.note(Happened::Counted { queue, expected, found });
                }
                _ => {}
            }
        }
        self.session.note_confirms(&mut self.waiting, record);
    }

    /// Builds something, or tries out what stands.
    pub(super) fn act(&mut self, random: &mut Random, record: &Record) {
        let queues: Vec<QueueId> = self.plan.queues.keys().copied().collect();
        let exchanges: Vec<u64> = self.plan.exchanges.keys().copied().collect();
        if queues.is_empty() {
            return self.add_queue(record);
        }
        if exchanges.is_empty() {
            return self.add_exchange(random, record);
        }
        match random.below(20) {
            0 if queues.len() < QUEUES_MAX => self.add_queue(record),
            1 => self.remove_queue(*random.pick(&queues), record),
            2 if exchanges.len() < EXCHANGES_MAX => self.add_exchange(random, record),
            3 => self.remove_exchange(*random.pick(&exchanges), record),
            4..9 => self.open_way(*random.pick(&exchanges), random, record),
            9..12 => self.close_way(random, record),
            12 => self.purge(*random.pick(&queues)),
            _ => {
                for _ in 0..1 + random.index(3) {
                    self.publish(*random.pick(&exchanges), random, record);
                }
                self.count(*random.pick(&queues));
            }
        }
    }

    fn add_queue(&mut self, record: &Record) {
        let id = record.queue();
        self.note(format!("builds {id}"), record);
        let declare = queue::Declare {
            queue: short(&name(id)),
            exclusive: true,
            durable: id.0.is_multiple_of(2),
            ..queue::Declare::default()
        };
        self.session.ask(declare, Asked::Made(id));
        self.plan.queues.insert(id, 0);
    }

    fn remove_queue(&mut self, id: QueueId, record: &Record) {
        self.note(format!("pulls {id} down"), record);
        let delete = queue::Delete { queue: short(&name(id)), ..queue::Delete::default() };
        let expected = self.plan.queues[&id];
        self.session.ask(delete, Asked::Count { queue: id, expected });
        self.plan.remove_queue(id);
    }

    /// An exchange that goes with the last way from it; so it gets one at once.
    fn add_exchange(&mut self, random: &mut Random, record: &Record) {
        self.exchanges += 1;
        let (id, kind) = (self.exchanges, *random.pick(&Kind::ALL));
        self.note(format!("builds {} of type {}", self.exchange(id), kind.name()), record);
        let declare = exchange::Declare {
            exchange: short(&self.exchange(id)),
            kind: short(kind.name()),
            auto_delete: true,
            ..exchange::Declare::default()
        };
        self.session.ask(declare, Asked::Setup);
        self.plan.exchanges.insert(id, kind);
        self.open_way(id, random, record);
    }

    fn remove_exchange(&mut self, id: u64, record: &Record) {
        self.note(format!("pulls {} down", self.exchange(id)), record);
        let delete =
            exchange::Delete { exchange: short(&self.exchange(id)), ..exchange::Delete::default() };
        self.session.ask(delete, Asked::Delete);
        self.plan.remove_exchange(id);
    }

    fn open_way(&mut self, from: u64, random: &mut Random, record: &Record) {
        let others = self.plan.exchanges.keys().filter(|other| **other != from);
        let others = others.map(|other| Place::Exchange(*other));
        let places: Vec<Place> =
            self.plan.queues.keys().map(|queue| Place::Queue(*queue)).chain(others).collect();
        let way = Way { from, to: *random.pick(&places), key: KEYS[random.index(KEYS.len())] };
        self.note(format!("opens {way:?}"), record);
        let (source, key) = (short(&self.exchange(from)), short(way.key));
        match way.to {
            Place::Queue(queue) => {
                let (queue, exchange, routing_key) = (short(&name(queue)), source, key);
                let bind = queue::Bind { queue, exchange, routing_key, ..Default::default() };
                self.session.ask(bind, Asked::Setup);
            }
            Place::Exchange(to) => {
                let (destination, routing_key) = (short(&self.exchange(to)), key);
                let bind =
                    exchange::Bind { destination, source, routing_key, ..Default::default() };
                self.session.ask(bind, Asked::Setup);
            }
        }
        self.plan.ways.insert(way);
    }

    fn close_way(&mut self, random: &mut Random, record: &Record) {
        let ways: Vec<Way> = self.plan.ways.iter().copied().collect();
        let Some(way) = ways.get(random.index(ways.len())).copied() else { return };
        self.note(format!("closes {way:?}"), record);
        let (source, key) = (short(&self.exchange(way.from)), short(way.key));
        match way.to {
            Place::Queue(queue) => {
                let (queue, exchange, routing_key) = (short(&name(queue)), source, key);
                let unbind = queue::Unbind { queue, exchange, routing_key, ..Default::default() };
                self.session.ask(unbind, Asked::Setup);
            }
            Place::Exchange(to) => {
                let (destination, routing_key) = (short(&self.exchange(to)), key);
                let unbind =
                    exchange::Unbind { destination, source, routing_key, ..Default::default() };
                self.session.ask(unbind, Asked::Setup);
            }
        }
        self.plan.close(way);
    }

    fn publish(&mut self, exchange: u64, random: &mut Random, record: &Record) {
        let key = *random.pick(&KEYS[..3]);
        let to = self.plan.route(exchange, key);
        self.plan.publish(&to);
        let id = record.message();
        let body = record.body(id);
        let bytes = body.len() as u64;
        self.tag += 1;
        self.waiting.insert(self.tag, id);
        let mode = if random.chance(50) { 2 } else { 1 };
        let properties = Properties::builder().delivery_mode(mode).build().unwrap_or_default();
        let name = self.exchange(exchange);
        self.session.channel.publish_with(&name, key, true, properties, body);
        record.note(Happened::Published(Published {
            id,
            by: self.session.by,
            tag: self.tag,
            transaction: None,
            to: to.into_iter().collect(),
            persistent: mode == 2,
            mandatory: true,
            priority: None,
            expiration_ms: None,
            bytes,
        }));
    }

    /// Asks how many messages are there; everything that was published before has come.
    fn count(&mut self, id: QueueId) {
        let queue = short(&name(id));
        let passive = queue::Declare { queue, passive: true, ..queue::Declare::default() };
        let expected = self.plan.queues[&id];
        self.session.ask(passive, Asked::Count { queue: id, expected });
    }

    fn purge(&mut self, id: QueueId) {
        let purge = queue::Purge { queue: short(&name(id)), ..queue::Purge::default() };
        let expected = self.plan.queues.insert(id, 0).unwrap_or_default();
        self.session.ask(purge, Asked::Count { queue: id, expected });
    }

    /// What it still waits for, though nothing keeps it from coming.
    pub(super) fn waits_for(&self) -> Option<String> {
        self.session.waits_for_confirms(&self.waiting)
    }

    fn exchange(&self, id: u64) -> String {
        format!("exchange-{}-{id}", self.session.by.0)
    }

    fn note(&self, what: String, record: &Record) {
        record.note(Happened::Builds { by: self.session.by, what });
    }
}

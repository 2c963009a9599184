//! Who publishes: with confirms, in transactions, or without caring.

use std::collections::BTreeMap;

use warrener_codec::method::{basic, confirm};
use warrener_codec::{Method, Properties};

use crate::Random;
use crate::history::{Happened, MessageId, Published};

use super::Topology;
use super::record::Record;
use super::session::{Asked, Session};
use super::topology::{BY_TOPIC, EVERYWHERE, name};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Plain,
    Confirms,
    Transactions,
}

/// One publisher.
pub(super) struct Publisher {
    pub(super) session: Session,
    mode: Mode,
    /// Publishes since confirm.select.
    tag: u64,
    /// What waits for a confirm.
    waiting: BTreeMap<u64, MessageId>,
    transaction: u64,
    /// It talks of messages that die by themselves.
    expires: bool,
}

impl Publisher {
    pub(super) fn dial(random: &mut Random, record: &Record) -> Option<Self> {
        let visits = random.chance(30);
        let session = if visits { Session::visit(record) } else { Session::dial(record) }?;
        let mode = *random.pick(&[Mode::Confirms, Mode::Confirms, Mode::Transactions, Mode::Plain]);
        let expires = random.chance(30);
        Some(Self { session, mode, tag: 0, waiting: BTreeMap::new(), transaction: 1, expires })
    }

    pub(super) fn listen(&mut self, record: &Record) {
        if self.session.progress(record) {
            match self.mode {
                Mode::Plain => {}
                Mode::Confirms => self.session.ask(confirm::Select::default(), Asked::Setup),
                Mode::Transactions => self.session.ask(Method::TxSelect, Asked::Setup),
            }
        }
        let by = self.session.by;
        self.session.note_returns(record);
        for (asked, _) in self.session.answers(record) {
            match asked {
                Asked::Commit(transaction) => record.note(Happened::Committed(by, transaction)),
                Asked::Deleted(queue) => record.note(Happened::Deleted { by, queue }),
                _ => {}
            }
        }
        self.session.note_confirms(&mut self.waiting, record);
    }

    /// Publishes a few messages, and ends a transaction now and then.
    pub(super) fn act(&mut self, topology: &Topology, random: &mut Random, record: &Record) {
        for _ in 0..1 + random.index(5) {
            self.publish(topology, random, record);
        }
        if self.mode == Mode::Transactions && random.chance(60) {
            let (by, transaction) = (self.session.by, self.transaction);
            self.transaction += 1;
            if random.chance(75) {
                record.note(Happened::Committing(by, transaction));
                self.session.ask(Method::TxCommit, Asked::Commit(transaction));
            } else {
                record.note(Happened::RolledBack(by, transaction));
                self.session.ask(Method::TxRollback, Asked::Rollback(transaction));
            }
        }
    }

    fn publish(&mut self, topology: &Topology, random: &mut Random, record: &Record) {
        let queue = name(crate::history::QueueId(random.index(topology.queues.len())));
        let (exchange, key) = match random.below(20) {
            0..4 => (EVERYWHERE, String::new()),
            4..7 => (BY_TOPIC, format!("{queue}.{}", random.below(3))),
            7 => ("", "nowhere".into()),
            _ => ("", queue),
        };
        let persistent = random.chance(85);
        let mandatory = random.chance(20);
        let priority = random.chance(30).then(|| random.below(7) as u8);
        let expiration_ms =
            (self.expires && random.chance(30)).then(|| *random.pick(&[0, 10, 300, 4_000]));
        let id = record.message();
        if self.mode == Mode::Confirms {
            self.tag += 1;
            self.waiting.insert(self.tag, id);
        }
        let tag = if self.mode == Mode::Confirms { self.tag } else { 0 };
        let transaction = (self.mode == Mode::Transactions).then_some(self.transaction);
        let to = topology.route(exchange, &key);
        let mut properties = Properties::builder().delivery_mode(if persistent { 2 } else { 1 });
        if let Some(priority) = priority {
            properties = properties.priority(priority);
        }
        let text = expiration_ms.map(|ms: u64| ms.to_string());
        if let Some(text) = &text {
            properties = properties.expiration(text);
        }
        let properties = properties.build().expect("a few properties fit");
        let body = record.body(id);
        let bytes = body.len() as u64;
        self.session.channel.publish_with(exchange, &key, mandatory, properties, body);
        let by = self.session.by;
        record.note(Happened::Published(Published {
            id,
            by,
            tag,
            transaction,
            to,
            persistent,
            mandatory,
            priority,
            expiration_ms,
            bytes,
        }));
    }

    /// What it still waits for, though nothing keeps it from coming.
    pub(super) fn waits_for(&self) -> Option<String> {
        self.session.waits_for_confirms(&self.waiting)
    }
}

/// A prefetch that changes nothing: a question whose answer follows everything before it.
pub(super) fn barrier(prefetch: u16) -> basic::Qos {
    basic::Qos { prefetch_count: prefetch, ..basic::Qos::default() }
}

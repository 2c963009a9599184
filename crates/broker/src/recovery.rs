//! What the records of an earlier life say, gathered: a later one may undo an earlier one that the log still had, so sense
//! is made of them at the end.
//!
//! Nearly all of them are messages, and what is kept of one until then is small.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use bytes::Bytes;
use smallvec::SmallVec;
use thiserror::Error;
use warrener_codec::{Content, ShortStr, Table};
use warrener_time::Time;

use crate::command::CommandError;
use crate::dead_letter::DeathReason;
use crate::declare::QueueSpec;
use crate::digest::Glance;
use crate::exchange::ExchangeSpec;
use crate::id::RecordId;
use crate::lean::LeanMessages;
use crate::mark::Run;
use crate::message::{NewMessage, Traits};
use crate::record::{Fact, MessageAt, Named, Place, Published, Record, RecordError};
use crate::refusal::{Kind, Reason};
use crate::setting::{Setting, SettingName};

/// Why a broker does not start from its log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecoveryError {
    /// The record cannot be read.
    #[error("record {record}: {error}")]
    Unreadable {
        /// Which.
        record: RecordId,
        /// Why not.
        error: RecordError,
    },
    /// The record sets what this version refuses to set.
    #[error("record {record}: {error}")]
    Setting {
        /// Which.
        record: RecordId,
        /// Why it is refused.
        error: Box<CommandError>,
    },
    /// The record defines what this version refuses to define.
    #[error("record {record}: {reason}")]
    Refused {
        /// Which.
        record: RecordId,
        /// Why it is refused.
        reason: Reason,
    },
}

/// What the records said so far.
#[derive(Debug, Default)]
pub(crate) struct Recovery {
    pub(crate) exchanges: BTreeMap<RecordId, (ShortStr, ExchangeSpec)>,
    pub(crate) queues: BTreeMap<RecordId, (ShortStr, QueueSpec)>,
    pub(crate) bindings: BTreeMap<RecordId, Bound>,
    /// Messages whose contents stay on disk.
    pub(crate) lean: LeanMessages,
    /// Messages that are here with their contents.
    pub(crate) whole: BTreeMap<MessageAt, Whole>,
    /// Records that will come with their contents.
    announced: BTreeSet<RecordId>,
    /// When the last of the messages was published.
    pub(crate) youngest: Time,
    /// What records that brought messages say besides: who left which queue.
    pub(crate) told: BTreeMap<RecordId, Vec<Place>>,
    /// Of which messages it is known that they left a queue, or how often they failed there.
    pub(crate) settled: BTreeSet<Place>,
    pub(crate) failures: BTreeMap<Place, u32>,
    /// Which messages died in a queue that still holds them.
    pub(crate) died: BTreeMap<Place, (DeathReason, Time)>,
    /// Which messages of queues may have been delivered, where that is known.
    pub(crate) marks: Marks,
    /// Which record tells last of a setting, and what.
    pub(crate) settings: BTreeMap<SettingName, (RecordId, Option<Box<Setting>>)>,
    /// What was undone.
    pub(crate) stale: Vec<RecordId>,
}

/// By the record of a queue: which of its messages may have been delivered, and which record says so.
pub(crate) type Marks = BTreeMap<RecordId, (RecordId, Vec<Run>)>;

#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) vhost: ShortStr,
    pub(crate) source: Named,
    pub(crate) kind: Kind,
    pub(crate) target: Named,
    pub(crate) key: ShortStr,
    pub(crate) arguments: Table,
}

/// A message with its content, and the records of the queues it went into.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) time: Time,
    pub(crate) targets: SmallVec<[RecordId; 2]>,
    pub(crate) new: NewMessage,
}

impl Whole {
    fn new(published: Published, content: Content) -> Self {
        let traits = Traits::of(&content.properties.read().unwrap_or_default());
        let Published { time, targets, address, extra, .. } = published;
        let new = NewMessage { address, content, extra, traits };
        Self { time, targets: targets.into_iter().collect(), new }
    }
}

impl Recovery {
    /// Takes a record without its contents; `false`: it is to come with them. `leaves_contents` says that contents may stay
    /// on disk.
    pub(crate) fn take_digest(
        &mut self,
        id: RecordId,
        digest: &Bytes,
        leaves_contents: bool,
    ) -> Result<bool, RecoveryError> {
        if leaves_contents && let Some(glance) = Glance::at(digest) {
            let at = MessageAt { record: id, part: 0 };
            self.youngest = self.youngest.max(glance.time);
            self.lean.push(at, glance.time, glance.targets(), glance.traits, glance.sizes);
            return Ok(true);
        }
        let fact = decode(id, digest)?;
        let is_enough = fact.published().is_empty() || leaves_contents && fact.is_lean();
        if is_enough {
            self.take_fact(id, fact, &[]);
        } else {
            self.announced.insert(id);
        }
        Ok(is_enough)
    }

    /// Takes a record with its contents. Those that were to come with them may come later than others.
    pub(crate) fn take(&mut self, record: &Record) -> Result<(), RecoveryError> {
        self.announced.remove(&record.id);
        let fact = decode(record.id, &record.digest)?;
        self.take_fact(record.id, fact, &record.contents);
        Ok(())
    }

    fn take_fact(&mut self, id: RecordId, fact: Fact, contents: &[Content]) {
        match fact {
            Fact::ExchangeDeclared { vhost, spec } => {
                self.exchanges.insert(id, (vhost, spec));
            }
            Fact::QueueDeclared { vhost, spec } => {
                self.queues.insert(id, (vhost, spec));
            }
            Fact::Bound { vhost, source, kind, target, key, arguments } => {
                let bound = Bound { vhost, source, kind, target, key, arguments };
                self.bindings.insert(id, bound);
            }
            Fact::ExchangeDeleted { of } => {
                self.exchanges.remove(&of);
                self.stale.extend([of, id]);
            }
            Fact::QueueDeleted { of } => {
                self.queues.remove(&of);
                self.stale.extend([of, id]);
            }
            Fact::Unbound { of } => {
                self.bindings.remove(&of);
                self.stale.extend([of, id]);
            }
            Fact::Set(setting) => self.set(id, setting.name(), Some(setting)),
            Fact::Unset { name, .. } => self.set(id, name, None),
            Fact::Purged { .. } | Fact::Spilled(_) => self.stale.push(id),
            Fact::Published(published) => self.find(id, [published], contents),
            Fact::DeadLettered { from, published } => {
                self.tell(id, Vec::from([from]), 1);
                self.find(id, [published], contents);
            }
            Fact::Settled(place) => {
                self.settled.insert(place);
            }
            Fact::Returned { place, failures } => {
                self.failures.insert(place, failures);
            }
            Fact::Marked { queue, delivered } => {
                let before = self.marks.insert(queue, (id, delivered));
                self.stale.extend(before.map(|(record, _)| record));
            }
            Fact::Died { place, reason, time } => {
                self.died.insert(place, (reason, time));
            }
            Fact::Committed { published, settled } => {
                self.tell(id, settled, published.len());
                self.find(id, published, contents);
            }
        }
    }

    fn set(&mut self, id: RecordId, name: SettingName, setting: Option<Box<Setting>>) {
        let before = self.settings.insert(name, (id, setting));
        self.stale.extend(before.map(|(before, _)| before));
    }

    /// A record that brings messages says that others left their queues. What is not in the log any more cannot come back,
    /// so nothing has to be known of it.
    fn tell(&mut self, id: RecordId, mut settled: Vec<Place>, brings: usize) {
        settled.retain(|place| self.has(place.message.record));
        self.settled.extend(&settled);
        if brings > 1 || !settled.is_empty() {
            self.told.insert(id, settled);
        }
    }

    /// Whether this record, which is older than the last one taken, brought messages.
    fn has(&self, record: RecordId) -> bool {
        let first = MessageAt { record, part: 0 };
        self.lean.has(record) || self.whole.contains_key(&first) || self.announced.contains(&record)
    }

    fn find(
        &mut self,
        record: RecordId,
        published: impl IntoIterator<Item = Published>,
        contents: &[Content],
    ) {
        for (part, published) in published.into_iter().enumerate() {
            let at = MessageAt { record, part: part as u32 };
            self.youngest = self.youngest.max(published.time);
            match (contents.get(part), published.traits) {
                (Some(content), _) => {
                    self.whole.insert(at, Whole::new(published, content.clone()));
                }
                (None, Some(traits)) => self.lean.push_published(at, &published, traits),
                (None, None) => debug_assert!(false, "it was to come with its contents"),
            }
        }
    }
}

fn decode(record: RecordId, digest: &Bytes) -> Result<Fact, RecoveryError> {
    Fact::decode(digest).map_err(|error| RecoveryError::Unreadable { record, error })
}

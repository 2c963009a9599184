//! From records back to what they say: exchanges, queues, bindings and messages after a restart.
//!
//! Records are gathered first and made sense of at the end, because a later one may undo an earlier one that the log
//! still had.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use smallvec::SmallVec;
use thiserror::Error;
use warrener_codec::{Content, ShortStr, Table};
use warrener_queue::{Entry, Restored, Seq, Tries};
use warrener_router::{ExchangeId, Rule, Target};
use warrener_time::Time;

use crate::arguments::Settings;
use crate::bind::{BindingSpec, binding_key};
use crate::command::CommandError;
use crate::dead_letter::DeathReason;
use crate::declare::QueueSpec;
use crate::effect::Effect;
use crate::exchange::{Exchange, ExchangeSpec, alternate_of};
use crate::header::BindingArguments;
use crate::id::{MessageId, QueueId, RecordId, VhostId};
use crate::mark::{self, Mark, Run};
use crate::message::{Durable, NewMessage, Traits, is_wide};
use crate::realm::{Compound, Realm};
use crate::record::{Fact, MessageAt, Named, Place, Published, Record, RecordError, Sizes};
use crate::refusal::{Kind, Reason, Resource};
use crate::setting::{Setting, SettingName};
use crate::shelf::End;

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
    /// The record is about a virtual host that the configuration does not have.
    #[error("record {record}: there is no vhost '{vhost}'")]
    NoVhost {
        /// Which.
        record: RecordId,
        /// The virtual host.
        vhost: ShortStr,
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
    exchanges: BTreeMap<RecordId, (ShortStr, ExchangeSpec)>,
    queues: BTreeMap<RecordId, (ShortStr, QueueSpec)>,
    bindings: BTreeMap<RecordId, Bound>,
    messages: BTreeMap<MessageAt, Found>,
    /// What records that brought messages say besides: who left which queue.
    told: BTreeMap<RecordId, Vec<Place>>,
    /// Of which messages it is known that they left a queue, or how often they failed there.
    settled: BTreeSet<Place>,
    failures: BTreeMap<Place, u32>,
    /// Which messages died in a queue that still holds them.
    died: BTreeMap<Place, (DeathReason, Time)>,
    /// Which messages of queues may have been delivered, where that is known.
    marks: Marks,
    /// Which record tells last of a setting, and what.
    settings: BTreeMap<SettingName, (RecordId, Option<Box<Setting>>)>,
    /// What was undone.
    stale: Vec<RecordId>,
}

#[derive(Debug)]
struct Bound {
    vhost: ShortStr,
    source: Named,
    kind: Kind,
    target: Named,
    key: ShortStr,
    arguments: Table,
}

/// A message, and what its queues must know of it.
#[derive(Debug)]
struct Found {
    time: Time,
    targets: SmallVec<[RecordId; 2]>,
    traits: Traits,
    bytes: u32,
    is_wide: bool,
    /// Itself, unless it stays on disk.
    new: Option<Box<NewMessage>>,
}

impl Found {
    fn whole(published: Published, content: Content) -> Self {
        let traits = Traits::of(&content.properties.read().unwrap_or_default());
        let bytes = u32::try_from(content.body.len()).unwrap_or(u32::MAX);
        let Published { time, targets, address, extra, .. } = published;
        let new = NewMessage { address, content, extra, traits };
        let is_wide = new.is_wide();
        let targets = targets.into_iter().collect();
        Self { time, targets, traits, bytes, is_wide, new: Some(Box::new(new)) }
    }

    /// One whose content was not read.
    fn lean(published: &Published, traits: Traits) -> Self {
        let Sizes { properties, body } = published.sizes;
        Self {
            time: published.time,
            targets: published.targets.iter().copied().collect(),
            traits,
            bytes: u32::try_from(body).unwrap_or(u32::MAX),
            is_wide: is_wide(properties as usize),
            new: None,
        }
    }
}

impl Recovery {
    pub(crate) fn take(&mut self, record: &Record) -> Result<(), RecoveryError> {
        let id = record.id;
        let fact = Fact::decode(&record.digest)
            .map_err(|error| RecoveryError::Unreadable { record: id, error })?;
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
            Fact::Set(setting) => {
                let before = self.settings.insert(setting.name(), (id, Some(setting)));
                self.stale.extend(before.map(|(before, _)| before));
            }
            Fact::Unset { name, .. } => {
                let before = self.settings.insert(name, (id, None));
                self.stale.extend(before.map(|(before, _)| before));
            }
            Fact::Purged { .. } | Fact::Spilled(_) => self.stale.push(id),
            Fact::Published(published) => match published.traits {
                Some(traits) if record.contents.is_empty() => {
                    let at = MessageAt { record: id, part: 0 };
                    self.messages.insert(at, Found::lean(&published, traits));
                }
                _ => self.find(id, [published], &record.contents),
            },
            Fact::DeadLettered { from, published } => {
                self.told.insert(id, Vec::from([from]));
                self.settled.insert(from);
                self.find(id, [published], &record.contents);
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
                self.settled.extend(&settled);
                self.told.insert(id, settled);
                self.find(id, published, &record.contents);
            }
        }
        Ok(())
    }

    fn find(
        &mut self,
        record: RecordId,
        published: impl IntoIterator<Item = Published>,
        contents: &[Content],
    ) {
        for (part, (published, content)) in published.into_iter().zip(contents).enumerate() {
            let at = MessageAt { record, part: part as u32 };
            self.messages.insert(at, Found::whole(published, content.clone()));
        }
    }

    /// When the last of the messages that are still there was published.
    pub(crate) fn youngest(&self) -> Time {
        let times = self.messages.values().map(|found| found.time);
        times.max().unwrap_or(Time::ZERO)
    }

    /// Makes everything be there that the records say.
    pub(crate) fn restore(
        self,
        now: Time,
        realm: &mut Realm,
        out: &mut Vec<Effect>,
    ) -> Result<(), RecoveryError> {
        let gone = restore_settings(realm, self.settings, out)?;
        let mut queues = BTreeMap::new();
        for (record, (vhost, spec)) in self.exchanges {
            if gone.contains(&vhost) {
                out.push(Effect::Release(record));
                continue;
            }
            let keeper = restore_exchange(realm, record, &vhost, spec)?;
            queues.extend(keeper.map(|keeper| (record, keeper)));
        }
        for (record, (vhost, spec)) in self.queues {
            if gone.contains(&vhost) {
                out.push(Effect::Release(record));
                continue;
            }
            queues.insert(record, restore_queue(now, realm, record, &vhost, spec)?);
        }
        for (record, bound) in self.bindings {
            if gone.contains(&bound.vhost) || !restore_binding(realm, record, &bound)? {
                out.push(Effect::Release(record));
            }
        }
        realm.apply_all_policies(now, out);
        let mut restored = BTreeMap::new();
        let mut left: BTreeMap<RecordId, u32> = BTreeMap::new();
        let fates = Fates { failures: self.failures, died: self.died, marks: self.marks };
        // A record is read back as a whole, so what shares one with others is not paged out to it.
        let later_parts = self.messages.keys().filter(|at| at.part > 0);
        let shared: BTreeSet<RecordId> = later_parts.map(|at| at.record).collect();
        for (at, found) in self.messages {
            let holders: Vec<(Place, QueueId)> = found
                .targets
                .iter()
                .map(|queue| Place { queue: *queue, message: at })
                .filter(|place| !self.settled.contains(place))
                .filter_map(|place| Some((place, *queues.get(&place.queue)?)))
                .collect();
            let count = left.entry(at.record).or_default();
            if !holders.is_empty() {
                *count += 1;
                let message = restore_message(now, realm, at, found, &holders, &fates);
                realm.messages.get_mut(message).shares_record = shared.contains(&at.record);
                restored.insert(at, message);
            }
        }
        release_or_keep(realm, left, self.told, &restored, out);
        out.extend(self.stale.into_iter().map(Effect::Release));
        for (queue, (record, delivered)) in fates.marks {
            if let Some(id) = queues.get(&queue) {
                realm.queue_mut(*id).mark = Some(Mark::restored(record, delivered));
            }
        }
        let filled: Vec<QueueId> = queues.into_values().collect();
        filled.into_iter().for_each(|queue| realm.reschedule(queue));
        Ok(())
    }
}

/// What is known of messages in queues, besides that they are there.
struct Fates {
    failures: BTreeMap<Place, u32>,
    died: BTreeMap<Place, (DeathReason, Time)>,
    marks: Marks,
}

/// By the record of a queue: which of its messages may have been delivered, and which record says so.
type Marks = BTreeMap<RecordId, (RecordId, Vec<Run>)>;

impl Fates {
    fn may_have_been_delivered(&self, place: Place) -> bool {
        let mark = self.marks.get(&place.queue);
        mark.is_none_or(|(_, delivered)| mark::contains(delivered, place.message))
    }
}

/// Records whose messages are all gone are released; those that also tell of other messages are kept track of.
fn release_or_keep(
    realm: &mut Realm,
    left: BTreeMap<RecordId, u32>,
    mut told: BTreeMap<RecordId, Vec<Place>>,
    restored: &BTreeMap<MessageAt, MessageId>,
    out: &mut Vec<Effect>,
) {
    for (record, left) in left {
        let Some(places) = told.remove(&record) else {
            if left == 0 {
                out.push(Effect::Release(record));
            }
            continue;
        };
        let known = |place: Place| (restored.get(&place.message).copied(), place);
        let settled = places.into_iter().map(known).collect();
        // One more than are left, so that a record without any is released, and said again, here.
        realm.compounds.insert(record, Compound { left: left + 1, settled });
        realm.release_message(MessageAt { record, part: 0 }, out);
    }
}

/// Puts settings in force again; gives the names of virtual hosts that are gone, of which there may still be something.
fn restore_settings(
    realm: &mut Realm,
    settings: BTreeMap<SettingName, (RecordId, Option<Box<Setting>>)>,
    out: &mut Vec<Effect>,
) -> Result<BTreeSet<ShortStr>, RecoveryError> {
    let mut gone = BTreeSet::new();
    for (name, (record, setting)) in settings {
        if let (SettingName::Vhost(vhost), None) = (&name, &setting) {
            gone.insert(vhost.clone());
        }
        realm
            .restore_setting(name, record, setting.as_deref(), out)
            .map_err(|error| RecoveryError::Setting { record, error: error.into() })?;
    }
    Ok(gone)
}

fn vhost_of(realm: &Realm, record: RecordId, vhost: &ShortStr) -> Result<VhostId, RecoveryError> {
    let missing = || RecoveryError::NoVhost { record, vhost: vhost.clone() };
    realm.vhosts.find(vhost.as_bytes()).ok_or_else(missing)
}

fn restore_exchange(
    realm: &mut Realm,
    record: RecordId,
    vhost: &ShortStr,
    spec: ExchangeSpec,
) -> Result<Option<QueueId>, RecoveryError> {
    let id = vhost_of(realm, record, vhost)?;
    let refused = |reason| RecoveryError::Refused { record, reason };
    let rule = spec.rule().map_err(refused)?;
    let alternate = alternate_of(&spec, vhost.as_bytes()).map_err(refused)?;
    let exchange = Exchange::new(spec, alternate, Some(record));
    let exchange = realm.vhosts[id].add_exchange(exchange, rule);
    Ok(realm.add_keeper(id, exchange))
}

fn restore_queue(
    now: Time,
    realm: &mut Realm,
    record: RecordId,
    vhost: &ShortStr,
    spec: QueueSpec,
) -> Result<QueueId, RecoveryError> {
    let id = vhost_of(realm, record, vhost)?;
    let resource = Resource::queue(spec.name.as_bytes(), vhost.as_bytes());
    let settings = Settings::parse(&spec.arguments, &resource)
        .map_err(|reason| RecoveryError::Refused { record, reason })?;
    Ok(realm.add_queue(now, id, spec, settings, Some(record)))
}

/// Puts a binding back, unless one of its ends is gone, or was made anew since.
fn restore_binding(
    realm: &mut Realm,
    record: RecordId,
    bound: &Bound,
) -> Result<bool, RecoveryError> {
    let vhost = vhost_of(realm, record, &bound.vhost)?;
    let place = &realm.vhosts[vhost];
    let exchange = |named: &Named| -> Option<ExchangeId> {
        let (id, exchange) = place.exchange(named.name.as_bytes())?;
        (exchange.record == named.record).then_some(id)
    };
    let target = match bound.kind {
        Kind::Exchange => exchange(&bound.target).map(Target::Exchange),
        Kind::Queue => realm
            .find_queue(vhost, bound.target.name.as_bytes())
            .filter(|id| realm.queue(*id).record == bound.target.record)
            .map(Target::Destination),
    };
    let (Some(source), Some(target)) = (exchange(&bound.source), target) else { return Ok(false) };
    let spec = BindingSpec {
        source: bound.source.name.clone(),
        kind: bound.kind,
        target: bound.target.name.clone(),
        key: bound.key.clone(),
        arguments: bound.arguments.clone(),
    };
    let arguments = BindingArguments::new(&spec.arguments);
    let rule = Rule::new(spec.key.as_bytes())
        .with_arguments(&arguments)
        .with_identity(spec.target.as_bytes());
    let key = binding_key(source, target, &spec, &arguments);
    let place = &mut realm.vhosts[vhost];
    let added = place.router.bind(source, target, rule).unwrap_or(false);
    if added {
        place.binding_records.insert(key, record);
    }
    Ok(added)
}

/// Puts a message back into the queues that had it. It may have been handed out before, so it says so.
fn restore_message(
    now: Time,
    realm: &mut Realm,
    at: MessageAt,
    found: Found,
    holders: &[(Place, QueueId)],
    fates: &Fates,
) -> MessageId {
    let Found { time, traits, bytes, is_wide, new, .. } = found;
    let is_here = new.is_some();
    let handle = match new {
        Some(new) => realm.messages.insert(*new),
        None => realm.messages.insert_absent(traits.persistent),
    };
    let message = realm.messages.get_mut(handle);
    message.holders = holders.len() as u32;
    message.set_durable(Some(Durable { at, holders: holders.len() as u32 }));
    for (place, queue) in holders {
        let failed = fates.failures.get(place).copied().unwrap_or_default();
        let slot = realm.queues.get_mut(*queue).expect("a queue that was just restored");
        slot.has_wide |= is_wide;
        let priority = traits.priority_in(slot.settings.kind);
        let kept = slot.keeper.is_some();
        // What is overdue is put back as if it were not, so that it goes on in the order in which it became due.
        let (now, rare) = if kept && is_here {
            (Time::ZERO, slot.rare_of(time, &realm.messages.whole(handle).new))
        } else {
            (now, traits.rare())
        };
        let restored = Restored {
            seq: Seq::new(slot.queue.last_seq().number() + 1),
            published: time,
            rare,
            redelivered: fates.may_have_been_delivered(*place),
            tries: Tries { acquired: failed, failed },
            held: fates.died.get(place).map(|(reason, since)| (reason.why(), *since)),
        };
        let held = restored.held.is_some();
        slot.queue.restore(now, Entry { handle, bytes, priority }, restored);
        if held {
            realm.retry_at(*queue, Time::ZERO);
        }
    }
    if !is_here {
        return handle;
    }
    let shelf = realm.shelf_of(holders.first().map(|(_, queue)| *queue));
    realm.messages.detach(handle);
    let stays = |queue: &QueueId| realm.remembers(*queue);
    if holders.iter().any(|(_, queue)| stays(queue)) {
        realm.messages.get_mut(handle).stays = true;
    } else {
        realm.messages.shelve(handle, shelf, End::Last);
    }
    handle
}

//! From gathered records back to what they say: exchanges, queues, bindings and messages after a restart.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use smallvec::SmallVec;
use warrener_codec::ShortStr;
use warrener_queue::{Entry, Restored, Seq, Tries};
use warrener_router::{ExchangeId, Rule, Target};
use warrener_time::Time;

use crate::arguments::Settings;
use crate::bind::{BindingSpec, binding_key};
use crate::dead_letter::DeathReason;
use crate::declare::QueueSpec;
use crate::definitions::VhostDefinition;
use crate::effect::Effect;
use crate::exchange::{Exchange, ExchangeSpec, alternate_of};
use crate::header::BindingArguments;
use crate::id::{MessageId, QueueId, RecordId, VhostId};
use crate::lean::{Lean, LeanMessages};
use crate::mark::{self, Mark};
use crate::message::{Durable, NewMessage, Traits};
use crate::realm::{Compound, Realm};
use crate::record::{MessageAt, Named, Place};
use crate::recovery::{Bound, Marks, Recovery, RecoveryError, Whole};
use crate::refusal::{Kind, Resource};
use crate::setting::{Setting, SettingName};
use crate::shelf::End;
use crate::vhost::binding_bytes;
use crate::warning::Warning;

impl Recovery {
    /// The virtual hosts that something durable is in, and that neither the configuration nor a command has named. The
    /// configuration did once: what is in them is no less durable for that (as in RabbitMQ, which reads the default virtual
    /// host's name only once).
    fn vhosts_without_a_name(&self, realm: &Realm) -> BTreeSet<ShortStr> {
        let exchanges = self.exchanges.values().map(|(vhost, _)| vhost);
        let in_place = exchanges.chain(self.queues.values().map(|(vhost, _)| vhost));
        let settings = self.settings.iter().filter(|(_, (_, setting))| setting.is_some());
        let named = settings.filter_map(|(name, _)| name.vhost());
        let bound = self.bindings.values().map(|bound| &bound.vhost);
        let is_known = |vhost: &ShortStr| {
            realm.vhosts.find(vhost.as_bytes()).is_some()
                || self.settings.contains_key(&SettingName::Vhost(vhost.clone()))
        };
        in_place.chain(named).chain(bound).filter(|vhost| !is_known(vhost)).cloned().collect()
    }

    /// Makes everything be there that the records say.
    pub(crate) fn restore(
        self,
        now: Time,
        realm: &mut Realm,
        out: &mut Vec<Effect>,
    ) -> Result<(), RecoveryError> {
        for vhost in self.vhosts_without_a_name(realm) {
            out.push(Effect::Warn(Warning::VhostKept { vhost: vhost.clone() }.into()));
            let definition = VhostDefinition { name: vhost, ..VhostDefinition::default() };
            let kept = realm.set(Setting::Vhost(definition), out);
            kept.expect("a virtual host that was there may be there again");
        }
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
        let fates = Fates {
            settled: self.settled,
            failures: self.failures,
            died: self.died,
            marks: self.marks,
        };
        let places = self.told.values().flatten();
        let known = places.map(|place| (place.message, None)).collect();
        let mut restoring = Restoring { now, realm, queues, fates, known, told: self.told, out };
        restoring.messages(self.lean, self.whole);
        let Restoring { queues, fates, .. } = restoring;
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

/// A message on its way back into its queues.
struct Found {
    at: MessageAt,
    time: Time,
    traits: Traits,
    bytes: u32,
    is_wide: bool,
    /// Itself, unless it stays on disk.
    new: Option<Box<NewMessage>>,
}

impl From<Lean> for Found {
    fn from(lean: Lean) -> Self {
        let (at, traits) = (lean.at(), lean.traits());
        let Lean { time, bytes, is_wide, .. } = lean;
        Self { at, time, traits, bytes, is_wide, new: None }
    }
}

impl Found {
    fn whole(at: MessageAt, time: Time, new: NewMessage) -> Self {
        let traits = new.traits;
        let bytes = u32::try_from(new.content.body.len()).unwrap_or(u32::MAX);
        let is_wide = new.is_wide();
        Self { at, time, traits, bytes, is_wide, new: Some(Box::new(new)) }
    }
}

/// Messages on their way back into their queues.
struct Restoring<'a> {
    now: Time,
    realm: &'a mut Realm,
    /// By the records that declared them.
    queues: BTreeMap<RecordId, QueueId>,
    fates: Fates,
    /// Messages that records of others tell of, and what they are known by, if they are there.
    known: BTreeMap<MessageAt, Option<MessageId>>,
    told: BTreeMap<RecordId, Vec<Place>>,
    out: &'a mut Vec<Effect>,
}

/// A queue that a message was put into: the record that declared it, and itself.
type Holder = (RecordId, QueueId);

impl Restoring<'_> {
    /// All of them, in the order of their records: those that stay on disk, and those that are here.
    fn messages(&mut self, lean: LeanMessages, whole: BTreeMap<MessageAt, Whole>) {
        let (routes, lean) = lean.into_parts();
        let routes: Vec<_> = routes.iter().map(|targets| self.holders(targets)).collect();
        let mut lean = lean.peekable();
        let mut whole = whole.into_iter().peekable();
        // How many messages of the record at hand are in some queue.
        let mut left = 0;
        loop {
            let (found, holders) = match (lean.peek(), whole.peek()) {
                (Some(first), other) if other.is_none_or(|(at, _)| first.at() < *at) => {
                    let first = lean.next().expect("it was just seen");
                    (first.into(), routes[first.route.number()].clone())
                }
                (_, Some(_)) => {
                    let (at, Whole { time, targets, new }) = whole.next().expect("just seen");
                    (Found::whole(at, time, new), self.holders(&targets))
                }
                _ => return,
            };
            let at = found.at;
            let next = lean.peek().map(|lean| lean.at().record);
            let next = next.into_iter().chain(whole.peek().map(|(at, _)| at.record)).min();
            // A record is read back as a whole, so what shares one with others is not paged out to it.
            let shares_record = at.part > 0 || next == Some(at.record);
            left += u32::from(self.message(found, &holders, shares_record));
            if next != Some(at.record) {
                self.release_or_keep(at.record, core::mem::take(&mut left));
            }
        }
    }

    fn holders(&self, targets: &[RecordId]) -> SmallVec<[Holder; 2]> {
        let known = targets.iter().filter_map(|record| Some((*record, *self.queues.get(record)?)));
        known.collect()
    }

    /// Puts a message back into the queues that still had it; whether there are any.
    fn message(&mut self, found: Found, holders: &[Holder], shares_record: bool) -> bool {
        let at = found.at;
        let place = |queue| Place { queue, message: at };
        let settled = &self.fates.settled;
        let left = holders.iter().filter(|(queue, _)| !settled.contains(&place(*queue)));
        let holders: SmallVec<[Holder; 2]> = left.copied().collect();
        if holders.is_empty() {
            return false;
        }
        let message = restore_message(self.now, self.realm, found, &holders, &self.fates);
        self.realm.messages.get_mut(message).shares_record = shares_record;
        if let Some(known) = self.known.get_mut(&at) {
            *known = Some(message);
        }
        true
    }

    /// A record whose messages are all gone is released; one that also tells of other messages is kept track of.
    fn release_or_keep(&mut self, record: RecordId, left: u32) {
        let Some(places) = self.told.remove(&record) else {
            if left == 0 {
                self.out.push(Effect::Release(record));
            }
            return;
        };
        let known = |place: Place| (self.known.get(&place.message).copied().flatten(), place);
        let settled = places.into_iter().map(known).collect();
        // One more than are left, so that a record without any is released, and said again, here.
        self.realm.compounds.insert(record, Compound { left: left + 1, settled });
        self.realm.release_message(MessageAt { record, part: 0 }, self.out);
    }
}

/// What is known of messages in queues, besides that they are there.
struct Fates {
    settled: BTreeSet<Place>,
    failures: BTreeMap<Place, u32>,
    died: BTreeMap<Place, (DeathReason, Time)>,
    marks: Marks,
}

impl Fates {
    fn may_have_been_delivered(&self, place: Place) -> bool {
        let mark = self.marks.get(&place.queue);
        mark.is_none_or(|(_, delivered)| mark::contains(delivered, place.message))
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

fn vhost_of(realm: &Realm, vhost: &ShortStr) -> VhostId {
    realm.vhosts.find(vhost.as_bytes()).expect("virtual hosts of which records tell are there")
}

fn restore_exchange(
    realm: &mut Realm,
    record: RecordId,
    vhost: &ShortStr,
    spec: ExchangeSpec,
) -> Result<Option<QueueId>, RecoveryError> {
    let id = vhost_of(realm, vhost);
    let refused = |reason| RecoveryError::Refused { record, reason };
    let rule = spec.rule().map_err(refused)?;
    let alternate = alternate_of(&spec, vhost.as_bytes()).map_err(refused)?;
    realm.held_elsewhere_bytes += spec.held_bytes();
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
    let id = vhost_of(realm, vhost);
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
    let vhost = vhost_of(realm, &bound.vhost);
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
    let identity = spec.identity();
    let rule = Rule::new(spec.key.as_bytes()).with_arguments(&arguments).with_identity(&identity);
    let key = binding_key(source, target, &spec, &arguments);
    let place = &mut realm.vhosts[vhost];
    let added = place.router.bind(source, target, rule).unwrap_or(false);
    if added {
        let bytes = binding_bytes(&key.key, &key.arguments);
        place.binding_bytes += bytes;
        realm.held_elsewhere_bytes += bytes;
        place.binding_records.insert(key, record);
    }
    Ok(added)
}

/// Puts a message back into the queues that had it. It may have been handed out before, so it says so.
fn restore_message(
    now: Time,
    realm: &mut Realm,
    found: Found,
    holders: &[Holder],
    fates: &Fates,
) -> MessageId {
    let Found { at, time, traits, bytes, is_wide, new } = found;
    let is_here = new.is_some();
    let handle = match new {
        Some(new) => realm.messages.insert(*new),
        None => realm.messages.insert_absent(traits.persistent),
    };
    let message = realm.messages.get_mut(handle);
    message.holders = holders.len() as u32;
    message.set_durable(Some(Durable { at, holders: holders.len() as u32 }));
    for (record, queue) in holders {
        let place = Place { queue: *record, message: at };
        let failed = fates.failures.get(&place).copied().unwrap_or_default();
        realm.messages.get_mut(handle).failed |= failed > 0;
        let slot = realm.queues.get_mut(*queue).expect("a queue that was just restored");
        slot.has_wide |= is_wide;
        realm.has_wide |= is_wide;
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
            redelivered: fates.may_have_been_delivered(place),
            tries: Tries { acquired: failed, failed },
            held: fates.died.get(&place).map(|(reason, since)| (reason.why(), *since)),
        };
        slot.queue.restore(now, Entry { handle, bytes, priority }, restored);
        if slot.queue.counts().held > 0 {
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

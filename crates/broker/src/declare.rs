//! Queues: declaring, comparing, finding and deleting them.

use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use warrener_codec::{ShortStr, Table, TableBuilder, Value};
use warrener_queue::{
    AfterDeliveryLimit, Config as QueueConfig, DeliveryLimit as QueueLimit,
    Overflow as QueueOverflow, Queue, Seq, SingleActive,
};
use warrener_time::Time;
#[cfg(warrener_planted)]
use warrener_time::planted::{Bug, planted};

use crate::arguments::{COMPARED, DeliveryLimit, Overflow, QueueKind, Settings};
use crate::effect::Effect;
use crate::exchange::{differing, differing_flags, refuse_reserved};
use crate::id::{ConnectionId, LinkId, MessageId, QueueId, RecordId, VhostId};
use crate::keeper::Keeper;
use crate::limit::reached;
use crate::mark::Mark;
use crate::paging::Leaving;
use crate::permission::Caller;
use crate::policy::Applied;
use crate::realm::Realm;
use crate::record::Fact;
use crate::refusal::{Kind, Reason, Resource, Right, said, shown};
use crate::shelf::ShelfId;
use crate::stats::Traffic;

/// What a queue is asked to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QueueSpec {
    pub(crate) name: ShortStr,
    pub(crate) durable: bool,
    /// The connection that alone may use it, and with which it ends.
    pub(crate) owner: Option<ConnectionId>,
    pub(crate) auto_delete: bool,
    pub(crate) arguments: Table,
    /// The broker made up the name.
    pub(crate) is_generated: bool,
}

/// One queue and what is known of it.
#[derive(Debug)]
pub(crate) struct QueueSlot {
    pub(crate) vhost: VhostId,
    pub(crate) spec: QueueSpec,
    pub(crate) settings: Settings,
    /// The record that makes it durable.
    pub(crate) record: Option<RecordId>,
    /// What the log says about which of its messages were delivered, if it says anything.
    pub(crate) mark: Option<Mark>,
    pub(crate) queue: Queue<MessageId>,
    /// Its consumers.
    pub(crate) links: BTreeSet<LinkId>,
    /// The policies that apply to it.
    pub(crate) applied: Applied,
    /// When the timers think it wants to be woken.
    pub(crate) scheduled: Option<Time>,
    /// When it tries again to be rid of what it holds, and after which number, if it is in the midst of that.
    pub(crate) retry: Option<Time>,
    pub(crate) retried: Option<Seq>,
    /// Whether it stands in line to deliver.
    pub(crate) awake: bool,
    /// Whether it ever had a message whose headers do not fit the smallest frames that clients may ask for.
    pub(crate) has_wide: bool,
    /// Whether it has lost its name, and goes when it is empty.
    pub(crate) deleted: bool,
    /// The exchange that it keeps messages for; such a queue has no name, and no client sees it.
    pub(crate) keeper: Option<Keeper>,
    /// Whether it is empty for ever, except for what is to leave.
    pub(crate) emptied: bool,
    /// Where the contents of its messages are found when memory is short.
    pub(crate) shelf: ShelfId,
    /// How many messages it has handed out since it was looked at for what comes next.
    pub(crate) since_read_ahead: u32,
    /// What went through it.
    pub(crate) traffic: Traffic,
    /// What leads to it, and its consumers, are taken from it in slices before it is emptied.
    pub(crate) is_ending: bool,
    /// It hands out nothing any more, because it ends.
    pub(crate) hands_out_nothing: bool,
    /// A message that leaves it is on its way, to very many others or further than one that refused it; those behind it
    /// wait.
    pub(crate) fans_out: bool,
    /// How many channels give messages back to it in slices; it hands out nothing meanwhile.
    pub(crate) returning: u32,
    /// What leaves it and waits for its content, in order.
    pub(crate) leaving: VecDeque<Leaving>,
}

/// What is told about a queue when it is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) ready: u32,
    pub(crate) consumers: u32,
}

/// What a conditional deletion asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DeleteIf {
    pub(crate) unused: bool,
    pub(crate) empty: bool,
}

impl QueueSlot {
    /// Whether the timers know when it wants to be woken.
    #[inline]
    pub(crate) fn is_on_schedule(&self) -> bool {
        self.queue.poll_timeout().map(|(time, _)| time) == self.scheduled
    }

    /// An empty queue without consumers.
    pub(crate) fn new(
        now: Time,
        vhost: VhostId,
        spec: QueueSpec,
        settings: Settings,
        record: Option<RecordId>,
        shelf: ShelfId,
    ) -> Self {
        Self {
            vhost,
            spec,
            queue: Queue::new(now, queue_config(&settings)),
            settings,
            record,
            mark: None,
            links: BTreeSet::new(),
            applied: Applied::default(),
            scheduled: None,
            retry: None,
            retried: None,
            awake: false,
            has_wide: false,
            deleted: false,
            keeper: None,
            emptied: false,
            shelf,
            since_read_ahead: 0,
            traffic: Traffic::default(),
            is_ending: false,
            hands_out_nothing: false,
            fans_out: false,
            returning: 0,
            leaving: VecDeque::new(),
        }
    }

    /// Whether definitions tell of it.
    pub(crate) fn is_exported(&self) -> bool {
        self.spec.durable && self.spec.owner.is_none() && !self.deleted && self.keeper.is_none()
    }

    pub(crate) fn standing(&self) -> Standing {
        let counts = self.queue.counts();
        let clamp = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        Standing { ready: clamp(counts.ready), consumers: clamp(counts.consumers) }
    }
}

impl Realm {
    /// Makes a queue, or checks that the one that is there is the same. The record is what must be on disk first.
    pub(crate) fn declare_queue(
        &mut self,
        now: Time,
        caller: Caller<'_>,
        mut spec: QueueSpec,
        out: &mut Vec<Effect>,
    ) -> Result<(QueueId, Option<RecordId>), Reason> {
        let Caller { access, vhost, connection } = caller;
        let place = self.vhosts[vhost].name().clone();
        access.check(Right::Configure, Kind::Queue, spec.name.as_bytes(), place.as_bytes())?;
        let resource = Resource::queue(spec.name.as_bytes(), place.as_bytes());
        self.choose_queue_type(vhost, &mut spec);
        self.stats.churn.queues_declared += 1;
        if let Some(id) = self.find_queue(vhost, spec.name.as_bytes()) {
            let existing = self.queue_mut(id);
            assert_equivalent(existing, &spec, &resource)?;
            existing.queue.touch(now);
            let record = existing.record;
            self.reschedule(id);
            return Ok((id, record));
        }
        if !spec.is_generated {
            refuse_reserved(Kind::Queue, &spec.name)?;
        }
        self.refuse_too_many(vhost, resource.clone())?;
        self.refuse_over_queue_limit(vhost, &spec.name)?;
        let settings = Settings::parse(&spec.arguments, &resource)?;
        check_properties(&spec, &settings, &resource)?;
        if let Some(to) = &settings.dead_letter {
            access.check(Right::Read, Kind::Queue, spec.name.as_bytes(), place.as_bytes())?;
            access.check(Right::Write, Kind::Exchange, to.exchange.as_bytes(), place.as_bytes())?;
        }
        debug_assert!(spec.owner.is_none_or(|owner| owner == connection), "one's own queue");
        let record = spec.durable.then(|| {
            let fact = Fact::QueueDeclared { vhost: place.clone(), spec: spec.clone() };
            self.persist(&fact, out)
        });
        let id = self.add_queue(now, vhost, spec, settings, record);
        self.tell_queue_created(id, &access.user);
        if self.has_policies(vhost) {
            self.apply_to_queue(now, id, out);
        }
        Ok((id, record))
    }

    /// A queue that names no type gets the virtual host's, if that goes with how it is declared (RabbitMQ extension).
    fn choose_queue_type(&self, vhost: VhostId, spec: &mut QueueSpec) {
        const TYPE: &str = "x-queue-type";
        let plain = spec.owner.is_some() || spec.auto_delete || spec.is_generated || !spec.durable;
        let default = self.vhosts[vhost].default_queue_type();
        if plain || default != Some("quorum") || spec.arguments.get(TYPE).is_some() {
            return;
        }
        let existing = self.find_queue(vhost, spec.name.as_bytes());
        let kind = existing.map_or(QueueKind::Quorum, |id| self.queue(id).settings.kind);
        let mut arguments = TableBuilder::new();
        for (name, value) in spec.arguments.iter() {
            arguments.insert(name.as_bytes(), value);
        }
        arguments.insert(TYPE, kind.name());
        if let Ok(arguments) = arguments.build() {
            spec.arguments = arguments;
        }
    }

    fn refuse_over_queue_limit(&self, vhost: VhostId, queue: &ShortStr) -> Result<(), Reason> {
        let place = &self.vhosts[vhost];
        match reached(
            place.limits.max_queues.or(self.limits.vhosts.max_queues),
            place.queue_names.len(),
        ) {
            Some(limit) => Err(Reason::VhostQueues {
                queue: shown(queue.as_bytes()),
                vhost: shown(place.name().as_bytes()),
                limit,
            }),
            None => Ok(()),
        }
    }

    /// A name for a queue that its client leaves unnamed.
    pub(crate) fn generate_queue_name(&mut self, arguments: &Table) -> Result<ShortStr, Reason> {
        const PREFIX: &str = "x-name-prefix";
        if arguments.get("x-queue-type") == Some(Value::LongStr(b"quorum")) {
            return Err(Reason::ServerNamed("rabbit_quorum_queue"));
        }
        match arguments.get(PREFIX).and_then(|prefix| prefix.as_str()) {
            Some(prefix) if !prefix.is_empty() && prefix.len() <= 64 => {
                Ok(self.generator.name(prefix))
            }
            _ => Ok(self.generator.name("amq.gen-")),
        }
    }

    pub(crate) fn add_queue(
        &mut self,
        now: Time,
        vhost: VhostId,
        spec: QueueSpec,
        settings: Settings,
        record: Option<RecordId>,
    ) -> QueueId {
        self.stats.churn.queues_created += 1;
        let name = spec.name.clone();
        let owner = spec.owner;
        #[cfg(warrener_planted)]
        let owner = owner.filter(|_| !planted(Bug::KeepExclusive));
        let shelf = self.messages.add_shelf();
        self.held_elsewhere_bytes += spec.held_bytes();
        let slot = QueueSlot::new(now, vhost, spec, settings, record, shelf);
        let id = self.queues.insert(slot);
        self.vhosts[vhost].queue_names.insert(name, id);
        if let Some(owner) = owner {
            self.owned.insert((owner, id));
        }
        self.reschedule(id);
        id
    }

    pub(crate) fn find_queue(&self, vhost: VhostId, name: &[u8]) -> Option<QueueId> {
        self.vhosts[vhost].queue_names.get(name).copied()
    }

    /// The queue of this name.
    pub(crate) fn expect_queue(&self, vhost: VhostId, name: &ShortStr) -> Result<QueueId, Reason> {
        self.find_queue(vhost, name.as_bytes()).ok_or_else(|| {
            let vhost = self.vhosts[vhost].name().as_bytes();
            Reason::NotFound(Resource::queue(name.as_bytes(), vhost))
        })
    }

    /// The queue of this name, unless another connection has it for itself.
    pub(crate) fn expect_own_queue(
        &self,
        caller: Caller<'_>,
        name: &ShortStr,
    ) -> Result<QueueId, Reason> {
        let id = self.expect_queue(caller.vhost, name)?;
        match self.queue(id).spec.owner {
            Some(owner) if owner != caller.connection => Err(Reason::Locked(self.resource(id))),
            _ => Ok(id),
        }
    }

    /// How refusals spell this queue.
    pub(crate) fn resource(&self, id: QueueId) -> Resource {
        let queue = self.queue(id);
        Resource::queue(queue.spec.name.as_bytes(), self.vhosts[queue.vhost].name().as_bytes())
    }

    /// Deletes a queue; one that is not there is deleted already. Answers how many messages were ready, and what must be
    /// on disk first.
    pub(crate) fn delete_queue(
        &mut self,
        now: Time,
        caller: Caller<'_>,
        name: &ShortStr,
        only: DeleteIf,
        out: &mut Vec<Effect>,
    ) -> Result<(u32, Option<RecordId>), Reason> {
        let place = self.vhosts[caller.vhost].name().as_bytes();
        caller.access.check(Right::Configure, Kind::Queue, name.as_bytes(), place)?;
        if self.find_queue(caller.vhost, name.as_bytes()).is_none() {
            return Ok((0, None));
        }
        let id = self.expect_own_queue(caller, name)?;
        let slot = self.queue(id);
        let standing = slot.standing();
        if slot.settings.kind == QueueKind::Quorum {
            refuse_conditions(only, || self.resource(id))?;
        }
        if only.unused && standing.consumers > 0 {
            return Err(Reason::InUse(self.resource(id)));
        }
        if only.empty && standing.ready > 0 {
            return Err(Reason::NotEmpty(self.resource(id)));
        }
        let ready = standing.ready;
        let record = self.acting_for(caller, |realm| realm.remove_queue(now, id, out));
        Ok((ready, record))
    }

    /// Removes a queue with its bindings, its messages and its consumers.
    pub(crate) fn remove_queue(
        &mut self,
        now: Time,
        id: QueueId,
        out: &mut Vec<Effect>,
    ) -> Option<RecordId> {
        if self.queue(id).keeper.is_some() {
            // It has neither name nor bindings, and ends with its exchange.
            self.dissolve(now, id, out);
            return None;
        }
        self.stats.churn.queues_deleted += 1;
        let vhost = self.queue(id).vhost;
        let name = self.queue(id).spec.name.clone();
        self.vhosts[vhost].queue_names.remove(&name);
        self.tell_queue("queue.deleted", id);
        let slot = self.queue_mut(id);
        let (owner, record) = (slot.spec.owner, slot.record);
        slot.record = None;
        if let Some(owner) = owner {
            self.owned.remove(&(owner, id));
        }
        let deleted = record.map(|of| self.forget(of, &Fact::QueueDeleted { of }, out));
        self.end_queue(now, vhost, id, out);
        deleted
    }

    /// Removes every message that is ready; those handed out stay. Answers how many, and what must be on disk first.
    pub(crate) fn purge_queue(
        &mut self,
        now: Time,
        caller: Caller<'_>,
        name: &ShortStr,
        out: &mut Vec<Effect>,
    ) -> Result<(u32, Option<RecordId>), Reason> {
        let place = self.vhosts[caller.vhost].name().as_bytes();
        caller.access.check(Right::Read, Kind::Queue, name.as_bytes(), place)?;
        let id = self.expect_own_queue(caller, name)?;
        let count = self.purge_ready(now, id, out);
        let record = self.queue(id).record.filter(|_| count > 0);
        let purged = record.map(|of| self.persist(&Fact::Purged { of }, out));
        out.extend(purged.map(Effect::Release));
        Ok((count, purged))
    }
}

fn check_properties(
    spec: &QueueSpec,
    settings: &Settings,
    resource: &Resource,
) -> Result<(), Reason> {
    if settings.kind != QueueKind::Quorum {
        return Ok(());
    }
    let invalid = |property| Reason::InvalidProperty { property, resource: resource.clone() };
    match spec {
        QueueSpec { auto_delete: true, .. } => Err(invalid("auto-delete")),
        QueueSpec { owner: Some(_), .. } => Err(invalid("exclusive-owner")),
        QueueSpec { durable: false, .. } => Err(invalid("non-durable")),
        _ => Ok(()),
    }
}

fn assert_equivalent(
    existing: &QueueSlot,
    new: &QueueSpec,
    resource: &Resource,
) -> Result<(), Reason> {
    let current = &existing.spec;
    if new.owner != current.owner {
        return Err(Reason::Locked(resource.clone()));
    }
    let inequivalent = |argument: &str, difference| Reason::Inequivalent {
        argument: said(argument),
        resource: resource.clone(),
        difference: Box::new(difference),
    };
    for (argument, received, current) in [
        ("durable", new.durable, current.durable),
        ("auto_delete", new.auto_delete, current.auto_delete),
    ] {
        if let Some(difference) = differing_flags(received, current) {
            return Err(inequivalent(argument, difference));
        }
    }
    for argument in COMPARED {
        let default = (argument == "x-queue-type").then_some(Value::LongStr(b"classic"));
        if let Some(difference) = differing(&new.arguments, &current.arguments, argument, default) {
            return Err(inequivalent(argument, difference));
        }
    }
    Ok(())
}

fn refuse_conditions(only: DeleteIf, resource: impl Fn() -> Resource) -> Result<(), Reason> {
    match only {
        DeleteIf { unused: true, .. } => {
            Err(Reason::ConditionalDelete { resource: resource(), flag: "if-unused" })
        }
        DeleteIf { empty: true, .. } => {
            Err(Reason::ConditionalDelete { resource: resource(), flag: "if-empty" })
        }
        _ => Ok(()),
    }
}

/// The highest priority of a quorum queue that names none (RabbitMQ 4.3).
const QUORUM_PRIORITY_MAX: u8 = 31;

/// What the engine must know of a queue's settings.
pub(crate) fn queue_config(settings: &Settings) -> QueueConfig {
    let quorum = settings.kind == QueueKind::Quorum;
    let then = |failures, then| QueueLimit { failures, then };
    let mut config = QueueConfig::default();
    config.max_priority =
        settings.max_priority.unwrap_or(if quorum { QUORUM_PRIORITY_MAX } else { 0 });
    config.max_length = settings.max_length;
    config.max_length_bytes = settings.max_length_bytes;
    config.overflow = match settings.overflow {
        Overflow::DropHead => QueueOverflow::DropHead,
        Overflow::RejectPublish => QueueOverflow::RejectPublish,
        Overflow::RejectPublishDeadLetter => QueueOverflow::RejectPublishDeadLetter,
    };
    // As in RabbitMQ, which goes on at most once where a full queue drops.
    config.hold = settings.dead_letter.is_some()
        && settings.dead_letter_at_least_once
        && settings.overflow == Overflow::RejectPublish;
    config.ttl = settings.message_ttl_ms.map(Duration::from_millis);
    config.expires = settings.expires_ms.map(Duration::from_millis);
    config.delivery_limit = match settings.delivery_limit {
        DeliveryLimit::Unlimited => None,
        DeliveryLimit::Explicit(limit) => Some(then(limit, AfterDeliveryLimit::Leave)),
        DeliveryLimit::Default(limit) if settings.dead_letter.is_some() => {
            Some(then(limit, AfterDeliveryLimit::Leave))
        }
        DeliveryLimit::Default(limit) => Some(then(limit, AfterDeliveryLimit::SendBack)),
    };
    config.single_active = match (settings.single_active_consumer, quorum) {
        (false, _) => SingleActive::Off,
        (true, false) => SingleActive::FirstCome,
        (true, true) => SingleActive::HighestPriority,
    };
    config
}

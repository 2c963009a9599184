//! Virtual hosts: each its own names, exchanges and bindings.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

use warrener_codec::{ShortStr, Table};
use warrener_router::{Binding, ExchangeId, Removed, Router, Target};

use crate::config::BINDING_BYTES;
use crate::definitions::VhostDefinition;
use crate::event_exchange;
use crate::exchange::{Exchange, ExchangeSpec, PREDECLARED};
use crate::exchange_kind::ExchangeKind;
use crate::id::{QueueId, RecordId, VhostId};
use crate::json::{Json, Object};
use crate::limit::VhostLimits;
use crate::names::Map;
use crate::policy::{Level, Policies};
use crate::stats::Passage;
use crate::sync::{Sync, Syncs};

/// One virtual host.
#[derive(Debug)]
pub(crate) struct Vhost {
    name: ShortStr,
    /// What answers wait for.
    pub(crate) sync: Sync,
    pub(crate) router: Router<QueueId>,
    pub(crate) exchange_names: Map<ShortStr, ExchangeId>,
    pub(crate) queue_names: Map<ShortStr, QueueId>,
    /// By [`ExchangeId::index`].
    exchanges: Vec<Option<(ExchangeId, Exchange)>>,
    /// Which exchanges name this one as their alternate, whether it is there or not.
    pub(crate) alternates: BTreeMap<ShortStr, BTreeSet<ExchangeId>>,
    /// The records of durable bindings.
    pub(crate) binding_records: BTreeMap<BindingKey, RecordId>,
    /// What all bindings take of memory.
    pub(crate) binding_bytes: u64,
    /// How many exchanges keep messages.
    pub(crate) keepers: u32,
    /// What is said of it.
    pub(crate) definition: VhostDefinition,
    pub(crate) limits: VhostLimits,
    /// How many connections are in it.
    pub(crate) connections: usize,
    /// What was published to the default exchange.
    pub(crate) default_passage: Passage,
    /// What is published and delivered in it is copied to its firehose.
    pub(crate) is_traced: bool,
    policies: [Policies; 2],
    life: Life,
}

/// Whether a virtual host is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Lives,
    /// Deleted, and not empty yet. The record that made it is released when it is.
    Doomed(Option<RecordId>),
    /// Deleted and empty; its place may be used again.
    Gone,
}

/// What makes a binding that binding, by target first: a queue's bindings end with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BindingKey {
    pub(crate) target: Target<QueueId>,
    pub(crate) source: ExchangeId,
    pub(crate) key: Box<[u8]>,
    /// Sorted, in wire form.
    pub(crate) arguments: Box<[u8]>,
}

impl Vhost {
    pub(crate) fn new(name: ShortStr, sync: Sync, seed: u64) -> Self {
        let mut vhost = Self {
            name,
            sync,
            router: Router::new(seed),
            exchange_names: Map::new(seed),
            queue_names: Map::new(seed),
            exchanges: Vec::new(),
            alternates: BTreeMap::new(),
            binding_records: BTreeMap::new(),
            binding_bytes: 0,
            keepers: 0,
            definition: VhostDefinition::default(),
            limits: VhostLimits::default(),
            connections: 0,
            default_passage: Passage::default(),
            is_traced: false,
            policies: [Policies::default(), Policies::default()],
            life: Life::Lives,
        };
        vhost.definition.name = vhost.name.clone();
        let events = (event_exchange::EXCHANGE, ExchangeKind::Topic, true);
        let events = (vhost.name.as_bytes() == event_exchange::VHOST.as_bytes()).then_some(events);
        for (name, kind, internal) in PREDECLARED.into_iter().chain(events) {
            let spec = ExchangeSpec {
                name: ShortStr::from_static(name),
                kind,
                durable: true,
                auto_delete: false,
                internal,
                arguments: Table::EMPTY,
            };
            let rule = spec.rule().expect("no arguments, no mistakes");
            vhost.add_exchange(Exchange::new(spec, None, None), rule);
        }
        vhost
    }

    pub(crate) fn name(&self) -> &ShortStr {
        &self.name
    }

    /// What is said of it now.
    pub(crate) fn describe(&mut self, definition: &VhostDefinition) {
        self.definition = VhostDefinition { limits: Object::new(), ..definition.clone() };
    }

    /// Whether it may not be deleted.
    pub(crate) fn is_protected(&self) -> bool {
        self.definition.metadata.get("protected_from_deletion") == Some(&Json::Bool(true))
    }

    /// The type of queues that name none (RabbitMQ extension).
    pub(crate) fn default_queue_type(&self) -> Option<&str> {
        let said = self.definition.metadata.get("default_queue_type");
        said.or_else(|| self.definition.others.get("default_queue_type"))?.as_str()
    }

    pub(crate) const fn policies(&self, level: Level) -> &Policies {
        &self.policies[level as usize]
    }

    pub(crate) const fn policies_mut(&mut self, level: Level) -> &mut Policies {
        &mut self.policies[level as usize]
    }

    /// All that was in it is gone; gives the record that is of no more use.
    pub(crate) fn emptied(&mut self) -> Option<RecordId> {
        match core::mem::replace(&mut self.life, Life::Gone) {
            Life::Doomed(record) => record,
            Life::Lives | Life::Gone => None,
        }
    }

    /// The first exchange at this place or behind it.
    pub(crate) fn exchange_from(&self, place: u32) -> Option<ExchangeId> {
        let rest = self.exchanges.get(place as usize..)?;
        rest.iter().flatten().map(|(id, _)| *id).next()
    }

    #[inline]
    pub(crate) fn exchange(&self, name: &[u8]) -> Option<(ExchangeId, &Exchange)> {
        let id = *self.exchange_names.get(name)?;
        self.exchange_at(id).map(|exchange| (id, exchange))
    }

    /// Whether this is a topic exchange, whose routing keys can be restricted.
    pub(crate) fn is_topic(&self, id: ExchangeId) -> bool {
        self.exchange_at(id).is_some_and(|exchange| exchange.spec.kind == ExchangeKind::Topic)
    }

    pub(crate) fn exchange_at(&self, id: ExchangeId) -> Option<&Exchange> {
        let (own, exchange) = self.exchanges.get(id.index())?.as_ref()?;
        (*own == id).then_some(exchange)
    }

    pub(crate) fn exchange_at_mut(&mut self, id: ExchangeId) -> Option<&mut Exchange> {
        let (own, exchange) = self.exchanges.get_mut(id.index())?.as_mut()?;
        (*own == id).then_some(exchange)
    }

    pub(crate) fn put_exchange(&mut self, id: ExchangeId, exchange: Exchange) {
        if self.exchanges.len() <= id.index() {
            self.exchanges.resize_with(id.index() + 1, || None);
        }
        self.exchanges[id.index()] = Some((id, exchange));
    }

    pub(crate) fn take_exchange(&mut self, id: ExchangeId) -> Option<Exchange> {
        self.exchange_at(id)?;
        self.exchanges[id.index()].take().map(|(_, exchange)| exchange)
    }

    /// All exchanges but the default one, in the order of their places.
    pub(crate) fn exchanges(&self) -> impl Iterator<Item = (ExchangeId, &Exchange)> {
        self.exchanges.iter().flatten().map(|(id, exchange)| (*id, exchange))
    }

    /// How many exchanges and queues there are.
    pub(crate) fn names(&self) -> usize {
        self.exchange_names.len() + self.queue_names.len()
    }

    /// Removes bindings that lead to `target`, and those that come from it if it is an exchange, but no more than `most`;
    /// also gives what they were, the records of those that were durable, and how much memory they took.
    pub(crate) fn unbind_some(
        &mut self,
        target: Target<QueueId>,
        most: usize,
    ) -> (Vec<BindingKey>, Vec<RecordId>, Removed, u64) {
        let to = self.router.bindings_to(target).take(most);
        let mut keys: Vec<BindingKey> = to.map(|binding| BindingKey::of(&binding)).collect();
        if let Target::Exchange(source) = target {
            // One that leads from it to itself was found already.
            let from = self.router.bindings_from(source).filter(|own| own.target != target);
            let from = from.take(most - keys.len());
            keys.extend(from.map(|binding| BindingKey::of(&binding)));
        }
        let records = keys.iter().filter_map(|key| self.binding_records.remove(key)).collect();
        let mut removed = self.router.unbind_first(target, most);
        if let Target::Exchange(source) = target {
            removed.bindings += self.router.unbind_first_from(source, most - removed.bindings);
        }
        let bytes = keys.iter().map(|key| binding_bytes(&key.key, &key.arguments)).sum();
        self.binding_bytes -= bytes;
        (keys, records, removed, bytes)
    }
}

/// What a binding takes of memory, more or less.
pub(crate) fn binding_bytes(key: &[u8], arguments: &[u8]) -> u64 {
    BINDING_BYTES + 2 * (key.len() + arguments.len()) as u64
}

impl BindingKey {
    pub(crate) fn of(binding: &Binding<'_, QueueId>) -> Self {
        Self {
            target: binding.target,
            source: binding.source,
            key: binding.key.into(),
            arguments: binding.arguments.into(),
        }
    }
}

/// Every virtual host, by its id.
#[derive(Debug)]
pub(crate) struct Vhosts {
    all: Vec<Vhost>,
    syncs: Syncs,
}

impl Vhosts {
    pub(crate) const fn new(syncs: Syncs) -> Self {
        Self { all: Vec::new(), syncs }
    }

    /// A new virtual host, in the place of one that is gone if nothing remembers that.
    pub(crate) fn add(
        &mut self,
        name: ShortStr,
        seed: u64,
        is_free: impl Fn(VhostId) -> bool,
    ) -> VhostId {
        let sync = self.syncs.of(&name);
        let vhost = Vhost::new(name, sync, seed);
        let mut places = self.all.iter().enumerate().map(|(place, own)| (place as u32, own.life));
        let free = places.find(|(place, life)| *life == Life::Gone && is_free(VhostId(*place)));
        match free {
            Some((place, _)) => {
                self.all[place as usize] = vhost;
                VhostId(place)
            }
            None => {
                self.all.push(vhost);
                VhostId(self.all.len() as u32 - 1)
            }
        }
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<VhostId> {
        self.with_ids().find(|(_, vhost)| vhost.name.as_bytes() == name).map(|(id, _)| id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Vhost> {
        self.with_ids().map(|(_, vhost)| vhost)
    }

    /// Those that are gone as well, and those that still have something in them.
    pub(crate) fn all(&self) -> &[Vhost] {
        &self.all
    }

    /// All that are there.
    pub(crate) fn with_ids(&self) -> impl Iterator<Item = (VhostId, &Vhost)> {
        let all = self.all.iter().enumerate().map(|(place, own)| (VhostId(place as u32), own));
        all.filter(|(_, vhost)| vhost.life == Life::Lives)
    }

    /// Is found no more; its record is released when it is empty.
    pub(crate) fn doom(&mut self, name: &ShortStr, record: Option<RecordId>) {
        if let Some(id) = self.find(name.as_bytes()) {
            self[id].life = Life::Doomed(record);
        }
    }

    /// Nothing is in it, after a restart.
    pub(crate) fn forget_doomed(&mut self, name: &ShortStr) {
        let doomed = |own: &&mut Vhost| matches!(own.life, Life::Doomed(_)) && own.name == *name;
        self.all.iter_mut().filter(doomed).for_each(|own| own.life = Life::Gone);
    }

    /// Whether one of this name is deleted, but not empty.
    pub(crate) fn is_doomed(&self, name: &ShortStr) -> bool {
        let doomed = |own: &Vhost| matches!(own.life, Life::Doomed(_)) && own.name == *name;
        self.all.iter().any(doomed)
    }
}

impl Index<VhostId> for Vhosts {
    type Output = Vhost;

    fn index(&self, id: VhostId) -> &Vhost {
        &self.all[id.0 as usize]
    }
}

impl IndexMut<VhostId> for Vhosts {
    fn index_mut(&mut self, id: VhostId) -> &mut Vhost {
        &mut self.all[id.0 as usize]
    }
}

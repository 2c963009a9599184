//! Virtual hosts: each its own names, exchanges and bindings.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

use warrener_codec::{ShortStr, Table};
use warrener_router::{ExchangeId, Router, Target};

use crate::exchange::{Exchange, ExchangeSpec, PREDECLARED};
use crate::exchange_kind::ExchangeKind;
use crate::id::{QueueId, RecordId, VhostId};
use crate::names::Map;
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
    /// How many exchanges keep messages.
    pub(crate) keepers: u32,
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
            keepers: 0,
        };
        for (name, kind, internal) in PREDECLARED {
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

    /// Takes out the records of the durable bindings that lead to `target`, or come from `source`.
    pub(crate) fn take_binding_records(
        &mut self,
        target: Target<QueueId>,
        source: Option<ExchangeId>,
    ) -> Vec<RecordId> {
        let to = self.router.bindings_to(target);
        let from = source.into_iter().flat_map(|source| self.router.bindings_from(source));
        let keys: Vec<BindingKey> = to
            .chain(from)
            .map(|binding| BindingKey {
                target: binding.target,
                source: binding.source,
                key: binding.key.into(),
                arguments: binding.arguments.into(),
            })
            .collect();
        keys.iter().filter_map(|key| self.binding_records.remove(key)).collect()
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

    pub(crate) fn add(&mut self, name: ShortStr, seed: u64) {
        let sync = self.syncs.of(&name);
        self.all.push(Vhost::new(name, sync, seed));
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<VhostId> {
        let place = self.all.iter().position(|vhost| vhost.name.as_bytes() == name)?;
        Some(VhostId(place as u32))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Vhost> {
        self.all.iter()
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

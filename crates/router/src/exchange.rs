//! One exchange, and the table of all of them.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::bindings::Ends;
use crate::consistent_hash::ConsistentHash;
use crate::direct::Direct;
use crate::headers::HeadersTable;
use crate::kind::{ExchangeId, Kind, Watch};
use crate::modulus_hash::ModulusHash;
use crate::posting::Posting;
use crate::topic::Root;

/// One exchange.
#[derive(Clone, Debug)]
pub(crate) struct Exchange<D> {
    pub(crate) kind: Kind,
    pub(crate) table: Table<D>,
    pub(crate) alternate: Option<ExchangeId>,
    pub(crate) internal: bool,
    pub(crate) watch: Watch,
    /// The number that it has as a target, while a binding leads to it.
    pub(crate) target: Option<u32>,
    /// The list of the bindings that take messages from it.
    pub(crate) bindings: Ends,
}

/// Where an exchange keeps the targets of its bindings.
#[derive(Clone, Debug)]
pub(crate) enum Table<D> {
    Direct(Box<Direct<D>>),
    /// Fanout and random.
    All(Posting),
    Topic(Root<D>),
    Headers(Box<HeadersTable>),
    ConsistentHash(Box<ConsistentHash>),
    ModulusHash(Box<ModulusHash>),
}

/// Exchanges by id.
#[derive(Clone, Debug)]
pub(crate) struct Exchanges<D> {
    slots: Vec<Slot<D>>,
    free: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Slot<D> {
    generation: u32,
    exchange: Option<Exchange<D>>,
}

impl<D> Exchange<D> {
    fn new(index: u32, kind: Kind) -> Self {
        let table = match kind {
            Kind::Direct => Table::Direct(Box::new(Direct::new())),
            Kind::Fanout | Kind::Random => Table::All(Posting::EMPTY),
            Kind::Topic => Table::Topic(Root::new(index)),
            Kind::Headers => Table::Headers(Box::new(HeadersTable::new())),
            Kind::ConsistentHash(_) => Table::ConsistentHash(Box::new(ConsistentHash::new())),
            Kind::ModulusHash => Table::ModulusHash(Box::new(ModulusHash::new())),
        };
        Self {
            kind,
            table,
            alternate: None,
            internal: false,
            watch: Watch::Off,
            target: None,
            bindings: Ends::default(),
        }
    }
}

impl<D> Exchanges<D> {
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    pub(crate) fn add(&mut self, kind: Kind) -> ExchangeId {
        let index = self.free.pop().unwrap_or(self.slots.len() as u32);
        if self.slots.len() == index as usize {
            self.slots.push(Slot { generation: 0, exchange: None });
        }
        let slot = &mut self.slots[index as usize];
        slot.exchange = Some(Exchange::new(index, kind));
        ExchangeId { index, generation: slot.generation }
    }

    /// Removes an exchange. A slot whose generations are used up is left empty.
    pub(crate) fn remove(&mut self, id: ExchangeId) {
        if self.get(id).is_some() {
            let slot = &mut self.slots[id.index()];
            slot.exchange = None;
            if let Some(next) = slot.generation.checked_add(1) {
                slot.generation = next;
                self.free.push(id.index);
            }
        }
    }

    #[inline]
    pub(crate) fn get(&self, id: ExchangeId) -> Option<&Exchange<D>> {
        let slot = self.slots.get(id.index())?;
        if slot.generation == id.generation { slot.exchange.as_ref() } else { None }
    }

    pub(crate) fn get_mut(&mut self, id: ExchangeId) -> Option<&mut Exchange<D>> {
        let slot = self.slots.get_mut(id.index())?;
        if slot.generation == id.generation { slot.exchange.as_mut() } else { None }
    }

    /// The exchange in a slot that is known to hold one.
    #[inline]
    pub(crate) fn at(&self, index: u32) -> &Exchange<D> {
        let exchange = self.slots[index as usize].exchange.as_ref();
        exchange.expect("bindings lead only to exchanges that exist")
    }

    pub(crate) fn at_mut(&mut self, index: u32) -> &mut Exchange<D> {
        let exchange = self.slots[index as usize].exchange.as_mut();
        exchange.expect("bindings come only from exchanges that exist")
    }

    /// The whole id of the exchange in a slot.
    pub(crate) fn id(&self, index: u32) -> ExchangeId {
        ExchangeId { index, generation: self.slots[index as usize].generation }
    }

    /// One more than the largest index in use.
    #[inline]
    pub(crate) const fn bound(&self) -> usize {
        self.slots.len()
    }
}

//! What a routed message reached, and the memory that routing works in.

use alloc::vec::Vec;
use core::hash::Hash;
use core::slice;

use crate::headers::HeadersScratch;
use crate::kind::{ExchangeId, Watch};
use crate::posting::{Lead, Postings};
use crate::targets::{Meaning, Targets};
use crate::topic::TopicScratch;
use crate::visited::Visited;
use crate::work::Work;

/// The result of [`Router::route`](crate::Router::route): reused scratch, so that routing allocates nothing once it is
/// warm, and so that a router can be shared between threads that each hold their own `Matches`.
///
/// It holds all that routing changes: the destinations, what was already visited, the dice of random exchanges, and
/// the counts when they are wanted.
#[derive(Clone, Debug)]
pub struct Matches<D> {
    pub(crate) destinations: Vec<D>,
    pub(crate) by_key_alone: bool,
    /// The index of the exchange where the message began.
    start: u32,
    /// The exchanges that the message came to, in order; empty while it is where it began, as most messages stay.
    exchanges: Visited,
    /// The numbers of the targets found, exchanges among them.
    targets: Visited,
    pub(crate) topic: TopicScratch,
    /// What the last key led to in a topic exchange, but for what is in a trie.
    pub(crate) leads: Vec<Lead<D>>,
    pub(crate) headers: HeadersScratch,
    pub(crate) work: Work,
    dice: u64,
    counts: Option<Vec<CountSlot>>,
    watched: Vec<ExchangeId>,
    stops: bool,
    stopped: bool,
}

/// How many messages were routed from one exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages that reached at least one destination.
    pub routed: u64,
    /// Messages that reached none.
    pub unroutable: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct CountSlot {
    generation: u32,
    counts: Counts,
}

impl<D> Matches<D> {
    /// Empty scratch. Random exchanges draw the same sequence from every scratch made so; see [`Matches::with_seed`].
    #[must_use]
    pub fn new() -> Self {
        Self::with_seed(0)
    }

    /// Empty scratch whose random exchanges draw from this seed.
    #[must_use]
    pub fn with_seed(seed: u64) -> Self {
        Self {
            destinations: Vec::new(),
            by_key_alone: true,
            start: 0,
            exchanges: Visited::default(),
            targets: Visited::default(),
            topic: TopicScratch::default(),
            leads: Vec::new(),
            headers: HeadersScratch::default(),
            work: Work::with_most(u32::MAX),
            dice: seed,
            counts: None,
            watched: Vec::new(),
            stops: false,
            stopped: false,
        }
    }

    /// The same scratch, also counting the messages routed from each exchange.
    #[must_use]
    pub fn counting(self) -> Self {
        Self { counts: Some(Vec::new()), ..self }
    }

    /// The destinations of the last message, each once, in an order fixed by the history of the router.
    #[must_use]
    pub fn destinations(&self) -> &[D] {
        &self.destinations
    }

    /// How many destinations the last message reached.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.destinations.len()
    }

    /// Whether the last message was unroutable.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.destinations.is_empty()
    }

    /// The destinations of the last message, as [`Matches::destinations`].
    pub fn iter(&self) -> slice::Iter<'_, D> {
        self.destinations.iter()
    }

    /// The watched exchanges that the last message came to, in order; see [`Watch`].
    #[must_use]
    pub fn watched(&self) -> &[ExchangeId] {
        &self.watched
    }

    /// Whether the last message stopped at an exchange with [`Watch::Stopping`].
    #[must_use]
    pub const fn has_stopped(&self) -> bool {
        self.stopped
    }

    /// Says whether the messages routed from now on stop at exchanges with [`Watch::Stopping`].
    pub const fn stop_at_watched(&mut self, stops: bool) {
        self.stops = stops;
    }

    /// Says how many steps the way of a message may take from now on; without this there is no such limit. What takes one:
    /// an exchange that the message comes to for each of its keys, a node of the trie of a topic exchange for each word, two
    /// bindings of a headers exchange, 32 targets. Patterns found as a whole, and direct exchanges, take none.
    pub const fn set_most_steps(&mut self, most: u32) {
        self.work.set_most(most);
    }

    /// How many steps the last message took.
    #[must_use]
    pub const fn steps(&self) -> u32 {
        self.work.steps()
    }

    /// Whether the last message took more steps than it may: it was followed no further, and what was found is not all.
    #[must_use]
    pub const fn has_given_up(&self) -> bool {
        self.work.is_spent()
    }

    /// Whether the last result follows from the exchange and the key alone: no headers were asked and no dice thrown.
    /// Such a result may be kept and used again while [`Router::generation`](crate::Router::generation) is unchanged.
    #[must_use]
    pub const fn by_key_alone(&self) -> bool {
        self.by_key_alone
    }

    /// The messages counted for this exchange by a [counting](Matches::counting) scratch; zero otherwise.
    #[must_use]
    pub fn counts(&self, exchange: ExchangeId) -> Counts {
        match self.counts.as_ref().and_then(|slots| slots.get(exchange.index())) {
            Some(slot) if slot.generation == exchange.generation => slot.counts,
            _ => Counts::default(),
        }
    }

    /// Has nothing any more of the last message.
    pub(crate) fn forget(&mut self) {
        self.destinations.clear();
        self.watched.clear();
        self.stopped = false;
    }

    /// Forgets the last message.
    #[inline]
    pub(crate) fn begin(&mut self, exchange: ExchangeId) {
        self.start = exchange.index;
        self.destinations.clear();
        self.watched.clear();
        self.stopped = false;
        self.exchanges.begin();
        self.targets.begin();
        self.work.begin();
        self.by_key_alone = true;
    }

    /// The exchange to which the message came as number `place`, counted from the one where it began.
    #[inline]
    pub(crate) fn exchange(&self, place: usize) -> Option<u32> {
        self.exchanges.as_slice().get(place).copied()
    }

    /// The message came to a watched exchange. Whether it stops there.
    pub(crate) fn watch(&mut self, exchange: ExchangeId, watch: Watch) -> bool {
        self.by_key_alone = false;
        let stops = watch == Watch::Stopping;
        if self.stops || !stops {
            self.watched.push(exchange);
        }
        let stops = self.stops && stops;
        self.stopped |= stops;
        stops
    }

    /// Takes the message to an exchange, unless it was there. `bound` is above every index.
    pub(crate) fn go_to(&mut self, exchange: u32, bound: usize) {
        if self.exchanges.as_slice().is_empty() {
            self.exchanges.start_with(&[self.start]);
        }
        self.exchanges.insert(exchange, bound);
    }

    /// Counts the message whose destinations are complete, if messages are counted.
    #[inline]
    pub(crate) fn finish(&mut self, exchange: ExchangeId) {
        if self.counts.is_some() {
            self.count(exchange);
        }
    }

    #[cold]
    fn count(&mut self, exchange: ExchangeId) {
        let Some(slots) = &mut self.counts else { return };
        if slots.len() <= exchange.index() {
            slots.resize(exchange.index() + 1, CountSlot::default());
        }
        let slot = &mut slots[exchange.index()];
        if slot.generation != exchange.generation {
            *slot = CountSlot { generation: exchange.generation, counts: Counts::default() };
        }
        if self.destinations.is_empty() && !self.stopped {
            slot.counts.unroutable += 1;
        } else {
            slot.counts.routed += 1;
        }
    }

    /// A number below `bound`, which is not zero.
    pub(crate) fn throw(&mut self, bound: usize) -> usize {
        self.by_key_alone = false;
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let drawn = crate::stable_hash::mix(self.dice);
        ((u128::from(drawn) * bound as u128) >> 64) as usize
    }
}

/// How many targets are as much work as a step.
const TARGETS_A_STEP: usize = 32;

impl<D: Copy + Eq + Hash> Matches<D> {
    /// Takes the targets that a key leads to, and leaves out those that were taken before.
    #[inline(always)]
    pub(crate) fn take_lead(
        &mut self,
        table: &Targets<D>,
        postings: &Postings,
        exchanges: usize,
        lead: &Lead<D>,
    ) {
        // Most messages have one target, for which a call costs as much as the work.
        match lead.only() {
            Some((target, meaning)) if self.targets.as_slice().is_empty() => {
                self.targets.start_with(&[target]);
                self.arrive(meaning, exchanges);
            }
            only => self.take_another(table, postings, exchanges, lead, only),
        }
    }

    #[inline(never)]
    fn take_another(
        &mut self,
        table: &Targets<D>,
        postings: &Postings,
        exchanges: usize,
        lead: &Lead<D>,
        only: Option<(u32, Meaning<D>)>,
    ) {
        match only {
            Some((target, meaning)) => {
                if self.targets.insert(target, table.bound()) {
                    self.arrive(meaning, exchanges);
                }
            }
            None => self.take(table, exchanges, lead.targets(postings)),
        }
    }

    /// Takes targets that differ from one another, and leaves out those that were taken before.
    pub(crate) fn take(&mut self, table: &Targets<D>, exchanges: usize, targets: &[u32]) {
        if !self.work.spend(targets.len() / TARGETS_A_STEP) {
            return;
        }
        if self.targets.as_slice().is_empty() {
            self.targets.start_with(targets);
            for target in targets {
                self.arrive(table.meaning(*target), exchanges);
            }
            return;
        }
        for target in targets {
            if self.targets.insert(*target, table.bound()) {
                self.arrive(table.meaning(*target), exchanges);
            }
        }
    }

    #[inline]
    fn arrive(&mut self, target: Meaning<D>, exchanges: usize) {
        match target {
            Meaning::Destination(destination) => self.destinations.push(destination),
            Meaning::Exchange(exchange) => self.go_to(exchange, exchanges),
        }
    }
}

impl<D> Default for Matches<D> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a, D> IntoIterator for &'a Matches<D> {
    type Item = &'a D;
    type IntoIter = slice::Iter<'a, D>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

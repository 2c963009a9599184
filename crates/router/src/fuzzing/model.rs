//! A router that is slow and obvious: a list of bindings, scanned for every message.

use alloc::vec::Vec;
use core::hash::Hash;

use crate::binding::{Binding, Removed, Rule, Target};
use crate::consistent_hash::{self, Arrival, draw};
use crate::error::BindError;
use crate::header::Headers;
use crate::headers::{self, Condition, Quorum};
use crate::kind::{ExchangeId, HashOn, Kind};
use crate::limits;
use crate::matches::Matches;
use crate::stable_hash::{hash_of_keys, hash_of_value, stable_hash};

/// See the module.
#[derive(Clone, Debug)]
pub struct Model<D> {
    exchanges: Vec<Slot>,
    bindings: Vec<ModelBinding<D>>,
}

#[derive(Clone, Debug)]
struct Slot {
    generation: u32,
    exchange: Option<ModelExchange>,
}

#[derive(Clone, Debug)]
struct ModelExchange {
    kind: Kind,
    alternate: Option<ExchangeId>,
    internal: bool,
}

#[derive(Clone, Debug)]
struct ModelBinding<D> {
    source: ExchangeId,
    target: Target<D>,
    key: Vec<u8>,
    arguments: Vec<u8>,
    identity: Vec<u8>,
    quorum: Quorum,
    conditions: Vec<Condition>,
    weight: u32,
}

impl<D: Copy + Eq + Hash> Model<D> {
    /// No exchanges.
    #[must_use]
    pub const fn new() -> Self {
        Self { exchanges: Vec::new(), bindings: Vec::new() }
    }

    /// As [`crate::Router::add`].
    pub fn add(&mut self, kind: Kind) -> ExchangeId {
        let exchange = Some(ModelExchange { kind, alternate: None, internal: false });
        // The router takes the slot that was freed last; ids need not agree, so the model never reuses one.
        self.exchanges.push(Slot { generation: 0, exchange });
        ExchangeId { index: (self.exchanges.len() - 1) as u32, generation: 0 }
    }

    /// As [`crate::Router::remove`].
    pub fn remove(&mut self, exchange: ExchangeId) -> Removed {
        if self.get(exchange).is_none() {
            return Removed::default();
        }
        let own = self.bindings.len();
        self.bindings.retain(|binding| binding.source != exchange);
        let own = own - self.bindings.len();
        let mut removed = self.unbind_all(Target::Exchange(exchange));
        removed.bindings += own;
        self.exchanges[exchange.index()].exchange = None;
        removed
    }

    /// As [`crate::Router::kind`].
    #[must_use]
    pub fn kind(&self, exchange: ExchangeId) -> Option<&Kind> {
        self.get(exchange).map(|exchange| &exchange.kind)
    }

    /// As [`crate::Router::set_alternate`].
    pub fn set_alternate(&mut self, exchange: ExchangeId, to: Option<ExchangeId>) {
        if let Some(exchange) = self.get_mut(exchange) {
            exchange.alternate = to;
        }
    }

    /// As [`crate::Router::alternate`].
    #[must_use]
    pub fn alternate(&self, exchange: ExchangeId) -> Option<ExchangeId> {
        self.get(exchange)?.alternate.filter(|alternate| self.get(*alternate).is_some())
    }

    /// As [`crate::Router::set_internal`].
    pub fn set_internal(&mut self, exchange: ExchangeId, internal: bool) {
        if let Some(exchange) = self.get_mut(exchange) {
            exchange.internal = internal;
        }
    }

    /// As [`crate::Router::is_internal`].
    #[must_use]
    pub fn is_internal(&self, exchange: ExchangeId) -> bool {
        self.get(exchange).is_some_and(|exchange| exchange.internal)
    }

    /// As [`crate::Router::bind`].
    ///
    /// # Errors
    ///
    /// As [`crate::Router::bind`].
    pub fn bind(
        &mut self,
        source: ExchangeId,
        target: Target<D>,
        rule: Rule<'_>,
    ) -> Result<bool, BindError> {
        let exchange = self.get(source).ok_or(BindError::UnknownExchange)?;
        if let Target::Exchange(target) = target
            && self.get(target).is_none()
        {
            return Err(BindError::UnknownExchange);
        }
        if rule.key.len() > limits::KEY_BYTES_MAX {
            return Err(BindError::KeyTooLong);
        }
        if rule.arguments.canonical().len() > limits::ARGUMENTS_BYTES_MAX {
            return Err(BindError::ArgumentsTooLarge);
        }
        let mut binding = ModelBinding {
            source,
            target,
            key: rule.key.into(),
            arguments: rule.arguments.canonical().into(),
            identity: rule.identity.into(),
            quorum: Quorum::All,
            conditions: Vec::new(),
            weight: 0,
        };
        match exchange.kind {
            Kind::Headers => {
                (binding.quorum, binding.conditions) = headers::parse(rule.arguments)?;
            }
            Kind::ConsistentHash(_) => binding.weight = consistent_hash::weight(rule.key)?,
            _ => {}
        }
        if matches!(exchange.kind, Kind::ConsistentHash(_) | Kind::ModulusHash)
            && rule.identity.is_empty()
        {
            return Err(BindError::IdentityMissing);
        }
        if self.position(source, target, rule).is_some() {
            return Ok(false);
        }
        self.bindings.push(binding);
        Ok(true)
    }

    /// As [`crate::Router::unbind`].
    pub fn unbind(&mut self, source: ExchangeId, target: Target<D>, rule: Rule<'_>) -> bool {
        match self.position(source, target, rule) {
            Some(position) => {
                self.bindings.remove(position);
                true
            }
            None => false,
        }
    }

    /// As [`crate::Router::unbind_all`].
    pub fn unbind_all(&mut self, target: Target<D>) -> Removed {
        let mut removed = Removed::default();
        while let Some(position) = self.bindings.iter().position(|binding| binding.target == target)
        {
            let source = self.bindings.remove(position).source;
            removed.bindings += 1;
            if self.bindings_from(source).next().is_none() {
                removed.emptied.push(source);
            }
        }
        removed
    }

    /// As [`crate::Router::bindings_from`].
    pub fn bindings_from(&self, source: ExchangeId) -> impl Iterator<Item = Binding<'_, D>> {
        self.bindings.iter().filter(move |binding| binding.source == source).map(ModelBinding::view)
    }

    /// As [`crate::Router::bindings_to`].
    pub fn bindings_to(&self, target: Target<D>) -> impl Iterator<Item = Binding<'_, D>> {
        self.bindings.iter().filter(move |binding| binding.target == target).map(ModelBinding::view)
    }

    /// As [`crate::Router::route_all`].
    pub fn route(
        &self,
        exchange: ExchangeId,
        keys: &[&[u8]],
        headers: &dyn Headers,
        out: &mut Matches<D>,
    ) {
        out.begin(exchange);
        let mut visited = Vec::from([exchange]);
        let mut next = 0;
        while let Some(exchange) = visited.get(next).copied() {
            next += 1;
            for target in self.step(exchange, keys, headers, out) {
                match target {
                    Target::Exchange(exchange) if visited.contains(&exchange) => {}
                    Target::Exchange(exchange) => visited.push(exchange),
                    Target::Destination(to) if out.destinations.contains(&to) => {}
                    Target::Destination(to) => out.destinations.push(to),
                }
            }
        }
        out.finish(exchange);
    }

    /// The targets that one exchange chooses, each once.
    fn step(
        &self,
        exchange: ExchangeId,
        keys: &[&[u8]],
        headers: &dyn Headers,
        out: &mut Matches<D>,
    ) -> Vec<Target<D>> {
        let Some(ModelExchange { kind, alternate, .. }) = self.get(exchange) else {
            return Vec::new();
        };
        let bindings = self.bindings.iter().filter(|binding| binding.source == exchange);
        let all = each_once(bindings.clone());
        if matches!(
            kind,
            Kind::Headers | Kind::ConsistentHash(HashOn::Header(_) | HashOn::Property(_))
        ) {
            out.by_key_alone = false;
        }
        let mut targets = match kind {
            Kind::Direct => each_once(bindings.filter(|it| keys.contains(&&it.key[..]))),
            Kind::Fanout => all,
            Kind::Topic => {
                each_once(bindings.filter(|it| keys.iter().any(|key| topic_matches(&it.key, key))))
            }
            Kind::Headers => each_once(bindings.filter(|it| it.agrees_with(headers))),
            Kind::ConsistentHash(on) => first_to_arrive(bindings, hash_of(on, keys, headers)),
            Kind::ModulusHash => by_modulus(bindings, hash_of_keys(keys)),
            Kind::Random if all.is_empty() => all,
            Kind::Random => Vec::from([all[out.throw(all.len())]]),
        };
        if targets.is_empty() {
            targets.extend(alternate.map(Target::Exchange));
        }
        targets
    }

    fn get(&self, exchange: ExchangeId) -> Option<&ModelExchange> {
        let slot = self.exchanges.get(exchange.index())?;
        if slot.generation == exchange.generation { slot.exchange.as_ref() } else { None }
    }

    fn get_mut(&mut self, exchange: ExchangeId) -> Option<&mut ModelExchange> {
        let slot = self.exchanges.get_mut(exchange.index())?;
        if slot.generation == exchange.generation { slot.exchange.as_mut() } else { None }
    }

    pub(crate) fn position(
        &self,
        source: ExchangeId,
        target: Target<D>,
        rule: Rule<'_>,
    ) -> Option<usize> {
        let arguments = rule.arguments.canonical();
        self.bindings.iter().position(|it| {
            it.source == source
                && it.target == target
                && it.key == rule.key
                && it.arguments == arguments
        })
    }
}

impl<D: Copy + Eq + Hash> Default for Model<D> {
    fn default() -> Self {
        Self::new()
    }
}

impl<D: Copy> ModelBinding<D> {
    fn view(&self) -> Binding<'_, D> {
        Binding {
            source: self.source,
            target: self.target,
            key: &self.key,
            arguments: &self.arguments,
        }
    }

    fn agrees_with(&self, headers: &dyn Headers) -> bool {
        let met = |condition: &Condition| {
            let mut found = None;
            headers.for_each(&mut |name, value| {
                if *name == *condition.name {
                    let mut canonical = Vec::new();
                    value.as_compared().write_canonical(&mut canonical);
                    found = Some(canonical);
                }
            });
            match (found, &condition.value) {
                (None, _) => false,
                (Some(_), None) => true,
                (Some(found), Some(wanted)) => *found == **wanted,
            }
        };
        match self.quorum {
            Quorum::All => self.conditions.iter().all(met),
            Quorum::Any => self.conditions.iter().any(met),
        }
    }
}

/// Whether a topic pattern matches a key, as the definition says it.
#[must_use]
pub fn topic_matches(pattern: &[u8], key: &[u8]) -> bool {
    fn matches(pattern: &[&[u8]], key: &[&[u8]]) -> bool {
        match pattern {
            [] => key.is_empty(),
            [b"#", pattern @ ..] => (0..=key.len()).any(|skip| matches(pattern, &key[skip..])),
            [b"*", pattern @ ..] => !key.is_empty() && matches(pattern, &key[1..]),
            [word, pattern @ ..] => key.first() == Some(word) && matches(pattern, &key[1..]),
        }
    }
    matches(&words(pattern), &words(key))
}

/// The same, row by row instead of by recursion: many `#` and a long key would take the definition years.
#[must_use]
pub fn topic_matches_by_rows(pattern: &[u8], key: &[u8]) -> bool {
    let key = words(key);
    let mut row = alloc::vec![false; key.len() + 1];
    row[0] = true;
    for step in words(pattern) {
        let mut next = alloc::vec![false; key.len() + 1];
        for at in 0..=key.len() {
            next[at] = match step {
                b"#" => row[at] || at > 0 && next[at - 1],
                step => at > 0 && row[at - 1] && (step == b"*" || step == key[at - 1]),
            };
        }
        row = next;
    }
    row[key.len()]
}

fn words(key: &[u8]) -> Vec<&[u8]> {
    if key.is_empty() { Vec::new() } else { key.split(|byte| *byte == b'.').collect() }
}

fn each_once<'a, D: Copy + Eq + 'a>(
    bindings: impl Iterator<Item = &'a ModelBinding<D>>,
) -> Vec<Target<D>> {
    let mut targets = Vec::new();
    for binding in bindings {
        if !targets.contains(&binding.target) {
            targets.push(binding.target);
        }
    }
    targets
}

/// The oldest binding of each target.
fn oldest<'a, D: Copy + Eq + 'a>(
    bindings: impl Iterator<Item = &'a ModelBinding<D>>,
) -> Vec<&'a ModelBinding<D>> {
    let mut oldest: Vec<&ModelBinding<D>> = Vec::new();
    for binding in bindings {
        if !oldest.iter().any(|older| older.target == binding.target) {
            oldest.push(binding);
        }
    }
    oldest
}

fn first_to_arrive<'a, D: Copy + Eq + 'a>(
    bindings: impl Iterator<Item = &'a ModelBinding<D>>,
    message: u64,
) -> Vec<Target<D>> {
    let mut first: Option<(Arrival, Target<D>)> = None;
    for binding in oldest(bindings) {
        let arrival = Arrival::new(draw(message, stable_hash(&binding.identity)), binding.weight);
        if first.is_none_or(|(other, _)| arrival.is_before(other)) {
            first = Some((arrival, binding.target));
        }
    }
    first.into_iter().map(|(_, target)| target).collect()
}

fn by_modulus<'a, D: Copy + Eq + 'a>(
    bindings: impl Iterator<Item = &'a ModelBinding<D>>,
    message: u64,
) -> Vec<Target<D>> {
    let mut sorted = oldest(bindings);
    sorted.sort_by(|a, b| a.identity.cmp(&b.identity));
    match sorted.len() as u64 {
        0 => Vec::new(),
        len => Vec::from([sorted[(message % len) as usize].target]),
    }
}

fn hash_of(on: &HashOn, keys: &[&[u8]], headers: &dyn Headers) -> u64 {
    let mut canonical = Vec::new();
    match on {
        HashOn::RoutingKey => hash_of_keys(keys),
        HashOn::Header(name) => hash_of_value(headers.get(name), &mut canonical),
        HashOn::Property(property) => hash_of_value(headers.property(*property), &mut canonical),
    }
}

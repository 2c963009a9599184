//! Exchanges, bindings, and the way of a message through them.

mod change;
mod route;

use core::hash::Hash;

use crate::binding::{Binding, Removed, Rule, Target};
use crate::bindings::{Bindings, Ends, Identity, List, Record};
use crate::error::BindError;
use crate::exchange::Exchanges;
use crate::hashing::Hashing;
use crate::header::Headers;
use crate::kind::{ExchangeId, Kind, Watch};
use crate::matches::Matches;
use crate::posting::Postings;
use crate::targets::{Meaning, Targets};
use crate::topic::Topics;

/// Exchanges and the bindings between them and to destinations.
///
/// `D` is whatever the embedder routes to: any small value. Routing takes `&self` and works in a
/// [`Matches`] of the caller's, so a router can be shared between threads that only route.
#[derive(Clone, Debug)]
pub struct Router<D> {
    hashing: Hashing,
    exchanges: Exchanges<D>,
    targets: Targets<D>,
    bindings: Bindings,
    topics: Topics,
    postings: Postings,
    generation: u64,
}

impl<D: Copy + Eq + Hash> Router<D> {
    /// A router without exchanges. The seed goes into the hashes of its tables, so that nobody can choose keys that
    /// collide; it changes nothing that can be observed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            hashing: Hashing::new(seed),
            exchanges: Exchanges::new(),
            targets: Targets::new(),
            bindings: Bindings::new(),
            topics: Topics::new(),
            postings: Postings::new(),
            generation: 0,
        }
    }

    /// Adds an exchange of this kind.
    pub fn add(&mut self, kind: Kind) -> ExchangeId {
        self.generation += 1;
        self.exchanges.add(kind)
    }

    /// Removes an exchange with all bindings from it and to it. An unknown exchange is nothing to remove.
    ///
    /// Exchanges whose alternate it was have none from now on.
    pub fn remove(&mut self, exchange: ExchangeId) -> Removed {
        if self.exchanges.get(exchange).is_none() {
            return Removed::default();
        }
        let own = self.unbind_all_from(exchange);
        let mut removed = self.unbind_all(Target::Exchange(exchange));
        removed.bindings += own;
        self.exchanges.remove(exchange);
        self.generation += 1;
        removed
    }

    /// What kind of exchange this is; `None` when it was removed.
    #[must_use]
    pub fn kind(&self, exchange: ExchangeId) -> Option<&Kind> {
        self.exchanges.get(exchange).map(|exchange| &exchange.kind)
    }

    /// Sets where messages go that this exchange itself has no binding for (RabbitMQ extension: alternate exchange).
    /// Chains are followed and may be circular. An unknown exchange has no alternate.
    pub fn set_alternate(&mut self, exchange: ExchangeId, to: Option<ExchangeId>) {
        if let Some(exchange) = self.exchanges.get_mut(exchange) {
            exchange.alternate = to;
            self.generation += 1;
        }
    }

    /// The exchange set by [`Router::set_alternate`], while it exists.
    #[must_use]
    pub fn alternate(&self, exchange: ExchangeId) -> Option<ExchangeId> {
        let alternate = self.exchanges.get(exchange)?.alternate?;
        self.exchanges.get(alternate).map(|_| alternate)
    }

    /// Marks an exchange as one that only bindings lead to (RabbitMQ extension: internal exchanges). The router itself
    /// routes to it as to any other: whoever takes messages from publishers asks [`Router::is_internal`] first.
    pub fn set_internal(&mut self, exchange: ExchangeId, internal: bool) {
        if let Some(exchange) = self.exchanges.get_mut(exchange) {
            exchange.internal = internal;
        }
    }

    /// Whether publishers must not reach this exchange.
    #[must_use]
    pub fn is_internal(&self, exchange: ExchangeId) -> bool {
        self.exchanges.get(exchange).is_some_and(|exchange| exchange.internal)
    }

    /// Sets whether routing tells that a message came to this exchange. An unknown exchange is not watched.
    pub fn set_watch(&mut self, exchange: ExchangeId, watch: Watch) {
        if let Some(exchange) = self.exchanges.get_mut(exchange) {
            exchange.watch = watch;
            self.generation += 1;
        }
    }

    /// Adds a binding; `false` when there is one of the same identity (source, target, key and arguments).
    ///
    /// # Errors
    ///
    /// See [`BindError`]; nothing was changed.
    pub fn bind<'r>(
        &mut self,
        source: ExchangeId,
        target: Target<D>,
        rule: impl Into<Rule<'r>>,
    ) -> Result<bool, BindError> {
        self.add_binding(source, target, rule.into())
    }

    /// Removes a binding; `false` when there is none of this identity.
    pub fn unbind<'r>(
        &mut self,
        source: ExchangeId,
        target: Target<D>,
        rule: impl Into<Rule<'r>>,
    ) -> bool {
        match self.find(source, target, rule.into()) {
            Some(binding) => {
                self.remove_binding(binding);
                true
            }
            None => false,
        }
    }

    /// Removes every binding that leads to this target.
    pub fn unbind_all(&mut self, target: Target<D>) -> Removed {
        self.unbind_first(target, usize::MAX)
    }

    /// Removes the oldest bindings that lead to this target, but no more than `most`.
    pub fn unbind_first(&mut self, target: Target<D>, most: usize) -> Removed {
        let mut removed = Removed::default();
        while removed.bindings < most
            && let Some(binding) = self.list_to(target).first()
        {
            let source = self.remove_binding(binding);
            removed.bindings += 1;
            if self.count_from(source) == 0 {
                removed.emptied.push(source);
            }
        }
        removed
    }

    /// Removes the oldest bindings that take messages from this exchange, but no more than `most`; how many there were.
    pub fn unbind_first_from(&mut self, source: ExchangeId, most: usize) -> usize {
        let mut removed = 0;
        while removed < most
            && let Some(binding) = self.list_from(source).first()
        {
            self.remove_binding(binding);
            removed += 1;
        }
        removed
    }

    /// The bindings that take messages from this exchange, the oldest first.
    pub fn bindings_from(&self, source: ExchangeId) -> impl Iterator<Item = Binding<'_, D>> {
        self.bindings.iter(List::OfSource, self.list_from(source)).map(|record| self.view(record))
    }

    /// The bindings that lead to this target, the oldest first.
    pub fn bindings_to(&self, target: Target<D>) -> impl Iterator<Item = Binding<'_, D>> {
        self.bindings.iter(List::OfTarget, self.list_to(target)).map(|record| self.view(record))
    }

    /// How many bindings take messages from this exchange.
    #[must_use]
    pub fn count_from(&self, source: ExchangeId) -> usize {
        self.list_from(source).len()
    }

    /// How many bindings lead to this target.
    #[must_use]
    pub fn count_to(&self, target: Target<D>) -> usize {
        self.list_to(target).len()
    }

    /// How many bindings there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bindings.len()
    }

    /// Whether there is no binding.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bindings.len() == 0
    }

    /// Whether there is a binding of this identity.
    #[must_use]
    pub fn has_binding<'r>(
        &self,
        source: ExchangeId,
        target: Target<D>,
        rule: impl Into<Rule<'r>>,
    ) -> bool {
        self.find(source, target, rule.into()).is_some()
    }

    /// Finds the destinations of a message with one routing key. What `out` held is forgotten.
    pub fn route(
        &self,
        exchange: ExchangeId,
        key: &[u8],
        headers: &dyn Headers,
        out: &mut Matches<D>,
    ) {
        out.begin(exchange);
        self.walk_by_key(exchange, key, headers, out);
        out.finish(exchange);
    }

    /// Finds the destinations of a message with several routing keys (RabbitMQ extension: the headers `CC` and `BCC`):
    /// those of every key, each once. What `out` held is forgotten.
    pub fn route_all(
        &self,
        exchange: ExchangeId,
        keys: &[&[u8]],
        headers: &dyn Headers,
        out: &mut Matches<D>,
    ) {
        out.begin(exchange);
        self.walk(exchange, keys, headers, out);
        out.finish(exchange);
    }

    /// A number that grows with every change of what messages reach: a result that depends on the key alone
    /// ([`Matches::by_key_alone`]) stays right while this is unchanged.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether every table for bindings is as small as in a new router.
    pub(crate) fn holds_no_memory(&self) -> bool {
        self.bindings.holds_no_memory()
            && self.targets.holds_no_memory()
            && self.topics.holds_no_memory()
            && self.postings.holds_no_memory()
    }

    fn find(&self, source: ExchangeId, target: Target<D>, rule: Rule<'_>) -> Option<u32> {
        self.exchanges.get(source)?;
        let target = self.number_of(target)?;
        if rule.key.len() > crate::limits::KEY_BYTES_MAX {
            return None;
        }
        let identity = Identity::new(source.index, target, rule.key, rule.arguments.canonical());
        self.bindings.find(&self.hashing, &identity)
    }

    /// The number of a target that some binding leads to.
    fn number_of(&self, target: Target<D>) -> Option<u32> {
        match target {
            Target::Destination(destination) => self.targets.find(&self.hashing, &destination),
            Target::Exchange(exchange) => self.exchanges.get(exchange)?.target,
        }
    }

    fn list_from(&self, source: ExchangeId) -> Ends {
        self.exchanges.get(source).map_or_else(Ends::default, |exchange| exchange.bindings)
    }

    fn list_to(&self, target: Target<D>) -> Ends {
        self.number_of(target).map_or_else(Ends::default, |target| *self.targets.bindings(target))
    }

    fn view<'a>(&'a self, record: &'a Record) -> Binding<'a, D> {
        Binding {
            source: self.exchanges.id(record.source),
            target: match self.targets.meaning(record.target) {
                Meaning::Destination(destination) => Target::Destination(destination),
                Meaning::Exchange(exchange) => Target::Exchange(self.exchanges.id(exchange)),
            },
            key: record.key(),
            arguments: record.arguments(),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::{HeaderMap, NoHeaders};
    use alloc::vec::Vec;
    use std::format;

    /// Somebody guessed the seed, and every name, word, key and argument of theirs has one hash. That this test ends is
    /// the proof: with chains of 100,000 it would take ten thousand million steps.
    #[test]
    fn keys_that_all_collide_stay_bounded() {
        const KEYS: u32 = 100_000;
        let mut router = Router::new(1);
        router.hashing.everything_collides = true;
        let direct = router.add(Kind::Direct);
        let topic = router.add(Kind::Topic);
        let headers = router.add(Kind::Headers);
        let mut matches = Matches::new();
        for number in 0..KEYS {
            let to = Target::Destination(number);
            let (key, exchange) = match number % 3 {
                0 => (format!("key-{number}"), direct),
                1 => (format!("{number}.#.{number}"), topic),
                _ => (format!("{number}.a"), topic),
            };
            assert_eq!(router.bind(exchange, to, &key), Ok(true));
            if number % 16 == 0 {
                let arguments = HeaderMap::from([(key.as_str(), i64::from(number).into())]);
                let rule = Rule::new("").with_arguments(&arguments);
                assert_eq!(router.bind(headers, to, rule), Ok(true));
                router.route(headers, b"", &arguments, &mut matches);
                assert_eq!(matches.destinations(), [number]);
            }
            if number % 8 < 3 {
                let key = key.replace('#', "x");
                router.route(exchange, key.as_bytes(), &NoHeaders, &mut matches);
                assert_eq!(matches.destinations(), [number]);
            }
        }
        for number in 0..KEYS {
            router.unbind_all(Target::Destination(number));
        }
        assert!(router.is_empty() && router.holds_no_memory());
    }

    #[test]
    fn routing_among_keys_that_all_collide_allocates_nothing() {
        let mut router = Router::new(1);
        router.hashing.everything_collides = true;
        let exchanges = [Kind::Direct, Kind::Topic, Kind::Headers].map(|kind| router.add(kind));
        let messages: Vec<_> = (0..1_000_i64)
            .map(|number| {
                let key = format!("{number}.of-a-name-that-is-long.{number}");
                let arguments = HeaderMap::from([(key.as_str(), number.into())]);
                for (exchange, pattern) in exchanges.iter().zip([&key, &key, ""]) {
                    let rule = Rule::new(pattern).with_arguments(&arguments);
                    assert_eq!(router.bind(*exchange, Target::Destination(number), rule), Ok(true));
                }
                for pattern in
                    [format!("*.of-a-name-that-is-long.{number}"), format!("{number}.#.{number}")]
                {
                    router
                        .bind(exchanges[1], Target::Destination(-1), &pattern)
                        .expect("a pattern");
                }
                (key, arguments)
            })
            .collect();
        let mut matches = Matches::new();
        let mut route = || {
            for ((key, headers), exchange) in
                messages.iter().flat_map(|message| exchanges.map(|to| (message, to)))
            {
                router.route(exchange, key.as_bytes(), headers, &mut matches);
                assert!(!matches.is_empty());
            }
        };
        route();
        assert_eq!(allocation_counter::measure(route).count_total, 0);
    }
}

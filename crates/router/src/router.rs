//! Exchanges, bindings, and the way of a message through them.

use core::hash::Hash;

use crate::binding::{Binding, Removed, Rule, Target};
use crate::error::BindError;
use crate::fuzzing::model::Model;
use crate::header::Headers;
use crate::kind::{ExchangeId, Kind};
use crate::matches::Matches;

/// Exchanges and the bindings between them and to destinations.
///
/// `D` is whatever the embedder routes to: any small value. Routing takes `&self` and works in a
/// [`Matches`] of the caller's, so a router can be shared between threads that only route.
#[derive(Clone, Debug)]
pub struct Router<D> {
    model: Model<D>,
    generation: u64,
}

impl<D: Copy + Eq + Hash> Router<D> {
    /// A router without exchanges. The seed goes into the hashes of its tables, so that nobody can choose keys that
    /// collide; it changes nothing that can be observed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let _ = seed;
        Self { model: Model::new(), generation: 0 }
    }

    /// Adds an exchange of this kind.
    pub fn add(&mut self, kind: Kind) -> ExchangeId {
        self.generation += 1;
        self.model.add(kind)
    }

    /// Removes an exchange with all bindings from it and to it. An unknown exchange is nothing to remove.
    ///
    /// Exchanges whose alternate it was have none from now on.
    pub fn remove(&mut self, exchange: ExchangeId) -> Removed {
        self.generation += 1;
        self.model.remove(exchange)
    }

    /// What kind of exchange this is; `None` when it was removed.
    #[must_use]
    pub fn kind(&self, exchange: ExchangeId) -> Option<&Kind> {
        self.model.kind(exchange)
    }

    /// Sets where messages go that this exchange itself has no binding for (RabbitMQ extension: alternate exchange).
    /// Chains are followed and may be circular. An unknown exchange has no alternate.
    pub fn set_alternate(&mut self, exchange: ExchangeId, to: Option<ExchangeId>) {
        self.generation += 1;
        self.model.set_alternate(exchange, to);
    }

    /// The exchange set by [`Router::set_alternate`], while it exists.
    #[must_use]
    pub fn alternate(&self, exchange: ExchangeId) -> Option<ExchangeId> {
        self.model.alternate(exchange)
    }

    /// Marks an exchange as one that only bindings lead to (RabbitMQ extension: internal exchanges). The router itself
    /// routes to it as to any other: whoever takes messages from publishers asks [`Router::is_internal`] first.
    pub fn set_internal(&mut self, exchange: ExchangeId, internal: bool) {
        self.model.set_internal(exchange, internal);
    }

    /// Whether publishers must not reach this exchange.
    #[must_use]
    pub fn is_internal(&self, exchange: ExchangeId) -> bool {
        self.model.is_internal(exchange)
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
        self.generation += 1;
        self.model.bind(source, target, rule.into())
    }

    /// Removes a binding; `false` when there is none of this identity.
    pub fn unbind<'r>(
        &mut self,
        source: ExchangeId,
        target: Target<D>,
        rule: impl Into<Rule<'r>>,
    ) -> bool {
        self.generation += 1;
        self.model.unbind(source, target, rule.into())
    }

    /// Removes every binding that leads to this target.
    pub fn unbind_all(&mut self, target: Target<D>) -> Removed {
        self.generation += 1;
        self.model.unbind_all(target)
    }

    /// The bindings that take messages from this exchange, the oldest first.
    pub fn bindings_from(&self, source: ExchangeId) -> impl Iterator<Item = Binding<'_, D>> {
        self.model.bindings_from(source)
    }

    /// The bindings that lead to this target, the oldest first.
    pub fn bindings_to(&self, target: Target<D>) -> impl Iterator<Item = Binding<'_, D>> {
        self.model.bindings_to(target)
    }

    /// How many bindings take messages from this exchange.
    #[must_use]
    pub fn count_from(&self, source: ExchangeId) -> usize {
        self.bindings_from(source).count()
    }

    /// How many bindings lead to this target.
    #[must_use]
    pub fn count_to(&self, target: Target<D>) -> usize {
        self.bindings_to(target).count()
    }

    /// Whether there is a binding of this identity.
    #[must_use]
    pub fn has_binding<'r>(
        &self,
        source: ExchangeId,
        target: Target<D>,
        rule: impl Into<Rule<'r>>,
    ) -> bool {
        self.model.position(source, target, rule.into()).is_some()
    }

    /// Finds the destinations of a message with one routing key. What `out` held is forgotten.
    pub fn route(
        &self,
        exchange: ExchangeId,
        key: &[u8],
        headers: &dyn Headers,
        out: &mut Matches<D>,
    ) {
        self.route_all(exchange, &[key], headers, out);
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
        self.model.route(exchange, keys, headers, out);
    }

    /// A number that grows with every change: a result that depends on the key alone
    /// ([`Matches::by_key_alone`]) stays right while this is unchanged.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }
}

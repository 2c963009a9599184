//! The small front door: exchanges by name, built in one go.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::hash::Hash;

use crate::binding::{Removed, Rule, Target};
use crate::error::BindError;
use crate::header::{Headers, NoHeaders};
use crate::kind::{ExchangeId, Kind};
use crate::matches::Matches;
use crate::router::Router;

/// A [`Router`] whose exchanges have names.
///
/// ```
/// use warrener_router::{Matches, NamedRouter};
///
/// let router = NamedRouter::builder()
///     .topic("events")
///     .fanout("audit")
///     .bind("events", "billing", "order.*.paid")
///     .bind("audit", "archive", "")
///     .chain("events", "audit", "#")
///     .build()?;
///
/// let mut matches = Matches::new();
/// router.route("events", "order.17.paid", &mut matches)?;
/// assert_eq!(matches.destinations(), ["billing", "archive"]);
/// # Ok::<(), warrener_router::NamedRouterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct NamedRouter<D> {
    router: Router<D>,
    names: BTreeMap<Box<str>, ExchangeId>,
}

/// Why a [`NamedRouter`] refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NamedRouterError {
    /// No exchange has this name.
    #[error("no exchange named {0:?}")]
    UnknownExchange(Box<str>),
    /// An exchange of another kind has this name already.
    #[error("there is another exchange named {0:?}")]
    NameTaken(Box<str>),
    /// Only bindings lead to this exchange; nobody may publish to it.
    #[error("exchange {0:?} is internal")]
    Internal(Box<str>),
    /// The binding was refused.
    #[error(transparent)]
    Bind(#[from] BindError),
}

impl<D: Copy + Eq + Hash> NamedRouter<D> {
    /// A router without exchanges; see [`Router::new`] for the seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { router: Router::new(seed), names: BTreeMap::new() }
    }

    /// Starts a router that is described in one expression, with a seed that everybody knows.
    pub fn builder() -> NamedRouterBuilder<D> {
        Self::builder_with_seed(0)
    }

    /// The same with a seed of yours (see [`Router::new`]), for where strangers choose the keys.
    pub fn builder_with_seed(seed: u64) -> NamedRouterBuilder<D> {
        NamedRouterBuilder { built: Ok(Self::new(seed)) }
    }

    /// Adds an exchange, or finds the one of this name and kind.
    ///
    /// # Errors
    ///
    /// [`NamedRouterError::NameTaken`] when an exchange of another kind has the name.
    pub fn add(&mut self, name: &str, kind: Kind) -> Result<ExchangeId, NamedRouterError> {
        if let Some(exchange) = self.names.get(name) {
            let same = self.router.kind(*exchange) == Some(&kind);
            return same
                .then_some(*exchange)
                .ok_or_else(|| NamedRouterError::NameTaken(name.into()));
        }
        let exchange = self.router.add(kind);
        self.names.insert(name.into(), exchange);
        Ok(exchange)
    }

    /// Removes an exchange with all its bindings; see [`Router::remove`].
    ///
    /// # Errors
    ///
    /// [`NamedRouterError::UnknownExchange`].
    pub fn remove(&mut self, name: &str) -> Result<Removed, NamedRouterError> {
        let exchange = self.id(name)?;
        self.names.remove(name);
        Ok(self.router.remove(exchange))
    }

    /// Binds a destination; `false` when it was bound so before.
    ///
    /// # Errors
    ///
    /// [`NamedRouterError::UnknownExchange`], or [`NamedRouterError::Bind`].
    pub fn bind<'r>(
        &mut self,
        source: &str,
        destination: D,
        rule: impl Into<Rule<'r>>,
    ) -> Result<bool, NamedRouterError> {
        let source = self.id(source)?;
        Ok(self.router.bind(source, Target::Destination(destination), rule)?)
    }

    /// Removes the binding of a destination; `false` when there was none.
    ///
    /// # Errors
    ///
    /// [`NamedRouterError::UnknownExchange`].
    pub fn unbind<'r>(
        &mut self,
        source: &str,
        destination: D,
        rule: impl Into<Rule<'r>>,
    ) -> Result<bool, NamedRouterError> {
        let source = self.id(source)?;
        Ok(self.router.unbind(source, Target::Destination(destination), rule))
    }

    /// Removes every binding of a destination.
    pub fn unbind_all(&mut self, destination: D) -> Removed {
        self.router.unbind_all(Target::Destination(destination))
    }

    /// Binds an exchange to another: messages of `source` that agree with the rule also go to `target`.
    ///
    /// # Errors
    ///
    /// [`NamedRouterError::UnknownExchange`], or [`NamedRouterError::Bind`].
    pub fn chain<'r>(
        &mut self,
        source: &str,
        target: &str,
        rule: impl Into<Rule<'r>>,
    ) -> Result<bool, NamedRouterError> {
        let (source, target) = (self.id(source)?, self.id(target)?);
        Ok(self.router.bind(source, Target::Exchange(target), rule)?)
    }

    /// Undoes [`NamedRouter::chain`]; `false` when there was no such binding.
    ///
    /// # Errors
    ///
    /// [`NamedRouterError::UnknownExchange`].
    pub fn unchain<'r>(
        &mut self,
        source: &str,
        target: &str,
        rule: impl Into<Rule<'r>>,
    ) -> Result<bool, NamedRouterError> {
        let (source, target) = (self.id(source)?, self.id(target)?);
        Ok(self.router.unbind(source, Target::Exchange(target), rule))
    }

    /// Sets where messages go that `exchange` has no binding for.
    ///
    /// # Errors
    ///
    /// [`NamedRouterError::UnknownExchange`].
    pub fn set_alternate(&mut self, exchange: &str, to: &str) -> Result<(), NamedRouterError> {
        let (exchange, to) = (self.id(exchange)?, self.id(to)?);
        self.router.set_alternate(exchange, Some(to));
        Ok(())
    }

    /// Finds the destinations of a message without headers.
    ///
    /// # Errors
    ///
    /// [`NamedRouterError::UnknownExchange`], or [`NamedRouterError::Internal`]; there are no destinations then.
    pub fn route(
        &self,
        exchange: &str,
        key: &str,
        out: &mut Matches<D>,
    ) -> Result<(), NamedRouterError> {
        self.route_with_headers(exchange, key, &NoHeaders, out)
    }

    /// Finds the destinations of a message.
    ///
    /// # Errors
    ///
    /// [`NamedRouterError::UnknownExchange`], or [`NamedRouterError::Internal`]; there are no destinations then.
    pub fn route_with_headers(
        &self,
        exchange: &str,
        key: &str,
        headers: &dyn Headers,
        out: &mut Matches<D>,
    ) -> Result<(), NamedRouterError> {
        out.forget();
        let id = self.id(exchange)?;
        if self.router.is_internal(id) {
            return Err(NamedRouterError::Internal(exchange.into()));
        }
        self.router.route(id, key.as_bytes(), headers, out);
        Ok(())
    }

    /// The id behind a name.
    ///
    /// # Errors
    ///
    /// [`NamedRouterError::UnknownExchange`].
    pub fn id(&self, name: &str) -> Result<ExchangeId, NamedRouterError> {
        let found = self.names.get(name).copied();
        found.ok_or_else(|| NamedRouterError::UnknownExchange(name.into()))
    }

    /// The names of all exchanges, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(|name| &**name)
    }

    /// The router itself, for listing and for routing by id.
    #[must_use]
    pub const fn router(&self) -> &Router<D> {
        &self.router
    }
}

/// Describes a [`NamedRouter`]; the first mistake is told by [`NamedRouterBuilder::build`].
#[derive(Clone, Debug)]
#[must_use]
pub struct NamedRouterBuilder<D> {
    built: Result<NamedRouter<D>, NamedRouterError>,
}

impl<D: Copy + Eq + Hash> NamedRouterBuilder<D> {
    /// An exchange of any kind.
    pub fn exchange(self, name: &str, kind: Kind) -> Self {
        self.then(|router| router.add(name, kind).map(drop))
    }

    /// A [direct](Kind::Direct) exchange.
    pub fn direct(self, name: &str) -> Self {
        self.exchange(name, Kind::Direct)
    }

    /// A [fanout](Kind::Fanout) exchange.
    pub fn fanout(self, name: &str) -> Self {
        self.exchange(name, Kind::Fanout)
    }

    /// A [topic](Kind::Topic) exchange.
    pub fn topic(self, name: &str) -> Self {
        self.exchange(name, Kind::Topic)
    }

    /// A [headers](Kind::Headers) exchange.
    pub fn headers(self, name: &str) -> Self {
        self.exchange(name, Kind::Headers)
    }

    /// Only bindings may lead to this exchange (RabbitMQ extension: internal exchanges).
    pub fn internal(self, exchange: &str) -> Self {
        self.then(|router| {
            let exchange = router.id(exchange)?;
            router.router.set_internal(exchange, true);
            Ok(())
        })
    }

    /// See [`NamedRouter::set_alternate`].
    pub fn alternate(self, exchange: &str, to: &str) -> Self {
        self.then(|router| router.set_alternate(exchange, to))
    }

    /// See [`NamedRouter::bind`].
    pub fn bind<'r>(self, source: &str, destination: D, rule: impl Into<Rule<'r>>) -> Self {
        self.then(|router| router.bind(source, destination, rule).map(drop))
    }

    /// See [`NamedRouter::chain`].
    pub fn chain<'r>(self, source: &str, target: &str, rule: impl Into<Rule<'r>>) -> Self {
        self.then(|router| router.chain(source, target, rule).map(drop))
    }

    /// The router, or the first mistake in its description.
    ///
    /// # Errors
    ///
    /// See [`NamedRouterError`].
    pub fn build(self) -> Result<NamedRouter<D>, NamedRouterError> {
        self.built
    }

    fn then(
        mut self,
        step: impl FnOnce(&mut NamedRouter<D>) -> Result<(), NamedRouterError>,
    ) -> Self {
        if let Ok(router) = &mut self.built
            && let Err(mistake) = step(router)
        {
            self.built = Err(mistake);
        }
        self
    }
}

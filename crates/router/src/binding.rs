//! Bindings as they are asked for and as they are listed.

use alloc::vec::Vec;

use crate::header::{Arguments, NoHeaders};
use crate::kind::ExchangeId;

/// Where a binding leads: out of the router to an embedder's destination, or on to another exchange (RabbitMQ
/// extension: exchange-to-exchange bindings; cycles are legal and end).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target<D> {
    /// A destination: a queue, a subscriber, a socket, whatever the embedder routes to.
    Destination(D),
    /// Another exchange of the same router.
    Exchange(ExchangeId),
}

/// What a binding says besides its two ends.
///
/// The key and the arguments are part of a binding's identity: the same key with other arguments is another binding.
/// The target's identity is not; it only places the target of a hash exchange.
///
/// ```
/// use warrener_router::{HeaderMap, Rule};
///
/// let by_key = Rule::new("orders.*.paid");
/// let arguments = HeaderMap::from([("x-match", "any".into()), ("colour", "red".into())]);
/// let by_header = Rule::new("").with_arguments(&arguments);
/// let weighted = Rule::new("10").with_identity("worker-7");
/// # let _ = (by_key, by_header, weighted);
/// ```
#[derive(Clone, Copy)]
pub struct Rule<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) arguments: &'a dyn Arguments,
    pub(crate) identity: &'a [u8],
}

impl<'a> Rule<'a> {
    /// A binding key without arguments.
    #[must_use]
    pub fn new<K: AsRef<[u8]> + ?Sized>(key: &'a K) -> Self {
        Self { key: key.as_ref(), arguments: &NoHeaders, identity: b"" }
    }

    /// The same rule with these arguments.
    #[must_use]
    pub const fn with_arguments(self, arguments: &'a dyn Arguments) -> Self {
        Self { arguments, ..self }
    }

    /// The same rule for a target of this identity, which places it in a consistent-hash or modulus-hash exchange:
    /// for a broker, the name of the queue or exchange. In a consistent-hash exchange, of two targets of the same
    /// identity one gets no messages.
    #[must_use]
    pub fn with_identity<I: AsRef<[u8]> + ?Sized>(self, identity: &'a I) -> Self {
        Self { identity: identity.as_ref(), ..self }
    }
}

impl<'a, K: AsRef<[u8]> + ?Sized> From<&'a K> for Rule<'a> {
    fn from(key: &'a K) -> Self {
        Self::new(key)
    }
}

/// One binding, as [`Router::bindings_from`](crate::Router::bindings_from) lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding<'a, D> {
    /// The exchange that it takes messages from.
    pub source: ExchangeId,
    /// Where it leads.
    pub target: Target<D>,
    /// Its key.
    pub key: &'a [u8],
    /// Its arguments, in the canonical form that [`Arguments::canonical`] gave; empty when there are none.
    pub arguments: &'a [u8],
}

/// What went when bindings were removed in bulk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many bindings.
    pub bindings: usize,
    /// The exchanges that lost their last binding as a source, in the order in which they lost it: where RabbitMQ's
    /// auto-delete exchanges end. The exchange that was itself removed is not among them.
    pub emptied: Vec<ExchangeId>,
}

//! What an exchange is: its id and its way to choose among its bindings.

use alloc::boxed::Box;
use core::fmt;

/// Names one exchange of one [`Router`](crate::Router).
///
/// An id is never given twice: an id that outlives its exchange names nothing, and routing to it finds nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl ExchangeId {
    /// The id's place in tables kept beside the router: small numbers, used again after an exchange is removed.
    #[must_use]
    pub const fn index(self) -> usize {
        self.index as usize
    }
}

impl fmt::Debug for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExchangeId({}.{})", self.index, self.generation)
    }
}

/// How an exchange chooses among its bindings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bindings whose key equals the routing key, byte for byte (AMQP 0-9-1 §3.1.3.1).
    Direct,
    /// Every binding; keys are ignored (AMQP 0-9-1 §3.1.3.2).
    Fanout,
    /// Bindings whose pattern matches the routing key's words (AMQP 0-9-1 §3.1.3.3): words are split at `.`, `*`
    /// stands for exactly one word and `#` for any number of words, none included, at any place and any number of
    /// times. The empty key has no words, so `#` and the empty pattern match it and `*` does not; two dots in a row
    /// enclose one empty word, which `*` matches.
    Topic,
    /// Bindings whose arguments agree with the message's headers (AMQP 0-9-1 §3.1.3.4). The argument `x-match` is
    /// `all` (the default), `any`, `all-with-x` or `any-with-x` (RabbitMQ extensions); the first two skip arguments
    /// that begin with `x-`. A void argument asks only that the header is present.
    Headers,
    /// One target for each message, chosen by a hash; a binding's key is its weight, a positive integer as text
    /// (RabbitMQ extension). Placement follows from the bindings' identities and weights alone: it is the same after a
    /// restart and in every process, and a target that comes or goes moves only the messages that it gains or loses.
    ConsistentHash(HashOn),
    /// One target for each message: the hash of the routing key modulo the number of targets, which are sorted by
    /// identity (RabbitMQ extension). Stable across restarts, not across changes.
    ModulusHash,
    /// One target for each message, drawn by the [`Matches`](crate::Matches) passed to route (RabbitMQ extension).
    Random,
}

/// Whether routing tells that a message came to an exchange; see [`Matches::watched`](crate::Matches::watched).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Watch {
    /// It does not.
    #[default]
    Off,
    /// It tells, and goes on.
    Passing,
    /// It tells of messages that are to stop, see [`Matches::stop_at_watched`](crate::Matches::stop_at_watched), and
    /// leads them no further: neither to the exchange's targets nor to its alternate. All others it does not tell of.
    Stopping,
}

/// What a consistent-hash exchange hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HashOn {
    /// The routing key.
    #[default]
    RoutingKey,
    /// The value of this header; messages without it go to one and the same target.
    Header(Box<[u8]>),
    /// The value of this property; messages without it go to one and the same target.
    Property(Property),
}

/// The properties of a message that a consistent-hash exchange may hash (RabbitMQ extension).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Property {
    /// The message's `message-id`.
    MessageId,
    /// The message's `correlation-id`.
    CorrelationId,
    /// The message's `timestamp`.
    Timestamp,
}

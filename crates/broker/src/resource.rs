//! Exchanges and queues as refusals spell them, and the rights that users may have on them.

use alloc::boxed::Box;
use core::fmt;

use crate::refusal::shown;

/// What a name names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An exchange.
    Exchange,
    /// A queue.
    Queue,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exchange => "exchange",
            Self::Queue => "queue",
        })
    }
}

/// An exchange or a queue as refusals spell it: `queue 'orders' in vhost '/'`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Which sort of thing.
    pub kind: Kind,
    /// Its name; octets that are not UTF-8 are shown as replacement characters.
    pub name: Box<str>,
    /// The virtual host it would be in.
    pub vhost: Box<str>,
}

impl Resource {
    /// The queue of this name.
    #[must_use]
    pub fn queue(name: &[u8], vhost: &[u8]) -> Self {
        Self { kind: Kind::Queue, name: shown(name), vhost: shown(vhost) }
    }

    /// The exchange of this name.
    #[must_use]
    pub fn exchange(name: &[u8], vhost: &[u8]) -> Self {
        Self { kind: Kind::Exchange, name: shown(name), vhost: shown(vhost) }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} '{}' in vhost '{}'", self.kind, self.name, self.vhost)
    }
}

/// A right a user may have on a resource (RabbitMQ extension: permissions).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Declare and delete.
    Configure,
    /// Publish to an exchange, bind something to a queue or exchange.
    Write,
    /// Consume from a queue, bind something to an exchange as its source.
    Read,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configure => "configure",
            Self::Write => "write",
            Self::Read => "read",
        })
    }
}

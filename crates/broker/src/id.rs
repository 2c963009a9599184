//! Ids: small numbers, one type for each thing they name.

use core::fmt;

/// One connection, as its host numbers it. A host never gives a number twice in a broker's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

impl ConnectionId {
    /// No connection; no host gets so far.
    pub(crate) const NOBODY: Self = Self(u64::MAX);
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One durable fact. The broker counts them up from 1 and never uses a number twice, not even across restarts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub u64);

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A place in a slab, and which of its successive tenants is meant: an id kept too long finds nobody.
macro_rules! slab_ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) struct $name {
            pub(crate) index: u32,
            pub(crate) generation: u32,
        }

        impl Key for $name {
            fn new(index: u32, generation: u32) -> Self {
                Self { index, generation }
            }

            fn parts(self) -> (u32, u32) {
                (self.index, self.generation)
            }
        }
    )*};
}

slab_ids! {
    /// A queue.
    QueueId,
    /// A message.
    MessageId,
    /// Somebody who takes messages from a queue.
    LinkId,
    /// An AMQP 0-9-1 connection.
    ClientKey,
    /// A channel of one.
    ChannelKey,
}

impl QueueId {
    /// No id is lower.
    pub(crate) const FIRST: Self = Self { index: 0, generation: 0 };
    /// No id is higher.
    pub(crate) const LAST: Self = Self { index: u32::MAX, generation: u32::MAX };
}

/// A virtual host; they are never forgotten while the broker lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct VhostId(pub(crate) u32);

/// What a [`Store`](crate::slab::Store) gives out.
pub(crate) trait Key: Copy {
    fn new(index: u32, generation: u32) -> Self;
    fn parts(self) -> (u32, u32);
}

/// A record's number, or none, that does not ask for a place aligned to its own size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Half(u32, u32);

impl Half {
    pub(crate) const NONE: Self = Self(0, 0);

    pub(crate) const fn of(record: RecordId) -> Self {
        Self((record.0 >> 32) as u32, record.0 as u32)
    }

    pub(crate) const fn record(self) -> Option<RecordId> {
        let number = (self.0 as u64) << 32 | self.1 as u64;
        if number == 0 { None } else { Some(RecordId(number)) }
    }
}

//! Messages: kept once, however many queues hold them, and gone when the last one lets go.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use warrener_codec::{Content, Limits, PropertiesRef, ShortRef, ShortStr};
use warrener_queue::Rare;

use crate::address::Address;
use crate::arguments::QueueKind;
use crate::dead_letter::{History, parse_expiration};
use crate::id::MessageId;
use crate::record::MessageAt;
use crate::slab::Store;

/// A message that is being published.
#[derive(Clone, Debug)]
pub(crate) struct NewMessage {
    pub(crate) address: Address,
    pub(crate) content: Content,
    pub(crate) extra: Option<Box<Extra>>,
    pub(crate) traits: Traits,
}

/// What queues must know of a message's properties, read once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traits {
    /// How long it may wait, if it says so.
    pub(crate) ttl_ms: Option<u64>,
    pub(crate) priority: Option<u8>,
    /// Its sender wants it on disk (AMQP 0-9-1 §1.8: delivery-mode 2).
    pub(crate) persistent: bool,
}

impl Traits {
    /// The traits of a message whose expiration was checked before.
    pub(crate) fn of(properties: &PropertiesRef<'_>) -> Self {
        let ttl_ms = properties.expiration.and_then(|text| parse_expiration(text).ok());
        let persistent = properties.delivery_mode == Some(2);
        Self { ttl_ms, priority: properties.priority, persistent }
    }

    /// The priority in a queue of this type.
    pub(crate) fn priority_in(self, kind: QueueKind) -> u8 {
        self.priority.unwrap_or(match kind {
            QueueKind::Classic => 0,
            QueueKind::Quorum => QUORUM_PRIORITY,
        })
    }

    /// What few entries of a queue have.
    pub(crate) fn rare(self) -> Rare {
        Rare { ttl: self.ttl_ms.map(Duration::from_millis), ..Rare::default() }
    }
}

/// The priority of a message that names none, in a quorum queue (RabbitMQ 4.3).
const QUORUM_PRIORITY: u8 = 4;

/// What few messages have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extra {
    /// More routing keys, which everybody sees (RabbitMQ extension: the header `CC`).
    pub(crate) cc: Vec<ShortStr>,
    /// More routing keys, which nobody sees (RabbitMQ extension: the header `BCC`).
    pub(crate) bcc: Vec<ShortStr>,
    /// The deaths it has died.
    pub(crate) history: Option<History>,
    /// It failed where it died, so that even its first delivery here is not its first (RabbitMQ 4.3).
    pub(crate) redelivered: bool,
}

impl NewMessage {
    /// Every key it is routed by, its own first.
    pub(crate) fn keys(&self) -> impl Iterator<Item = ShortRef<'_>> {
        let more = self.extra.iter().flat_map(|extra| extra.cc.iter().chain(&extra.bcc));
        core::iter::once(self.address.routing_key()).chain(more.map(ShortStr::as_short_ref))
    }

    /// Whether it was delivered before it came to where it is.
    pub(crate) fn is_redelivered(&self) -> bool {
        self.extra.as_ref().is_some_and(|extra| extra.redelivered)
    }
}

/// A message that queues hold.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) new: NewMessage,
    /// How many queues hold it.
    pub(crate) holders: u32,
    /// How often it was handed out and is to be settled.
    pub(crate) handed: u32,
    /// Some client had it and failed: it rejected the message, or went away with it.
    pub(crate) failed: bool,
    /// Where it lies on disk, if it does.
    pub(crate) durable: Option<Durable>,
}

impl NewMessage {
    /// How many octets the header frame of this message may have, wherever it is delivered.
    pub(crate) fn header_bytes(&self) -> usize {
        const ENVELOPE_AND_SIZES: usize = 8 + 12;
        const COUNTS_OF_QUORUM_QUEUES: usize = 64;
        let properties = self.content.properties.as_bytes().len();
        properties + ENVELOPE_AND_SIZES + COUNTS_OF_QUORUM_QUEUES
    }

    /// Whether its headers may not fit the frames of every client.
    pub(crate) fn is_wide(&self) -> bool {
        self.header_bytes() > Limits::FRAME_MIN as usize
    }
}

impl Message {
    /// A message that nobody holds yet.
    pub(crate) const fn new(new: NewMessage) -> Self {
        Self { new, holders: 0, handed: 0, failed: false, durable: None }
    }
}

/// The part of a message that survives a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Durable {
    pub(crate) at: MessageAt,
    /// How many durable queues hold it.
    pub(crate) holders: u32,
}

/// Every message in the broker.
#[derive(Debug)]
pub(crate) struct Messages(Store<MessageId, Message>);

impl Messages {
    pub(crate) const fn new() -> Self {
        Self(Store::new())
    }

    /// Takes a message in that nobody holds yet.
    pub(crate) fn insert(&mut self, new: NewMessage) -> MessageId {
        self.0.insert(Message::new(new))
    }

    pub(crate) fn get(&self, id: MessageId) -> &Message {
        self.0.get(id).expect("a queue holds only messages that are there")
    }

    pub(crate) fn get_mut(&mut self, id: MessageId) -> &mut Message {
        self.0.get_mut(id).expect("a queue holds only messages that are there")
    }

    /// The message, unless everybody has let go of it.
    pub(crate) fn find(&self, id: MessageId) -> Option<&Message> {
        self.0.get(id)
    }

    /// Forgets a message that nobody holds.
    #[inline]
    pub(crate) fn remove(&mut self, id: MessageId) {
        assert_eq!(self.get(id).holders, 0, "a message goes when the last queue lets go of it");
        drop(self.0.remove(id));
    }

    /// Copies a waiting message of at most `parked_bytes` out of the buffer that it was read into.
    pub(crate) fn park(&mut self, id: MessageId, parked_bytes: usize) {
        let new = &mut self.get_mut(id).new;
        if new.content.body.len() <= parked_bytes {
            (new.address, new.content) = new.address.detached_with(&new.content);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

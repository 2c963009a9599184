//! What the broker asks of its host: one flat list, in the order of doing.

use alloc::boxed::Box;

use warrener_codec::{ChannelId, Content, Method, ShortStr};

use crate::address::Address;
use crate::command::{CommandError, CommandId, Outcome};
use crate::id::{ConnectionId, RecordId};
use crate::record::Record;
use crate::refusal::Refusal;
use crate::warning::Warning;

/// One thing to do. The order of effects is part of the protocol: a return comes before its confirm, a consumer's
/// consume-ok before its first delivery.
///
/// Exhaustive on purpose: a new effect is something that every host must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The connection may open: its user may enter its virtual host.
    Opened(ConnectionId),
    /// Send a method that carries no content.
    Send(ConnectionId, ChannelId, Method),
    /// Send a publisher confirm (RabbitMQ extension).
    Confirm(Confirm),
    /// Send a message to a consumer.
    Deliver(Deliver),
    /// Send a message that was asked for with basic.get.
    GetOk(GetOk),
    /// Send back a message that could not be routed, with 312 and `NO_ROUTE`.
    Return(Return),
    /// Close the channel with this reply. Its inputs are ignored until [`Input::ChannelClosed`](crate::Input).
    CloseChannel(ConnectionId, ChannelId, Box<Refusal>),
    /// Close the connection with this reply. The broker has forgotten it already.
    CloseConnection(ConnectionId, Box<Refusal>),
    /// The connection that its client closed is cleaned up: its exclusive queues are gone, so its close-ok may be sent.
    ConnectionClosed(ConnectionId),
    /// Stop (`true`) or go on (`false`) reading from the connection.
    Pause(ConnectionId, bool),
    /// Append a record to the log. Records and releases are to reach the disk in the order of these effects.
    Persist(Box<Record>),
    /// A record is no longer needed. A release must not reach the disk before the records that precede it in the list of
    /// effects: what a message became is written before what it was is released.
    Release(RecordId),
    /// Tell the people who run the broker.
    Warn(Box<Warning>),
    /// Read a record back, for [`Input::Loaded`](crate::Input::Loaded). It is one that was not released.
    Load(RecordId),
    /// Answer a command.
    Done(CommandId, Box<Result<Outcome, CommandError>>),
}

/// basic.ack or basic.nack from the broker to a publisher (RabbitMQ extension).
///
/// A host may hold confirms of a channel back, and merge them, as long as it keeps their order among the other effects
/// of that channel that are not deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirm {
    /// The publisher's connection.
    pub connection: ConnectionId,
    /// Its channel.
    pub channel: ChannelId,
    /// The publish, counted from confirm.select.
    pub delivery_tag: u64,
    /// Whether everything before it is meant as well.
    pub multiple: bool,
    /// Whether the broker has taken the message: basic.ack when it has, basic.nack when it has not.
    pub accepted: bool,
}

/// A message for a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deliver {
    /// The consumer's connection.
    pub connection: ConnectionId,
    /// Its channel.
    pub channel: ChannelId,
    /// The consumer.
    pub consumer_tag: ShortStr,
    /// What the client settles it by.
    pub delivery_tag: u64,
    /// Whether it may have been delivered before.
    pub redelivered: bool,
    /// Where it was published to.
    pub address: Address,
    /// The message.
    pub content: Content,
}

/// The answer to a basic.get that found a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetOk {
    /// Who asked.
    pub connection: ConnectionId,
    /// On which channel.
    pub channel: ChannelId,
    /// What the client settles it by.
    pub delivery_tag: u64,
    /// Whether it may have been delivered before.
    pub redelivered: bool,
    /// How many messages are ready behind it.
    pub message_count: u32,
    /// Where it was published to.
    pub address: Address,
    /// The message.
    pub content: Content,
}

/// A message that could not be routed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Return {
    /// Who published it.
    pub connection: ConnectionId,
    /// On which channel.
    pub channel: ChannelId,
    /// Where to.
    pub address: Address,
    /// The message.
    pub content: Content,
}

impl Effect {
    /// What sending this costs a connection, in octets more or less, and which connection.
    ///
    /// The broker adds these up for each connection and takes off what [`Input::Drained`](crate::Input::Drained) reports;
    /// while the difference is high, the connection's consumers get nothing more. Confirms cost nothing: they are small,
    /// and a host merges them.
    #[must_use]
    pub fn weight_bytes(&self) -> Option<(ConnectionId, u32)> {
        match self {
            Self::Send(connection, _, _) => Some((*connection, METHOD_BYTES)),
            Self::Deliver(deliver) => Some((deliver.connection, content_bytes(&deliver.content))),
            Self::GetOk(got) => Some((got.connection, content_bytes(&got.content))),
            Self::Return(returned) => Some((returned.connection, content_bytes(&returned.content))),
            Self::Opened(_)
            | Self::Confirm(_)
            | Self::CloseChannel(..)
            | Self::CloseConnection(..)
            | Self::ConnectionClosed(_)
            | Self::Pause(..)
            | Self::Persist(_)
            | Self::Release(_)
            | Self::Load(_)
            | Self::Warn(_)
            | Self::Done(..) => None,
        }
    }
}

/// What a method without content is counted as.
const METHOD_BYTES: u32 = 32;

/// What a message is counted as: its octets, and some for its frames and method.
pub(crate) fn content_bytes(content: &Content) -> u32 {
    let octets = content.body.len() + content.properties.as_bytes().len() + 64;
    u32::try_from(octets).unwrap_or(u32::MAX)
}

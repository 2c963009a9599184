//! What a host tells the broker.

use alloc::boxed::Box;

use warrener_codec::method::basic;
use warrener_codec::{ChannelId, Content, Method, ShortStr, Table};

use crate::alarm::Alarm;
use crate::bring::LoadedRecord;
use crate::command::{Command, CommandId};
use crate::id::{ConnectionId, RecordId};
use crate::sync::Progress;

/// One thing that happened.
///
/// Exhaustive on purpose: whoever handles inputs must know of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A client has logged in and asks for a virtual host. Answered by [`Effect::Opened`](crate::Effect::Opened) or
    /// [`Effect::CloseConnection`](crate::Effect::CloseConnection).
    Connected(Box<Connected>),
    /// The client opened a channel. Answered by channel.open-ok.
    ChannelOpened(ConnectionId, ChannelId),
    /// The client sent a method without content on an open channel.
    Method(ConnectionId, ChannelId, Method),
    /// The client published a message.
    Publish(ConnectionId, ChannelId, basic::Publish, Content),
    /// The client began to publish a message with a body of so many octets, which is more than the host takes: the body
    /// was skipped.
    Oversized(ConnectionId, ChannelId, u64),
    /// The channel is closed: by the client, which is answered with channel.close-ok, or because the client agreed to
    /// [`Effect::CloseChannel`](crate::Effect::CloseChannel).
    ChannelClosed(ConnectionId, ChannelId, ClosedBy),
    /// The client asked to close the connection, and waits for connection.close-ok. Answered by
    /// [`Effect::ConnectionClosed`](crate::Effect::ConnectionClosed) once it was told all that it is owed: confirms, and
    /// answers that wait for the disk.
    Closed(ConnectionId),
    /// The connection is over: it broke, or its host has ended it. Answered by
    /// [`Effect::ConnectionClosed`](crate::Effect::ConnectionClosed) when the broker still knew it.
    Disconnected(ConnectionId),
    /// So much of the [`weight`](crate::Effect::weight_bytes) of effects has left for the client.
    Drained(ConnectionId, u32),
    /// So many octets of messages have come from the client whose ends have not. Of use to the memory budget; a host tells
    /// it again when it is much more or less than it told last.
    Unfinished(ConnectionId, u64),
    /// The disk has records so far: they survive a loss of power.
    Persisted(Progress),
    /// The operating system has records so far: they survive the end of the process. Of use to virtual hosts that do not
    /// wait for the disk.
    Written(Progress),
    /// A record just asked for is so large that the log writes it piece by piece. It is on disk when
    /// [`Progress::upto`] says so; those after it do not wait for it.
    InFragments(RecordId),
    /// The host runs short of something, or no longer does: from the first alarm on, whoever publishes is not read any
    /// more, until there is none.
    Alarm(Alarm, bool),
    /// The host wants no more messages, or wants them again: what is published to a queue meanwhile is refused, with
    /// basic.nack where confirms were asked for.
    Refuse(bool),
    /// The record that [`Effect::Load`](crate::Effect::Load) asked for. It may come late: what nobody waits for any more changes nothing.
    Loaded(Box<LoadedRecord>),
    /// The people who run the broker want this connection closed, with 320 and this reason.
    Expel(ConnectionId, Box<str>),
    /// The people who run the broker ask for something. Answered by [`Effect::Done`](crate::Effect::Done).
    Command(CommandId, Box<Command>),
    /// The host has seen something that is worth telling to whoever listens to events: its name
    /// (`user.authentication.failure`) and what there is to say (RabbitMQ extension: the event exchange).
    Event(&'static str, Box<Table>),
    /// The host is stopping: every connection is closed with 320.
    Shutdown,
    /// The host cannot go on, because its log has failed: every connection is closed with 541.
    Failed,
}

/// Who closed a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClosedBy {
    /// The client asked, and waits for channel.close-ok.
    Client,
    /// The broker asked, and the client agreed.
    Broker,
}

/// A client that has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// Its number, not given before.
    pub connection: ConnectionId,
    /// Who it is; the host has checked the password.
    pub user: ShortStr,
    /// Where it wants to go.
    pub vhost: ShortStr,
    /// What it calls itself, for people who look.
    pub name: ShortStr,
    /// The largest frame it takes, in octets; 0 for any size.
    pub frame_max: u32,
    /// What it can do.
    pub capabilities: Capabilities,
    /// What else it said, for people who look.
    pub said: Said,
}

/// What a client said when it logged in, of which the broker only tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Both ends of its stream: `10.0.0.7:4711 -> 10.0.0.1:5672`.
    pub ends: ShortStr,
    /// How it logged in: `PLAIN`.
    pub mechanism: ShortStr,
    /// What it says about itself.
    pub client_properties: Table,
    /// The largest channel number agreed on.
    pub channel_max: u16,
    /// The heartbeat agreed on, in seconds.
    pub heartbeat_s: u16,
}

/// What a client says it can do (RabbitMQ extension: `capabilities` in its client-properties).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// `consumer_cancel_notify`: takes basic.cancel from the broker.
    pub consumer_cancel_notify: bool,
    /// `connection.blocked`: takes connection.blocked and connection.unblocked.
    pub connection_blocked: bool,
}

//! What a machine tells its host.

use core::fmt;

use warrener_codec::{ChannelId, Content, LongStr, Method, ShortStr, Table};

use crate::{Close, Credentials, Tune};

/// What happened, in the order in which the peer did it.
///
/// Exhaustive on purpose: a new event must be handled by every host.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Server: a client wants to log in. Call [`decide`](crate::Connection::decide), now or later.
    Authenticate(alloc::boxed::Box<Authenticate>),
    /// Server: the client answered the challenge. Call [`decide`](crate::Connection::decide), now or later.
    Response(Secret),
    /// Client: the server asks for more. Call [`respond`](crate::Connection::respond), now or later.
    Challenge(LongStr),
    /// Server: the client, logged in, chose a virtual host. Call [`decide`](crate::Connection::decide), now or later.
    Open {
        /// The virtual host's name.
        vhost: ShortStr,
    },
    /// Client: the server introduced itself: its `product`, `version`, `capabilities`. Nothing is to be answered.
    Introduced(Table),
    /// Both: the connection is open, with these limits.
    Ready(Tune),
    /// The peer opened a channel: a server's host answers with `Method::ChannelOpenOk` or closes it; to a client's
    /// host it is the answer, and needs none.
    ChannelOpened(ChannelId),
    /// Server: the client renews its password or token (RabbitMQ extension). The host answers with
    /// `Method::ConnectionUpdateSecretOk` on channel 0, or closes with 530.
    UpdateSecret {
        /// The new one.
        secret: Secret,
        /// Why, for the log.
        reason: ShortStr,
    },
    /// A method without content, on an open channel, that the peer may send; or, on channel 0, connection.blocked,
    /// connection.unblocked or connection.update-secret-ok.
    Method(ChannelId, Method),
    /// A method and its whole content.
    Content(ChannelId, Method, Content),
    /// A method whose content is larger than [`Limits::message_max_bytes`](crate::Limits::message_max_bytes). Its body is dropped as it arrives.
    /// A server's host closes the channel with 406 (RabbitMQ extension).
    Oversized(ChannelId, Method, Oversized),
    /// The channel is closed. Closed by the peer, it waits for the host to send `Method::ChannelCloseOk`; closed by
    /// us, its number is free.
    ChannelClosed(ChannelId, Close),
    /// The connection is over; nothing follows, unless the peer's own close crossed a failure that was told here before: it
    /// comes as another one. Closed by the peer, it waits for [`finish_close`](crate::Connection::finish_close).
    Closed(Close),
}

/// A client that wants to log in: what connection.start-ok says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Authenticate {
    /// The mechanism it chose, one of those offered.
    pub mechanism: ShortStr,
    /// What it says about itself: `product`, `version`, `connection_name`, `capabilities`.
    pub client_properties: Table,
    /// The locale it chose.
    pub locale: ShortStr,
    /// Who it says it is.
    pub credentials: Credentials,
    /// What it can do.
    pub capabilities: Capabilities,
}

/// Content announced that is larger than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oversized {
    /// The size announced, in octets.
    pub size: u64,
    /// The limit.
    pub max: u64,
}

/// RabbitMQ's words for the reply text: `message size 5 is larger than configured max size 4`.
impl fmt::Display for Oversized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message size {} is larger than configured max size {}", self.size, self.max)
    }
}

/// What a peer says it can do, in the table `capabilities` of its properties (RabbitMQ extension).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// It wants connection.close rather than silence when the login is refused.
    pub authentication_failure_close: bool,
    /// It knows basic.nack.
    pub basic_nack: bool,
    /// It knows connection.blocked and connection.unblocked.
    pub connection_blocked: bool,
    /// It knows basic.cancel from the server.
    pub consumer_cancel_notify: bool,
    /// It knows bindings between exchanges.
    pub exchange_exchange_bindings: bool,
    /// It knows confirms.
    pub publisher_confirms: bool,
}

impl Capabilities {
    /// Those in `properties`; all that is absent counts as false.
    #[must_use]
    pub fn of(properties: &Table) -> Self {
        let value = properties.get("capabilities");
        let table = value.and_then(|value| value.as_table()).unwrap_or_default();
        let has = |name: &str| table.get(name).and_then(|value| value.as_bool()).unwrap_or(false);
        Self {
            authentication_failure_close: has("authentication_failure_close"),
            basic_nack: has("basic.nack"),
            connection_blocked: has("connection.blocked"),
            consumer_cancel_notify: has("consumer_cancel_notify"),
            exchange_exchange_bindings: has("exchange_exchange_bindings"),
            publisher_confirms: has("publisher_confirms"),
        }
    }
}

/// Octets that are never shown: a password, a token, a SASL response.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(LongStr);

impl Secret {
    /// The octets themselves.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The long string itself.
    #[must_use]
    pub fn into_inner(self) -> LongStr {
        self.0
    }
}

impl<T: Into<LongStr>> From<T> for Secret {
    fn from(octets: T) -> Self {
        Self(octets.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Why a machine wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// The handshake must be over.
    Handshake,
    /// The pause after a refused login is over.
    Pause,
    /// The peer must have been heard from.
    HeartbeatReceive,
    /// The peer may need to hear from us.
    HeartbeatSend,
    /// Memory that is not used any more can be given back.
    Idle,
    /// close-ok must have come.
    CloseOk,
}

/// What happened when the time came: `the peer was silent for too long`.
impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Handshake => "the handshake took too long",
            Self::Pause => "the pause after a refused login is over",
            Self::HeartbeatReceive => "the peer was silent for too long",
            Self::HeartbeatSend => "a heartbeat is due",
            Self::Idle => "the connection is idle",
            Self::CloseOk => "close-ok did not come",
        })
    }
}

/// What the host makes of [`Event::Authenticate`], [`Event::Response`] or [`Event::Open`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may.
    Accept,
    /// Login only: the mechanism needs another round, connection.secure.
    Challenge(LongStr),
    /// It may not. For a login, [`Decision::refuse_login`] says what RabbitMQ says.
    Refuse(Close),
}

impl Decision {
    /// A login refused, in RabbitMQ's words.
    #[must_use]
    pub fn refuse_login(mechanism: &ShortStr) -> Self {
        let explanation = format_args!(
            "Login was refused using authentication mechanism {mechanism}. For details see the broker logfile."
        );
        Self::Refuse(Close::new(warrener_codec::ReplyCode::ACCESS_REFUSED, explanation))
    }
}

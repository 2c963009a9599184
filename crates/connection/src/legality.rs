//! Who may send what, where: the codec's table, seen from one side.

use warrener_codec::MethodId;

/// One of the two sides of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The side that connects.
    Client,
    /// The side that accepts.
    Server,
}

impl Role {
    /// The other side.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// Whether this side sends the method at all.
    pub(crate) const fn sends(self, method: MethodId) -> bool {
        match self {
            Self::Client => method.sender().is_client(),
            Self::Server => method.sender().is_server(),
        }
    }

    /// Whether this side sends the method on an open channel, where it neither opens nor closes it.
    #[inline]
    pub(crate) const fn sends_in_channel(self, method: MethodId) -> bool {
        use MethodId as M;
        match method {
            M::ChannelOpen | M::ChannelOpenOk | M::ChannelClose | M::ChannelCloseOk => false,
            _ => self.sends(method) && !method.is_on_channel_zero(),
        }
    }

    /// Whether this side sends the method on channel 0 of an open connection, where it does not close it.
    pub(crate) const fn sends_on_channel_zero(self, method: MethodId) -> bool {
        use MethodId as M;
        match method {
            M::ConnectionBlocked
            | M::ConnectionUnblocked
            | M::ConnectionUpdateSecret
            | M::ConnectionUpdateSecretOk => self.sends(method),
            _ => false,
        }
    }

    /// The method with which this side opens a channel, or says that it is open.
    pub(crate) const fn opens_with(self) -> MethodId {
        match self {
            Self::Client => MethodId::ChannelOpen,
            Self::Server => MethodId::ChannelOpenOk,
        }
    }
}

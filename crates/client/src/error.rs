//! What can go wrong for a client.

use std::io;
use std::sync::Arc;

use warrener_connection::{Close, ConnectionError, Misuse, UriError};

/// Why something could not be done. Cheap to clone: a broken connection tells everybody who waits.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The connection URI is not one.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// The URI asks for TLS, and the feature `tls` is not there. Give [`Connection::over`](crate::Connection::over) a
    /// stream that speaks it, or switch the feature on.
    #[error("amqps:// needs the feature tls, or a TLS stream of your own and Connection::over")]
    TlsNotBuiltIn,
    /// TLS failed (feature `tls`): the certificate is not believed, or a file of the URI cannot be used.
    #[error("TLS: {0}")]
    Tls(Arc<io::Error>),
    /// No stream to the broker could be made.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// Where to, as host and port.
        address: String,
        /// Why not.
        source: Arc<io::Error>,
    },
    /// The stream broke.
    #[error("the connection broke: {0}")]
    Stream(Arc<io::Error>),
    /// The protocol was broken, by the broker or by silence.
    #[error(transparent)]
    Connection(ConnectionError),
    /// The connection is closed: who closed it, and the reply code and text.
    #[error("the connection is closed: {0}")]
    Closed(Close),
    /// The channel is closed: who closed it, and the reply code and text.
    #[error("the channel is closed: {0}")]
    ChannelClosed(Close),
    /// What was asked for is not lawful, or not now.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// Every channel number that was negotiated is in use.
    #[error("all {0} channels of this connection are in use")]
    NoChannelLeft(u16),
    /// The broker answered with another method than the request asks for.
    #[error("the broker answered with {0}")]
    UnexpectedReply(&'static str),
    /// A confirm was asked for on a channel that is not in confirm mode.
    #[error("the channel is not in confirm mode: call confirm_select first")]
    NotConfirming,
    /// A name is longer than 255 octets.
    #[error("a name is longer than 255 octets")]
    NameTooLong,
    /// The task that drives the connection is gone, as when its runtime was shut down.
    #[error("the task that drives the connection is gone")]
    Gone,
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Stream(Arc::new(error))
    }
}

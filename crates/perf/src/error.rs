//! Why a run could not be made or ended early.

use std::io;

use warrener_connection::{Misuse, UriError};

/// Why a run could not be made, or ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PerfError {
    /// The broker cannot be reached.
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    /// The stream broke.
    #[error("the connection broke: {0}")]
    Socket(#[source] io::Error),
    /// The broker closed the connection or the channel, with this text.
    #[error("the broker closed: {0}")]
    Closed(String),
    /// The broker did not answer.
    #[error("the broker did not answer")]
    Silent,
    /// A verb that the state of the connection forbids: a mistake of this program.
    #[error("internal: {0}")]
    Misuse(#[from] Misuse),
    /// Not a connection URI.
    #[error("{0}")]
    Uri(#[from] UriError),
    /// The generator does not speak TLS.
    #[error("amqps is not measured: TLS would be what is measured")]
    Tls,
    /// Options that do not go together, or a value that is none.
    #[error("{0}")]
    Options(String),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A name, key or argument of the scenario is longer than AMQP allows.
    #[error("too long: {0}")]
    TooLong(#[from] warrener_codec::TooLong),
}

impl PerfError {
    pub(crate) fn options(reason: impl ToString) -> Self {
        Self::Options(reason.to_string())
    }

    pub(crate) fn file(path: &std::path::Path, source: io::Error) -> Self {
        Self::File { path: path.display().to_string(), source }
    }
}

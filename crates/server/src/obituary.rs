//! Log lines for the beginning and the end of a connection: who, and why.

use core::net::SocketAddr;
use std::io;

use warrener_codec::ShortStr;
use warrener_connection::{Close, ConnectionError, Initiator, ReplyCode, Timer, Violation};

use crate::listener::Protocol;
use crate::logging::Shown;

/// What is known about the end of a connection.
pub(crate) struct End<'a> {
    /// It was open.
    pub(crate) open: bool,
    /// The peer had sent something.
    pub(crate) heard: bool,
    /// Who closed it, and in which words, if anybody did.
    pub(crate) ending: Option<&'a Close>,
    /// What ended it otherwise.
    pub(crate) error: Option<&'a ConnectionError>,
    /// What the operating system said.
    pub(crate) broken: Option<&'a io::Error>,
}

/// A connection is open.
pub(crate) fn born(stream: &str, user: &ShortStr, name: &ShortStr) {
    let user = Shown(user.as_bytes());
    if name.as_bytes() == stream.as_bytes() {
        tracing::info!("{stream}: open for user {user}");
    } else {
        tracing::info!("{stream}: open for user {user}, client {}", Shown(name.as_bytes()));
    }
}

/// A socket was accepted, and did not become a connection. `may_write` is asked before a line.
pub(crate) fn turned_away(
    peer: SocketAddr,
    protocol: Protocol,
    error: &io::Error,
    may_write: impl FnOnce() -> bool,
) {
    match error.kind() {
        // A health check, or a scan of ports.
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
            tracing::debug!("{peer}: gone before {protocol} began");
        }
        _ if !may_write() => {}
        io::ErrorKind::TimedOut => {
            tracing::warn!(
                "{peer}: closed: {protocol} did not begin within the handshake time-out"
            );
        }
        io::ErrorKind::QuotaExceeded => tracing::warn!("{peer}: closed: {error}"),
        _ => {
            let said = error.to_string();
            tracing::warn!("{peer}: {protocol} failed: {}", Shown(said.as_bytes()));
        }
    }
}

/// A connection has ended. `may_write` is asked before a line.
pub(crate) fn write(
    stream: &str,
    user: &ShortStr,
    end: &End<'_>,
    may_write: impl FnOnce() -> bool,
) {
    let who = if end.open { format!(" (user {})", Shown(user.as_bytes())) } else { String::new() };
    match (end.error, end.ending) {
        // A health check, or a scan of ports.
        (Some(ConnectionError::Eof(_)) | None, _) if !end.heard => {
            tracing::debug!("{stream}: gone without a word");
        }
        // Said where it was decided.
        (Some(ConnectionError::Refused), _) => {}
        // A login that was refused: said where it was decided.
        (None, Some(close)) if !end.open && close.code == ReplyCode::ACCESS_REFUSED => {}
        _ if !may_write() => {}
        (Some(ConnectionError::Eof(phase)), _) => {
            let cause = end.broken.map(|error| format!(" ({error})")).unwrap_or_default();
            tracing::warn!("{stream}{who}: the client hung up {phase}{cause}");
        }
        (Some(ConnectionError::Timeout(Timer::HeartbeatReceive)), _) => {
            tracing::warn!("{stream}{who}: closed: no heartbeat from the client");
        }
        (Some(ConnectionError::Peer(violation)), _) => log_violation(stream, &who, violation),
        (Some(error), _) => tracing::warn!("{stream}{who}: closed: {error}"),
        (None, Some(close)) => log_close(stream, &who, close),
        // Noticed when there was something to write.
        (None, None) => tracing::warn!("{stream}{who}: the client hung up without a close"),
    }
}

fn log_violation(stream: &str, who: &str, violation: &Violation) {
    let said = violation.to_string();
    let said = Shown(said.as_bytes());
    match violation.code() {
        Some(code) => tracing::warn!("{stream}{who}: closed with {} {said}", code.number()),
        None => tracing::warn!("{stream}{who}: refused: {said}"),
    }
}

fn log_close(stream: &str, who: &str, close: &Close) {
    let said = Shown(close.text.as_bytes());
    let code = close.code.number();
    match (close.by, close.code) {
        (Initiator::Peer, ReplyCode::REPLY_SUCCESS) => {
            tracing::info!("{stream}{who}: closed by the client");
        }
        (Initiator::Peer, _) => {
            tracing::info!("{stream}{who}: closed by the client: {code} {said}")
        }
        (Initiator::Local | Initiator::Library, ReplyCode::CONNECTION_FORCED) => {
            tracing::info!("{stream}{who}: closed with {code} {said}");
        }
        (Initiator::Local | Initiator::Library, _) => {
            tracing::warn!("{stream}{who}: closed with {code} {said}");
        }
    }
}

//! What can go wrong, and who is to blame for it.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use warrener_codec::{ChannelId, DecodeError, Expected, MethodId, ReplyCode};

use crate::{Close, Initiator, Timer};

/// Why a connection cannot go on. It is final: every later call repeats the first one.
///
/// Where the peer deserves to hear about it, the close frame is in [`Outgoing`](crate::Outgoing) already.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The peer broke a rule.
    #[error("the peer broke a rule: {0}")]
    Peer(Box<Violation>),
    /// The host used the machine wrongly. Only calls that return [`Misuse`] by itself fail this way, and the
    /// connection goes on; it is here so that a host can use `?` on both.
    #[error("the host used the connection wrongly: {0}")]
    Misuse(#[from] Misuse),
    /// The peer was silent for too long.
    #[error("{0}")]
    Timeout(Timer),
    /// The stream ended without the close dance.
    #[error("the stream ended {0}")]
    Eof(Phase),
    /// The host refused the login, and the client is not one that wants to hear it.
    #[error("the login was refused")]
    Refused,
}

/// Who is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The peer, for what it sent or did not send.
    Peer,
    /// The host of this machine.
    Host,
    /// Time: somebody was too slow, or the network is gone.
    Time,
}

impl ConnectionError {
    /// Who is to blame.
    #[must_use]
    pub const fn blame(&self) -> Blame {
        match self {
            Self::Peer(_) | Self::Eof(_) | Self::Refused => Blame::Peer,
            Self::Misuse(_) => Blame::Host,
            Self::Timeout(_) => Blame::Time,
        }
    }

    /// The reply code for it, when AMQP has one.
    #[must_use]
    pub fn code(&self) -> Option<ReplyCode> {
        match self {
            Self::Peer(violation) => violation.code(),
            Self::Refused => Some(ReplyCode::ACCESS_REFUSED),
            Self::Misuse(_) | Self::Timeout(_) | Self::Eof(_) => None,
        }
    }

    /// The end it puts to the connection. Its code is 0 when nothing is said to the peer.
    #[must_use]
    pub fn close(&self) -> Close {
        let said = match self {
            Self::Peer(violation) => violation.close(),
            _ => None,
        };
        said.unwrap_or_else(|| Close::unsaid(self))
    }
}

impl From<Violation> for ConnectionError {
    #[cold]
    fn from(violation: Violation) -> Self {
        Self::Peer(Box::new(violation))
    }
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The protocol header is awaited.
    Header,
    /// Mechanisms are offered and one is awaited: connection.start.
    Starting,
    /// Logging in goes on: connection.secure.
    Securing,
    /// Limits are negotiated: connection.tune.
    Tuning,
    /// A virtual host is chosen: connection.open.
    Opening,
    /// It is open.
    Running,
    /// One side said connection.close.
    Closing,
    /// It is over.
    Closed,
}

impl Phase {
    /// The name that RabbitMQ's reply texts use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Header => "pre_init",
            Self::Starting => "starting",
            Self::Securing => "securing",
            Self::Tuning => "tuning",
            Self::Opening => "opening",
            Self::Running => "running",
            Self::Closing => "closing",
            Self::Closed => "closed",
        }
    }
}

/// `while logging in (starting)`
impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "before the protocol header",
            Self::Starting | Self::Securing => "while logging in",
            Self::Tuning => "after the login, before tune-ok",
            Self::Opening => "before the virtual host was open",
            Self::Running => "without a close",
            Self::Closing => "before close-ok",
            Self::Closed => "after the close",
        })
    }
}

/// A rule that the peer broke. `Display` is the explanation in the words RabbitMQ uses for it, where it has any;
/// octets of start-ok, secure-ok and update-secret are never part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// Something else than `AMQP 0 0 9 1` at the beginning (AMQP 0-9-1 §4.2.2).
    ProtocolHeader(WrongHeader),
    /// Octets that are not AMQP, or pass a limit of the codec.
    Frame(DecodeError),
    /// The same on channel 0 or before the login: nothing of it may be shown.
    SecretFrame {
        /// The frame's type octet.
        frame_type: u8,
        /// What was expected instead.
        expected: Expected,
        /// The method whose arguments are wrong.
        method: Option<MethodId>,
    },
    /// A connection method at the wrong time, or any other method on channel 0.
    UnexpectedMethod {
        /// The method.
        method: MethodId,
        /// How far the connection had come.
        phase: Phase,
    },
    /// A method that the peer's side does not send, or that does not belong on this channel.
    Unimplemented(MethodId),
    /// A content header or body on channel 0.
    ContentOnChannelZero {
        /// The frame's type octet.
        frame_type: u8,
    },
    /// A method on a channel that is not open.
    ChannelNotOpen {
        /// Which.
        channel: ChannelId,
        /// The method.
        method: MethodId,
        /// What was awaited: channel.open of a client, channel.open-ok of a server.
        awaited: MethodId,
    },
    /// A channel opened that is open.
    SecondOpen(MethodId),
    /// A channel with a number above the negotiated highest one.
    TooManyChannels {
        /// How many were open.
        open: u32,
        /// The negotiated number.
        max: u16,
    },
    /// channel.open-ok, channel.close-ok or connection.close-ok that nobody asked for.
    Unsolicited(MethodId),
    /// A content header or body without a method before it.
    NotMethod,
    /// Something else than the content header that a method announces.
    NotHeader {
        /// The method that announces it.
        method: MethodId,
    },
    /// A content header of another class than the method's.
    HeaderClass {
        /// The method that announces it.
        method: MethodId,
        /// The class of the header.
        found: u16,
    },
    /// Something else than the body that a content header announces.
    NotBody {
        /// The method that the content belongs to.
        method: MethodId,
    },
    /// Body frames with more octets than the content header said.
    BodyTooLong {
        /// The method that the content belongs to.
        method: MethodId,
    },
    /// A content header that announces more than any host takes.
    BodyTooLarge {
        /// The method that the content belongs to.
        method: MethodId,
        /// The size announced, in octets.
        size: u64,
        /// The hard limit.
        max: u64,
    },
    /// Too much unfinished content over all channels together.
    Unfinished {
        /// The limit in octets.
        max: usize,
    },
    /// A tune or tune-ok out of bounds; the text names the field.
    Tune {
        /// In RabbitMQ's words.
        explanation: String,
        /// connection.tune or connection.tune-ok.
        method: MethodId,
    },
    /// A mechanism this server does not offer.
    Mechanism {
        /// Its name, as far as it can be shown.
        name: String,
        /// Whether this crate knows it.
        known: bool,
    },
    /// A server without any mechanism that this client could use.
    NoMechanism,
    /// A login whose form is wrong; the text says how, without a word of it.
    Credentials(&'static str),
    /// A server of another protocol version in connection.start.
    Version {
        /// The major version it named.
        major: u8,
        /// The minor version it named.
        minor: u8,
    },
}

impl Violation {
    /// The reply code the peer deserves; `None` when it would not understand or not expect a close.
    #[must_use]
    pub fn code(&self) -> Option<ReplyCode> {
        Some(match self {
            Self::ProtocolHeader(_) | Self::Version { .. } | Self::NoMechanism => return None,
            Self::Frame(error) => error.code(),
            Self::SecretFrame { expected, .. } => secret_code(*expected),
            Self::UnexpectedMethod { .. }
            | Self::ChannelNotOpen { .. }
            | Self::SecondOpen(_)
            | Self::Unsolicited(_) => ReplyCode::CHANNEL_ERROR,
            Self::Unimplemented(_) | Self::Mechanism { .. } => ReplyCode::COMMAND_INVALID,
            Self::ContentOnChannelZero { .. }
            | Self::NotMethod
            | Self::NotHeader { .. }
            | Self::HeaderClass { .. }
            | Self::NotBody { .. } => ReplyCode::UNEXPECTED_FRAME,
            Self::BodyTooLong { .. } | Self::BodyTooLarge { .. } => ReplyCode::FRAME_ERROR,
            Self::Unfinished { .. } => ReplyCode::RESOURCE_ERROR,
            Self::TooManyChannels { .. } | Self::Tune { .. } => ReplyCode::NOT_ALLOWED,
            Self::Credentials(_) => ReplyCode::SYNTAX_ERROR,
        })
    }

    /// The class and method to blame in the close.
    #[must_use]
    pub fn method(&self) -> Option<MethodId> {
        match self {
            Self::Frame(error) => error.method(),
            Self::SecretFrame { method, .. } => *method,
            Self::UnexpectedMethod { method, .. }
            | Self::ChannelNotOpen { method, .. }
            | Self::NotHeader { method }
            | Self::HeaderClass { method, .. }
            | Self::NotBody { method }
            | Self::BodyTooLong { method }
            | Self::BodyTooLarge { method, .. }
            | Self::Unimplemented(method)
            | Self::SecondOpen(method)
            | Self::Unsolicited(method)
            | Self::Tune { method, .. } => Some(*method),
            _ => None,
        }
    }

    /// The close it deserves; `None` when it would not understand or not expect one.
    #[must_use]
    pub fn close(&self) -> Option<Close> {
        let close = Close::new(self.code()?, self).blaming(self.ids());
        Some(close.by(Initiator::Library))
    }

    /// The ids to blame, those of a method that does not exist included.
    fn ids(&self) -> Option<(u16, u16)> {
        let expected = match self {
            Self::Frame(error) => error.expected(),
            Self::SecretFrame { expected, .. } => *expected,
            _ => Expected::Other,
        };
        match expected {
            Expected::KnownMethod { class_id, method_id } => Some((class_id, method_id)),
            _ => self.method().map(MethodId::ids),
        }
    }
}

/// As `DecodeError::code` has it.
fn secret_code(expected: Expected) -> ReplyCode {
    match expected {
        Expected::KnownMethod { .. } => ReplyCode::NOT_IMPLEMENTED,
        Expected::Heartbeat | Expected::ZeroWeight => ReplyCode::UNEXPECTED_FRAME,
        _ => ReplyCode::FRAME_ERROR,
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ProtocolHeader(found) => write!(f, "{found}"),
            Self::Frame(error) => write!(f, "{}", error.reply_text()),
            Self::SecretFrame { frame_type, expected, method } => {
                write_secret_frame(f, *frame_type, *expected, *method)
            }
            Self::UnexpectedMethod { phase, .. } => {
                write!(f, "unexpected method in connection state {}", phase.name())
            }
            Self::Unimplemented(_) => f.write_str("unimplemented method"),
            Self::ContentOnChannelZero { frame_type } => {
                write!(f, "type {frame_type}, all octets = <<>>")
            }
            Self::ChannelNotOpen { awaited, .. } => write!(f, "expected '{}'", awaited.name()),
            Self::SecondOpen(method) => write!(f, "second '{}' seen", method.name()),
            Self::TooManyChannels { open, max } => write!(
                f,
                "number of channels opened ({open}) has reached the negotiated channel_max ({max})"
            ),
            Self::Unsolicited(method) => write!(f, "unexpected '{}'", method.name()),
            Self::NotMethod => f.write_str("expected method frame, got non method frame instead"),
            Self::NotHeader { method } => write!(
                f,
                "expected content header for class {}, got non content header frame instead",
                method.ids().0
            ),
            Self::HeaderClass { method, found } => write!(
                f,
                "expected content header for class {}, got one for class {found} instead",
                method.ids().0
            ),
            Self::NotBody { .. } => {
                f.write_str("expected content body, got non content body frame instead")
            }
            Self::BodyTooLong { .. } => {
                f.write_str("content body frame exceeds remaining content size")
            }
            Self::BodyTooLarge { size, max, .. } => {
                write!(f, "content body size {size} exceeds maximum allowed size {max}")
            }
            Self::Unfinished { max } => {
                write!(f, "unfinished content exceeds maximum allowed size {max}")
            }
            Self::Tune { explanation, .. } => f.write_str(explanation),
            Self::Mechanism { name, known } => {
                let which = if *known { "invalid" } else { "unknown" };
                write!(f, "{which} authentication mechanism '{name}'")
            }
            Self::NoMechanism => f.write_str("no authentication mechanism in common"),
            Self::Credentials(explanation) => f.write_str(explanation),
            Self::Version { major, minor } => {
                write!(f, "protocol version {major}-{minor} is not 0-9")
            }
        }
    }
}

impl core::error::Error for Violation {}

fn write_secret_frame(
    f: &mut fmt::Formatter<'_>,
    kind: u8,
    expected: Expected,
    method: Option<MethodId>,
) -> fmt::Result {
    match (expected, method) {
        (Expected::SmallerFrame { size, max }, _) => {
            write!(f, "type {kind}, all octets = <<>>: {{frame_too_large,{size},{max}}}")
        }
        (Expected::FrameEnd { found }, _) => {
            write!(f, "type {kind}: {{invalid_frame_end_marker,{found}}}")
        }
        (Expected::FrameType { .. }, _) => write!(f, "type {kind}: unknown_frame"),
        (_, Some(method)) => write!(f, "cannot decode {}: expected {expected}", method.name()),
        (_, None) => write!(f, "type {kind}: expected {expected}"),
    }
}

/// The first octets of a stream that is not AMQP 0-9-1.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct WrongHeader {
    octets: [u8; 8],
    len: u8,
}

impl WrongHeader {
    pub(crate) fn new(found: &[u8]) -> Self {
        let mut octets = [0; 8];
        let len = found.iter().zip(&mut octets).map(|(from, to)| *to = *from).count();
        Self { octets, len: len as u8 }
    }

    /// The octets, at most eight.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// What it probably is: a clear line for the log.
impl fmt::Display for WrongHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_bytes() {
            [0x16, 0x03, ..] => f.write_str("TLS on a port for plain AMQP"),
            [b'G' | b'P' | b'H' | b'D' | b'O', letter, ..] if letter.is_ascii_uppercase() => {
                f.write_str("HTTP on a port for AMQP")
            }
            [b'A', b'M', b'Q', b'P', a, b, c, d] => {
                write!(f, "AMQP {a} {b} {c} {d} where 0 0 9 1 is spoken")
            }
            other => write!(f, "octets {other:?} where a protocol header was expected"),
        }
    }
}

impl fmt::Debug for WrongHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The host asked for something that cannot be done now. Nothing was changed and nothing was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// The connection is not open yet, or not any more.
    #[error("the connection is not open")]
    NotOpen,
    /// The channel is not open, or is being closed by us.
    #[error("channel {0} is not open")]
    ChannelNotOpen(ChannelId),
    /// The channel is open, so it cannot be opened.
    #[error("channel {0} is open already")]
    ChannelOpen(ChannelId),
    /// The number is 0 or above the negotiated highest one.
    #[error("channel number {0} is not usable")]
    ChannelNumber(ChannelId),
    /// This side does not send this method, or not on this channel.
    #[error("this side does not send {} there", .0.name())]
    Method(MethodId),
    /// A method with content without its content, or content with a method that has none.
    #[error("{} and content do not match", .0.name())]
    Content(MethodId),
    /// A method or content header does not fit into one frame of the negotiated size.
    #[error("a frame of {size} octets is larger than the negotiated {max}")]
    FrameTooLarge {
        /// The frame's size in octets.
        size: usize,
        /// The negotiated size.
        max: u32,
    },
    /// More octets wait to be written than the hard limit allows: write first.
    #[error("{waiting} octets wait to be written: the limit is reached")]
    OutgoingFull {
        /// How many wait.
        waiting: usize,
    },
    /// Nothing is to be decided or answered now.
    #[error("nothing is to be decided now")]
    NothingToDecide,
    /// The handshake is not over, so the connection cannot be split.
    #[error("a connection splits when it is open")]
    NotEstablished,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_wrong_header_is_named() {
        let named = |octets: &[u8]| WrongHeader::new(octets).to_string();
        assert_eq!(named(b"GET / HTTP/1.1"), "HTTP on a port for AMQP");
        assert_eq!(named(b"\x16\x03\x01\x02\x00"), "TLS on a port for plain AMQP");
        assert_eq!(named(b"AMQP\x03\x01\x00\x00"), "AMQP 3 1 0 0 where 0 0 9 1 is spoken");
    }

    #[test]
    fn an_error_is_small_enough_to_return() {
        assert!(size_of::<ConnectionError>() <= 24, "{}", size_of::<ConnectionError>());
    }
}

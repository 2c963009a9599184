//! What can be wrong with bytes: where, what was expected there, and what the peer deserves to hear.

use alloc::boxed::Box;
use core::fmt;

use nom::error::{ErrorKind, ParseError};

use crate::{ChannelId, MethodId, ReplyCode};

/// A short string that would be longer than its length octet can say (255), or a long string, table or array
/// longer than 4 GiB, or a table nested deeper than 255 levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too long for its length field")]
pub struct TooLong;

/// What a parser would have accepted at the place where it stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// This many more octets of arguments, properties or a table than there are.
    Octets(usize),
    /// Nothing more: arguments or properties are complete, and octets are left over.
    End,
    /// A frame of type 1, 2, 3 or 8 (AMQP 0-9-1 §4.2.3).
    FrameType {
        /// The type that came.
        found: u8,
    },
    /// The octet 0xCE after a frame's payload (AMQP 0-9-1 §4.2.3).
    FrameEnd {
        /// The octet that came.
        found: u8,
    },
    /// A payload no larger than was negotiated.
    SmallerFrame {
        /// The payload's size in octets.
        size: u32,
        /// The largest payload that a peer should send, in octets: `frame_max - 8`.
        max: u32,
    },
    /// A heartbeat on channel 0 without payload (AMQP 0-9-1 §4.2.7).
    Heartbeat,
    /// A method that exists.
    KnownMethod {
        /// The class that came.
        class_id: u16,
        /// The method that came.
        method_id: u16,
    },
    /// The content header's weight, which must be zero (AMQP 0-9-1 §4.2.6.1).
    ZeroWeight,
    /// A property flag that has a meaning; the flag words beyond the first have none.
    KnownProperty,
    /// A field value's type (behaviour: the RabbitMQ dialect of AMQP 0-9-1 §4.2.5).
    FieldType {
        /// The type that came.
        found: u8,
    },
    /// Fewer levels of nested tables and arrays.
    ShallowerTable,
    /// Fewer values in one table.
    FewerEntries,
    /// A shorter long string or byte array.
    ShorterString,
    /// The protocol header `AMQP` and four octets (AMQP 0-9-1 §4.2.2).
    ProtocolHeader,
    /// What one of nom's own combinators wanted; only in parsers that users compose themselves.
    Other,
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Octets(1) => f.write_str("one more octet"),
            Self::Octets(count) => write!(f, "{count} more octets"),
            Self::End => f.write_str("no more octets"),
            Self::FrameType { found } => write!(f, "a frame type (1, 2, 3 or 8), not {found}"),
            Self::FrameEnd { found } => write!(f, "the frame end 206, not {found}"),
            Self::SmallerFrame { size, max } => {
                write!(f, "a payload of at most {max} octets, not {size}")
            }
            Self::Heartbeat => f.write_str("a heartbeat on channel 0 without payload"),
            Self::KnownMethod { class_id, method_id } => {
                write!(f, "a method that exists, not {class_id}.{method_id}")
            }
            Self::ZeroWeight => f.write_str("weight zero"),
            Self::KnownProperty => f.write_str("a known property"),
            Self::FieldType { found } => write!(f, "a field type, not {found}"),
            Self::ShallowerTable => f.write_str("fewer nested tables"),
            Self::FewerEntries => f.write_str("fewer table entries"),
            Self::ShorterString => f.write_str("a shorter string"),
            Self::ProtocolHeader => f.write_str("a protocol header"),
            Self::Other => f.write_str("something else"),
        }
    }
}

/// The error of the borrowed parsers in [`grammar`](crate::grammar): what was expected, and the input from that
/// place on, from which [`Fault::offset_in`] counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fault<'a> {
    /// The input from the place on where the parser stopped.
    pub input: &'a [u8],
    /// What it would have accepted there.
    pub expected: Expected,
}

impl<'a> Fault<'a> {
    /// A fault at the start of `input`.
    #[must_use]
    pub const fn new(input: &'a [u8], expected: Expected) -> Self {
        Self { input, expected }
    }

    /// How far into `whole` the fault is; zero when it is not inside of it.
    #[must_use]
    pub fn offset_in(&self, whole: &[u8]) -> usize {
        let offset = self.input.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
        if offset <= whole.len() { offset } else { 0 }
    }
}

impl fmt::Debug for Fault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault").field("expected", &self.expected).finish_non_exhaustive()
    }
}

impl<'a> ParseError<&'a [u8]> for Fault<'a> {
    fn from_error_kind(input: &'a [u8], _: ErrorKind) -> Self {
        Self::new(input, Expected::Other)
    }

    fn append(_: &'a [u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

/// Bytes that are not AMQP 0-9-1, or more than the [`Limits`](crate::Limits) allow: the peer is to blame.
///
/// [`DecodeError::code`] is what the peer deserves to hear in connection.close; [`DecodeError::reply_text`] says it
/// in RabbitMQ's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError(Box<Details>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Details {
    frame_type: u8,
    channel: ChannelId,
    method: Option<MethodId>,
    offset: usize,
    expected: Expected,
    octets: Octets,
}

impl DecodeError {
    /// `octets` are the first of the payload's, for the reply text.
    #[cold]
    pub(crate) fn new(
        frame_type: u8,
        channel: ChannelId,
        offset: usize,
        expected: Expected,
        payload: &[u8],
    ) -> Self {
        let octets = Octets::new(payload);
        Self(Box::new(Details { frame_type, channel, method: None, offset, expected, octets }))
    }

    #[cold]
    pub(crate) fn with_method(mut self, method: MethodId) -> Self {
        self.0.method = Some(method);
        self
    }

    /// Where it is: octets from the first octet of the frame.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.0.offset
    }

    /// What would have been accepted there.
    #[must_use]
    pub fn expected(&self) -> Expected {
        self.0.expected
    }

    /// The first octet of the frame.
    #[must_use]
    pub fn frame_type(&self) -> u8 {
        self.0.frame_type
    }

    /// The channel of the frame.
    #[must_use]
    pub fn channel(&self) -> ChannelId {
        self.0.channel
    }

    /// The method whose arguments are wrong, when it came so far.
    #[must_use]
    pub fn method(&self) -> Option<MethodId> {
        self.0.method
    }

    /// The first octets of the frame's payload.
    #[must_use]
    pub fn octets(&self) -> &Octets {
        &self.0.octets
    }

    /// The reply code the peer deserves; always a hard error.
    #[must_use]
    pub fn code(&self) -> ReplyCode {
        match self.0.expected {
            Expected::KnownMethod { .. } => ReplyCode::NOT_IMPLEMENTED,
            Expected::Heartbeat | Expected::ZeroWeight => ReplyCode::UNEXPECTED_FRAME,
            _ => ReplyCode::FRAME_ERROR,
        }
    }

    /// Whether the frame's bounds were sound all the same: a [`Decoder`](crate::Decoder) has stepped over it, and goes
    /// on with the next one when asked. A sniffer may; a peer should be told [`DecodeError::code`] instead.
    #[must_use]
    pub fn is_recoverable(&self) -> bool {
        !matches!(
            self.0.expected,
            Expected::FrameType { .. }
                | Expected::FrameEnd { .. }
                | Expected::SmallerFrame { .. }
                | Expected::ProtocolHeader
        )
    }

    /// What to write into connection.close after the reply code's name, as RabbitMQ words it.
    pub fn reply_text(&self) -> impl fmt::Display + '_ {
        ReplyText(self)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details { offset, expected, method, .. } = &*self.0;
        write!(f, "octet {offset} of the frame")?;
        if let Some(method) = method {
            write!(f, " ({})", method.name())?;
        }
        write!(f, ": expected {expected}")
    }
}

impl core::error::Error for DecodeError {}

struct ReplyText<'a>(&'a DecodeError);

impl fmt::Display for ReplyText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = self.0;
        let octets = error.octets();
        let (kind, quantity) =
            (error.frame_type(), if octets.is_cut() { "first 16" } else { "all" });
        match error.expected() {
            Expected::SmallerFrame { size, max } => {
                write!(f, "type {kind}, all octets = <<>>: {{frame_too_large,{size},{max}}}")
            }
            Expected::FrameEnd { found } => write!(
                f,
                "type {kind}, {quantity} octets = {octets}: {{invalid_frame_end_marker,{found}}}"
            ),
            Expected::FrameType { .. } => {
                write!(f, "type {kind}, {quantity} octets = {octets}: unknown_frame")
            }
            Expected::Heartbeat => write!(f, "type {kind}, {quantity} octets = {octets}"),
            Expected::KnownMethod { class_id, method_id } => {
                write!(f, "unknown method {class_id}.{method_id}")
            }
            expected => {
                write!(f, "cannot decode {octets}: expected {expected} at octet {}", error.offset())
            }
        }
    }
}

/// The first sixteen octets of something, shown the way RabbitMQ shows them: `<<1,2,3>>`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Octets {
    octets: [u8; 16],
    len: u8,
    cut: bool,
}

impl Octets {
    fn new(all: &[u8]) -> Self {
        let mut octets = [0; 16];
        let len = all.iter().zip(&mut octets).map(|(from, to)| *to = *from).count();
        Self { octets, len: len as u8, cut: len < all.len() }
    }

    /// The octets kept.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Whether there were more.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut
    }
}

impl fmt::Display for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<<")?;
        for (index, octet) in self.as_bytes().iter().enumerate() {
            write!(f, "{}{octet}", if index == 0 { "" } else { "," })?;
        }
        f.write_str(">>")
    }
}

impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a complete parser found wrong, and how far into `whole`.
#[cold]
pub(crate) fn located(fault: nom::Err<Fault<'_>>, whole: &[u8]) -> (Expected, usize) {
    match fault {
        nom::Err::Error(fault) | nom::Err::Failure(fault) => {
            (fault.expected, fault.offset_in(whole))
        }
        nom::Err::Incomplete(nom::Needed::Size(size)) => {
            (Expected::Octets(size.get()), whole.len())
        }
        nom::Err::Incomplete(nom::Needed::Unknown) => (Expected::Octets(1), whole.len()),
    }
}

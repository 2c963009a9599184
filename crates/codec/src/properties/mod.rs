//! What a message says about itself: the property list of a content header (AMQP 0-9-1 §4.2.6.1), kept as wire bytes.

use core::fmt;

use bytes::Bytes;

use crate::grammar;
use crate::string::detach;
use crate::{ChannelId, DecodeError, Fault, Limits, ShortRef, TableRef};

mod builder;
mod parts;

pub use builder::PropertiesBuilder;
pub use parts::PropertiesRef;
pub(crate) use parts::check;
use parts::parse;

/// The properties of a message: flags and values in their wire form, shared with the buffer they came in, and written
/// back bit for bit.
///
/// Reading one walks over those before it; [`Properties::read`] reads all in one go. Two are equal when their bytes are.
#[derive(Clone)]
pub struct Properties {
    raw: Bytes,
    checked: bool,
}

impl Properties {
    /// No properties at all.
    pub const EMPTY: Self = Self { raw: Bytes::from_static(&[0, 0]), checked: true };

    /// Starts with none, to add some.
    #[must_use]
    pub fn builder<'a>() -> PropertiesBuilder<'a> {
        PropertiesBuilder::default()
    }

    /// Properties from their wire form, flags first, checked against the limits.
    ///
    /// # Errors
    ///
    /// When the bytes are malformed or pass the limits; the error's offset counts from the first flag octet.
    pub fn from_bytes(raw: Bytes, limits: &Limits) -> Result<Self, DecodeError> {
        match check(&raw, limits) {
            Ok(()) => Ok(Self { raw, checked: true }),
            Err(fault) => Err(error(fault, &raw)),
        }
    }

    /// Properties from their wire form, flags first, to be checked when they are read: for bytes that were checked
    /// before they were stored.
    #[must_use]
    pub const fn from_bytes_unread(raw: Bytes) -> Self {
        Self { raw, checked: false }
    }

    /// The same properties in other memory, which holds the same octets.
    pub(crate) const fn moved_to(&self, raw: Bytes) -> Self {
        Self { raw, checked: self.checked }
    }

    pub(crate) const fn from_wire(raw: Bytes, checked: bool) -> Self {
        Self { raw, checked }
    }

    /// The wire form, flags first.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.raw
    }

    /// The shared wire form, flags first.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.raw
    }

    /// How many octets the wire form has.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.raw.len()
    }

    /// The same properties in memory of their own, so that they do not keep a read buffer alive.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self { raw: detach(&self.raw), checked: self.checked }
    }

    /// All properties, borrowed.
    ///
    /// # Errors
    ///
    /// Only for properties that were left unchecked ([`Limits::lazy_properties`], [`Properties::from_bytes_unread`]),
    /// when they are malformed or pass the default limits; the error's offset counts from the first flag octet.
    #[inline]
    pub fn read(&self) -> Result<PropertiesRef<'_>, DecodeError> {
        self.parse().map_err(|fault| error(fault, &self.raw))
    }

    #[inline]
    fn parse(&self) -> Result<PropertiesRef<'_>, nom::Err<Fault<'_>>> {
        if self.checked {
            parse(&self.raw, |input| {
                let (rest, content) = grammar::long_str(input)?;
                Ok((rest, TableRef::from_checked(content)))
            })
        } else {
            parse(&self.raw, |input| grammar::table(&Limits::default())(input))
        }
    }

    /// MIME type.
    #[must_use]
    pub fn content_type(&self) -> Option<ShortRef<'_>> {
        self.parse().ok()?.content_type
    }

    /// MIME content encoding.
    #[must_use]
    pub fn content_encoding(&self) -> Option<ShortRef<'_>> {
        self.parse().ok()?.content_encoding
    }

    /// Application headers, and what brokers add, such as `x-death`.
    #[must_use]
    pub fn headers(&self) -> Option<TableRef<'_>> {
        self.parse().ok()?.headers
    }

    /// 1 transient, 2 persistent.
    #[must_use]
    pub fn delivery_mode(&self) -> Option<u8> {
        self.parse().ok()?.delivery_mode
    }

    /// 0 to 9 by the specification; RabbitMQ allows 255.
    #[must_use]
    pub fn priority(&self) -> Option<u8> {
        self.parse().ok()?.priority
    }

    /// Which request this answers.
    #[must_use]
    pub fn correlation_id(&self) -> Option<ShortRef<'_>> {
        self.parse().ok()?.correlation_id
    }

    /// Where answers should go.
    #[must_use]
    pub fn reply_to(&self) -> Option<ShortRef<'_>> {
        self.parse().ok()?.reply_to
    }

    /// Time to live in milliseconds, as text.
    #[must_use]
    pub fn expiration(&self) -> Option<ShortRef<'_>> {
        self.parse().ok()?.expiration
    }

    /// The application's name for the message.
    #[must_use]
    pub fn message_id(&self) -> Option<ShortRef<'_>> {
        self.parse().ok()?.message_id
    }

    /// Seconds since the Unix epoch.
    #[must_use]
    pub fn timestamp(&self) -> Option<u64> {
        self.parse().ok()?.timestamp
    }

    /// The application's type of message (`type`).
    #[must_use]
    pub fn kind(&self) -> Option<ShortRef<'_>> {
        self.parse().ok()?.kind
    }

    /// Who published; RabbitMQ checks it against the login.
    #[must_use]
    pub fn user_id(&self) -> Option<ShortRef<'_>> {
        self.parse().ok()?.user_id
    }

    /// Which application published.
    #[must_use]
    pub fn app_id(&self) -> Option<ShortRef<'_>> {
        self.parse().ok()?.app_id
    }

    /// Reserved; kept.
    #[must_use]
    pub fn cluster_id(&self) -> Option<ShortRef<'_>> {
        self.parse().ok()?.cluster_id
    }
}

impl Default for Properties {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl PartialEq for Properties {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl Eq for Properties {}

/// Only the properties that are there.
impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parse() {
            Ok(properties) => fmt::Debug::fmt(&properties, f),
            Err(_) => write!(f, "malformed(\"{}\")", self.raw.escape_ascii()),
        }
    }
}

#[cold]
fn error(fault: nom::Err<Fault<'_>>, raw: &[u8]) -> DecodeError {
    let (expected, offset) = crate::error::located(fault, raw);
    DecodeError::new(grammar::HEADER, ChannelId::CONNECTION, offset, expected, raw)
}

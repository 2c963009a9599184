//! What a message says about itself: the property list of a content header (AMQP 0-9-1 §4.2.6.1), kept as wire bytes.

use alloc::vec::Vec;
use core::fmt;

use bytes::{BufMut, Bytes};

use crate::grammar::{self, Parsed};
use crate::string::{detach, encode_long};
use crate::{ChannelId, DecodeError, Expected, Fault, Limits, ShortRef, Table, TableRef, TooLong};

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

/// All properties of a message, borrowed; also the parts that [`Properties`] are made from.
#[derive(Clone, Copy, Default, PartialEq)]
pub struct PropertiesRef<'a> {
    /// MIME type.
    pub content_type: Option<ShortRef<'a>>,
    /// MIME content encoding.
    pub content_encoding: Option<ShortRef<'a>>,
    /// Application headers, and what brokers add, such as `x-death`.
    pub headers: Option<TableRef<'a>>,
    /// 1 transient, 2 persistent.
    pub delivery_mode: Option<u8>,
    /// 0 to 9 by the specification; RabbitMQ allows 255.
    pub priority: Option<u8>,
    /// Which request this answers.
    pub correlation_id: Option<ShortRef<'a>>,
    /// Where answers should go.
    pub reply_to: Option<ShortRef<'a>>,
    /// Time to live in milliseconds, as text.
    pub expiration: Option<ShortRef<'a>>,
    /// The application's name for the message.
    pub message_id: Option<ShortRef<'a>>,
    /// Seconds since the Unix epoch.
    pub timestamp: Option<u64>,
    /// The application's type of message (`type`).
    pub kind: Option<ShortRef<'a>>,
    /// Who published; RabbitMQ checks it against the login.
    pub user_id: Option<ShortRef<'a>>,
    /// Which application published.
    pub app_id: Option<ShortRef<'a>>,
    /// Reserved; kept.
    pub cluster_id: Option<ShortRef<'a>>,
}

const CONTENT_TYPE: u16 = 1 << 15;
const CONTENT_ENCODING: u16 = 1 << 14;
const HEADERS: u16 = 1 << 13;
const DELIVERY_MODE: u16 = 1 << 12;
const PRIORITY: u16 = 1 << 11;
const CORRELATION_ID: u16 = 1 << 10;
const REPLY_TO: u16 = 1 << 9;
const EXPIRATION: u16 = 1 << 8;
const MESSAGE_ID: u16 = 1 << 7;
const TIMESTAMP: u16 = 1 << 6;
const KIND: u16 = 1 << 5;
const USER_ID: u16 = 1 << 4;
const APP_ID: u16 = 1 << 3;
const CLUSTER_ID: u16 = 1 << 2;
/// Another word of flags follows.
const CONTINUATION: u16 = 1;

impl<'a> PropertiesRef<'a> {
    /// Takes a property list apart, flags first, up to the end of `input`.
    ///
    /// # Errors
    ///
    /// When the bytes are malformed, pass the limits, or are more than the flags announce.
    pub fn parse(input: &'a [u8], limits: &Limits) -> Result<Self, nom::Err<Fault<'a>>> {
        parse(input, |input| grammar::table(limits)(input))
    }

    /// The wire form, in memory of its own.
    #[must_use]
    pub fn to_owned(self) -> Properties {
        let mut raw = Vec::with_capacity(self.encoded_len());
        self.encode(&mut raw);
        Properties { raw: raw.into(), checked: true }
    }

    /// How many octets the wire form has.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let mut len = 2;
        let text = |value: Option<ShortRef<'_>>| value.map_or(0, ShortRef::encoded_len);
        len += text(self.content_type);
        len += text(self.content_encoding);
        len += self.headers.map_or(0, |table| 4 + table.as_bytes().len());
        len += self.delivery_mode.map_or(0, |_| 1);
        len += self.priority.map_or(0, |_| 1);
        len += text(self.correlation_id);
        len += text(self.reply_to);
        len += text(self.expiration);
        len += text(self.message_id);
        len += self.timestamp.map_or(0, |_| 8);
        len += text(self.kind);
        len += text(self.user_id);
        len += text(self.app_id);
        len += text(self.cluster_id);
        len
    }

    /// Writes the wire form, flags first.
    pub fn encode(&self, out: &mut impl BufMut) {
        out.put_u16(self.flags());
        let text = |value: Option<ShortRef<'_>>, out: &mut _| {
            if let Some(value) = value {
                value.encode(out);
            }
        };
        text(self.content_type, out);
        text(self.content_encoding, out);
        if let Some(table) = self.headers {
            encode_long(table.as_bytes(), out);
        }
        if let Some(value) = self.delivery_mode {
            out.put_u8(value);
        }
        if let Some(value) = self.priority {
            out.put_u8(value);
        }
        text(self.correlation_id, out);
        text(self.reply_to, out);
        text(self.expiration, out);
        text(self.message_id, out);
        if let Some(value) = self.timestamp {
            out.put_u64(value);
        }
        text(self.kind, out);
        text(self.user_id, out);
        text(self.app_id, out);
        text(self.cluster_id, out);
    }

    fn flags(&self) -> u16 {
        let mut flags = 0;
        flags |= if self.content_type.is_some() { CONTENT_TYPE } else { 0 };
        flags |= if self.content_encoding.is_some() { CONTENT_ENCODING } else { 0 };
        flags |= if self.headers.is_some() { HEADERS } else { 0 };
        flags |= if self.delivery_mode.is_some() { DELIVERY_MODE } else { 0 };
        flags |= if self.priority.is_some() { PRIORITY } else { 0 };
        flags |= if self.correlation_id.is_some() { CORRELATION_ID } else { 0 };
        flags |= if self.reply_to.is_some() { REPLY_TO } else { 0 };
        flags |= if self.expiration.is_some() { EXPIRATION } else { 0 };
        flags |= if self.message_id.is_some() { MESSAGE_ID } else { 0 };
        flags |= if self.timestamp.is_some() { TIMESTAMP } else { 0 };
        flags |= if self.kind.is_some() { KIND } else { 0 };
        flags |= if self.user_id.is_some() { USER_ID } else { 0 };
        flags |= if self.app_id.is_some() { APP_ID } else { 0 };
        flags |= if self.cluster_id.is_some() { CLUSTER_ID } else { 0 };
        flags
    }
}

impl fmt::Debug for PropertiesRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_struct("Properties");
        let mut field = |name, value: Option<&dyn fmt::Debug>| {
            if let Some(value) = value {
                map.field(name, value);
            }
        };
        field("content_type", self.content_type.as_ref().map(|value| value as _));
        field("content_encoding", self.content_encoding.as_ref().map(|value| value as _));
        field("headers", self.headers.as_ref().map(|value| value as _));
        field("delivery_mode", self.delivery_mode.as_ref().map(|value| value as _));
        field("priority", self.priority.as_ref().map(|value| value as _));
        field("correlation_id", self.correlation_id.as_ref().map(|value| value as _));
        field("reply_to", self.reply_to.as_ref().map(|value| value as _));
        field("expiration", self.expiration.as_ref().map(|value| value as _));
        field("message_id", self.message_id.as_ref().map(|value| value as _));
        field("timestamp", self.timestamp.as_ref().map(|value| value as _));
        field("kind", self.kind.as_ref().map(|value| value as _));
        field("user_id", self.user_id.as_ref().map(|value| value as _));
        field("app_id", self.app_id.as_ref().map(|value| value as _));
        field("cluster_id", self.cluster_id.as_ref().map(|value| value as _));
        map.finish()
    }
}

/// The flag words at the front, joined: what the first one says. The words after it have no meaning in this protocol
/// and must be empty.
#[inline]
fn flags(input: &[u8]) -> Parsed<'_, u16> {
    let (mut rest, first) = grammar::short(input)?;
    let mut word = first;
    while word & CONTINUATION != 0 {
        let (after, next) = grammar::short(rest)?;
        if next & !CONTINUATION != 0 {
            return Err(nom::Err::Error(Fault::new(rest, Expected::KnownProperty)));
        }
        (rest, word) = (after, next);
    }
    if first & 0b10 != 0 {
        return Err(nom::Err::Error(Fault::new(input, Expected::KnownProperty)));
    }
    Ok((rest, first))
}

/// Checks a property list without keeping anything of it.
#[inline]
pub(crate) fn check<'a>(input: &'a [u8], limits: &Limits) -> Result<(), nom::Err<Fault<'a>>> {
    PropertiesRef::parse(input, limits).map(drop)
}

#[inline(always)]
fn parse<'a>(
    input: &'a [u8],
    table: impl Fn(&'a [u8]) -> Parsed<'a, TableRef<'a>>,
) -> Result<PropertiesRef<'a>, nom::Err<Fault<'a>>> {
    let (mut rest, flags) = flags(input)?;
    let properties = PropertiesRef {
        content_type: optional(flags & CONTENT_TYPE != 0, &mut rest, grammar::short_str)?,
        content_encoding: optional(flags & CONTENT_ENCODING != 0, &mut rest, grammar::short_str)?,
        headers: optional(flags & HEADERS != 0, &mut rest, table)?,
        delivery_mode: optional(flags & DELIVERY_MODE != 0, &mut rest, grammar::octet)?,
        priority: optional(flags & PRIORITY != 0, &mut rest, grammar::octet)?,
        correlation_id: optional(flags & CORRELATION_ID != 0, &mut rest, grammar::short_str)?,
        reply_to: optional(flags & REPLY_TO != 0, &mut rest, grammar::short_str)?,
        expiration: optional(flags & EXPIRATION != 0, &mut rest, grammar::short_str)?,
        message_id: optional(flags & MESSAGE_ID != 0, &mut rest, grammar::short_str)?,
        timestamp: optional(flags & TIMESTAMP != 0, &mut rest, grammar::long_long)?,
        kind: optional(flags & KIND != 0, &mut rest, grammar::short_str)?,
        user_id: optional(flags & USER_ID != 0, &mut rest, grammar::short_str)?,
        app_id: optional(flags & APP_ID != 0, &mut rest, grammar::short_str)?,
        cluster_id: optional(flags & CLUSTER_ID != 0, &mut rest, grammar::short_str)?,
    };
    if rest.is_empty() {
        return Ok(properties);
    }
    Err(nom::Err::Error(Fault::new(rest, Expected::End)))
}

#[inline(always)]
fn optional<'a, T>(
    is_there: bool,
    rest: &mut &'a [u8],
    parser: impl Fn(&'a [u8]) -> Parsed<'a, T>,
) -> Result<Option<T>, nom::Err<Fault<'a>>> {
    if !is_there {
        return Ok(None);
    }
    let (after, value) = parser(rest)?;
    *rest = after;
    Ok(Some(value))
}

#[cold]
fn error(fault: nom::Err<Fault<'_>>, raw: &[u8]) -> DecodeError {
    let (expected, offset) = crate::error::located(fault, raw);
    DecodeError::new(grammar::HEADER, ChannelId::CONNECTION, offset, expected, raw)
}

/// Builds properties from text and numbers.
///
/// ```
/// use warrener_codec::Properties;
///
/// let properties = Properties::builder().content_type("text/plain").delivery_mode(2).build()?;
/// assert_eq!(properties.delivery_mode(), Some(2));
/// assert_eq!(properties.content_type().unwrap(), "text/plain");
/// # Ok::<(), warrener_codec::TooLong>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct PropertiesBuilder<'a> {
    parts: PropertiesRef<'a>,
    too_long: bool,
}

impl<'a> PropertiesBuilder<'a> {
    fn text(&mut self, text: &'a (impl AsRef<[u8]> + ?Sized)) -> Option<ShortRef<'a>> {
        let short = ShortRef::new(text.as_ref());
        self.too_long |= short.is_none();
        short
    }

    /// MIME type.
    #[must_use]
    pub fn content_type(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.parts.content_type = self.text(value);
        self
    }

    /// MIME content encoding.
    #[must_use]
    pub fn content_encoding(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.parts.content_encoding = self.text(value);
        self
    }

    /// Application headers, and what brokers add, such as `x-death`.
    #[must_use]
    pub fn headers(mut self, value: &'a Table) -> Self {
        self.parts.headers = Some(value.as_table_ref());
        self
    }

    /// 1 transient, 2 persistent.
    #[must_use]
    pub fn delivery_mode(mut self, value: u8) -> Self {
        self.parts.delivery_mode = Some(value);
        self
    }

    /// 0 to 9 by the specification; RabbitMQ allows 255.
    #[must_use]
    pub fn priority(mut self, value: u8) -> Self {
        self.parts.priority = Some(value);
        self
    }

    /// Which request this answers.
    #[must_use]
    pub fn correlation_id(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.parts.correlation_id = self.text(value);
        self
    }

    /// Where answers should go.
    #[must_use]
    pub fn reply_to(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.parts.reply_to = self.text(value);
        self
    }

    /// Time to live in milliseconds, as text.
    #[must_use]
    pub fn expiration(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.parts.expiration = self.text(value);
        self
    }

    /// The application's name for the message.
    #[must_use]
    pub fn message_id(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.parts.message_id = self.text(value);
        self
    }

    /// Seconds since the Unix epoch.
    #[must_use]
    pub fn timestamp(mut self, value: u64) -> Self {
        self.parts.timestamp = Some(value);
        self
    }

    /// The application's type of message (`type`).
    #[must_use]
    pub fn kind(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.parts.kind = self.text(value);
        self
    }

    /// Who published; RabbitMQ checks it against the login.
    #[must_use]
    pub fn user_id(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.parts.user_id = self.text(value);
        self
    }

    /// Which application published.
    #[must_use]
    pub fn app_id(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.parts.app_id = self.text(value);
        self
    }

    /// Reserved; kept.
    #[must_use]
    pub fn cluster_id(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.parts.cluster_id = self.text(value);
        self
    }

    /// The properties.
    ///
    /// # Errors
    ///
    /// When one of the texts is longer than 255 octets.
    pub fn build(self) -> Result<Properties, TooLong> {
        if self.too_long { Err(TooLong) } else { Ok(self.parts.to_owned()) }
    }
}

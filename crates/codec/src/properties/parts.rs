//! The parts of a property list, borrowed: how it is taken apart, and how one is written.

use alloc::vec::Vec;
use core::fmt;

use bytes::BufMut;

use super::Properties;
use crate::grammar::{self, Parsed};
use crate::string::encode_long;
use crate::{Expected, Fault, Limits, ShortRef, TableRef};

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
        Properties::from_wire(raw.into(), true)
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
    // Inlined, so that what nobody keeps is not made.
    parse(input, |input| grammar::table(limits)(input)).map(drop)
}

#[inline(always)]
pub(super) fn parse<'a>(
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

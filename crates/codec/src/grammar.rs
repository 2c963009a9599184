//! The grammar of AMQP 0-9-1 as nom parsers over `&[u8]`: the only place that takes bytes apart.
//!
//! They borrow from the input and copy nothing, for people who bring their own buffers. [`frame`] is a streaming
//! parser: it answers `Incomplete` until a whole frame is there. All others are complete parsers: they work inside of
//! a frame's payload, where a missing octet is an error.
//!
//! ```
//! use warrener_codec::{Limits, grammar};
//!
//! let bytes = b"\x01\0\x01\0\0\0\x0d\0\x3c\0\x50\0\0\0\0\0\0\0\x07\0\xce and more";
//! let (rest, frame) = grammar::frame(&Limits::default())(bytes).unwrap();
//! assert_eq!((frame.channel.number(), rest), (1, &b" and more"[..]));
//! let (arguments, id) = grammar::method_id(frame.payload).unwrap();
//! assert_eq!(id.name(), "basic.ack");
//! let (_, tag) = grammar::long_long(arguments).unwrap();
//! assert_eq!(tag, 7);
//! ```

use nom::{IResult, Needed};

use crate::array::ArrayRef;
use crate::string::ShortRef;
use crate::table::TableRef;
use crate::value::{Decimal, Value};
use crate::{ChannelId, Expected, FRAME_END, FRAME_OVERHEAD, Fault, Limits, MethodId};

/// What every parser here returns.
pub type Parsed<'a, T> = IResult<&'a [u8], T, Fault<'a>>;

/// A frame's type octet (AMQP 0-9-1 §4.2.3).
pub(crate) const METHOD: u8 = 1;
pub(crate) const HEADER: u8 = 2;
pub(crate) const BODY: u8 = 3;
pub(crate) const HEARTBEAT: u8 = 8;

/// One frame, its payload not looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRef<'a> {
    /// 1 method, 2 content header, 3 content body, 8 heartbeat.
    pub kind: u8,
    /// The channel it belongs to.
    pub channel: ChannelId,
    /// What is between the envelope's seven octets and the frame end.
    pub payload: &'a [u8],
}

/// The first seven octets of a frame.
#[derive(Clone, Copy)]
pub(crate) struct Envelope {
    pub(crate) kind: u8,
    pub(crate) channel: ChannelId,
    pub(crate) size: u32,
}

#[cold]
fn fail<'a, T>(input: &'a [u8], expected: Expected) -> Parsed<'a, T> {
    Err(nom::Err::Error(Fault::new(input, expected)))
}

/// `N` octets as an array.
#[inline(always)]
fn array_of<const N: usize>(input: &[u8]) -> Parsed<'_, [u8; N]> {
    match input.split_first_chunk::<N>() {
        Some((octets, rest)) => Ok((rest, *octets)),
        None => fail(input, Expected::Octets(N - input.len())),
    }
}

/// An octet (AMQP 0-9-1 §4.2.5.1).
#[inline(always)]
pub fn octet(input: &[u8]) -> Parsed<'_, u8> {
    let (rest, [octet]) = array_of(input)?;
    Ok((rest, octet))
}

/// An unsigned 16-bit integer.
#[inline(always)]
pub fn short(input: &[u8]) -> Parsed<'_, u16> {
    let (rest, octets) = array_of(input)?;
    Ok((rest, u16::from_be_bytes(octets)))
}

/// An unsigned 32-bit integer.
#[inline(always)]
pub fn long(input: &[u8]) -> Parsed<'_, u32> {
    let (rest, octets) = array_of(input)?;
    Ok((rest, u32::from_be_bytes(octets)))
}

/// An unsigned 64-bit integer, and a timestamp (AMQP 0-9-1 §4.2.5.4).
#[inline(always)]
pub fn long_long(input: &[u8]) -> Parsed<'_, u64> {
    let (rest, octets) = array_of(input)?;
    Ok((rest, u64::from_be_bytes(octets)))
}

#[inline(always)]
fn take(count: usize, input: &[u8]) -> Parsed<'_, &[u8]> {
    match input.split_at_checked(count) {
        Some((taken, rest)) => Ok((rest, taken)),
        None => fail(input, Expected::Octets(count - input.len())),
    }
}

/// A short string (AMQP 0-9-1 §4.2.5.3): an octet of length, then so many octets.
#[inline(always)]
pub fn short_str(input: &[u8]) -> Parsed<'_, ShortRef<'_>> {
    let (rest, len) = octet(input)?;
    let (rest, octets) = take(usize::from(len), rest)?;
    match ShortRef::new(octets) {
        Some(string) => Ok((rest, string)),
        None => fail(input, Expected::ShorterString),
    }
}

/// A long string, or a byte array (RabbitMQ extension `x`): 32 bits of length, then so many octets.
#[inline]
pub fn long_str(input: &[u8]) -> Parsed<'_, &[u8]> {
    let (rest, len) = long(input)?;
    take(len as usize, rest)
}

/// A field table (AMQP 0-9-1 §4.2.5.5): 32 bits of length, then names and values. All of it is checked against the
/// limits here, once, so that reading it afterwards cannot fail.
pub fn table<'a>(limits: &Limits) -> impl Fn(&'a [u8]) -> Parsed<'a, TableRef<'a>> + Copy {
    move |input| {
        let (rest, content) = long_str(input)?;
        check(content, Kind::Table, limits)?;
        Ok((rest, TableRef::from_checked(content)))
    }
}

/// A field array: 32 bits of length, then values, checked like [`table`].
pub fn array<'a>(limits: &Limits) -> impl Fn(&'a [u8]) -> Parsed<'a, ArrayRef<'a>> + Copy {
    move |input| {
        let (rest, content) = long_str(input)?;
        check(content, Kind::Array, limits)?;
        Ok((rest, ArrayRef::from_checked(content)))
    }
}

/// A method's class and number, at the start of a method frame's payload (AMQP 0-9-1 §4.2.4).
#[inline]
pub fn method_id(input: &[u8]) -> Parsed<'_, MethodId> {
    let (rest, class_id) = short(input)?;
    let (rest, method_id) = short(rest)?;
    match MethodId::from_ids(class_id, method_id) {
        Some(id) => Ok((rest, id)),
        None => fail(input, Expected::KnownMethod { class_id, method_id }),
    }
}

/// A whole frame (AMQP 0-9-1 §4.2.3), its payload not looked into. Streaming: `Incomplete` says how many octets the
/// frame still needs.
pub fn frame<'a>(limits: &Limits) -> impl Fn(&'a [u8]) -> Parsed<'a, FrameRef<'a>> + Copy {
    move |input| {
        let (rest, Envelope { kind, channel, size }) = envelope(limits, input)?;
        let Some((payload, after)) = rest.split_at_checked(size as usize) else {
            return Err(nom::Err::Incomplete(Needed::new(size as usize + 1 - rest.len())));
        };
        match after.split_first() {
            Some((&FRAME_END, after)) => Ok((after, FrameRef { kind, channel, payload })),
            Some((&found, _)) => fail(after, Expected::FrameEnd { found }),
            None => Err(nom::Err::Incomplete(Needed::new(1))),
        }
    }
}

/// The seven octets before a frame's payload. Streaming.
#[inline(always)]
pub(crate) fn envelope<'a>(limits: &Limits, input: &'a [u8]) -> Parsed<'a, Envelope> {
    let Some((&[kind, c0, c1, s0, s1, s2, s3], rest)) = input.split_first_chunk() else {
        return Err(nom::Err::Incomplete(Needed::new(FRAME_OVERHEAD - 1 - input.len())));
    };
    let channel = ChannelId::new(u16::from_be_bytes([c0, c1]));
    let size = u32::from_be_bytes([s0, s1, s2, s3]);
    if !matches!(kind, METHOD | HEADER | BODY | HEARTBEAT) {
        return fail(input, Expected::FrameType { found: kind });
    }
    if size > limits.payload_max() {
        let max = limits.frame_max.saturating_sub(FRAME_OVERHEAD as u32);
        return fail(rest, Expected::SmallerFrame { size, max });
    }
    Ok((rest, Envelope { kind, channel, size }))
}

/// One value of a table or array. It does not look into nested tables: only for bytes that [`table()`] or [`array()`]
/// checked.
pub(crate) fn value(input: &[u8]) -> Parsed<'_, Value<'_>> {
    let (rest, tag) = octet(input)?;
    match tag {
        b't' => map(octet(rest), |n| Value::Bool(n != 0)),
        b'b' => map(octet(rest), |n| Value::I8(n as i8)),
        b'B' => map(octet(rest), Value::U8),
        b's' | b'U' => map(short(rest), |n| Value::I16(n as i16)),
        b'u' => map(short(rest), Value::U16),
        b'I' => map(long(rest), |n| Value::I32(n as i32)),
        b'i' => map(long(rest), Value::U32),
        b'l' | b'L' => map(long_long(rest), |n| Value::I64(n as i64)),
        b'f' => map(long(rest), |n| Value::F32(f32::from_bits(n))),
        b'd' => map(long_long(rest), |n| Value::F64(f64::from_bits(n))),
        b'D' => {
            let (rest, scale) = octet(rest)?;
            map(long(rest), |value| Value::Decimal(Decimal { scale, value }))
        }
        b'S' => map(long_str(rest), Value::LongStr),
        b'T' => map(long_long(rest), Value::Timestamp),
        b'A' => map(long_str(rest), |content| Value::Array(ArrayRef::from_checked(content))),
        b'F' => map(long_str(rest), |content| Value::Table(TableRef::from_checked(content))),
        b'V' => Ok((rest, Value::Void)),
        b'x' => map(long_str(rest), Value::Bytes),
        found => fail(input, Expected::FieldType { found }),
    }
}

#[inline(always)]
fn map<'a, T, U>(parsed: Parsed<'a, T>, then: impl FnOnce(T) -> U) -> Parsed<'a, U> {
    let (rest, value) = parsed?;
    Ok((rest, then(value)))
}

/// What a run of field values is in: names come before values in a table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Table,
    Array,
}

/// Walks through a table or array and all inside of it with a stack of its own, so that depth costs a peer's bytes
/// a few octets of heap and no call frames.
pub(crate) fn check<'a>(
    content: &'a [u8],
    kind: Kind,
    limits: &Limits,
) -> Result<(), nom::Err<Fault<'a>>> {
    let mut outer: smallvec::SmallVec<[(&'a [u8], Kind); 4]> = smallvec::SmallVec::new();
    let (mut rest, mut kind, mut entries) = (content, kind, limits.table_entries);
    if limits.table_depth == 0 && !content.is_empty() {
        return fail(content, Expected::ShallowerTable).map(drop_parsed);
    }
    loop {
        if rest.is_empty() {
            match outer.pop() {
                Some((after, of)) => (rest, kind) = (after, of),
                None => return Ok(()),
            }
            continue;
        }
        let entry = rest;
        if kind == Kind::Table {
            (rest, _) = short_str(rest)?;
        }
        entries = match entries.checked_sub(1) {
            Some(left) => left,
            None => return fail(entry, Expected::FewerEntries).map(drop_parsed),
        };
        let (after_tag, tag) = octet(rest)?;
        let width = match tag {
            b't' | b'b' | b'B' => 1,
            b's' | b'u' | b'U' => 2,
            b'I' | b'i' | b'f' => 4,
            b'D' => 5,
            b'l' | b'L' | b'd' | b'T' => 8,
            b'V' => 0,
            b'S' | b'x' => {
                let (after, octets) = long_str(after_tag)?;
                if octets.len() > limits.long_str_bytes as usize {
                    return fail(after_tag, Expected::ShorterString).map(drop_parsed);
                }
                rest = after;
                continue;
            }
            b'F' | b'A' => {
                let (after, inner) = long_str(after_tag)?;
                if outer.len() + 1 >= usize::from(limits.table_depth) {
                    return fail(after_tag, Expected::ShallowerTable).map(drop_parsed);
                }
                outer.push((after, kind));
                rest = inner;
                kind = if tag == b'F' { Kind::Table } else { Kind::Array };
                continue;
            }
            found => return fail(rest, Expected::FieldType { found }).map(drop_parsed),
        };
        (rest, _) = take(width, after_tag)?;
    }
}

fn drop_parsed((_, ()): (&[u8], ())) {}

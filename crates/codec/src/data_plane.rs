//! The methods that every message passes through, by hand: those with content keep their arguments as one shared
//! slice and say where the strings in it lie; those that settle are plain numbers.

use alloc::vec::Vec;
use core::fmt;

use bytes::{BufMut, Bytes};

use crate::arguments::{Arguments, Taken};
use crate::frame::method_head;
use crate::grammar::{self, Parsed};
use crate::{
    ChannelId, Expected, FRAME_END, FRAME_OVERHEAD, Fault, Method, MethodId, ReplyCode, ShortRef,
};

/// What a data-plane method turns out to be, before its memory is shared.
pub(crate) enum Hot {
    Settled(Method),
    Content(Shape),
}

/// Lengths of the strings in the arguments of a method with content.
pub(crate) enum Shape {
    Publish(u8, u8),
    Return(u8, u8, u8),
    Deliver(u8, u8, u8),
    GetOk(u8, u8),
}

impl Shape {
    #[inline]
    pub(crate) fn with(self, raw: Bytes) -> Method {
        match self {
            Self::Publish(exchange_len, key_len) => {
                Method::BasicPublish(Publish { raw, exchange_len, key_len })
            }
            Self::Return(text_len, exchange_len, key_len) => {
                Method::BasicReturn(Return { raw, text_len, exchange_len, key_len })
            }
            Self::Deliver(tag_len, exchange_len, key_len) => {
                Method::BasicDeliver(Deliver { raw, tag_len, exchange_len, key_len })
            }
            Self::GetOk(exchange_len, key_len) => {
                Method::BasicGetOk(GetOk { raw, exchange_len, key_len })
            }
        }
    }
}

/// Takes the arguments of a data-plane method apart; `None` when `number` is another method of class basic.
#[inline]
pub(crate) fn hot(number: u8, arguments: &[u8]) -> Option<Taken<'_, Hot>> {
    Some(match number {
        40 => whole(PublishRef::parse(arguments)).map(|m| Hot::Content(m.shape())),
        50 => whole(ReturnRef::parse(arguments)).map(|m| Hot::Content(m.shape())),
        60 => whole(DeliverRef::parse(arguments)).map(|m| Hot::Content(m.shape())),
        71 => whole(GetOkRef::parse(arguments)).map(|m| Hot::Content(m.shape())),
        80 => whole(Ack::parse(arguments)).map(|m| Hot::Settled(Method::BasicAck(m))),
        90 => whole(Reject::parse(arguments)).map(|m| Hot::Settled(Method::BasicReject(m))),
        120 => whole(Nack::parse(arguments)).map(|m| Hot::Settled(Method::BasicNack(m))),
        _ => return None,
    })
}

#[inline(always)]
fn whole<T>(parsed: Parsed<'_, T>) -> Taken<'_, T> {
    match parsed {
        Ok(([], value)) => Ok(value),
        Ok((rest, _)) => Err(nom::Err::Error(Fault::new(rest, Expected::End))),
        Err(fault) => Err(fault),
    }
}

/// `len` octets of the arguments from `start` on; they were measured when the method was made.
#[inline(always)]
fn part(raw: &Bytes, start: usize, len: u8) -> ShortRef<'_> {
    let octets = raw.get(start..start + usize::from(len)).unwrap_or_default();
    ShortRef::new(octets).unwrap_or_default()
}

#[inline(always)]
fn number<const N: usize>(raw: &Bytes, start: usize) -> [u8; N] {
    raw.get(start..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

/// What methods with content have in common: how they come out of arguments, and go into frames, in two forms.
macro_rules! content_method {
    ($owned:ident, $borrowed:ident, $shape:ident($($len:ident = $part:ident),*), $arm:ident) => {
        impl $owned {
            /// The parts, borrowed.
            #[must_use]
            pub fn parts(&self) -> $borrowed<'_> {
                $borrowed::parse(&self.raw).map(|(_, parts)| parts).unwrap_or_default()
            }

            /// The arguments as they are on the wire.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                &self.raw
            }

            /// The same method in memory of its own, so that it does not keep a read buffer alive.
            #[must_use]
            pub fn detached(&self) -> Self {
                Self { raw: Bytes::copy_from_slice(&self.raw), ..*self }
            }

            /// Octets of the whole method frame.
            #[must_use]
            pub fn encoded_len(&self) -> usize {
                FRAME_OVERHEAD + 4 + self.raw.len()
            }

            /// Writes the whole method frame.
            #[inline]
            pub fn encode(&self, channel: ChannelId, out: &mut impl BufMut) {
                out.put_slice(&method_head(channel, MethodId::$arm, self.raw.len()));
                out.put_slice(&self.raw);
                out.put_u8(FRAME_END);
            }

            pub(crate) fn arguments_len(&self) -> usize {
                self.raw.len()
            }

            pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
                out.put_slice(&self.raw);
            }

            pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
                let (rest, parts) = arguments.peek($borrowed::parse)?;
                let raw = arguments.until(rest);
                Ok(Self { raw, $($len: parts.$part.len() as u8),* })
            }
        }

        impl<'a> $borrowed<'a> {
            #[inline(always)]
            fn shape(self) -> Shape {
                Shape::$shape($(self.$part.len() as u8),*)
            }

            /// Octets of the whole method frame.
            #[must_use]
            pub fn encoded_len(&self) -> usize {
                FRAME_OVERHEAD + 4 + self.arguments_len()
            }

            /// Writes the whole method frame.
            #[inline]
            pub fn encode(&self, channel: ChannelId, out: &mut impl BufMut) {
                out.put_slice(&method_head(channel, MethodId::$arm, self.arguments_len()));
                self.encode_arguments(out);
                out.put_u8(FRAME_END);
            }
        }

        impl From<$borrowed<'_>> for $owned {
            fn from(parts: $borrowed<'_>) -> Self {
                let mut raw = Vec::with_capacity(parts.arguments_len());
                parts.encode_arguments(&mut raw);
                Self { raw: raw.into(), $($len: parts.$part.len() as u8),* }
            }
        }

        impl From<$borrowed<'_>> for Method {
            fn from(parts: $borrowed<'_>) -> Self {
                Self::$arm(parts.into())
            }
        }

        impl Default for $owned {
            fn default() -> Self {
                $borrowed::default().into()
            }
        }

        impl fmt::Debug for $owned {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.parts(), f)
            }
        }
    };
}

/// basic.publish: a message for an exchange (AMQP 0-9-1 §1.8.3.7). Its arguments stay one shared slice.
#[derive(Clone, PartialEq, Eq)]
pub struct Publish {
    raw: Bytes,
    exchange_len: u8,
    key_len: u8,
}

impl Publish {
    /// Ignored: an access ticket of AMQP 0-8.
    #[must_use]
    pub fn ticket(&self) -> u16 {
        u16::from_be_bytes(number(&self.raw, 0))
    }

    /// The exchange's name; empty for the default exchange.
    #[must_use]
    pub fn exchange(&self) -> ShortRef<'_> {
        part(&self.raw, 3, self.exchange_len)
    }

    /// The routing key.
    #[must_use]
    pub fn routing_key(&self) -> ShortRef<'_> {
        part(&self.raw, 4 + usize::from(self.exchange_len), self.key_len)
    }

    /// Whether the message comes back when it cannot be routed.
    #[must_use]
    pub fn mandatory(&self) -> bool {
        self.bits() & 1 != 0
    }

    /// Whether the message comes back when no consumer is ready; RabbitMQ refuses it.
    #[must_use]
    pub fn immediate(&self) -> bool {
        self.bits() & 2 != 0
    }

    fn bits(&self) -> u8 {
        self.raw.last().copied().unwrap_or_default()
    }
}

/// The parts of a [`Publish`], borrowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublishRef<'a> {
    /// Ignored: an access ticket of AMQP 0-8.
    pub ticket: u16,
    /// The exchange's name; empty for the default exchange.
    pub exchange: ShortRef<'a>,
    /// The routing key.
    pub routing_key: ShortRef<'a>,
    /// Whether the message comes back when it cannot be routed.
    pub mandatory: bool,
    /// Whether the message comes back when no consumer is ready; RabbitMQ refuses it.
    pub immediate: bool,
}

impl<'a> PublishRef<'a> {
    /// Takes the arguments apart.
    ///
    /// # Errors
    ///
    /// When octets are missing.
    #[inline]
    pub fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, ticket) = grammar::short(input)?;
        let (rest, exchange) = grammar::short_str(rest)?;
        let (rest, routing_key) = grammar::short_str(rest)?;
        let (rest, bits) = grammar::octet(rest)?;
        let (mandatory, immediate) = (bits & 1 != 0, bits & 2 != 0);
        Ok((rest, Self { ticket, exchange, routing_key, mandatory, immediate }))
    }

    fn arguments_len(&self) -> usize {
        3 + self.exchange.encoded_len() + self.routing_key.encoded_len()
    }

    #[inline]
    fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u16(self.ticket);
        self.exchange.encode(out);
        self.routing_key.encode(out);
        out.put_u8(u8::from(self.mandatory) | u8::from(self.immediate) << 1);
    }
}

content_method!(
    Publish,
    PublishRef,
    Publish(exchange_len = exchange, key_len = routing_key),
    BasicPublish
);

/// basic.return: a message that could not be routed comes back (AMQP 0-9-1 §1.8.3.8).
#[derive(Clone, PartialEq, Eq)]
pub struct Return {
    raw: Bytes,
    text_len: u8,
    exchange_len: u8,
    key_len: u8,
}

impl Return {
    /// Why it came back.
    #[must_use]
    pub fn reply_code(&self) -> ReplyCode {
        ReplyCode(u16::from_be_bytes(number(&self.raw, 0)))
    }

    /// Why it came back, in words.
    #[must_use]
    pub fn reply_text(&self) -> ShortRef<'_> {
        part(&self.raw, 3, self.text_len)
    }

    /// The exchange it was published to.
    #[must_use]
    pub fn exchange(&self) -> ShortRef<'_> {
        part(&self.raw, 4 + usize::from(self.text_len), self.exchange_len)
    }

    /// The routing key it was published with.
    #[must_use]
    pub fn routing_key(&self) -> ShortRef<'_> {
        let start = 5 + usize::from(self.text_len) + usize::from(self.exchange_len);
        part(&self.raw, start, self.key_len)
    }
}

/// The parts of a [`Return`], borrowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReturnRef<'a> {
    /// Why it came back.
    pub reply_code: ReplyCode,
    /// Why it came back, in words.
    pub reply_text: ShortRef<'a>,
    /// The exchange it was published to.
    pub exchange: ShortRef<'a>,
    /// The routing key it was published with.
    pub routing_key: ShortRef<'a>,
}

impl<'a> ReturnRef<'a> {
    /// Takes the arguments apart.
    ///
    /// # Errors
    ///
    /// When octets are missing.
    #[inline]
    pub fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, code) = grammar::short(input)?;
        let (rest, reply_text) = grammar::short_str(rest)?;
        let (rest, exchange) = grammar::short_str(rest)?;
        let (rest, routing_key) = grammar::short_str(rest)?;
        Ok((rest, Self { reply_code: ReplyCode(code), reply_text, exchange, routing_key }))
    }

    fn arguments_len(&self) -> usize {
        let strings = self.exchange.encoded_len() + self.routing_key.encoded_len();
        2 + self.reply_text.encoded_len() + strings
    }

    #[inline]
    fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u16(self.reply_code.0);
        self.reply_text.encode(out);
        self.exchange.encode(out);
        self.routing_key.encode(out);
    }
}

content_method!(
    Return,
    ReturnRef,
    Return(text_len = reply_text, exchange_len = exchange, key_len = routing_key),
    BasicReturn
);

/// basic.deliver: a message for a consumer (AMQP 0-9-1 §1.8.3.9).
#[derive(Clone, PartialEq, Eq)]
pub struct Deliver {
    raw: Bytes,
    tag_len: u8,
    exchange_len: u8,
    key_len: u8,
}

impl Deliver {
    /// Which consumer.
    #[must_use]
    pub fn consumer_tag(&self) -> ShortRef<'_> {
        part(&self.raw, 1, self.tag_len)
    }

    /// The number that settles it, counted per channel.
    #[must_use]
    pub fn delivery_tag(&self) -> u64 {
        u64::from_be_bytes(number(&self.raw, 1 + usize::from(self.tag_len)))
    }

    /// Whether it may have been delivered before.
    #[must_use]
    pub fn redelivered(&self) -> bool {
        let [bits] = number(&self.raw, 9 + usize::from(self.tag_len));
        bits & 1 != 0
    }

    /// The exchange it was published to.
    #[must_use]
    pub fn exchange(&self) -> ShortRef<'_> {
        part(&self.raw, 11 + usize::from(self.tag_len), self.exchange_len)
    }

    /// The routing key it was published with.
    #[must_use]
    pub fn routing_key(&self) -> ShortRef<'_> {
        let start = 12 + usize::from(self.tag_len) + usize::from(self.exchange_len);
        part(&self.raw, start, self.key_len)
    }
}

/// The parts of a [`Deliver`], borrowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliverRef<'a> {
    /// Which consumer.
    pub consumer_tag: ShortRef<'a>,
    /// The number that settles it, counted per channel.
    pub delivery_tag: u64,
    /// Whether it may have been delivered before.
    pub redelivered: bool,
    /// The exchange it was published to.
    pub exchange: ShortRef<'a>,
    /// The routing key it was published with.
    pub routing_key: ShortRef<'a>,
}

impl<'a> DeliverRef<'a> {
    /// Takes the arguments apart.
    ///
    /// # Errors
    ///
    /// When octets are missing.
    #[inline]
    pub fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, consumer_tag) = grammar::short_str(input)?;
        let (rest, delivery_tag) = grammar::long_long(rest)?;
        let (rest, bits) = grammar::octet(rest)?;
        let (rest, exchange) = grammar::short_str(rest)?;
        let (rest, routing_key) = grammar::short_str(rest)?;
        let redelivered = bits & 1 != 0;
        Ok((rest, Self { consumer_tag, delivery_tag, redelivered, exchange, routing_key }))
    }

    fn arguments_len(&self) -> usize {
        let strings = self.exchange.encoded_len() + self.routing_key.encoded_len();
        9 + self.consumer_tag.encoded_len() + strings
    }

    #[inline]
    fn encode_arguments(&self, out: &mut impl BufMut) {
        self.consumer_tag.encode(out);
        out.put_u64(self.delivery_tag);
        out.put_u8(u8::from(self.redelivered));
        self.exchange.encode(out);
        self.routing_key.encode(out);
    }
}

content_method!(
    Deliver,
    DeliverRef,
    Deliver(tag_len = consumer_tag, exchange_len = exchange, key_len = routing_key),
    BasicDeliver
);

/// basic.get-ok: the message that was asked for (AMQP 0-9-1 §1.8.3.11).
#[derive(Clone, PartialEq, Eq)]
pub struct GetOk {
    raw: Bytes,
    exchange_len: u8,
    key_len: u8,
}

impl GetOk {
    /// The number that settles it, counted per channel.
    #[must_use]
    pub fn delivery_tag(&self) -> u64 {
        u64::from_be_bytes(number(&self.raw, 0))
    }

    /// Whether it may have been delivered before.
    #[must_use]
    pub fn redelivered(&self) -> bool {
        let [bits] = number(&self.raw, 8);
        bits & 1 != 0
    }

    /// The exchange it was published to.
    #[must_use]
    pub fn exchange(&self) -> ShortRef<'_> {
        part(&self.raw, 10, self.exchange_len)
    }

    /// The routing key it was published with.
    #[must_use]
    pub fn routing_key(&self) -> ShortRef<'_> {
        part(&self.raw, 11 + usize::from(self.exchange_len), self.key_len)
    }

    /// How many messages are ready behind it.
    #[must_use]
    pub fn message_count(&self) -> u32 {
        let start = 11 + usize::from(self.exchange_len) + usize::from(self.key_len);
        u32::from_be_bytes(number(&self.raw, start))
    }
}

/// The parts of a [`GetOk`], borrowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GetOkRef<'a> {
    /// The number that settles it, counted per channel.
    pub delivery_tag: u64,
    /// Whether it may have been delivered before.
    pub redelivered: bool,
    /// The exchange it was published to.
    pub exchange: ShortRef<'a>,
    /// The routing key it was published with.
    pub routing_key: ShortRef<'a>,
    /// How many messages are ready behind it.
    pub message_count: u32,
}

impl<'a> GetOkRef<'a> {
    /// Takes the arguments apart.
    ///
    /// # Errors
    ///
    /// When octets are missing.
    #[inline]
    pub fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, delivery_tag) = grammar::long_long(input)?;
        let (rest, bits) = grammar::octet(rest)?;
        let (rest, exchange) = grammar::short_str(rest)?;
        let (rest, routing_key) = grammar::short_str(rest)?;
        let (rest, message_count) = grammar::long(rest)?;
        let redelivered = bits & 1 != 0;
        Ok((rest, Self { delivery_tag, redelivered, exchange, routing_key, message_count }))
    }

    fn arguments_len(&self) -> usize {
        13 + self.exchange.encoded_len() + self.routing_key.encoded_len()
    }

    #[inline]
    fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u64(self.delivery_tag);
        out.put_u8(u8::from(self.redelivered));
        self.exchange.encode(out);
        self.routing_key.encode(out);
        out.put_u32(self.message_count);
    }
}

content_method!(GetOk, GetOkRef, GetOk(exchange_len = exchange, key_len = routing_key), BasicGetOk);

/// What the methods that settle have in common: a delivery tag and an octet of bits.
macro_rules! settling_method {
    ($name:ident, $arm:ident, $($bit:ident = $mask:literal),*) => {
        impl $name {
            /// Octets of the whole method frame.
            pub const ENCODED_LEN: usize = FRAME_OVERHEAD + 4 + 9;

            /// Takes the arguments apart.
            ///
            /// # Errors
            ///
            /// When octets are missing.
            #[inline]
            pub fn parse(input: &[u8]) -> Parsed<'_, Self> {
                let (rest, delivery_tag) = grammar::long_long(input)?;
                let (rest, bits) = grammar::octet(rest)?;
                Ok((rest, Self { delivery_tag, $($bit: bits & $mask != 0),* }))
            }

            /// Writes the whole method frame.
            #[inline]
            pub fn encode(&self, channel: ChannelId, out: &mut impl BufMut) {
                let mut frame = [FRAME_END; Self::ENCODED_LEN];
                let mut rest = &mut frame[..];
                rest.put_slice(&method_head(channel, MethodId::$arm, 9));
                rest.put_u64(self.delivery_tag);
                rest.put_u8(self.bits());
                out.put_slice(&frame);
            }

            #[inline(always)]
            fn bits(&self) -> u8 {
                0 $(| if self.$bit { $mask } else { 0 })*
            }

            pub(crate) fn arguments_len(&self) -> usize {
                9
            }

            pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
                out.put_u64(self.delivery_tag);
                out.put_u8(self.bits());
            }

            pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
                arguments.take(Self::parse)
            }
        }
    };
}

/// basic.ack: messages were dealt with (AMQP 0-9-1 §1.8.3.13); from the server, publishes were (RabbitMQ extension).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ack {
    /// Which delivery, or publish.
    pub delivery_tag: u64,
    /// Also all before it; with tag 0, all there are.
    pub multiple: bool,
}

settling_method!(Ack, BasicAck, multiple = 1);

/// basic.nack: messages were not dealt with; from the server, publishes were not (RabbitMQ extension).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nack {
    /// Which delivery, or publish.
    pub delivery_tag: u64,
    /// Also all before it; with tag 0, all there are.
    pub multiple: bool,
    /// Back to the queue rather than away.
    pub requeue: bool,
}

settling_method!(Nack, BasicNack, multiple = 1, requeue = 2);

/// basic.reject: a message was not dealt with (AMQP 0-9-1 §1.8.3.14).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reject {
    /// Which delivery.
    pub delivery_tag: u64,
    /// Back to the queue rather than away.
    pub requeue: bool,
}

settling_method!(Reject, BasicReject, requeue = 1);

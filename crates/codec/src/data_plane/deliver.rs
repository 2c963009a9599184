//! basic.deliver: a message for a consumer.

use alloc::vec::Vec;
use core::fmt;

use bytes::{BufMut, Bytes};

use super::content_method::content_method;
use super::{number, part};
use crate::arguments::{Arguments, Taken};
use crate::frame::method_head;
use crate::grammar::{self, Parsed};
use crate::{ChannelId, FRAME_END, FRAME_OVERHEAD, Method, MethodId, ShortRef};
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
    #[inline(always)]
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
    BasicDeliver,
    tag_len = consumer_tag,
    exchange_len = exchange,
    key_len = routing_key
);

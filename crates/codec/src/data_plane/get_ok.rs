//! basic.get-ok: the message that was asked for.

use alloc::vec::Vec;
use core::fmt;

use bytes::{BufMut, Bytes};

use super::content_method::content_method;
use super::{number, part};
use crate::arguments::{Arguments, Taken};
use crate::frame::method_head;
use crate::grammar::{self, Parsed};
use crate::{ChannelId, FRAME_END, FRAME_OVERHEAD, Method, MethodId, ShortRef};
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
    #[inline(always)]
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

content_method!(GetOk, GetOkRef, BasicGetOk, exchange_len = exchange, key_len = routing_key);

//! basic.publish: a message for an exchange.

use alloc::vec::Vec;
use core::fmt;

use bytes::{BufMut, Bytes};

use super::content_method::content_method;
use super::{number, part};
use crate::arguments::{Arguments, Taken};
use crate::frame::method_head;
use crate::grammar::{self, Parsed};
use crate::{ChannelId, FRAME_END, FRAME_OVERHEAD, Method, MethodId, ShortRef};
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
    #[inline(always)]
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

content_method!(Publish, PublishRef, BasicPublish, exchange_len = exchange, key_len = routing_key);

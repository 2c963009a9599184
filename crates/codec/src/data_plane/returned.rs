//! basic.return: a message that could not be routed comes back.

use alloc::vec::Vec;
use core::fmt;

use bytes::{BufMut, Bytes};

use super::content_method::content_method;
use super::{number, part};
use crate::arguments::{Arguments, Taken};
use crate::frame::method_head;
use crate::grammar::{self, Parsed};
use crate::{ChannelId, FRAME_END, FRAME_OVERHEAD, Method, MethodId, ReplyCode, ShortRef};
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
    #[inline(always)]
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
    BasicReturn,
    text_len = reply_text,
    exchange_len = exchange,
    key_len = routing_key
);

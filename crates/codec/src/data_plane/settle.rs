//! basic.ack, basic.nack and basic.reject: a delivery tag and an octet of bits.

use bytes::BufMut;

use crate::arguments::{Arguments, Taken};
use crate::frame::method_head;
use crate::grammar::{self, Parsed};
use crate::{ChannelId, FRAME_END, FRAME_OVERHEAD, MethodId};
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

            /// The method, when the arguments are well formed.
            #[inline(always)]
            pub(crate) fn exactly(arguments: &[u8]) -> Option<Self> {
                match Self::parse(arguments) {
                    Ok(([], method)) => Some(method),
                    _ => None,
                }
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

//! The eight octets a connection begins with.

use bytes::BufMut;

use crate::grammar::Parsed;
use crate::{Expected, Fault};

/// `AMQP` and four octets (AMQP 0-9-1 §4.2.2): what a client sends first, and what a server answers, before it hangs
/// up, when it does not speak that version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProtocolHeader {
    /// The four octets behind `AMQP`: for 0-9-1 these are 0, major, minor and revision.
    pub version: [u8; 4],
}

impl ProtocolHeader {
    /// How many octets it has.
    pub const LEN: usize = 8;
    /// AMQP 0-9-1.
    pub const V0_9_1: Self = Self { version: [0, 0, 9, 1] };
    /// AMQP 0-9 as its clients announce it.
    pub const V0_9: Self = Self { version: [1, 1, 0, 9] };
    /// AMQP 0-8 as its clients announce it.
    pub const V0_8: Self = Self { version: [1, 1, 8, 0] };
    /// AMQP 1.0 without a security layer.
    pub const V1_0: Self = Self { version: [0, 1, 0, 0] };
    /// AMQP 1.0, SASL first.
    pub const V1_0_SASL: Self = Self { version: [3, 1, 0, 0] };

    /// Takes a header off the front of `input`. Streaming; wrong octets are an error as soon as they are there.
    ///
    /// # Errors
    ///
    /// [`Expected::ProtocolHeader`] when the first octets are not `AMQP`; `Incomplete` when more are needed.
    pub fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let mistaken = b"AMQP".iter().zip(input).any(|(expected, found)| expected != found);
        if mistaken {
            return Err(nom::Err::Error(Fault::new(input, Expected::ProtocolHeader)));
        }
        match input.split_first_chunk() {
            Some((&[_, _, _, _, a, b, c, d], rest)) => Ok((rest, Self { version: [a, b, c, d] })),
            None => Err(nom::Err::Incomplete(nom::Needed::new(Self::LEN - input.len()))),
        }
    }

    /// Its eight octets.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; Self::LEN] {
        let [a, b, c, d] = self.version;
        [b'A', b'M', b'Q', b'P', a, b, c, d]
    }

    /// Writes its eight octets.
    pub fn encode(self, out: &mut impl BufMut) {
        out.put_slice(&self.to_bytes());
    }
}

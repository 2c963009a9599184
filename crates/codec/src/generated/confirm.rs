//! Class confirm, number 85. Publisher confirms. (RabbitMQ extension.)

// Written by tests/generated from methods.txt. Change that, not this.

use bytes::BufMut;

use crate::arguments::{Arguments, Taken};

/// confirm.select: Asks for a confirm of every publish on this channel. (RabbitMQ extension.)
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Select {
    /// No reply is wanted.
    pub no_wait: bool,
}

impl Select {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let bits = arguments.octet()?;
        let no_wait = bits & 1 != 0;
        Ok(Self { no_wait })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        1
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u8(u8::from(self.no_wait));
    }
}

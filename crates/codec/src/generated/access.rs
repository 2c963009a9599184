//! Class access, number 30. Access tickets: a relic of AMQP 0-8 that old clients still ask for.

// Written by tests/generated from methods.txt. Change that, not this.

use bytes::BufMut;

use crate::ShortStr;
use crate::arguments::{Arguments, Taken};

/// access.request: Asks for a ticket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// What for.
    pub realm: ShortStr,
    /// Alone.
    pub exclusive: bool,
    /// To look at.
    pub passive: bool,
    /// To change.
    pub active: bool,
    /// To publish.
    pub write: bool,
    /// To consume.
    pub read: bool,
}

impl Request {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let realm = arguments.short_str()?;
        let bits = arguments.octet()?;
        let exclusive = bits & 1 != 0;
        let passive = bits & 2 != 0;
        let active = bits & 4 != 0;
        let write = bits & 8 != 0;
        let read = bits & 16 != 0;
        Ok(Self { realm, exclusive, passive, active, write, read })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        2 + self.realm.len()
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        self.realm.as_short_ref().encode(out);
        out.put_u8(
            u8::from(self.exclusive)
                | u8::from(self.passive) << 1
                | u8::from(self.active) << 2
                | u8::from(self.write) << 3
                | u8::from(self.read) << 4,
        );
    }
}

/// access.request-ok: Grants a ticket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestOk {
    /// The ticket; RabbitMQ grants 1 to everybody.
    pub ticket: u16,
}

impl RequestOk {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let ticket = arguments.short()?;
        Ok(Self { ticket })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        2
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u16(self.ticket);
    }
}

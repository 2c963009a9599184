//! Class exchange, number 40. Declaring, deleting and binding exchanges (AMQP 0-9-1 §1.6).

// Written by tests/generated from methods.txt. Change that, not this.

use bytes::BufMut;

use crate::arguments::{Arguments, Taken};
use crate::{ShortStr, Table};

/// exchange.declare: Creates an exchange, or checks that it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declare {
    /// Ignored: an access ticket of AMQP 0-8.
    pub ticket: u16,
    /// The exchange's name.
    pub exchange: ShortStr,
    /// direct, fanout, topic, headers, or an extension.
    pub kind: ShortStr,
    /// Only checks.
    pub passive: bool,
    /// Survives a restart.
    pub durable: bool,
    /// Goes with its last binding. (RabbitMQ extension.)
    pub auto_delete: bool,
    /// May not be published to. (RabbitMQ extension.)
    pub internal: bool,
    /// No reply is wanted.
    pub no_wait: bool,
    /// Extensions, such as alternate-exchange.
    pub arguments: Table,
}

impl Declare {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let ticket = arguments.short()?;
        let exchange = arguments.short_str()?;
        let kind = arguments.short_str()?;
        let bits = arguments.octet()?;
        let passive = bits & 1 != 0;
        let durable = bits & 2 != 0;
        let auto_delete = bits & 4 != 0;
        let internal = bits & 8 != 0;
        let no_wait = bits & 16 != 0;
        let arguments = arguments.table()?;
        Ok(Self {
            ticket,
            exchange,
            kind,
            passive,
            durable,
            auto_delete,
            internal,
            no_wait,
            arguments,
        })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        9 + self.exchange.len() + self.kind.len() + self.arguments.as_bytes().len()
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u16(self.ticket);
        self.exchange.as_short_ref().encode(out);
        self.kind.as_short_ref().encode(out);
        out.put_u8(
            u8::from(self.passive)
                | u8::from(self.durable) << 1
                | u8::from(self.auto_delete) << 2
                | u8::from(self.internal) << 3
                | u8::from(self.no_wait) << 4,
        );
        self.arguments.encode(out);
    }
}

/// exchange.delete: Deletes an exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delete {
    /// Ignored: an access ticket of AMQP 0-8.
    pub ticket: u16,
    /// The exchange's name.
    pub exchange: ShortStr,
    /// Only when nothing is bound to it.
    pub if_unused: bool,
    /// No reply is wanted.
    pub no_wait: bool,
}

impl Delete {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let ticket = arguments.short()?;
        let exchange = arguments.short_str()?;
        let bits = arguments.octet()?;
        let if_unused = bits & 1 != 0;
        let no_wait = bits & 2 != 0;
        Ok(Self { ticket, exchange, if_unused, no_wait })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        4 + self.exchange.len()
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u16(self.ticket);
        self.exchange.as_short_ref().encode(out);
        out.put_u8(u8::from(self.if_unused) | u8::from(self.no_wait) << 1);
    }
}

/// exchange.bind: Binds an exchange to another. (RabbitMQ extension.)
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bind {
    /// Ignored: an access ticket of AMQP 0-8.
    pub ticket: u16,
    /// The exchange that receives.
    pub destination: ShortStr,
    /// The exchange that is published to.
    pub source: ShortStr,
    /// The binding's key.
    pub routing_key: ShortStr,
    /// No reply is wanted.
    pub no_wait: bool,
    /// The binding's arguments.
    pub arguments: Table,
}

impl Bind {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let ticket = arguments.short()?;
        let destination = arguments.short_str()?;
        let source = arguments.short_str()?;
        let routing_key = arguments.short_str()?;
        let bits = arguments.octet()?;
        let no_wait = bits & 1 != 0;
        let arguments = arguments.table()?;
        Ok(Self { ticket, destination, source, routing_key, no_wait, arguments })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        10 + self.destination.len()
            + self.source.len()
            + self.routing_key.len()
            + self.arguments.as_bytes().len()
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u16(self.ticket);
        self.destination.as_short_ref().encode(out);
        self.source.as_short_ref().encode(out);
        self.routing_key.as_short_ref().encode(out);
        out.put_u8(u8::from(self.no_wait));
        self.arguments.encode(out);
    }
}

/// exchange.unbind: Removes a binding between exchanges. (RabbitMQ extension.)
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unbind {
    /// Ignored: an access ticket of AMQP 0-8.
    pub ticket: u16,
    /// The exchange that receives.
    pub destination: ShortStr,
    /// The exchange that is published to.
    pub source: ShortStr,
    /// The binding's key.
    pub routing_key: ShortStr,
    /// No reply is wanted.
    pub no_wait: bool,
    /// The binding's arguments.
    pub arguments: Table,
}

impl Unbind {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let ticket = arguments.short()?;
        let destination = arguments.short_str()?;
        let source = arguments.short_str()?;
        let routing_key = arguments.short_str()?;
        let bits = arguments.octet()?;
        let no_wait = bits & 1 != 0;
        let arguments = arguments.table()?;
        Ok(Self { ticket, destination, source, routing_key, no_wait, arguments })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        10 + self.destination.len()
            + self.source.len()
            + self.routing_key.len()
            + self.arguments.as_bytes().len()
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u16(self.ticket);
        self.destination.as_short_ref().encode(out);
        self.source.as_short_ref().encode(out);
        self.routing_key.as_short_ref().encode(out);
        out.put_u8(u8::from(self.no_wait));
        self.arguments.encode(out);
    }
}

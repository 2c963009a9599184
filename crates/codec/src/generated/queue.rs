//! Class queue, number 50. Declaring, deleting, binding and purging queues (AMQP 0-9-1 §1.7).

// Written by tests/generated from methods.txt. Change that, not this.

use bytes::BufMut;

use crate::arguments::{Arguments, Taken};
use crate::{ShortStr, Table};

/// queue.declare: Creates a queue, or checks that it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declare {
    /// Ignored: an access ticket of AMQP 0-8.
    pub ticket: u16,
    /// The queue's name; empty for one that the server makes up.
    pub queue: ShortStr,
    /// Only checks.
    pub passive: bool,
    /// Survives a restart.
    pub durable: bool,
    /// For this connection only, and gone with it.
    pub exclusive: bool,
    /// Goes with its last consumer.
    pub auto_delete: bool,
    /// No reply is wanted.
    pub no_wait: bool,
    /// Extensions, such as x-max-length.
    pub arguments: Table,
}

impl Declare {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let ticket = arguments.short()?;
        let queue = arguments.short_str()?;
        let bits = arguments.octet()?;
        let passive = bits & 1 != 0;
        let durable = bits & 2 != 0;
        let exclusive = bits & 4 != 0;
        let auto_delete = bits & 8 != 0;
        let no_wait = bits & 16 != 0;
        let arguments = arguments.table()?;
        Ok(Self { ticket, queue, passive, durable, exclusive, auto_delete, no_wait, arguments })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        8 + self.queue.len() + self.arguments.as_bytes().len()
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u16(self.ticket);
        self.queue.as_short_ref().encode(out);
        out.put_u8(
            u8::from(self.passive)
                | u8::from(self.durable) << 1
                | u8::from(self.exclusive) << 2
                | u8::from(self.auto_delete) << 3
                | u8::from(self.no_wait) << 4,
        );
        self.arguments.encode(out);
    }
}

/// queue.declare-ok: The queue is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeclareOk {
    /// The queue's name.
    pub queue: ShortStr,
    /// How many messages are ready.
    pub message_count: u32,
    /// How many consumers it has.
    pub consumer_count: u32,
}

impl DeclareOk {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let queue = arguments.short_str()?;
        let message_count = arguments.long()?;
        let consumer_count = arguments.long()?;
        Ok(Self { queue, message_count, consumer_count })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        9 + self.queue.len()
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        self.queue.as_short_ref().encode(out);
        out.put_u32(self.message_count);
        out.put_u32(self.consumer_count);
    }
}

/// queue.bind: Binds a queue to an exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bind {
    /// Ignored: an access ticket of AMQP 0-8.
    pub ticket: u16,
    /// The queue's name; empty for the last one declared on this channel.
    pub queue: ShortStr,
    /// The exchange's name.
    pub exchange: ShortStr,
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
        let queue = arguments.short_str()?;
        let exchange = arguments.short_str()?;
        let routing_key = arguments.short_str()?;
        let bits = arguments.octet()?;
        let no_wait = bits & 1 != 0;
        let arguments = arguments.table()?;
        Ok(Self { ticket, queue, exchange, routing_key, no_wait, arguments })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        10 + self.queue.len()
            + self.exchange.len()
            + self.routing_key.len()
            + self.arguments.as_bytes().len()
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u16(self.ticket);
        self.queue.as_short_ref().encode(out);
        self.exchange.as_short_ref().encode(out);
        self.routing_key.as_short_ref().encode(out);
        out.put_u8(u8::from(self.no_wait));
        self.arguments.encode(out);
    }
}

/// queue.purge: Drops all ready messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purge {
    /// Ignored: an access ticket of AMQP 0-8.
    pub ticket: u16,
    /// The queue's name; empty for the last one declared on this channel.
    pub queue: ShortStr,
    /// No reply is wanted.
    pub no_wait: bool,
}

impl Purge {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let ticket = arguments.short()?;
        let queue = arguments.short_str()?;
        let bits = arguments.octet()?;
        let no_wait = bits & 1 != 0;
        Ok(Self { ticket, queue, no_wait })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        4 + self.queue.len()
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u16(self.ticket);
        self.queue.as_short_ref().encode(out);
        out.put_u8(u8::from(self.no_wait));
    }
}

/// queue.purge-ok: The messages are gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PurgeOk {
    /// How many there were.
    pub message_count: u32,
}

impl PurgeOk {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let message_count = arguments.long()?;
        Ok(Self { message_count })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        4
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u32(self.message_count);
    }
}

/// queue.delete: Deletes a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delete {
    /// Ignored: an access ticket of AMQP 0-8.
    pub ticket: u16,
    /// The queue's name; empty for the last one declared on this channel.
    pub queue: ShortStr,
    /// Only when it has no consumers.
    pub if_unused: bool,
    /// Only when it has no messages.
    pub if_empty: bool,
    /// No reply is wanted.
    pub no_wait: bool,
}

impl Delete {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let ticket = arguments.short()?;
        let queue = arguments.short_str()?;
        let bits = arguments.octet()?;
        let if_unused = bits & 1 != 0;
        let if_empty = bits & 2 != 0;
        let no_wait = bits & 4 != 0;
        Ok(Self { ticket, queue, if_unused, if_empty, no_wait })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        4 + self.queue.len()
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u16(self.ticket);
        self.queue.as_short_ref().encode(out);
        out.put_u8(
            u8::from(self.if_unused) | u8::from(self.if_empty) << 1 | u8::from(self.no_wait) << 2,
        );
    }
}

/// queue.delete-ok: The queue is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteOk {
    /// How many messages went with it.
    pub message_count: u32,
}

impl DeleteOk {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let message_count = arguments.long()?;
        Ok(Self { message_count })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        4
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u32(self.message_count);
    }
}

/// queue.unbind: Removes a binding. There is no no-wait.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unbind {
    /// Ignored: an access ticket of AMQP 0-8.
    pub ticket: u16,
    /// The queue's name; empty for the last one declared on this channel.
    pub queue: ShortStr,
    /// The exchange's name.
    pub exchange: ShortStr,
    /// The binding's key.
    pub routing_key: ShortStr,
    /// The binding's arguments.
    pub arguments: Table,
}

impl Unbind {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let ticket = arguments.short()?;
        let queue = arguments.short_str()?;
        let exchange = arguments.short_str()?;
        let routing_key = arguments.short_str()?;
        let arguments = arguments.table()?;
        Ok(Self { ticket, queue, exchange, routing_key, arguments })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        9 + self.queue.len()
            + self.exchange.len()
            + self.routing_key.len()
            + self.arguments.as_bytes().len()
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u16(self.ticket);
        self.queue.as_short_ref().encode(out);
        self.exchange.as_short_ref().encode(out);
        self.routing_key.as_short_ref().encode(out);
        self.arguments.encode(out);
    }
}

//! Class basic, number 60. Publishing, consuming and settling messages (AMQP 0-9-1 §1.8).

// Written by tests/generated from methods.txt. Change that, not this.

pub use crate::data_plane::{
    Ack, Deliver, DeliverRef, GetOk, GetOkRef, Nack, Publish, PublishRef, Reject, Return, ReturnRef,
};

use bytes::BufMut;

use crate::arguments::{Arguments, Taken};
use crate::{ShortStr, Table};

/// basic.qos: Limits how much may be delivered and not yet settled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Qos {
    /// Octets; 0 for no limit.
    pub prefetch_size: u32,
    /// Messages; 0 for no limit.
    pub prefetch_count: u16,
    /// For the channel rather than for each new consumer (RabbitMQ's meaning).
    pub global: bool,
}

impl Qos {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let prefetch_size = arguments.long()?;
        let prefetch_count = arguments.short()?;
        let bits = arguments.octet()?;
        let global = bits & 1 != 0;
        Ok(Self { prefetch_size, prefetch_count, global })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        7
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u32(self.prefetch_size);
        out.put_u16(self.prefetch_count);
        out.put_u8(u8::from(self.global));
    }
}

/// basic.consume: Starts a consumer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consume {
    /// Ignored: an access ticket of AMQP 0-8.
    pub ticket: u16,
    /// The queue's name; empty for the last one declared on this channel.
    pub queue: ShortStr,
    /// The consumer's name; empty for one that the server makes up.
    pub consumer_tag: ShortStr,
    /// Not messages published by this connection.
    pub no_local: bool,
    /// Messages count as settled when they are sent.
    pub no_ack: bool,
    /// As the queue's only consumer.
    pub exclusive: bool,
    /// No reply is wanted.
    pub no_wait: bool,
    /// Extensions, such as x-priority.
    pub arguments: Table,
}

impl Consume {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let ticket = arguments.short()?;
        let queue = arguments.short_str()?;
        let consumer_tag = arguments.short_str()?;
        let bits = arguments.octet()?;
        let no_local = bits & 1 != 0;
        let no_ack = bits & 2 != 0;
        let exclusive = bits & 4 != 0;
        let no_wait = bits & 8 != 0;
        let arguments = arguments.table()?;
        Ok(Self { ticket, queue, consumer_tag, no_local, no_ack, exclusive, no_wait, arguments })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        9 + self.queue.len() + self.consumer_tag.len() + self.arguments.as_bytes().len()
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u16(self.ticket);
        self.queue.as_short_ref().encode(out);
        self.consumer_tag.as_short_ref().encode(out);
        out.put_u8(
            u8::from(self.no_local)
                | u8::from(self.no_ack) << 1
                | u8::from(self.exclusive) << 2
                | u8::from(self.no_wait) << 3,
        );
        self.arguments.encode(out);
    }
}

/// basic.consume-ok: The consumer is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsumeOk {
    /// The consumer's name.
    pub consumer_tag: ShortStr,
}

impl ConsumeOk {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let consumer_tag = arguments.short_str()?;
        Ok(Self { consumer_tag })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        1 + self.consumer_tag.len()
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        self.consumer_tag.as_short_ref().encode(out);
    }
}

/// basic.cancel: Ends a consumer. RabbitMQ extension: The server sends it too, when the queue is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cancel {
    /// The consumer's name.
    pub consumer_tag: ShortStr,
    /// No reply is wanted.
    pub no_wait: bool,
}

impl Cancel {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let consumer_tag = arguments.short_str()?;
        let bits = arguments.octet()?;
        let no_wait = bits & 1 != 0;
        Ok(Self { consumer_tag, no_wait })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        2 + self.consumer_tag.len()
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        self.consumer_tag.as_short_ref().encode(out);
        out.put_u8(u8::from(self.no_wait));
    }
}

/// basic.cancel-ok: The consumer is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CancelOk {
    /// The consumer's name.
    pub consumer_tag: ShortStr,
}

impl CancelOk {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let consumer_tag = arguments.short_str()?;
        Ok(Self { consumer_tag })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        1 + self.consumer_tag.len()
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        self.consumer_tag.as_short_ref().encode(out);
    }
}

/// basic.get: Asks for one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Get {
    /// Ignored: an access ticket of AMQP 0-8.
    pub ticket: u16,
    /// The queue's name; empty for the last one declared on this channel.
    pub queue: ShortStr,
    /// The message counts as settled when it is sent.
    pub no_ack: bool,
}

impl Get {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let ticket = arguments.short()?;
        let queue = arguments.short_str()?;
        let bits = arguments.octet()?;
        let no_ack = bits & 1 != 0;
        Ok(Self { ticket, queue, no_ack })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        4 + self.queue.len()
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u16(self.ticket);
        self.queue.as_short_ref().encode(out);
        out.put_u8(u8::from(self.no_ack));
    }
}

/// basic.recover-async: Asks for all unsettled messages again, without a reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoverAsync {
    /// Back to the queue rather than to the same consumer.
    pub requeue: bool,
}

impl RecoverAsync {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let bits = arguments.octet()?;
        let requeue = bits & 1 != 0;
        Ok(Self { requeue })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        1
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u8(u8::from(self.requeue));
    }
}

/// basic.recover: Asks for all unsettled messages again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recover {
    /// Back to the queue rather than to the same consumer.
    pub requeue: bool,
}

impl Recover {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let bits = arguments.octet()?;
        let requeue = bits & 1 != 0;
        Ok(Self { requeue })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        1
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u8(u8::from(self.requeue));
    }
}

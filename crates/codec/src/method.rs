//! Methods: what peers say to each other, one module a class, one struct a method that has arguments.
//!
//! [`Method`] holds any of them; methods without arguments are arms without a struct. Methods with
//! several strings or a table are boxed there, so that a `Method` stays small; `Method::from(declare)` makes either.

use bytes::{BufMut, Bytes};

use crate::arguments::{Arguments, Taken};
use crate::frame::method_head;
use crate::{
    ChannelId, DecodeError, FRAME_END, FRAME_OVERHEAD, Fault, Limits, Method, MethodId, grammar,
};

pub use crate::generated::{access, basic, channel, confirm, connection, exchange, queue, tx};

/// Who may send a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// Only a client.
    Client,
    /// Only a server.
    Server,
    /// Both.
    Both,
}

impl Sender {
    /// Whether a client may send it.
    #[must_use]
    pub const fn is_client(self) -> bool {
        matches!(self, Self::Client | Self::Both)
    }

    /// Whether a server may send it.
    #[must_use]
    pub const fn is_server(self) -> bool {
        matches!(self, Self::Server | Self::Both)
    }
}

/// One row of the legality table.
pub(crate) struct Facts {
    pub(crate) ids: (u16, u16),
    pub(crate) name: &'static str,
    pub(crate) sender: Sender,
    pub(crate) has_content: bool,
    pub(crate) replies: &'static [MethodId],
}

impl MethodId {
    /// The class and the method as they are on the wire.
    #[must_use]
    pub const fn ids(self) -> (u16, u16) {
        self.facts().ids
    }

    /// Its name as the specification writes it: `queue.declare-ok`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// Who may send it.
    #[must_use]
    pub const fn sender(self) -> Sender {
        self.facts().sender
    }

    /// Whether it belongs on channel 0; all others belong on the channels above.
    #[must_use]
    pub const fn is_on_channel_zero(self) -> bool {
        self.ids().0 == 10
    }

    /// Whether a content header and body frames follow it.
    #[must_use]
    pub const fn has_content(self) -> bool {
        self.facts().has_content
    }

    /// Whether its sender waits for a reply, unless the method says `no_wait`.
    #[must_use]
    pub const fn is_synchronous(self) -> bool {
        !self.facts().replies.is_empty()
    }

    /// The methods that may answer it.
    #[must_use]
    pub const fn replies(self) -> &'static [Self] {
        self.facts().replies
    }
}

impl Method {
    /// Takes a method frame's payload apart. What it holds afterwards are slices of `payload`.
    ///
    /// # Errors
    ///
    /// [`Expected::KnownMethod`](crate::Expected::KnownMethod) for a method that does not exist; everything else when
    /// the arguments do not add up to the payload, or a table passes the limits. The error's offset counts from the
    /// first octet of the frame, seven before the payload; its channel is 0.
    pub fn decode(payload: &Bytes, limits: &Limits) -> Result<Self, DecodeError> {
        Self::parse(payload, payload, limits).map_err(|fault| {
            error_in_method(fault, payload, FRAME_OVERHEAD - 1, ChannelId::CONNECTION)
        })
    }

    pub(crate) fn parse<'a>(
        shared: &'a Bytes,
        payload: &'a [u8],
        limits: &'a Limits,
    ) -> Taken<'a, Self> {
        let (rest, id) = grammar::method_id(payload)?;
        let mut arguments = Arguments::new(shared, rest, limits);
        let method = Self::decode_arguments(id, &mut arguments)?;
        arguments.end()?;
        Ok(method)
    }

    /// The class and the method as they are on the wire.
    #[must_use]
    pub const fn ids(&self) -> (u16, u16) {
        self.id().ids()
    }

    /// Its name as the specification writes it: `queue.declare-ok`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.id().name()
    }

    /// Octets of the whole method frame.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        FRAME_OVERHEAD + 4 + self.arguments_len()
    }

    /// Writes the whole method frame.
    #[inline]
    pub fn encode(&self, channel: ChannelId, out: &mut impl BufMut) {
        match self {
            Self::BasicPublish(publish) => publish.encode(channel, out),
            Self::BasicDeliver(deliver) => deliver.encode(channel, out),
            Self::BasicReturn(returned) => returned.encode(channel, out),
            Self::BasicGetOk(get_ok) => get_ok.encode(channel, out),
            Self::BasicAck(ack) => ack.encode(channel, out),
            Self::BasicNack(nack) => nack.encode(channel, out),
            Self::BasicReject(reject) => reject.encode(channel, out),
            rare => rare.encode_in_parts(channel, out),
        }
    }

    fn encode_in_parts(&self, channel: ChannelId, out: &mut impl BufMut) {
        out.put_slice(&method_head(channel, self.id(), self.arguments_len()));
        self.encode_arguments(out);
        out.put_u8(FRAME_END);
    }
}

/// The error of a method frame with this payload, which lies `payload_at` octets behind the frame's first.
#[cold]
pub(crate) fn error_in_method(
    fault: nom::Err<Fault<'_>>,
    payload: &[u8],
    payload_at: usize,
    channel: ChannelId,
) -> DecodeError {
    let (expected, offset) = crate::error::located(fault, payload);
    let error = DecodeError::new(grammar::METHOD, channel, payload_at + offset, expected, payload);
    match grammar::method_id(payload) {
        Ok((_, id)) => error.with_method(id),
        Err(_) => error,
    }
}

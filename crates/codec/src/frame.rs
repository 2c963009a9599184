//! The envelope around everything: type, channel, size, payload, 0xCE (AMQP 0-9-1 §4.2.3).

use core::fmt;

use bytes::{BufMut, Bytes};

use crate::{Header, Method, MethodId, grammar};

/// The octet after every frame's payload.
pub const FRAME_END: u8 = 0xCE;
/// Octets of a frame besides its payload: seven before, one after it.
pub const FRAME_OVERHEAD: usize = 8;
/// A whole heartbeat frame (AMQP 0-9-1 §4.2.7).
pub const HEARTBEAT: [u8; FRAME_OVERHEAD] = [grammar::HEARTBEAT, 0, 0, 0, 0, 0, 0, FRAME_END];

/// A channel's number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(u16);

impl ChannelId {
    /// Channel 0: the connection's own methods, and heartbeats.
    pub const CONNECTION: Self = Self(0);

    /// The channel of this number.
    #[must_use]
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Whether it is channel 0.
    #[must_use]
    pub const fn is_connection(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// One frame, with slices of the buffer it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A method.
    Method(ChannelId, Method),
    /// The content header after a method that carries content.
    Header(ChannelId, Header),
    /// A piece of a content's body; may be empty.
    Body(ChannelId, Bytes),
    /// Somebody is still there.
    Heartbeat,
}

impl Frame {
    /// The channel it belongs to.
    #[must_use]
    pub const fn channel(&self) -> ChannelId {
        match self {
            Self::Method(channel, _) | Self::Header(channel, _) | Self::Body(channel, _) => {
                *channel
            }
            Self::Heartbeat => ChannelId::CONNECTION,
        }
    }

    /// Octets of the whole frame.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        match self {
            Self::Method(_, method) => method.encoded_len(),
            Self::Header(_, header) => header.encoded_len(),
            Self::Body(_, payload) => FRAME_OVERHEAD + payload.len(),
            Self::Heartbeat => FRAME_OVERHEAD,
        }
    }

    /// Writes the whole frame.
    pub fn encode(&self, out: &mut impl BufMut) {
        match self {
            Self::Method(channel, method) => method.encode(*channel, out),
            Self::Header(channel, header) => header.encode(*channel, out),
            Self::Body(channel, payload) => encode_body(*channel, payload, out),
            Self::Heartbeat => encode_heartbeat(out),
        }
    }
}

/// Writes a heartbeat frame.
pub fn encode_heartbeat(out: &mut impl BufMut) {
    out.put_slice(&HEARTBEAT);
}

/// Writes a body frame around a copy of `payload`, which must be shorter than 4 GiB. For a large payload write [`body_frame_head`], hand the payload
/// itself to the socket, and write [`FRAME_END`].
pub fn encode_body(channel: ChannelId, payload: &[u8], out: &mut impl BufMut) {
    out.put_slice(&body_frame_head(channel, payload.len()));
    out.put_slice(payload);
    out.put_u8(FRAME_END);
}

/// The seven octets before a body frame's payload of `len` octets.
#[must_use]
pub const fn body_frame_head(channel: ChannelId, len: usize) -> [u8; 7] {
    envelope(grammar::BODY, channel, len)
}

pub(crate) const fn envelope(kind: u8, channel: ChannelId, len: usize) -> [u8; 7] {
    let [c0, c1] = channel.0.to_be_bytes();
    let [s0, s1, s2, s3] = (len as u32).to_be_bytes();
    [kind, c0, c1, s0, s1, s2, s3]
}

/// The eleven octets before a method's arguments.
pub(crate) const fn method_head(
    channel: ChannelId,
    id: MethodId,
    arguments_len: usize,
) -> [u8; 11] {
    let [kind, c0, c1, s0, s1, s2, s3] = envelope(grammar::METHOD, channel, arguments_len + 4);
    let (class_id, method_id) = id.ids();
    let ([i0, i1], [i2, i3]) = (class_id.to_be_bytes(), method_id.to_be_bytes());
    [kind, c0, c1, s0, s1, s2, s3, i0, i1, i2, i3]
}

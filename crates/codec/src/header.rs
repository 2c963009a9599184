//! The content header: class, size and properties of the content that follows a method (AMQP 0-9-1 §4.2.6.1).

use bytes::{BufMut, Bytes};

use crate::arguments::Taken;
use crate::frame::envelope;
use crate::{ChannelId, Expected, FRAME_END, FRAME_OVERHEAD, Fault, Properties, grammar};

/// A content header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Octets of the body, over all the body frames that follow.
    pub body_size: u64,
    /// What the content says about itself.
    pub properties: Properties,
    /// The class of the method before it: [`Header::CLASS_BASIC`].
    pub class_id: u16,
}

/// What comes before the properties: class, weight and body size.
pub(crate) const FIXED_LEN: usize = 12;

impl Header {
    /// The class of all methods that carry content: basic.
    pub const CLASS_BASIC: u16 = 60;

    /// The header of a message: class basic.
    #[must_use]
    pub const fn new(body_size: u64, properties: Properties) -> Self {
        Self { body_size, properties, class_id: Self::CLASS_BASIC }
    }

    /// Octets of the whole header frame.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        FRAME_OVERHEAD + FIXED_LEN + self.properties.encoded_len()
    }

    /// Writes the whole header frame.
    #[inline]
    pub fn encode(&self, channel: ChannelId, out: &mut impl BufMut) {
        encode(channel, self.class_id, self.body_size, self.properties.as_bytes(), out);
    }
}

#[inline]
pub(crate) fn encode(
    channel: ChannelId,
    class_id: u16,
    body_size: u64,
    properties: &[u8],
    out: &mut impl BufMut,
) {
    let [kind, c0, c1, s0, s1, s2, s3] =
        envelope(grammar::HEADER, channel, FIXED_LEN + properties.len());
    let [i0, i1] = class_id.to_be_bytes();
    let [b0, b1, b2, b3, b4, b5, b6, b7] = body_size.to_be_bytes();
    out.put_slice(&[kind, c0, c1, s0, s1, s2, s3, i0, i1, 0, 0, b0, b1, b2, b3, b4, b5, b6, b7]);
    out.put_slice(properties);
    out.put_u8(FRAME_END);
}

/// The fixed part at the front of a header frame's payload: class and body size.
#[inline]
pub(crate) fn fixed(payload: &[u8]) -> Taken<'_, (u16, u64, &[u8])> {
    let (rest, class_id) = grammar::short(payload)?;
    let (after_weight, weight) = grammar::short(rest)?;
    if weight != 0 {
        return Err(nom::Err::Error(Fault::new(rest, Expected::ZeroWeight)));
    }
    let (properties, body_size) = grammar::long_long(after_weight)?;
    Ok((class_id, body_size, properties))
}

impl Header {
    pub(crate) fn from_parts(class_id: u16, body_size: u64, raw: Bytes, checked: bool) -> Self {
        Self { body_size, properties: Properties::from_wire(raw, checked), class_id }
    }
}

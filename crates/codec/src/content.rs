//! A message as it travels: properties and body, in the slices they arrived in.

use alloc::vec::Vec;

use bytes::{BufMut, Bytes, BytesMut};

use crate::gather::gather;
use crate::string::detach;
use crate::{ChannelId, FRAME_OVERHEAD, Header, Properties, encode_body};

/// A body: the slices it arrived in, in their order. One slice is kept without a list.
#[derive(Clone, Debug, Default)]
pub struct Body(Pieces);

#[derive(Clone, Debug)]
enum Pieces {
    One(Bytes),
    Many { pieces: Vec<Bytes>, len: usize },
}

impl Default for Pieces {
    fn default() -> Self {
        Self::One(Bytes::new())
    }
}

impl Body {
    /// A body without octets.
    pub const EMPTY: Self = Self(Pieces::One(Bytes::new()));

    /// Adds a slice behind those that are there; an empty one changes nothing.
    pub fn push(&mut self, slice: Bytes) {
        if slice.is_empty() {
            return;
        }
        match &mut self.0 {
            Pieces::One(only) if only.is_empty() => *only = slice,
            Pieces::One(first) => {
                let len = first.len() + slice.len();
                let first = core::mem::take(first);
                self.0 = Pieces::Many { pieces: alloc::vec![first, slice], len };
            }
            Pieces::Many { pieces, len } => {
                *len += slice.len();
                pieces.push(slice);
            }
        }
    }

    /// How many octets, over all slices.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Pieces::One(only) => only.len(),
            Pieces::Many { len, .. } => *len,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The slices, in their order.
    #[must_use]
    pub fn slices(&self) -> &[Bytes] {
        match &self.0 {
            Pieces::One(only) if only.is_empty() => &[],
            Pieces::One(only) => core::slice::from_ref(only),
            Pieces::Many { pieces, .. } => pieces,
        }
    }

    /// All octets in one slice: shared when there is only one, else copied.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        match &self.0 {
            Pieces::One(only) => only.clone(),
            Pieces::Many { .. } => self.gather(),
        }
    }

    /// The same octets in one slice of memory of their own, so that they do not keep a read buffer alive.
    #[must_use]
    pub fn detached(&self) -> Self {
        match &self.0 {
            Pieces::One(only) => Self(Pieces::One(detach(only))),
            Pieces::Many { .. } => Self(Pieces::One(self.gather())),
        }
    }

    /// The pieces of at most `payload_max` octets that body frames carry, shared and not copied. A piece never spans
    /// two slices, so frames may be smaller than they could be (AMQP 0-9-1 §4.2.6.2 lets them).
    #[must_use]
    pub fn chunks(&self, payload_max: usize) -> Chunks<'_> {
        Chunks { slices: self.slices().iter(), rest: Bytes::new(), payload_max: payload_max.max(1) }
    }

    fn gather(&self) -> Bytes {
        let mut all = BytesMut::with_capacity(self.len());
        for slice in self.slices() {
            all.extend_from_slice(slice);
        }
        all.freeze()
    }
}

impl From<Bytes> for Body {
    fn from(slice: Bytes) -> Self {
        Self(Pieces::One(slice))
    }
}

impl From<Vec<u8>> for Body {
    fn from(octets: Vec<u8>) -> Self {
        Self::from(Bytes::from(octets))
    }
}

impl From<&'static [u8]> for Body {
    fn from(octets: &'static [u8]) -> Self {
        Self::from(Bytes::from_static(octets))
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Self::from(text.as_bytes())
    }
}

impl FromIterator<Bytes> for Body {
    fn from_iter<I: IntoIterator<Item = Bytes>>(slices: I) -> Self {
        let mut body = Self::EMPTY;
        slices.into_iter().for_each(|slice| body.push(slice));
        body
    }
}

/// Bodies are equal when their octets are, however they are cut.
impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.slices().iter().flatten().eq(other.slices().iter().flatten())
    }
}

impl Eq for Body {}

/// The pieces of a body that frames carry; see [`Body::chunks`].
#[derive(Clone, Debug)]
pub struct Chunks<'a> {
    slices: core::slice::Iter<'a, Bytes>,
    rest: Bytes,
    payload_max: usize,
}

impl Iterator for Chunks<'_> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.rest.is_empty() {
            self.rest = self.slices.next()?.clone();
        }
        if self.rest.len() <= self.payload_max {
            return Some(core::mem::take(&mut self.rest));
        }
        Some(self.rest.split_to(self.payload_max))
    }
}

/// A message's properties and body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// What the message says about itself.
    pub properties: Properties,
    /// The message.
    pub body: Body,
}

impl Content {
    /// A message.
    #[must_use]
    pub fn new(properties: Properties, body: impl Into<Body>) -> Self {
        Self { properties, body: body.into() }
    }

    /// The content header that announces it.
    #[must_use]
    pub fn header(&self) -> Header {
        Header::new(self.body.len() as u64, self.properties.clone())
    }

    /// The same message in memory of its own, so that it does not keep a read buffer alive.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self { properties: self.properties.detached(), body: self.body.detached() }
    }

    /// The same message behind `head`, both in one piece of memory of their own: for whoever keeps a message and
    /// something else about it, and wants one allocation for all (a second one above 2 KiB).
    #[must_use]
    pub fn detached_behind(&self, head: &[u8]) -> (Bytes, Self) {
        let properties = self.properties.as_bytes();
        let body = self.body.slices().iter().map(|slice| &**slice);
        let mut memory = gather([head, properties].into_iter().chain(body));
        let head = memory.split_to(head.len());
        let properties = self.properties.moved_to(memory.split_to(properties.len()));
        (head, Self { properties, body: Body::from(memory) })
    }

    /// Octets of its header frame and all its body frames when no frame may pass `frame_max` (0: no limit).
    #[must_use]
    pub fn encoded_len(&self, frame_max: u32) -> usize {
        let payload_max = payload_max(frame_max);
        let frames: usize =
            self.body.slices().iter().map(|slice| slice.len().div_ceil(payload_max)).sum();
        self.header_len() + self.body.len() + frames * FRAME_OVERHEAD
    }

    fn header_len(&self) -> usize {
        FRAME_OVERHEAD + crate::header::FIXED_LEN + self.properties.encoded_len()
    }

    /// Writes its header frame.
    #[inline]
    pub fn encode_header(&self, channel: ChannelId, out: &mut impl BufMut) {
        let (size, properties) = (self.body.len() as u64, self.properties.as_bytes());
        crate::header::encode(channel, Header::CLASS_BASIC, size, properties, out);
    }

    /// Writes its header frame and body frames of at most `frame_max` octets (0: no limit), copying the body. For a
    /// large body use [`Content::encode_header`], and [`Body::chunks`] with [`body_frame_head`](crate::body_frame_head).
    pub fn encode(&self, channel: ChannelId, frame_max: u32, out: &mut impl BufMut) {
        self.encode_header(channel, out);
        let payload_max = payload_max(frame_max);
        for piece in self.body.slices().iter().flat_map(|slice| slice.chunks(payload_max)) {
            encode_body(channel, piece, out);
        }
    }
}

fn payload_max(frame_max: u32) -> usize {
    match frame_max {
        0 => u32::MAX as usize - FRAME_OVERHEAD,
        frame_max => (frame_max as usize).saturating_sub(FRAME_OVERHEAD).max(1),
    }
}

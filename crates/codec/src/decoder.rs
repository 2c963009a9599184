//! Whole frames off the front of a read buffer, without copying.

use bytes::{Buf, Bytes, BytesMut};

use crate::data_plane as basic;
use crate::grammar::{self, Envelope};
use crate::method::error_in_method;
use crate::{
    ChannelId, DecodeError, Expected, FRAME_END, FRAME_OVERHEAD, Fault, Frame, Header, Limits,
    Method, header, properties,
};

/// Octets before a payload, and before a method's arguments.
const ENVELOPE: usize = FRAME_OVERHEAD - 1;
const METHOD_HEAD: usize = ENVELOPE + 4;

type Decoded = Result<Option<Frame>, DecodeError>;

/// Takes frames off the front of a buffer that a host reads into.
///
/// ```
/// use bytes::BytesMut;
/// use warrener_codec::{Decoder, Frame, Limits};
///
/// let mut decoder = Decoder::new(Limits::default());
/// let mut input = BytesMut::from(&[8, 0, 0, 0, 0, 0][..]);
/// assert_eq!(decoder.decode(&mut input)?, None);
/// assert_eq!(decoder.missing(), 2);
/// input.extend_from_slice(&[0, 0xCE]);
/// assert_eq!(decoder.decode(&mut input)?, Some(Frame::Heartbeat));
/// # Ok::<(), warrener_codec::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Decoder {
    limits: Limits,
    missing: usize,
    failed: Option<DecodeError>,
}

impl Decoder {
    /// A decoder for a connection on which a peer may send what `limits` say.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { limits, missing: FRAME_OVERHEAD, failed: None }
    }

    /// What the peer may send.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Changes the largest frame, when it was negotiated.
    pub const fn set_frame_max(&mut self, frame_max: u32) {
        self.limits.frame_max = frame_max;
    }

    /// How many more octets the frame at the front of the buffer needs at least, after [`Decoder::decode`] returned
    /// `None`: exact as soon as the first seven octets are there. A host that reserves so much, once, never has a
    /// frame moved again. It is a peer's word, bounded by [`Limits::frame_max`] only: a host that sets no such limit
    /// should reserve in steps.
    #[must_use]
    pub const fn missing(&self) -> usize {
        self.missing
    }

    /// Takes one whole frame off the front of `input`; `None` when more octets are needed, which changes nothing.
    ///
    /// What the frame holds are slices of `input`'s memory: nothing is copied.
    ///
    /// # Errors
    ///
    /// When the octets are not AMQP 0-9-1 or pass the limits. The frame is gone from `input` when its bounds were
    /// sound ([`DecodeError::is_recoverable`]); otherwise `input` is left as it is, and the same error is returned
    /// for ever, since nobody knows where the next frame begins.
    // Returned by value and large: inlined, a frame is written once, to where its reader wants it.
    #[inline(always)]
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Frame>, DecodeError> {
        if self.failed.is_some() {
            return Err(self.lost_sync(input));
        }
        let Envelope { kind, channel, size } = match grammar::envelope(&self.limits, input) {
            Ok((_, envelope)) => envelope,
            Err(nom::Err::Incomplete(_)) => {
                self.missing = FRAME_OVERHEAD - input.len();
                return Ok(None);
            }
            Err(_) => return Err(self.lost_sync(input)),
        };
        let total = size as usize + FRAME_OVERHEAD;
        match input.get(total - 1) {
            Some(&FRAME_END) => {}
            Some(_) => return Err(self.lost_sync(input)),
            None => {
                self.missing = total - input.len();
                return Ok(None);
            }
        }
        self.missing = FRAME_OVERHEAD;
        match kind {
            grammar::METHOD => self.method(channel, input, total),
            grammar::BODY => Ok(Some(Frame::Body(channel, share(input, ENVELOPE, total)))),
            grammar::HEADER => self.header(channel, input, total),
            _ => heartbeat(channel, input, total),
        }
    }

    /// The data plane is taken apart in place, and shares memory at most once; the rest, and everything that is
    /// wrong, goes the general way.
    #[inline(always)]
    fn method(&self, channel: ChannelId, input: &mut BytesMut, total: usize) -> Decoded {
        macro_rules! content {
            ($method:ident, $arguments:ident) => {
                if let Some(method) = basic::$method::measure($arguments) {
                    let method = method(share(input, METHOD_HEAD, total)).into();
                    return Ok(Some(Frame::Method(channel, method)));
                }
            };
        }
        macro_rules! settling {
            ($method:ident, $arguments:ident) => {
                if let Some(method) = basic::$method::exactly($arguments) {
                    input.advance(total);
                    return Ok(Some(Frame::Method(channel, method.into())));
                }
            };
        }
        let payload = input.get(ENVELOPE..total - 1).unwrap_or_default();
        if let Some((&[0, 60, 0, number], arguments)) = payload.split_first_chunk() {
            match number {
                40 => content!(Publish, arguments),
                50 => content!(Return, arguments),
                60 => content!(Deliver, arguments),
                71 => content!(GetOk, arguments),
                80 => settling!(Ack, arguments),
                90 => settling!(Reject, arguments),
                120 => settling!(Nack, arguments),
                _ => {}
            }
        }
        self.rare_method(channel, input, total)
    }

    #[inline(never)]
    fn rare_method(&self, channel: ChannelId, input: &mut BytesMut, total: usize) -> Decoded {
        let payload = share(input, ENVELOPE, total);
        match Method::parse(&payload, &payload, &self.limits) {
            Ok(method) => Ok(Some(Frame::Method(channel, method))),
            Err(fault) => Err(error_in_method(fault, &payload, ENVELOPE, channel)),
        }
    }

    #[inline(always)]
    fn header(&self, channel: ChannelId, input: &mut BytesMut, total: usize) -> Decoded {
        let payload = input.get(ENVELOPE..total - 1).unwrap_or_default();
        let parsed = header::fixed(payload).and_then(|(class_id, body_size, raw)| {
            if !self.limits.lazy_properties {
                properties::check(raw, &self.limits)?;
            }
            Ok((class_id, body_size))
        });
        match parsed {
            Ok((class_id, body_size)) => {
                let raw = share(input, ENVELOPE + header::FIXED_LEN, total);
                let checked = !self.limits.lazy_properties;
                let header = Header::from_parts(class_id, body_size, raw, checked);
                Ok(Some(Frame::Header(channel, header)))
            }
            Err(fault) => {
                let error = header_error(fault, payload, channel);
                input.advance(total);
                Err(error)
            }
        }
    }

    /// Remembers and repeats the error after which no frame can be found.
    #[cold]
    fn lost_sync(&mut self, input: &[u8]) -> DecodeError {
        if let Some(failed) = &self.failed {
            return failed.clone();
        }
        let error = match grammar::frame(&self.limits)(input) {
            Err(nom::Err::Error(Fault { input: at, expected })) => {
                let offset = Fault::new(at, expected).offset_in(input);
                let (kind, channel) = kind_and_channel(input);
                let payload = payload_for_text(input, expected);
                DecodeError::new(kind, channel, offset, expected, payload)
            }
            Ok(_) | Err(_) => DecodeError::new(0, ChannelId::CONNECTION, 0, Expected::Other, input),
        };
        self.failed = Some(error.clone());
        error
    }
}

/// The octets from `start` on, without the frame end, as a shared slice; the whole frame is gone from `input`.
#[inline(always)]
fn share(input: &mut BytesMut, start: usize, total: usize) -> Bytes {
    let frame_end = total - 1;
    if start == frame_end {
        input.advance(total);
        return Bytes::new();
    }
    input.advance(start);
    let shared = input.split_to(frame_end - start).freeze();
    input.advance(1);
    shared
}

fn heartbeat(channel: ChannelId, input: &mut BytesMut, total: usize) -> Decoded {
    if channel.is_connection() && total == FRAME_OVERHEAD {
        input.advance(total);
        return Ok(Some(Frame::Heartbeat));
    }
    let payload = share(input, ENVELOPE, total);
    let offset = if channel.is_connection() { ENVELOPE } else { 1 };
    Err(DecodeError::new(grammar::HEARTBEAT, channel, offset, Expected::Heartbeat, &payload))
}

#[cold]
fn header_error(fault: nom::Err<Fault<'_>>, payload: &[u8], channel: ChannelId) -> DecodeError {
    let (expected, offset) = crate::error::located(fault, payload);
    DecodeError::new(grammar::HEADER, channel, ENVELOPE + offset, expected, payload)
}

fn kind_and_channel(input: &[u8]) -> (u8, ChannelId) {
    match input.first_chunk() {
        Some(&[kind, c0, c1]) => (kind, ChannelId::new(u16::from_be_bytes([c0, c1]))),
        None => (0, ChannelId::CONNECTION),
    }
}

/// The payload that RabbitMQ's reply text quotes.
fn payload_for_text(input: &[u8], expected: Expected) -> &[u8] {
    let size = match input.first_chunk() {
        Some(&[_, _, _, s0, s1, s2, s3]) => u32::from_be_bytes([s0, s1, s2, s3]) as usize,
        None => 0,
    };
    let payload = input.get(ENVELOPE..).unwrap_or_default();
    match expected {
        Expected::SmallerFrame { .. } => &[],
        _ => payload.get(..size).unwrap_or(payload),
    }
}

//! bunny-rs: a codec over tokio-util's traits, lazily read properties.

use core::hint::black_box;

use bunny_rs::protocol::codec::AmqpCodec;
use bunny_rs::protocol::frame::{Frame, serialize_frame};
use bunny_rs::protocol::properties::parse_basic_properties;
use bytes::BytesMut;
use tokio_util::codec::Decoder;

use crate::peer::Peer;
use crate::samples::FRAME_MAX;

pub(crate) struct Bunny(AmqpCodec);

impl Default for Bunny {
    fn default() -> Self {
        Self(AmqpCodec::new_framing(FRAME_MAX))
    }
}

impl Peer for Bunny {
    const NAME: &str = "bunny-rs 0.10";
    type Frame = Frame;
    type Out = Vec<u8>;

    fn decode(&mut self, input: &mut BytesMut) -> Option<Frame> {
        self.0.decode(input).ok()?
    }

    fn read_properties(&mut self, header: &Frame) {
        let Frame::Header(_, header) = header else { return };
        let (_, properties) = parse_basic_properties(&header.properties_raw).unwrap();
        for entry in properties.get_headers().unwrap().iter() {
            black_box(entry);
        }
        black_box(&properties);
    }

    fn out(capacity: usize) -> Vec<u8> {
        Vec::with_capacity(capacity)
    }

    fn encode(&mut self, frames: &[Frame], out: &mut Vec<u8>) -> usize {
        out.clear();
        for frame in frames {
            serialize_frame(frame, out).unwrap();
        }
        out.len()
    }
}

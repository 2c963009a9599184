//! amq-protocol: what lapin is made of. It reads the properties while it parses; there is no lazy way.

use amq_protocol::frame::{AMQPFrame, WriteContext, gen_frame, parse_frame};
use bytes::{Buf, BytesMut};

use crate::peer::Peer;

#[derive(Default)]
pub(crate) struct AmqProtocol;

impl Peer for AmqProtocol {
    const NAME: &str = "amq-protocol 10.6";
    type Frame = AMQPFrame;
    type Out = Vec<u8>;

    fn decode(&mut self, input: &mut BytesMut) -> Option<AMQPFrame> {
        let (rest, frame) = parse_frame(&input[..]).ok()?;
        let taken = input.len() - rest.len();
        input.advance(taken);
        Some(frame)
    }

    fn out(capacity: usize) -> Vec<u8> {
        Vec::with_capacity(capacity)
    }

    fn encode(&mut self, frames: &[AMQPFrame], out: &mut Vec<u8>) -> usize {
        out.clear();
        for frame in frames {
            let context = WriteContext::from(core::mem::take(out));
            (*out, _) = gen_frame::<Vec<u8>>(frame)(context).unwrap().into_inner();
        }
        out.len()
    }
}

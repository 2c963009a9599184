//! amqp_serde: a serializer; its frames are put together here as amqprs does it. The properties are a struct of just
//! those in the sample, which spares it the flags.

use amqp_serde::types::{FieldTable, ShortStr};
use amqp_serde::{from_bytes, to_buffer};
use bytes::{Buf, BufMut, BytesMut};
use serde::{Deserialize, Serialize};

use crate::peer::Peer;

#[derive(Serialize, Deserialize)]
struct Envelope {
    kind: u8,
    channel: u16,
    size: u32,
}

#[derive(Serialize, Deserialize)]
struct MethodHeader {
    class_id: u16,
    method_id: u16,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Publish {
    ticket: u16,
    exchange: ShortStr,
    routing_key: ShortStr,
    bits: u8,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Deliver {
    consumer_tag: ShortStr,
    delivery_tag: u64,
    redelivered: bool,
    exchange: ShortStr,
    routing_key: ShortStr,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Ack {
    delivery_tag: u64,
    multiple: bool,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct ContentHeader {
    class_id: u16,
    weight: u16,
    body_size: u64,
    flags: u16,
    content_type: ShortStr,
    headers: FieldTable,
    delivery_mode: u8,
    message_id: ShortStr,
    timestamp: u64,
}

pub(crate) enum Frame {
    Publish(u16, Publish),
    Deliver(u16, Deliver),
    Ack(u16, Ack),
    Header(u16, Box<ContentHeader>),
    Body(u16, Vec<u8>),
}

fn decode(input: &mut BytesMut) -> Option<Frame> {
    let envelope: Envelope = from_bytes(input.get(..7)?).ok()?;
    let total = envelope.size as usize + 8;
    let payload = input.get(7..total - 1)?;
    if *input.get(total - 1)? != 0xCE {
        return None;
    }
    let channel = envelope.channel;
    let frame = match envelope.kind {
        1 => {
            let header: MethodHeader = from_bytes(&payload[..4]).ok()?;
            match (header.class_id, header.method_id) {
                (60, 40) => Frame::Publish(channel, from_bytes(&payload[4..]).ok()?),
                (60, 60) => Frame::Deliver(channel, from_bytes(&payload[4..]).ok()?),
                (60, 80) => Frame::Ack(channel, from_bytes(&payload[4..]).ok()?),
                _ => return None,
            }
        }
        2 => Frame::Header(channel, from_bytes(payload).ok()?),
        3 => Frame::Body(channel, payload.to_vec()),
        _ => return None,
    };
    input.advance(total);
    Some(frame)
}

fn encode_frame(frame: &Frame, out: &mut BytesMut) {
    let start = out.len();
    let (kind, channel) = match frame {
        Frame::Publish(channel, _) | Frame::Deliver(channel, _) | Frame::Ack(channel, _) => {
            (1, *channel)
        }
        Frame::Header(channel, _) => (2, *channel),
        Frame::Body(channel, _) => (3, *channel),
    };
    to_buffer(&Envelope { kind, channel, size: 0 }, out).unwrap();
    let mut head = |method_id| {
        to_buffer(&MethodHeader { class_id: 60, method_id }, out).unwrap();
    };
    match frame {
        Frame::Publish(_, publish) => {
            head(40);
            to_buffer(publish, out).unwrap();
        }
        Frame::Deliver(_, deliver) => {
            head(60);
            to_buffer(deliver, out).unwrap();
        }
        Frame::Ack(_, ack) => {
            head(80);
            to_buffer(ack, out).unwrap();
        }
        Frame::Header(_, header) => {
            to_buffer(header, out).unwrap();
        }
        Frame::Body(_, body) => out.put_slice(body),
    }
    let size = (out.len() - start - 7) as u32;
    out[start + 3..start + 7].copy_from_slice(&size.to_be_bytes());
    out.put_u8(0xCE);
}

#[derive(Default)]
pub(crate) struct AmqpSerde;

impl Peer for AmqpSerde {
    const NAME: &str = "amqp_serde 0.4";
    type Frame = Frame;
    type Out = BytesMut;

    fn decode(&mut self, input: &mut BytesMut) -> Option<Frame> {
        decode(input)
    }

    fn out(capacity: usize) -> BytesMut {
        BytesMut::with_capacity(capacity)
    }

    fn encode(&mut self, frames: &[Frame], out: &mut BytesMut) -> usize {
        out.clear();
        for frame in frames {
            encode_frame(frame, out);
        }
        out.len()
    }
}

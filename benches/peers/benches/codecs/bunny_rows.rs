//! bunny-rs: a codec over tokio-util's traits, lazily read properties.

use core::hint::black_box;

use bunny_rs::protocol::codec::AmqpCodec;
use bunny_rs::protocol::frame::{Frame, serialize_frame};
use bunny_rs::protocol::properties::parse_basic_properties;
use bytes::BytesMut;
use criterion::Criterion;
use tokio_util::codec::Decoder;

use crate::samples::{self, FRAME_MAX, per_call, per_unit};

const NAME: &str = "bunny-rs 0.10";

pub(crate) fn rows(criterion: &mut Criterion) {
    parse(criterion, "publish", &samples::publish_wire());
    parse(criterion, "deliver", &samples::deliver_wire());
    parse(criterion, "ack", &samples::ack_wire());
    parse(criterion, "header unread", &samples::header_wire());
    read_properties(criterion);
    for len in [16, 1024, 65_536] {
        parse(criterion, &format!("publish+header+body {len}"), &samples::triple_wire(len));
    }
    encode(criterion, "publish", &samples::publish_wire());
    encode(criterion, "deliver", &samples::deliver_wire());
    encode(criterion, "ack", &samples::ack_wire());
    encode(criterion, "header", &samples::header_wire());
    for len in [16, 1024, 65_536] {
        encode(criterion, &format!("publish+header+body {len}"), &samples::triple_wire(len));
    }
}

fn parse(criterion: &mut Criterion, row: &str, wire: &[u8]) {
    let mut codec = AmqpCodec::new_framing(FRAME_MAX);
    criterion.benchmark_group(format!("parse {row}")).bench_function(NAME, |bencher| {
        per_unit(bencher, wire, |input| while let Ok(Some(_)) = black_box(&codec.decode(input)) {});
    });
}

fn read_properties(criterion: &mut Criterion) {
    let mut codec = AmqpCodec::new_framing(FRAME_MAX);
    criterion.benchmark_group("parse header, all properties read").bench_function(
        NAME,
        |bencher| {
            per_unit(bencher, &samples::header_wire(), |input| {
                while let Ok(Some(Frame::Header(_, header))) = &codec.decode(input) {
                    let (_, properties) = parse_basic_properties(&header.properties_raw).unwrap();
                    for entry in properties.get_headers().unwrap().iter() {
                        black_box(entry);
                    }
                    black_box(&properties);
                }
            });
        },
    );
}

fn encode(criterion: &mut Criterion, row: &str, wire: &[u8]) {
    let mut codec = AmqpCodec::new_framing(FRAME_MAX);
    let mut input = BytesMut::from(wire);
    let mut frames = Vec::new();
    while let Some(frame) = codec.decode(&mut input).unwrap() {
        frames.push(frame);
    }
    let mut out = Vec::with_capacity(wire.len() + 4096);
    criterion.benchmark_group(format!("encode {row}")).bench_function(NAME, |bencher| {
        per_call(bencher, || {
            out.clear();
            for frame in black_box(&frames) {
                serialize_frame(frame, &mut out).unwrap();
            }
            black_box(&out);
            assert_eq!(out.len(), wire.len());
        });
    });
}

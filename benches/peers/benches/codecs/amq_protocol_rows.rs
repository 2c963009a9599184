//! amq-protocol: what lapin is made of.

use core::hint::black_box;

use amq_protocol::frame::{AMQPFrame, WriteContext, gen_frame, parse_frame};
use bytes::{Buf, BytesMut};
use criterion::Criterion;

use crate::samples::{self, per_call, per_unit};

const NAME: &str = "amq-protocol 10.6";

pub(crate) fn rows(criterion: &mut Criterion) {
    for row in ["header unread", "header, all properties read"] {
        parse(criterion, row, &samples::header_wire());
    }
    parse(criterion, "publish", &samples::publish_wire());
    parse(criterion, "deliver", &samples::deliver_wire());
    parse(criterion, "ack", &samples::ack_wire());
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

/// It reads the properties while it parses; there is no lazy way.
fn decode(input: &mut BytesMut) -> Option<AMQPFrame> {
    let (rest, frame) = parse_frame(&input[..]).ok()?;
    let taken = input.len() - rest.len();
    input.advance(taken);
    Some(frame)
}

fn parse(criterion: &mut Criterion, row: &str, wire: &[u8]) {
    criterion.benchmark_group(format!("parse {row}")).bench_function(NAME, |bencher| {
        per_unit(bencher, wire, |input| while black_box(&decode(input)).is_some() {});
    });
}

fn encode(criterion: &mut Criterion, row: &str, wire: &[u8]) {
    let mut input = BytesMut::from(wire);
    let mut frames = Vec::new();
    while let Some(frame) = decode(&mut input) {
        frames.push(frame);
    }
    let mut out = Vec::with_capacity(wire.len() + 4096);
    criterion.benchmark_group(format!("encode {row}")).bench_function(NAME, |bencher| {
        per_call(bencher, || {
            out.clear();
            for frame in black_box(&frames) {
                let context = WriteContext::from(core::mem::take(&mut out));
                (out, _) = gen_frame::<Vec<u8>>(frame)(context).unwrap().into_inner();
            }
            black_box(&out);
            assert_eq!(out.len(), wire.len());
        });
    });
}

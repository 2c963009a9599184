//! What this project's codec is measured at.

use core::hint::black_box;

use bytes::{BufMut, Bytes, BytesMut};
use criterion::Criterion;
use warrener_codec::{Decoder, FRAME_END, Frame, Limits, Properties, body_frame_head};

use crate::samples::{self, CHANNEL, FRAME_MAX, per_call, per_unit};

const NAME: &str = "warrener-codec";

pub(crate) fn rows(criterion: &mut Criterion) {
    parse(criterion, "publish", &samples::publish_wire(), Limits::default());
    parse(criterion, "deliver", &samples::deliver_wire(), Limits::default());
    parse(criterion, "ack", &samples::ack_wire(), Limits::default());
    let mut unread = Limits::default();
    unread.lazy_properties = true;
    parse(criterion, "header unread", &samples::header_wire(), unread);
    parse(criterion, "header checked", &samples::header_wire(), Limits::default());
    read_properties(criterion);
    for len in [16, 1024, 65_536] {
        let row = format!("publish+header+body {len}");
        parse(criterion, &row, &samples::triple_wire(len), Limits::default());
    }
    encode_methods(criterion);
    for len in [16, 1024, 65_536] {
        encode_triple(criterion, len);
    }
    encode_without_copy(criterion);
}

fn parse(criterion: &mut Criterion, row: &str, wire: &[u8], limits: Limits) {
    let mut decoder = Decoder::new(limits);
    criterion.benchmark_group(format!("parse {row}")).bench_function(NAME, |bencher| {
        per_unit(
            bencher,
            wire,
            |input| {
                while let Ok(Some(_)) = black_box(&decoder.decode(input)) {}
            },
        );
    });
}

fn read_properties(criterion: &mut Criterion) {
    let mut decoder = Decoder::new(Limits::default());
    let read = |properties: &Properties| {
        let all = properties.read().unwrap();
        let headers = all.headers.unwrap();
        for entry in headers.iter() {
            black_box(entry);
        }
        black_box(all);
    };
    criterion.benchmark_group("parse header, all properties read").bench_function(
        NAME,
        |bencher| {
            per_unit(bencher, &samples::header_wire(), |input| {
                while let Ok(Some(Frame::Header(_, header))) = &decoder.decode(input) {
                    read(&header.properties);
                }
            });
        },
    );
}

fn encode_methods(criterion: &mut Criterion) {
    let mut out = BytesMut::with_capacity(4096);
    let mut group = |row: &str, encode: &dyn Fn(&mut BytesMut)| {
        criterion.benchmark_group(format!("encode {row}")).bench_function(NAME, |bencher| {
            per_call(bencher, || {
                out.clear();
                encode(&mut out);
                black_box(&out);
            });
        });
    };
    let (publish, deliver, ack) = (samples::publish(), samples::deliver(), samples::ack());
    group("publish", &|out| black_box(&publish).encode(CHANNEL, out));
    group("deliver", &|out| black_box(&deliver).encode(CHANNEL, out));
    group("ack", &|out| black_box(&ack).encode(CHANNEL, out));
    let content = samples::content(1024);
    group("header", &|out| black_box(&content).encode_header(CHANNEL, out));
}

fn encode_triple(criterion: &mut Criterion, len: usize) {
    let (publish, content) = (samples::publish(), samples::content(len));
    let mut out = BytesMut::with_capacity(len + 4096);
    let row = format!("encode publish+header+body {len}");
    criterion.benchmark_group(row).bench_function(NAME, |bencher| {
        per_call(bencher, || {
            out.clear();
            black_box(&publish).encode(CHANNEL, &mut out);
            black_box(&content).encode(CHANNEL, FRAME_MAX, &mut out);
            black_box(&out);
        });
    });
}

/// As a host writes it: small things into one buffer, the body handed over beside it.
fn encode_without_copy(criterion: &mut Criterion) {
    let (publish, content) = (samples::publish(), samples::content(65_536));
    let mut out = BytesMut::with_capacity(4096);
    let mut bodies: Vec<Bytes> = Vec::with_capacity(4);
    criterion.benchmark_group("encode publish+header+body 65536, body not copied").bench_function(
        NAME,
        |bencher| {
            per_call(bencher, || {
                out.clear();
                bodies.clear();
                black_box(&publish).encode(CHANNEL, &mut out);
                black_box(&content).encode_header(CHANNEL, &mut out);
                for piece in content.body.chunks(FRAME_MAX as usize - 8) {
                    out.put_slice(&body_frame_head(CHANNEL, piece.len()));
                    bodies.push(piece);
                    out.put_u8(FRAME_END);
                }
                black_box((&out, &bodies));
            });
        },
    );
}

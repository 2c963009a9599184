//! The rows that every peer is measured at.

use core::hint::black_box;

use bytes::BytesMut;
use criterion::Criterion;

use crate::samples::{self, per_call, per_unit};

/// Somebody else's codec.
pub(crate) trait Peer: Default {
    const NAME: &str;
    type Frame;
    type Out;

    /// A frame off the front of `input`, in the form in which its users get it.
    fn decode(&mut self, input: &mut BytesMut) -> Option<Self::Frame>;

    /// Reads all properties of a content header, and walks over its table.
    fn read_properties(&mut self, _header: &Self::Frame) {}

    fn out(capacity: usize) -> Self::Out;

    /// Clears `out`, writes all frames to it, and says how many octets it has then.
    fn encode(&mut self, frames: &[Self::Frame], out: &mut Self::Out) -> usize;
}

pub(crate) fn rows<P: Peer>(criterion: &mut Criterion) {
    let triples = [16, 1024, 65_536]
        .map(|len| (format!("publish+header+body {len}"), samples::triple_wire(len)));
    let methods = [
        ("publish", samples::publish_wire()),
        ("deliver", samples::deliver_wire()),
        ("ack", samples::ack_wire()),
    ];
    let header = samples::header_wire();
    for (row, wire) in &methods {
        parse::<P>(criterion, row, wire);
        encode::<P>(criterion, row, wire);
    }
    parse::<P>(criterion, "header unread", &header);
    read_properties::<P>(criterion, &header);
    encode::<P>(criterion, "header", &header);
    for (row, wire) in &triples {
        parse::<P>(criterion, row, wire);
        encode::<P>(criterion, row, wire);
    }
}

fn parse<P: Peer>(criterion: &mut Criterion, row: &str, wire: &[u8]) {
    let mut peer = P::default();
    criterion.benchmark_group(format!("parse {row}")).bench_function(P::NAME, |bencher| {
        per_unit(bencher, wire, |input| while black_box(&peer.decode(input)).is_some() {});
    });
}

fn read_properties<P: Peer>(criterion: &mut Criterion, wire: &[u8]) {
    let mut peer = P::default();
    criterion.benchmark_group("parse header, all properties read").bench_function(
        P::NAME,
        |bencher| {
            per_unit(bencher, wire, |input| {
                while let Some(header) = &peer.decode(input) {
                    peer.read_properties(header);
                }
            });
        },
    );
}

fn encode<P: Peer>(criterion: &mut Criterion, row: &str, wire: &[u8]) {
    let mut peer = P::default();
    let mut input = BytesMut::from(wire);
    let frames: Vec<_> = core::iter::from_fn(|| peer.decode(&mut input)).collect();
    let mut out = P::out(wire.len() + 4096);
    criterion.benchmark_group(format!("encode {row}")).bench_function(P::NAME, |bencher| {
        per_call(bencher, || {
            let len = peer.encode(black_box(&frames), &mut out);
            black_box(&out);
            assert_eq!(len, wire.len());
        });
    });
}

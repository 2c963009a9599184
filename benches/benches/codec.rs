//! Frames parsed and written: `cargo bench -p warrener-benches --bench codec`.
//!
//! The same rows beside other codecs, in one run: `cargo bench --manifest-path benches/peers/Cargo.toml --bench codecs`.

#![expect(missing_docs, reason = "what criterion's macros make is not documented")]

#[path = "codec/ours.rs"]
mod ours;
#[path = "codec/samples.rs"]
mod samples;

criterion::criterion_group!(benches, ours::rows);
criterion::criterion_main!(benches);

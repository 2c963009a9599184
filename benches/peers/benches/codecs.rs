//! Our codec and others on the same bytes: `cargo bench --manifest-path benches/peers/Cargo.toml`.
//!
//! amqp_serde is only a serializer; its frames are written here the way amqprs, which it belongs to, writes them.

#[path = "../../benches/codec/ours.rs"]
mod ours;
#[path = "../../benches/codec/samples.rs"]
mod samples;

#[path = "codecs/amq_protocol_rows.rs"]
mod amq_protocol_rows;
#[path = "codecs/amqp_serde_rows.rs"]
mod amqp_serde_rows;
#[path = "codecs/bunny_rows.rs"]
mod bunny_rows;

criterion::criterion_group!(
    benches,
    ours::rows,
    amq_protocol_rows::rows,
    amqp_serde_rows::rows,
    bunny_rows::rows
);
criterion::criterion_main!(benches);

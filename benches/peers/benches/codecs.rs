//! Our codec and others on the same bytes: `cargo bench --manifest-path benches/peers/Cargo.toml --bench codecs`.
//!
//! amqp_serde is only a serializer; its frames are written here the way amqprs, which it belongs to, writes them.

#[path = "codecs/amq_protocol.rs"]
mod amq_protocol_peer;
#[path = "codecs/amqp_serde.rs"]
mod amqp_serde_peer;
#[path = "codecs/bunny.rs"]
mod bunny_peer;
#[path = "../../benches/codec/ours.rs"]
mod ours;
#[path = "codecs/peer.rs"]
mod peer;
#[path = "../../benches/codec/samples.rs"]
mod samples;

criterion::criterion_group!(
    benches,
    ours::rows,
    peer::rows::<amq_protocol_peer::AmqProtocol>,
    peer::rows::<amqp_serde_peer::AmqpSerde>,
    peer::rows::<bunny_peer::Bunny>
);
criterion::criterion_main!(benches);

//! The comparison is in `benches/codecs.rs`; this library is empty.

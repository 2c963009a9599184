//! Exchanges and bindings to destinations: direct, fanout, topic, headers and more, for any kind of destination.

#![forbid(unsafe_code)]

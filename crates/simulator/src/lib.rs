//! A whole world of clients, connections, broker, network and disk in one thread, from a seed.

#![forbid(unsafe_code)]

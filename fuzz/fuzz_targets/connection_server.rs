//! Octets into a server.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| warrener_connection::fuzzing::server(data));

//! Octets into a client.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| warrener_connection::fuzzing::client(data));

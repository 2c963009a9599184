//! Clients that are logged in say anything to endpoints and a broker.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| warrener_endpoint::fuzzing::session(data));

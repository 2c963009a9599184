//! Verbs of two hosts, splits, delays and cuts.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| warrener_connection::fuzzing::operations(data));

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| warrener_codec::fuzzing::method(data));

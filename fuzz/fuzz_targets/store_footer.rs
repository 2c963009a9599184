#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| warrener_store::fuzzing::footer(data));

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| warrener_queue::fuzzing::histories(bytes));

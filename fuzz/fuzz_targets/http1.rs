//! Feeds `ostler::fuzz::http1`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ostler::fuzz::http1(input));

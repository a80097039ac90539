//! Feeds `ostler::fuzz::sse`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ostler::fuzz::sse(input));

//! Feeds `ostler::fuzz::otlp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ostler::fuzz::otlp(input));

//! Feeds `ostler::fuzz::stdio`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ostler::fuzz::stdio(input));

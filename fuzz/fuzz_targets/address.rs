//! Feeds `ostler::fuzz::address`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ostler::fuzz::address(input));

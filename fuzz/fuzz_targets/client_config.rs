//! Feeds `ostler::fuzz::client_config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ostler::fuzz::client_config(input));

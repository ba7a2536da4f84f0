//! The `serving` harness under libFuzzer.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| h1wire_fuzz::serving(data));

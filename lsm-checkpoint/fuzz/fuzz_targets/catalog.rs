#![no_main]

#[path = "../../tests/it/entries.rs"]
#[allow(dead_code, reason = "tests use more of it")]
mod entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::catalog(data));

#![no_main]

#[path = "../../tests/it/entries.rs"]
#[allow(dead_code, reason = "each target enters once")]
mod entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::block(data));

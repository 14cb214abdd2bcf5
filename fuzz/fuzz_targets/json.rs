#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| evidence::run("json", bytes));

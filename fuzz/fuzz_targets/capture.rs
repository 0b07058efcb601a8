//! `cargo fuzz run capture`
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sanscord_fuzz::capture(data));

#[cfg(not(fuzzing))]
fn main() {}

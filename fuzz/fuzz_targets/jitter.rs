//! `cargo fuzz run jitter`
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sanscord_fuzz::jitter(data));

#[cfg(not(fuzzing))]
fn main() {}

//! `cargo fuzz run envelope`
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sanscord_fuzz::envelope(data));

#[cfg(not(fuzzing))]
fn main() {}

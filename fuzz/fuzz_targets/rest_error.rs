//! `cargo fuzz run rest_error`
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sanscord_fuzz::rest_error(data));

#[cfg(not(fuzzing))]
fn main() {}

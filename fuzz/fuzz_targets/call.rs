//! `cargo fuzz run call`
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sanscord_fuzz::call(data));

#[cfg(not(fuzzing))]
fn main() {}

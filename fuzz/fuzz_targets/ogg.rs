//! `cargo fuzz run ogg`
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sanscord_fuzz::ogg(data));

#[cfg(not(fuzzing))]
fn main() {}

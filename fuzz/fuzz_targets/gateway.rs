//! `cargo fuzz run gateway`
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sanscord_fuzz::gateway(data));

#[cfg(not(fuzzing))]
fn main() {}

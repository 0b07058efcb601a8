//! `cargo fuzz run dave_session`
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sanscord_fuzz::dave_session(data));

#[cfg(not(fuzzing))]
fn main() {}

//! `cargo fuzz run dave_frame`
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sanscord_fuzz::dave_frame(data));

#[cfg(not(fuzzing))]
fn main() {}

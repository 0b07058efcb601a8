//! `cargo fuzz run objects`
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sanscord_fuzz::objects(data));

#[cfg(not(fuzzing))]
fn main() {}

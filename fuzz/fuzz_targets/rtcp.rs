//! `cargo fuzz run rtcp`
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sanscord_fuzz::rtcp(data));

#[cfg(not(fuzzing))]
fn main() {}

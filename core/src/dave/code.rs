//! Codes that people compare to know that nobody listens in (dave-protocol, Displayable codes).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use scrypt::Params;

use crate::id::UserId;

/// Length of a fingerprint of two users in bytes.
pub const FINGERPRINT: usize = 64;
/// Digits of a group in the codes that are shown.
pub const GROUP: usize = 5;

const PRIVACY_DIGITS: usize = 30;
const VERIFICATION_DIGITS: usize = 45;
const MAX_GROUP: usize = 8;
/// Of the fingerprint, as all that its format fixes (dave-protocol, Verification fingerprint).
const VERSION: u16 = 0;
const SALT: [u8; 16] =
    [0x24, 0xCA, 0xB1, 0x7A, 0x7A, 0xF8, 0xEC, 0x2B, 0x82, 0xB4, 0x12, 0xB9, 0x2D, 0xAB, 0x19, 0x2E];
/// scrypt's N = 2^14, r = 8, p = 2.
const LOG_N: u8 = 14;
const R: u32 = 8;
const P: u32 = 2;

/// The decimal code of some data: each `group` bytes give as many digits. `None` if the data is shorter than
/// `digits`, or `digits` no multiple of `group`, or `group` not from 1 to 8.
#[must_use]
pub fn displayable(data: &[u8], digits: usize, group: usize) -> Option<String> {
    if !(1..=MAX_GROUP).contains(&group) || !digits.is_multiple_of(group) {
        return None;
    }
    let modulus = 10_u64.checked_pow(u32::try_from(group).ok()?)?;
    let data = data.get(..digits)?;
    let mut code = String::with_capacity(digits);
    for bytes in data.chunks_exact(group) {
        let value = bytes.iter().fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
        write!(code, "{:0group$}", value % modulus).ok()?;
    }
    Some(code)
}

/// The privacy code of an epoch: 30 digits, the same for every member. Clients show it in groups of [`GROUP`].
#[must_use]
pub fn privacy_code(epoch_authenticator: &[u8; 32]) -> String {
    displayable(epoch_authenticator, PRIVACY_DIGITS, GROUP).unwrap_or_default()
}

/// The verification code of two users: 45 digits. Clients show it in groups of [`GROUP`].
#[must_use]
pub fn verification_code(fingerprint: &[u8; FINGERPRINT]) -> String {
    displayable(fingerprint, VERIFICATION_DIGITS, GROUP).unwrap_or_default()
}

/// The fingerprint of two users by their public signature keys, whichever comes first. It takes tens of
/// milliseconds and 16 MiB of memory: that is its purpose. Not to be done between two packets.
///
/// `None` only if the key derivation refuses its parameters, which are constants.
#[must_use]
pub fn fingerprint(one: (UserId, &[u8]), other: (UserId, &[u8])) -> Option<[u8; FINGERPRINT]> {
    let (one, other) = (identity(one), identity(other));
    let (first, second) = if one <= other { (one, other) } else { (other, one) };
    let params = Params::new(LOG_N, R, P).ok()?;
    let mut fingerprint = [0; FINGERPRINT];
    scrypt::scrypt(&[first, second].concat(), &SALT, &params, &mut fingerprint).ok()?;
    Some(fingerprint)
}

fn identity((user, key): (UserId, &[u8])) -> Vec<u8> {
    [&VERSION.to_be_bytes()[..], key, &user.0.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len() / 2).map(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).unwrap()).collect()
    }

    /// The vectors of libdave.
    #[test]
    fn codes_are_those_of_official_clients() {
        assert_eq!(displayable(&hex("aabbccddee"), 5, 5).as_deref(), Some("05870"));
        let data = hex("aabbccddeebbccddeeffccddeeffaaddeeffaabbeeffaabbccffaabbccdd");
        assert_eq!(displayable(&data, 30, 5).as_deref(), Some("058708105556138052119572494877"));
        let mut authenticator = [0xEE; 32];
        authenticator[..30].copy_from_slice(&data);
        assert_eq!(privacy_code(&authenticator), "058708105556138052119572494877");
    }

    #[test]
    fn codes_of_odd_shape() {
        assert_eq!(displayable(&[255; 8], 8, 8).as_deref(), Some("09551615"));
        assert_eq!(displayable(&[7], 1, 1).as_deref(), Some("7"));
        assert_eq!(displayable(&[], 0, 5).as_deref(), Some(""));
        for (data, digits, group) in
            [(&[0; 4][..], 5, 5), (&[0; 9], 9, 9), (&[0; 9], 7, 5), (&[0; 9], 5, 0), (&[0; 9], 0, 0)]
        {
            assert_eq!(displayable(data, digits, group), None);
        }
    }

    /// The vector of libdave.
    #[test]
    fn the_fingerprint_is_that_of_official_clients() {
        let (one, other) = ((UserId(1234), &[0; 33][..]), (UserId(5678), &[0; 65][..]));
        let expected = hex(concat!(
            "8581f12c24874fc31b1c97457cc5bd29c007102d4ff78a3a7ea1b2880c6d60a4",
            "a95c02e888ae4a9cad90bfb8222df28829850e9e774fcc3006dc7906f20ba43c"
        ));
        let found = fingerprint(one, other).unwrap();
        assert_eq!(found.to_vec(), expected);
        assert_eq!(fingerprint(other, one), Some(found));
        let code = verification_code(&found);
        assert_eq!(code.len(), 45);
        assert_eq!(displayable(&found, 45, 5), Some(code));
    }
}

//! Other people's words on a terminal: one line, of bounded length, without what a terminal takes for commands.

use core::fmt::{self, Write};

/// The beginning of a text on one line: white space becomes a space, control characters and those that turn the
/// direction of text become `U+FFFD`. What is longer ends with an ellipsis.
pub(super) struct Plain<'a>(pub(super) &'a str);

/// How many characters are shown.
const SHOWN: usize = 30;

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chars = self.0.trim().chars();
        chars.by_ref().take(SHOWN).try_for_each(|c| f.write_char(visible(c)))?;
        match chars.next() {
            Some(_) => f.write_char('…'),
            None => Ok(()),
        }
    }
}

/// A character that a terminal takes for no command.
pub(crate) fn visible(c: char) -> char {
    match c {
        '\t' | '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
        c if c.is_control() || is_invisible(c) => '\u{fffd}',
        c => c,
    }
}

/// Characters that turn the direction of text or break lines without being control characters (Unicode, UAX #9).
pub(super) fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'
            | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

/// A number of bytes, for people.
pub(super) struct Bytes(pub(super) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        let power = self.0.max(1).ilog2() as usize / 10;
        let Some(unit) = power.checked_sub(1).and_then(|unit| units.get(unit)) else {
            return write!(f, "{} bytes", self.0);
        };
        let tenths = (u128::from(self.0) * 10) >> (10 * power);
        write!(f, "{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn bytes_are_rounded_down() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1_048_575, "1023.9 KiB"),
            (10 << 20, "10.0 MiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }

    #[test]
    fn a_terminal_gets_no_commands() {
        assert_eq!(
            Plain(" a\x1b[2J\nb\u{202e}c\u{9b}d\u{7}").to_string(),
            "a\u{fffd}[2J b\u{fffd}c\u{fffd}d\u{fffd}"
        );
        assert_eq!(Plain(&"é".repeat(30)).to_string(), "é".repeat(30));
        assert_eq!(Plain(&"é".repeat(31)).to_string().chars().count(), 31);
    }
}

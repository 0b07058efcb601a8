//! Points in time as keys of a list.

use alloc::format;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::calendar;

/// A point in time in microseconds, as precise as Discord writes it: where a page of pins or archived threads begins.
///
/// It is read from any zone's time of RFC 3339 in the years 0 to 9999, and written as UTC.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Moment(i64);

/// The text is no time of RFC 3339.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NoMoment;

impl Moment {
    /// So many milliseconds after 1970-01-01 UTC. `None` behind the year 9999.
    #[must_use]
    pub fn from_unix_millis(millis: u64) -> Option<Self> {
        Self(i64::try_from(millis).ok()?.checked_mul(1000)?).checked()
    }

    /// The next one. `None` behind the year 9999.
    pub(super) fn next(self) -> Option<Self> {
        Self(self.0.checked_add(1)?).checked()
    }

    /// It, if it can be written.
    fn checked(self) -> Option<Self> {
        calendar::text(self.0.div_euclid(1000)).map(|_| self)
    }
}

impl FromStr for Moment {
    type Err = NoMoment;

    fn from_str(text: &str) -> Result<Self, NoMoment> {
        let millis = calendar::date_time(text).ok_or(NoMoment)?;
        let fraction = text.get(19..).and_then(|rest| rest.strip_prefix('.')).unwrap_or_default();
        let mut digits = fraction.bytes().take_while(u8::is_ascii_digit).skip(3);
        let micros =
            (0..3).fold(0, |sum, _| sum * 10 + digits.next().map_or(0, |digit| i64::from(digit - b'0')));
        let moment = millis.checked_mul(1000).and_then(|whole| whole.checked_add(micros));
        moment.and_then(|moment| Self(moment).checked()).ok_or(NoMoment)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // None is made that cannot be written; one that was loaded may be.
        let text = calendar::text(self.0.div_euclid(1000)).unwrap_or_default();
        let text = text.strip_suffix("+00:00").unwrap_or(&text);
        f.pad(&format!("{text}{:03}+00:00", self.0.rem_euclid(1000)))
    }
}

impl fmt::Display for NoMoment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no time of RFC 3339")
    }
}

impl core::error::Error for NoMoment {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn any_zone_is_read_and_utc_is_written() {
        for (text, utc) in [
            ("2024-01-01T00:00:00Z", Some("2024-01-01T00:00:00.000000+00:00")),
            ("2024-01-01T02:00:00.123456+02:00", Some("2024-01-01T00:00:00.123456+00:00")),
            ("2023-12-31T23:00:00.5-01:00", Some("2024-01-01T00:00:00.500000+00:00")),
            ("1969-12-31T23:59:59.999999999Z", Some("1969-12-31T23:59:59.999999+00:00")),
            ("9999-12-31T23:59:59-01:00", None),
            ("2024-01-01", None),
            ("", None),
        ] {
            let read = text.parse::<Moment>().ok();
            assert_eq!(read.map(|moment| moment.to_string()).as_deref(), utc, "{text}");
        }
        let last: Moment = "9999-12-31T23:59:59.999999Z".parse().unwrap();
        assert_eq!(last.next(), None);
        assert_eq!(Moment::from_unix_millis(1_704_067_200_000), "2024-01-01T00:00:00Z".parse().ok());
        assert_eq!(Moment::from_unix_millis(u64::MAX), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_in_order(a in 0_i64..253_402_300_799_000_000, b in 0_i64..253_402_300_799_000_000) {
            let (a, b) = (Moment(a), Moment(b));
            prop_assert_eq!(a.to_string().parse(), Ok(a));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
            let next = a.next().map(|next| next.to_string());
            prop_assert!(next > Some(a.to_string()));
        }
    }
}

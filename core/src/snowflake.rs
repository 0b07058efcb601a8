//! Discord's ids as such: numbers that tell when a thing was made.

use alloc::string::String;

use thiserror::Error;

use crate::calendar;
use crate::id::Snowflake;

/// Milliseconds from 1970-01-01T00:00:00 UTC to the beginning of 2015, when the time in ids begins
/// (discord-api-docs, Reference, Snowflakes).
pub const DISCORD_EPOCH: u64 = 1_420_070_400_000;

/// The lower bits of an id tell things of the same millisecond apart.
const SERIAL_BITS: u32 = 22;

impl Snowflake {
    /// The first id of a millisecond, counted from 1970-01-01T00:00:00 UTC: ids made before are less, later ones
    /// are not. `None` before 2015 and from the year 2154 on: there are no such ids.
    #[must_use]
    pub const fn from_unix_millis(millis: u64) -> Option<Self> {
        match millis.checked_sub(DISCORD_EPOCH) {
            Some(millis) if millis >> (u64::BITS - SERIAL_BITS) == 0 => Some(Self(millis << SERIAL_BITS)),
            _ => None,
        }
    }

    /// The first id of a day in UTC that is written `YYYY-MM-DD`, or of a date and time of RFC 3339, such as
    /// `2026-03-01T12:30:00+01:00`: ids made before are less, later ones are not.
    ///
    /// # Errors
    ///
    /// If it is neither, or if there are no ids of that time.
    pub fn from_date(date: &str) -> Result<Self, DateError> {
        let millis = calendar::date(date).or_else(|| calendar::date_time(date)).ok_or(DateError::NoDate)?;
        u64::try_from(millis).ok().and_then(Self::from_unix_millis).ok_or(DateError::OutOfRange)
    }

    /// When it was made, in milliseconds since 1970-01-01T00:00:00 UTC.
    #[must_use]
    pub const fn created_at(self) -> u64 {
        (self.0 >> SERIAL_BITS) + DISCORD_EPOCH
    }

    /// When it was made, as a date and time of RFC 3339, such as `2026-03-01T12:30:00.000+00:00`.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        // The last id is of the year 2154.
        i64::try_from(self.created_at()).ok().and_then(calendar::text).unwrap_or_default()
    }
}

/// Why a text gives no id.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum DateError {
    /// It is no date.
    #[error("this is no date YYYY-MM-DD, nor a date and time of RFC 3339")]
    NoDate,
    /// It is before 2015 or after 2154-05-15.
    #[error("there are ids of the years 2015 to 2154 only")]
    OutOfRange,
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use proptest::prelude::*;

    use super::*;
    use crate::id::{GuildId, MessageId};

    #[test]
    fn ids_tell_when_they_were_made() {
        // discord-api-docs, Reference, Snowflakes: the example.
        let id = Snowflake(175_928_847_299_117_063);
        assert_eq!(id.created_at(), 1_462_015_105_796);
        assert_eq!(id.to_rfc3339(), "2016-04-30T11:18:25.796+00:00");
        assert_eq!(MessageId(id.0).created_at(), id.created_at());
        assert_eq!(Snowflake(0).to_rfc3339(), "2015-01-01T00:00:00.000+00:00");
        assert_eq!(Snowflake(u64::MAX).to_rfc3339(), "2154-05-15T07:35:11.103+00:00");
    }

    #[test]
    fn dates_give_ids() {
        for (date, millis) in [
            ("2015-01-01", 0),
            ("2015-01-01T00:00:00.001Z", 1),
            ("2015-01-01T01:00:00+01:00", 0),
            ("2016-02-29", 424 * 86_400_000),
            ("2026-03-01", 4077 * 86_400_000),
            ("2026-02-28T19:00:00-05:00", 4077 * 86_400_000),
        ] {
            assert_eq!(Snowflake::from_date(date), Ok(Snowflake(millis << 22)), "{date}");
        }
        for date in ["2014-12-31", "1969-01-01", "2154-05-16", "9999-12-31", "2014-12-31T23:59:59.999Z"] {
            assert_eq!(Snowflake::from_date(date), Err(DateError::OutOfRange), "{date}");
        }
        for date in ["", "yesterday", "2026-02-29", "2026-3-1", "2026-03-01 12:00", "2026-03-01T12:00"] {
            assert_eq!(Snowflake::from_date(date), Err(DateError::NoDate), "{date}");
        }
        let guild: GuildId = Snowflake(5).into();
        assert_eq!(
            (guild, Snowflake::from(guild), guild.snowflake()),
            (GuildId(5), Snowflake(5), Snowflake(5))
        );
        assert!(DateError::NoDate.to_string().contains("YYYY-MM-DD"));
    }

    proptest! {
        #[test]
        fn an_id_lies_in_its_own_millisecond(id: u64) {
            let id = Snowflake(id);
            let first = Snowflake::from_unix_millis(id.created_at()).unwrap();
            prop_assert!(first <= id && id.0 - first.0 < 1 << 22);
            prop_assert_eq!(Snowflake::from_date(&id.to_rfc3339()), Ok(first));
        }
    }
}

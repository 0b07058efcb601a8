//! The wall clock, and the ids that are made of it.

use sanscord::time::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::config::Config;

/// The first moment of 2015, in milliseconds since 1970 (Discord docs: Reference, Snowflakes).
const DISCORD_EPOCH: u64 = 1_420_070_400_000;

/// Messages of this age have a deletion bucket of their own, and cannot be deleted in bulk: 14 days, in milliseconds.
pub(super) const OLD: u64 = 14 * 24 * 3_600_000;

/// Milliseconds since 1970.
pub(super) fn unix_millis(config: &Config, at: Timestamp) -> u64 {
    config.rest.epoch_millis.saturating_add(at.as_nanos() / 1_000_000)
}

/// The lowest id of a moment, given in milliseconds since 1970.
pub(super) const fn snowflake(millis: u64) -> u64 {
    millis.saturating_sub(DISCORD_EPOCH) << 22
}

/// When an id was made, in milliseconds since 1970.
pub(super) const fn millis_of(id: u64) -> u64 {
    (id >> 22) + DISCORD_EPOCH
}

/// A moment as Discord writes it.
pub(super) fn iso(millis: u64) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second) = at.to_hms();
    let micros = at.microsecond();
    let month = u8::from(month);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}+00:00")
}

/// Reads such a moment; milliseconds since 1970.
pub(super) fn parse_iso(text: &str) -> Option<u64> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    u64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_and_read() {
        assert_eq!(iso(1_767_225_600_123), "2026-01-01T00:00:00.123000+00:00");
        assert_eq!(parse_iso("2026-01-01T00:00:00.123000+00:00"), Some(1_767_225_600_123));
        assert_eq!(parse_iso("2026-01-01T01:00:00+01:00"), Some(1_767_225_600_000));
        assert_eq!(parse_iso("yesterday"), None);
        // The example of Discord's reference.
        assert_eq!(millis_of(175_928_847_299_117_063), 1_462_015_105_796);
        assert_eq!(snowflake(1_462_015_105_796), 175_928_847_299_117_063 & !0x3F_FFFF);
    }
}

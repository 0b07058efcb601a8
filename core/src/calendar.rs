//! Dates of the Gregorian calendar, in UTC, and milliseconds since 1970.
//!
//! All that ids and dates of Discord need; a crate for dates would bring time zones, formats and spans as well.

use alloc::format;
use alloc::string::String;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// Milliseconds since 1970-01-01T00:00:00 UTC, of a date and time of RFC 3339 in the years 0 to 9999. A fraction
/// of a millisecond is cut off, a leap second is the next second's beginning.
pub(crate) fn date_time(text: &str) -> Option<i64> {
    let number = |start: usize, end: usize| text.get(start..end).and_then(digits);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let marks = [(10, ['T', 't']), (13, [':'; 2]), (16, [':'; 2])];
    if marks.iter().any(|(at, marks)| !text.get(*at..).is_some_and(|rest| rest.starts_with(*marks)))
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    let rest = text.get(19..)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        None => ("", rest),
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).filter(|digits| *digits > 0)?),
    };
    let millis = (0..3)
        .fold(0, |sum, at| sum * 10 + fraction.as_bytes().get(at).map_or(0, |digit| i64::from(digit - b'0')));
    let offset = match zone {
        "Z" | "z" => 0,
        _ => {
            let (hours, minutes) = zone.strip_prefix(['+', '-'])?.split_once(':')?;
            let (hours, minutes) = (digits(hours)?, digits(minutes)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let minutes = hours * 60 + minutes;
            if zone.starts_with('-') { -minutes } else { minutes }
        }
    };
    let day = date(text.get(..10)?)?;
    Some(day + (hour * 60 + minute - offset) * MINUTE + second * 1000 + millis)
}

/// Milliseconds since 1970-01-01T00:00:00 UTC at which a day begins that is written `YYYY-MM-DD`.
pub(crate) fn date(text: &str) -> Option<i64> {
    let number = |start: usize, end: usize| text.get(start..end).and_then(digits);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let marked = [4, 7].iter().all(|at| text.get(*at..).is_some_and(|rest| rest.starts_with('-')));
    let real = text.len() == 10 && marked && (1..=12).contains(&month);
    (real && (1..=length(year, month)).contains(&day)).then(|| days(year, month, day) * DAY)
}

/// Such milliseconds as a date and time of RFC 3339. `None` outside of the years 0 to 9999.
pub(crate) fn text(millis: i64) -> Option<String> {
    let (days, rest) = (millis.div_euclid(DAY), millis.rem_euclid(DAY));
    let (year, month, day) = civil(days)?;
    let (hour, minute, millis) = (rest / (60 * MINUTE), rest / MINUTE % 60, rest % MINUTE);
    let (second, millis) = (millis / 1000, millis % 1000);
    let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}+00:00");
    (0..=9999).contains(&year).then_some(text)
}

/// A number of two or four digits.
fn digits(text: &str) -> Option<i64> {
    let digits = matches!(text.len(), 2 | 4) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// How many days a month has.
fn length(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 0000-03-01 to 1970-01-01.
const TO_1970: i64 = 719_468;

/// Days of 400 years, after which the calendar repeats.
const ERA: i64 = 146_097;

/// Days from 1970-01-01 to a date. Years begin in March, so that the leap day is last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + day_of_year - TO_1970
}

/// The date so many days after 1970-01-01. `None` if its year is no `i64`.
fn civil(days: i64) -> Option<(i64, i64, i64)> {
    let days = days.checked_add(TO_1970)?;
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    // What leap days there were before, of 4, 100 and 400 years.
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = (month + 2) % 12 + 1;
    Some((era * 400 + year + i64::from(date <= 2), date, day - (153 * month + 2) / 5 + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_day_of_800_years_is_written_and_read() {
        let (mut day, mut seen) = (date("1600-01-01").unwrap(), 0);
        for year in 1600..2400 {
            let leap = year % 400 == 0 || year % 4 == 0 && year % 100 != 0;
            for (month, length) in [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
                .into_iter()
                .enumerate()
            {
                for of_month in 1..=length {
                    let written = format!("{year}-{:02}-{of_month:02}", month + 1);
                    assert_eq!(date(&written), Some(day), "{written}");
                    assert_eq!(text(day), Some(format!("{written}T00:00:00.000+00:00")));
                    (day, seen) = (day + DAY, seen + 1);
                }
                assert_eq!(date(&format!("{year}-{:02}-{:02}", month + 1, length + 1)), None);
            }
        }
        assert_eq!((seen, date("1970-01-01")), (2 * ERA, Some(0)));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for bad in [
            "",
            "2026",
            "2026-3-01",
            "2026-03-1",
            "2026/03/01",
            "2026-00-01",
            "2026-13-01",
            "2026-03-00",
            "2026-02-29",
            "1900-02-29",
            "2026-03-01x",
            "+026-03-01",
            "2026-03-01T00:00:00Z",
            "é026-03-0",
        ] {
            assert_eq!(date(bad), None, "{bad}");
        }
        for bad in [
            "2026-02-30T00:00:00Z",
            "2026-03-01T24:00:00Z",
            "2026-03-01T00:00:00",
            "2026-03-01T00:00:00.Z",
            "2026-03-01T00:00:00+24:00",
            "2026-03-01T00:00:00*01:00",
            "2026-03-01T00:00:00+01",
            "2026-03-01",
        ] {
            assert_eq!(date_time(bad), None, "{bad}");
        }
        let last = date_time("9999-12-31T23:59:59.999Z").unwrap();
        assert_eq!((text(last).is_some(), text(last + 1)), (true, None));
        let first = date("0000-01-01").unwrap();
        assert_eq!((text(first).is_some(), text(first - 1)), (true, None));
        assert_eq!((text(i64::MIN), text(i64::MAX)), (None, None));
    }

    proptest! {
        #[test]
        fn milliseconds_are_written_and_read(millis in -62_167_219_200_000..253_402_300_800_000_i64) {
            let text = text(millis).unwrap();
            prop_assert_eq!(date_time(&text), Some(millis));
        }
    }
}

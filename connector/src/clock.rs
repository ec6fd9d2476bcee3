//! Time: how long ago something was, what time it is, and waiting.

use std::time::Duration;

use crate::bindings::wasi::clocks::{monotonic_clock, wall_clock};

/// A moment, for measuring.
#[derive(Clone, Copy, Debug)]
pub struct Instant(u64);

impl Instant {
    /// This moment.
    #[must_use]
    pub fn now() -> Self {
        Self(monotonic_clock::now())
    }

    /// Since then.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        Duration::from_nanos(monotonic_clock::now().saturating_sub(self.0))
    }
}

/// Microseconds since 1970.
#[must_use]
pub fn unix_micros() -> i64 {
    let now = wall_clock::now();
    let micros = now
        .seconds
        .saturating_mul(1_000_000)
        .saturating_add(u64::from(now.nanoseconds / 1_000));
    i64::try_from(micros).unwrap_or(i64::MAX)
}

/// A time as text, in UTC (RFC 3339).
#[must_use]
pub fn timestamp(micros: i64) -> String {
    let (days, micros) = (
        micros.div_euclid(86_400_000_000),
        micros.rem_euclid(86_400_000_000),
    );
    let (year, month, day) = civil_from_days(days);
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{micros:06}Z")
}

/// The date of so many days after 1970 began. Howard Hinnant's algorithm:
/// eras of 400 years that begin in March, so that the leap day is the last of
/// its year.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// The reverse.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let month = if month > 2 { month - 3 } else { month + 9 };
    let day = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year * 365 + year / 4 - year / 100 + day - 719_468
}

/// The number that these digits of a text are.
fn number(text: &str, from: usize, to: usize) -> Option<i64> {
    let digits = text.get(from..to)?;
    let all = digits.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| digits.parse().ok())?
}

/// Days since 1970 of the day with which a text begins.
fn day(text: &str) -> Option<i64> {
    let digits = |from, to| number(text, from, to);
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    let dashes = text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
    let is_day = dashes && (1..=12).contains(&month) && (1..=31).contains(&day);
    is_day.then(|| days_from_civil(year, month, day))
}

/// Seconds since 1970 of a day, such as `2024-12-24`, or of a second of it,
/// such as `2024-12-24T01:26:47`; none if it is neither.
#[must_use]
pub fn seconds(text: &str) -> Option<i64> {
    let digits = |from, to| number(text, from, to);
    let midnight = day(text)? * 86_400;
    if text.len() == 10 {
        return Some(midnight);
    }
    let (hour, minute, second) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?);
    let separated = matches!(text.get(10..11), Some(" " | "T" | "t"))
        && text.get(13..14) == Some(":")
        && text.get(16..17) == Some(":");
    let within = hour <= 23 && minute <= 59 && second <= 60 && text.len() == 19;
    (separated && within).then_some(midnight + hour * 3_600 + minute * 60 + second)
}

/// A time as people and databases write it, such as `2024-12-24 01:26:47.5Z`
/// or `2024-12-24`, by so many seconds earlier; none if it is no such time.
/// Whatever follows its minutes or seconds stays.
#[must_use]
pub fn earlier(text: &str, seconds: i64) -> Option<String> {
    const DAY: i64 = 86_400;
    let digits = |from, to| number(text, from, to);
    let days = day(text)?;
    if text.len() == 10 {
        let days = days.checked_sub(seconds.checked_add(DAY - 1)? / DAY)?;
        let (year, month, day) = civil_from_days(days);
        return written(year).map(|year| format!("{year}-{month:02}-{day:02}"));
    }
    let (hour, minute) = (digits(11, 13)?, digits(14, 16)?);
    let separated = matches!(text.get(10..11), Some(" " | "T" | "t"));
    if !separated || text.get(13..14) != Some(":") || hour > 24 || minute > 59 {
        return None;
    }
    let second = if text.get(16..17) == Some(":") {
        Some(digits(17, 19)?)
    } else {
        None
    };
    let total = days
        .checked_mul(DAY)?
        .checked_add(hour * 3_600 + minute * 60 + second.unwrap_or(0))?
        .checked_sub(seconds)?;
    let (year, month, day) = civil_from_days(total.div_euclid(DAY));
    let clock = total.rem_euclid(DAY);
    let (hour, minute) = (clock / 3_600, clock / 60 % 60);
    let date = format!("{}-{month:02}-{day:02}", written(year)?);
    let time = match second {
        Some(_) => format!("{hour:02}:{minute:02}:{:02}", clock % 60),
        None => format!("{hour:02}:{minute:02}"),
    };
    let rest = text.get(if second.is_some() { 19 } else { 16 }..)?;
    Some(format!("{date}{}{time}{rest}", text.get(10..11)?))
}

/// A year, as long as it has four digits: text compares only then.
fn written(year: i64) -> Option<String> {
    (0..=9_999).contains(&year).then(|| format!("{year:04}"))
}

/// Waits.
pub fn sleep(duration: Duration) {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    monotonic_clock::subscribe_duration(nanos).block();
}

/// A number that differs from call to call, for jitter. Not for secrets.
#[must_use]
pub fn noise() -> u64 {
    // The low bits of nanoseconds, spread by a multiplication.
    monotonic_clock::now().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_time_is_written_as_the_time_was() {
        for (text, seconds, expected) in [
            ("2024-03-01 00:00:05", 10, "2024-02-29 23:59:55"),
            (
                "2024-12-24T01:26:47.125Z",
                3_600,
                "2024-12-24T00:26:47.125Z",
            ),
            ("2024-01-01T00:00:00+02:00", 1, "2023-12-31T23:59:59+02:00"),
            ("2024-01-01 10:00", 60, "2024-01-01 09:59"),
            ("2024-01-01", 1, "2023-12-31"),
            ("2024-01-02", 86_400, "2024-01-01"),
            ("2000-03-01", 86_401, "2000-02-28"),
        ] {
            assert_eq!(earlier(text, seconds).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "now",
            "2024",
            "2024-13-01",
            "2024-1-1",
            "24-12-24",
            "2024-01-01x10:00:00",
            "2024-01-01 1:00",
            "2024-01-01 10:00:0",
            "２024-01-01",
            "0000-01-01",
        ] {
            assert_eq!(earlier(text, 86_400), None, "{text}");
        }
    }

    #[test]
    fn a_time_is_written_in_utc() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(
            timestamp(951_782_400_000_001),
            "2000-02-29T00:00:00.000001Z"
        );
        assert_eq!(
            timestamp(1_795_465_599_999_999),
            "2026-11-23T20:26:39.999999Z"
        );
    }
}

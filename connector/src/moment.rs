//! Moments of the ISO 8601 calendar, as databases and APIs write them. One
//! calendar and one set of rules for the crate. Must not read a clock.
//!
//! The calendar is that of `chrono`. The forms are read here, because
//! databases hold more of them than RFC 3339 allows, and because a value is
//! either exact or refused: the parsers of `chrono` accept texts that are no
//! times of the forms below.

mod foreign;

use chrono::{DateTime, Datelike, Months, NaiveDate, SecondsFormat};

/// Microseconds of a day.
pub const MICROS_PER_DAY: i64 = 86_400_000_000;
/// First day of year 0000, in days since 1970.
pub const FIRST_DAY: i64 = -719_528;
/// Last day of year 9999, in days since 1970: ISO 8601 writes years with four
/// digits.
pub const LAST_DAY: i64 = 2_932_896;

const SECONDS_PER_DAY: i64 = 86_400;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Time as a text states it: `2024-12-24`, `2024-12-24 01:26` or
/// `2024-12-24T01:26:47.125+01:00`. A day alone is its midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenTime {
    /// Days since 1970.
    pub day: i64,
    /// Seconds ahead of UTC, if the text states an offset.
    pub offset: Option<i64>,
    /// Nanoseconds since midnight.
    nanos: i64,
    /// True if the text has digits beyond nanoseconds that are not zero.
    is_finer: bool,
}

/// Point in time, to the nanosecond. A text without an offset is in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Seconds since 1970.
    seconds: i64,
    nanos: i64,
}

impl WrittenTime {
    /// Parses a whole text. `None` if it is not a time of the calendar.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parser = TextParser(text.as_bytes());
        let mut time = Self {
            day: parser.day()?,
            offset: None,
            nanos: 0,
            is_finer: false,
        };
        if parser.0.is_empty() {
            return Some(time);
        }
        parser.one_of(b"Tt ")?;
        let (seconds, has_seconds) = parser.time_of_day()?;
        time.nanos = seconds * NANOS_PER_SECOND;
        if has_seconds && parser.one_of(b".").is_some() {
            let (nanos, is_finer) = parser.fraction()?;
            time.nanos += nanos;
            time.is_finer = is_finer;
        }
        time.offset = match parser.one_of(b"Zz+-") {
            None => None,
            Some(b'+') => Some(parser.offset()?),
            Some(b'-') => Some(-parser.offset()?),
            Some(_) => Some(0),
        };
        parser.0.is_empty().then_some(time)
    }

    /// Microseconds since midnight, rounded.
    #[must_use]
    pub fn rounded_micros(&self) -> i64 {
        (self.nanos + 500) / 1_000
    }

    /// Microseconds since midnight. `None` if the text is finer than that.
    #[must_use]
    pub fn micros(&self) -> Option<i64> {
        (!self.is_finer && self.nanos % 1_000 == 0).then_some(self.nanos / 1_000)
    }
}

impl Moment {
    /// Parses a time or a day. Digits beyond nanoseconds are cut off.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let time = WrittenTime::parse(text)?;
        let seconds = time.day * SECONDS_PER_DAY + time.nanos / NANOS_PER_SECOND;
        Some(Self {
            seconds: seconds - time.offset.unwrap_or(0),
            nanos: time.nanos % NANOS_PER_SECOND,
        })
    }

    /// Returns the moment some seconds earlier.
    #[must_use]
    pub fn earlier(self, seconds: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a float out of range becomes the end of the range"
        )]
        let whole = seconds.ceil() as i64;
        Self {
            seconds: self.seconds.saturating_sub(whole),
            ..self
        }
    }

    /// Nanoseconds since 1970.
    #[must_use]
    pub fn nanos(self) -> i128 {
        i128::from(self.seconds) * i128::from(NANOS_PER_SECOND) + i128::from(self.nanos)
    }

    /// Days since 1970.
    #[must_use]
    pub fn day(self) -> i64 {
        self.seconds.div_euclid(SECONDS_PER_DAY)
    }
}

/// Formats microseconds since 1970 in UTC (RFC 3339). Times outside the years
/// 0000 to 9999 become the first or last of them.
#[must_use]
pub fn timestamp(micros: i64) -> String {
    let end = (LAST_DAY + 1) * MICROS_PER_DAY;
    let micros = micros.clamp(FIRST_DAY * MICROS_PER_DAY, end - 1);
    DateTime::from_timestamp_micros(micros)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Formats seconds since 1970 like [`timestamp`], without a fraction.
#[must_use]
pub fn timestamp_seconds(seconds: i64) -> String {
    let end = (LAST_DAY + 1) * SECONDS_PER_DAY;
    let seconds = seconds.clamp(FIRST_DAY * SECONDS_PER_DAY, end - 1);
    DateTime::from_timestamp_secs(seconds)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Formats the midnight that begins a day, in UTC (RFC 3339).
#[must_use]
pub fn start_of_day(day: i64) -> String {
    timestamp_seconds(day.saturating_mul(SECONDS_PER_DAY))
}

/// Returns the first day of a day's calendar month, and of the month after.
#[must_use]
pub fn month(day: i64) -> (i64, i64) {
    let first = date(day).and_then(|date| date.with_day(1));
    let next = first.and_then(|first| first.checked_add_months(Months::new(1)));
    let days = |date: Option<NaiveDate>| date.map_or(day, |date| date.to_epoch_days().into());
    (days(first), days(next))
}

/// Returns a text's time some seconds earlier, in the form of the text:
/// `2024-12-24 01:26:47.5Z` or `2024-12-24`. Whatever follows the minutes or
/// seconds stays. `None` if the text does not begin with a time, or if the
/// result is not in the years 0000 to 9999.
#[must_use]
pub fn earlier(text: &str, seconds: i64) -> Option<String> {
    let mut parser = TextParser(text.as_bytes());
    let day = parser.day()?;
    if parser.0.is_empty() {
        // Rounded up: an earlier moment of the day is not a day.
        let days = seconds.checked_add(SECONDS_PER_DAY - 1)? / SECONDS_PER_DAY;
        return Some(date(day.checked_sub(days)?)?.to_string());
    }
    let separator = char::from(parser.one_of(b"Tt ")?);
    let (time, has_seconds) = parser.time_of_day()?;
    let suffix = text.get(text.len() - parser.0.len()..)?;
    let total = day * SECONDS_PER_DAY + time;
    let total = total.checked_sub(seconds)?;
    let date = date(total.div_euclid(SECONDS_PER_DAY))?;
    let time = total.rem_euclid(SECONDS_PER_DAY);
    let (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60);
    Some(if has_seconds {
        format!("{date}{separator}{hour:02}:{minute:02}:{second:02}{suffix}")
    } else {
        format!("{date}{separator}{hour:02}:{minute:02}{suffix}")
    })
}

/// Returns the date of a day, if its year has four digits.
fn date(day: i64) -> Option<NaiveDate> {
    let is_written = (FIRST_DAY..=LAST_DAY).contains(&day);
    let day = i32::try_from(day).ok().filter(|_| is_written)?;
    NaiveDate::from_epoch_days(day)
}

/// Parser of the part of a text that is not read yet.
struct TextParser<'a>(&'a [u8]);

impl TextParser<'_> {
    /// Reads a day of the calendar, as days since 1970.
    fn day(&mut self) -> Option<i64> {
        let year = 100 * self.two_digits(99)? + self.two_digits(99)?;
        self.one_of(b"-")?;
        let month = self.two_digits(12)?;
        self.one_of(b"-")?;
        let day = self.two_digits(31)?;
        let date = NaiveDate::from_ymd_opt(
            i32::try_from(year).ok()?,
            u32::try_from(month).ok()?,
            u32::try_from(day).ok()?,
        )?;
        Some(date.to_epoch_days().into())
    }

    /// Reads hours, minutes and, if the text has them, seconds. Returns the
    /// seconds since midnight, and true if the text has seconds.
    fn time_of_day(&mut self) -> Option<(i64, bool)> {
        let hour = self.two_digits(23)?;
        self.one_of(b":")?;
        let minutes = 60 * hour + self.two_digits(59)?;
        if self.one_of(b":").is_none() {
            return Some((60 * minutes, false));
        }
        Some((60 * minutes + self.two_digits(59)?, true))
    }

    /// Reads the digits after the point of a second. Returns nanoseconds, and
    /// true if digits beyond them are not zero.
    fn fraction(&mut self) -> Option<(i64, bool)> {
        let mut unit = NANOS_PER_SECOND / 10;
        let mut nanos = self.digit()? * unit;
        let mut is_finer = false;
        while let Some(digit) = self.digit() {
            unit /= 10;
            nanos += digit * unit;
            is_finer |= unit == 0 && digit != 0;
        }
        Some((nanos, is_finer))
    }

    /// Reads an offset after its sign: `01`, `0130` or `01:30`, as seconds.
    fn offset(&mut self) -> Option<i64> {
        let hours = self.two_digits(23)?;
        let has_minutes = self.one_of(b":").is_some() || !self.0.is_empty();
        let minutes = if has_minutes { self.two_digits(59)? } else { 0 };
        Some(3_600 * hours + 60 * minutes)
    }

    /// Reads two digits that are at most `max`.
    fn two_digits(&mut self, max: i64) -> Option<i64> {
        let value = 10 * self.digit()? + self.digit()?;
        (value <= max).then_some(value)
    }

    fn digit(&mut self) -> Option<i64> {
        let digit = self.one_of(b"0123456789")?;
        Some(i64::from(digit - b'0'))
    }

    /// Reads one of these characters.
    fn one_of(&mut self, characters: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        characters.contains(first).then(|| {
            self.0 = rest;
            *first
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(seconds: i64, nanos: i64) -> Moment {
        Moment { seconds, nanos }
    }

    fn day(text: &str) -> i64 {
        Moment::parse(text).unwrap().day()
    }

    #[test]
    fn a_time_is_read_to_the_nanosecond() {
        for (text, expected) in [
            ("1970-01-02", moment(86_400, 0)),
            ("1970-01-01T00:01", moment(60, 0)),
            ("1970-01-01T00:00:01Z", moment(1, 0)),
            ("1970-01-01t00:00:01z", moment(1, 0)),
            ("1970-01-01T01:00:01.5+01:00", moment(1, 500_000_000)),
            ("1970-01-01T01:30:00+0130", moment(0, 0)),
            ("1969-12-31 19:00-05", moment(0, 0)),
            ("1969-12-31T23:30:00.000000001-00:30", moment(0, 1)),
            ("1970-01-01 00:00:01.1234567891Z", moment(1, 123_456_789)),
        ] {
            assert_eq!(Moment::parse(text), Some(expected), "{text}");
        }
        assert!(
            Moment::parse("2025-04-15T13:14:34.468213117Z")
                > Moment::parse("2025-04-15T13:14:34.468213116Z")
        );
    }

    #[test]
    fn a_day_that_the_calendar_does_not_have_is_refused() {
        for text in [
            "2024-02-29",
            "2000-02-29",
            "0000-02-29",
            "2024-12-31",
            "2024-04-30",
        ] {
            assert!(WrittenTime::parse(text).is_some(), "{text}");
        }
        for text in [
            "2024-02-30",
            "2024-02-31",
            "2023-02-29",
            "1900-02-29",
            "2024-04-31",
            "2024-13-01",
            "2024-00-01",
            "2024-01-00",
            "2024-01-32",
        ] {
            assert_eq!(WrittenTime::parse(text), None, "{text}");
            assert_eq!(earlier(text, 0), None, "{text}");
        }
    }

    #[test]
    fn a_text_of_another_form_is_refused() {
        for text in [
            "",
            "now",
            "2024",
            "2024-01",
            "20240101",
            "1700000000",
            "2024-1-1",
            "-2024-01-01",
            "02024-01-01",
            "2024/01/01",
            " 2024-01-01",
            "2024-01-01 ",
            "2024-01-01T",
            "2024-01-01Z",
            "2024-01-01T1:00",
            "2024-01-01T24:00",
            "2024-01-01T23:60",
            "2024-01-01T23:59:60",
            "2024-01-01T23:59:5",
            "2024-01-01T23:59:59.",
            "2024-01-01T23:59.5",
            "2024-01-01T23:59:59,5",
            "2024-01-01T00:00:00X",
            "2024-01-01T00:00:00 Z",
            "2024-01-01T00:00:00ZZ",
            "2024-01-01T00:00:00 Europe/Berlin",
            "2024-01-01T00:00:00+1",
            "2024-01-01T00:00:00+24",
            "2024-01-01T00:00:00+01:",
            "2024-01-01T00:00:00+01:60",
            "2024-01-01T00:00:00+01:000",
            "٢٠٢٤-01-01",
        ] {
            assert_eq!(WrittenTime::parse(text), None, "{text}");
        }
    }

    #[test]
    fn microseconds_are_exact_or_none() {
        let micros = |text| WrittenTime::parse(text).unwrap().micros();
        assert_eq!(micros("1970-01-01 00:00:01.123456000Z"), Some(1_123_456));
        assert_eq!(micros("1970-01-01 00:00:01.1234560000000"), Some(1_123_456));
        assert_eq!(micros("1970-01-01 00:00:01.123456001"), None);
        assert_eq!(micros("1970-01-01 00:00:01.1234560000001"), None);
    }

    #[test]
    fn every_day_of_the_calendar_is_read_as_it_is_written() {
        for number in (FIRST_DAY..=LAST_DAY).step_by(11).chain([LAST_DAY]) {
            let text = start_of_day(number);
            assert_eq!(day(&text), number, "{text}");
            assert_eq!(day(&text[..10]), number, "{text}");
        }
    }

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
    fn a_timestamp_is_in_utc() {
        for (micros, expected) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400_000_001, "2000-02-29T00:00:00.000001Z"),
            (1_795_465_599_999_999, "2026-11-23T20:26:39.999999Z"),
            (i64::MAX, "9999-12-31T23:59:59.999999Z"),
            (i64::MIN, "0000-01-01T00:00:00.000000Z"),
        ] {
            assert_eq!(timestamp(micros), expected);
        }
    }

    #[test]
    fn a_month_ends_where_the_next_begins() {
        for (text, first, next) in [
            ("2024-02-29", "2024-02-01", "2024-03-01"),
            ("2023-12-01", "2023-12-01", "2024-01-01"),
            ("2023-12-31", "2023-12-01", "2024-01-01"),
        ] {
            assert_eq!(month(day(text)), (day(first), day(next)), "{text}");
        }
        assert_eq!(start_of_day(day("2024-02-29")), "2024-02-29T00:00:00Z");
    }
}

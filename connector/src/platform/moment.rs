//! Times as the API writes them (RFC 3339), to the nanosecond, so that they
//! can be compared; and the days that usage is asked for by.

use crate::clock;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// A moment: seconds since 1970, and nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(i64, u32);

impl Moment {
    /// Reads a time, or a day as its beginning. None if it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if !text.is_ascii() {
            return None;
        }
        let (time, rest) = match text.len() {
            10 => return clock::seconds(text).map(|seconds| Self(seconds, 0)),
            0..19 => return None,
            _ => text.split_at(19),
        };
        let mut seconds = clock::seconds(time)?;
        let (nanos, zone) = match rest.strip_prefix('.') {
            None => (0, rest),
            Some(rest) => {
                let end = rest.bytes().take_while(u8::is_ascii_digit).count();
                let (digits, zone) = rest.split_at(end);
                let digits = digits.get(..9).unwrap_or(digits);
                (format!("{digits:0<9}").parse().ok()?, zone)
            }
        };
        seconds -= match zone {
            "" | "Z" | "z" => 0,
            _ => offset(zone)?,
        };
        Some(Self(seconds, nanos))
    }

    /// So many seconds earlier.
    #[must_use]
    pub fn earlier(self, seconds: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "beyond the range it becomes the end of it"
        )]
        let whole = seconds.ceil() as i64;
        Self(self.0.saturating_sub(whole), self.1)
    }

    /// Days since 1970.
    #[must_use]
    pub fn day(self) -> i64 {
        self.0.div_euclid(DAY)
    }
}

/// Seconds that a zone such as `+01:30` is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let seconds = hours.parse::<i64>().ok()? * 3_600 + minutes.parse::<i64>().ok()? * 60;
    match zone.as_bytes().first()? {
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

/// The beginning of a day.
#[must_use]
pub(super) fn beginning(day: i64) -> String {
    let micros = day.saturating_mul(DAY * 1_000_000);
    // Without the fraction.
    let time = clock::timestamp(micros);
    format!("{}Z", time.get(..19).unwrap_or(&time))
}

/// Today.
#[must_use]
pub(super) fn today() -> i64 {
    clock::unix_micros().div_euclid(DAY * 1_000_000)
}

/// The calendar month of a day: its first day, and that of the next.
#[must_use]
pub(super) fn month(day: i64) -> (i64, i64) {
    let is_first = |day: &i64| beginning(*day).get(8..10) == Some("01");
    let first = (day - 30..=day).rev().find(is_first).unwrap_or(day);
    let next = (day + 1..=day + 31).find(is_first).unwrap_or(day + 31);
    (first, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_to_the_nanosecond() {
        for (text, moment) in [
            ("1970-01-02", Moment(86_400, 0)),
            ("1970-01-01T00:00:01Z", Moment(1, 0)),
            ("1970-01-01T01:00:01.5+01:00", Moment(1, 500_000_000)),
            ("1969-12-31T23:30:00.000000001-00:30", Moment(0, 1)),
            ("1970-01-01 00:00:01.1234567891Z", Moment(1, 123_456_789)),
        ] {
            assert_eq!(Moment::parse(text), Some(moment), "{text}");
        }
        for text in [
            "",
            "now",
            "2024-13-01",
            "1970-01-01T00:00:00X",
            "1970-01-01T00:00:00+1",
            "1970-01-01T00:00",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
        assert!(
            Moment::parse("2025-04-15T13:14:34.468213117Z")
                > Moment::parse("2025-04-15T13:14:34.468213116Z")
        );
    }

    #[test]
    fn months_have_as_many_days_as_they_have() {
        let day = |text| Moment::parse(text).unwrap().day();
        assert_eq!(
            month(day("2024-02-29")),
            (day("2024-02-01"), day("2024-03-01"))
        );
        assert_eq!(
            month(day("2023-12-01")),
            (day("2023-12-01"), day("2024-01-01"))
        );
        assert_eq!(
            month(day("2023-12-31")),
            (day("2023-12-01"), day("2024-01-01"))
        );
        assert_eq!(beginning(day("2024-02-29")), "2024-02-29T00:00:00Z");
    }
}

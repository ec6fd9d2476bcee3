//! Times as programming languages write them: Go and Ruby, and the two forms of
//! JavaScript. Each is rewritten to the form of ISO 8601, so that one parser
//! decides about all of them.

use super::WrittenTime;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Names of the days from 1970-01-01 on.
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

impl WrittenTime {
    /// Parses a whole text in the form of ISO 8601 or of a programming language.
    /// `None` if it is not a time of the calendar.
    #[must_use]
    pub fn parse_any(text: &str) -> Option<Self> {
        Self::parse(text)
            .or_else(|| go(text))
            .or_else(|| javascript(text))
    }
}

/// Parses `2026-03-01 10:00:00.5 +0100 CET m=+0.1` of Go, and `2026-03-01
/// 10:00:00 UTC` of Ruby.
fn go(text: &str) -> Option<WrittenTime> {
    let (text, monotonic) = text.split_once(" m=").unwrap_or((text, "+0"));
    let seconds = monotonic.strip_prefix(['+', '-'])?;
    if seconds.is_empty() || !seconds.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let parts: Vec<_> = text.split(' ').collect();
    let (date, time, offset, zone) = match parts.as_slice() {
        [date, time, "UTC"] => (date, time, "Z", None),
        [date, time, offset] => (date, time, *offset, None),
        [date, time, offset, zone] => (date, time, *offset, Some(*zone)),
        _ => return None,
    };
    let is_zone = |zone: &str| {
        let mut bytes = zone.bytes();
        (2..=6).contains(&zone.len())
            && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-'))
    };
    let time = WrittenTime::parse(&format!("{date}T{time}{offset}"))?;
    let zone_agrees = match zone {
        Some("UTC" | "GMT") => time.offset == Some(0),
        Some(zone) => is_zone(zone),
        None => true,
    };
    (time.offset.is_some() && zone_agrees).then_some(time)
}

/// Parses `Sun Mar 01 2026 10:00:00 GMT+0100 (CET)` and `Sun, 01 Mar 2026
/// 10:00:00 GMT`.
fn javascript(text: &str) -> Option<WrittenTime> {
    let text = match text.split_once(" (") {
        Some((text, zone)) if zone.ends_with(')') => text,
        Some(_) => return None,
        None => text,
    };
    let parts: Vec<_> = text.split(' ').collect();
    let [weekday, one, other, year, time, zone] = parts.as_slice() else {
        return None;
    };
    let (weekday, month, day) = match weekday.strip_suffix(',') {
        Some(weekday) => (weekday, other, one),
        None => (*weekday, one, other),
    };
    let month = 1 + MONTHS.iter().position(|name| name == month)?;
    let offset = match zone.strip_prefix("GMT")? {
        "" => "Z",
        offset => offset,
    };
    let time = WrittenTime::parse(&format!("{year}-{month:02}-{day}T{time}{offset}"))?;
    let expected = usize::try_from(time.day.rem_euclid(7)).ok()?;
    (WEEKDAYS.get(expected) == Some(&weekday)).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_programming_languages_are_read() {
        for (text, iso) in [
            (
                "2026-03-01 10:00:00.123456 +0000 UTC",
                "2026-03-01T10:00:00.123456Z",
            ),
            (
                "2026-03-01 10:00:00 +0000 UTC m=+0.012345",
                "2026-03-01T10:00:00Z",
            ),
            (
                "2026-03-01 10:00:00.5 +0100 CET m=-3",
                "2026-03-01T10:00:00.5+01:00",
            ),
            (
                "2026-03-01 10:00:00 +0545 +0545",
                "2026-03-01T10:00:00+05:45",
            ),
            ("2026-03-01 10:00:00 -0300", "2026-03-01T10:00:00-03:00"),
            ("2026-03-01 10:00:00 UTC", "2026-03-01T10:00:00Z"),
            (
                "Sun Mar 01 2026 10:00:00 GMT+0000 (Coordinated Universal Time)",
                "2026-03-01T10:00:00Z",
            ),
            (
                "Sun Mar 01 2026 10:00:00 GMT-0130",
                "2026-03-01T10:00:00-01:30",
            ),
            ("Sun, 01 Mar 2026 10:00:00 GMT", "2026-03-01T10:00:00Z"),
            ("Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00Z"),
            ("Wed Dec 31 1969 23:59:59 GMT+0000", "1969-12-31T23:59:59Z"),
            ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z"),
        ] {
            let expected = WrittenTime::parse(iso);
            assert!(expected.is_some(), "{iso}");
            assert_eq!(WrittenTime::parse_any(text), expected, "{text}");
        }
    }

    #[test]
    fn a_text_that_could_be_something_else_is_refused() {
        for text in [
            "",
            "Sun",
            "2026-03-01 10:00:00 CET",
            "2026-03-01 10:00:00 +0100 UTC",
            "2026-03-01 10:00:00 +0000 UTC m=",
            "2026-03-01 10:00:00 +0000 UTC m=x",
            "2026-03-01 10:00:00 +0000 UTC extra",
            "2026-03-01 +0000 UTC",
            "2026-02-29 10:00:00 +0000 UTC",
            // Another day of the week.
            "Mon Mar 01 2026 10:00:00 GMT+0000",
            "Sun Mar 1 2026 10:00:00 GMT+0000",
            "Sun Mar 01 2026 10:00:00",
            "Sun Mar 01 2026 10:00:00 CET",
            "Sun Mar 01 2026 10:00:00 GMT+0000 (open",
            "Sun, 01 March 2026 10:00:00 GMT",
            "01/03/2026 10:00:00",
            "03-01-2026",
        ] {
            assert_eq!(WrittenTime::parse_any(text), None, "{text}");
        }
    }
}

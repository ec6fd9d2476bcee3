//! Values as text, for formats that have no form of their own for them.

use std::io::{self, Write};

use arrow_array::temporal_conversions::{date32_to_datetime, timestamp_us_to_datetime};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Formats microseconds since 1970 as in RFC 3339, without the `Z` if the time
/// has no time zone. A time that no calendar covers is written as its number.
pub(crate) fn time(micros: i64, utc: bool) -> String {
    let format = if utc {
        "%Y-%m-%dT%H:%M:%S%.6fZ"
    } else {
        "%Y-%m-%dT%H:%M:%S%.6f"
    };
    timestamp_us_to_datetime(micros).map_or_else(
        || micros.to_string(),
        |time| time.format(format).to_string(),
    )
}

/// Formats days since 1970 as in ISO 8601. A date that no calendar covers is
/// written as its number.
pub(super) fn date(days: i32) -> String {
    date32_to_datetime(days).map_or_else(
        || days.to_string(),
        |time| time.format("%Y-%m-%d").to_string(),
    )
}

/// Encodes bytes in base64 with the standard alphabet and padding.
pub(super) fn blob(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Writes the shortest digits that read back as the same number. Infinities
/// and NaN are words, surrounded by `quote`.
pub(super) fn float(number: f64, quote: &str, out: &mut Vec<u8>) -> io::Result<()> {
    match not_finite(number) {
        Some(word) => write!(out, "{quote}{word}{quote}"),
        None => write!(out, "{number:?}"),
    }
}

/// Returns the word for a number that has no digits.
fn not_finite(number: f64) -> Option<&'static str> {
    if number.is_finite() {
        None
    } else if number.is_nan() {
        Some("NaN")
    } else if number > 0.0 {
        Some("Infinity")
    } else {
        Some("-Infinity")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rfc_3339() {
        assert_eq!(
            time(1_700_000_000_000_001, true),
            "2023-11-14T22:13:20.000001Z"
        );
        assert_eq!(time(-1, false), "1969-12-31T23:59:59.999999");
        assert_eq!(time(i64::MIN, true), i64::MIN.to_string());
    }

    #[test]
    fn a_date_is_iso_8601() {
        assert_eq!(date(19_723), "2024-01-01");
        assert_eq!(date(-719_528), "0000-01-01");
        assert_eq!(date(i32::MIN), i32::MIN.to_string());
    }

    #[test]
    fn a_float_reads_back_as_itself() {
        for number in [
            0.1 + 0.2,
            -0.0,
            5e-324,
            f64::MAX,
            1e16,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ] {
            let mut out = Vec::new();
            float(number, "", &mut out).unwrap();
            let read: f64 = std::str::from_utf8(&out).unwrap().parse().unwrap();
            assert_eq!(read.to_bits(), number.to_bits());
        }
    }
}

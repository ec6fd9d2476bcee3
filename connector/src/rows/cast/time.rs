//! Dates and timestamps, from ISO 8601 text and from numbers.

use super::number::{double, rounded, scaled};
use crate::moment::{FIRST_DAY, LAST_DAY, MICROS_PER_DAY, WrittenTime};
use crate::rows::datum::Datum;
use crate::rows::logical_type::EpochUnit;

/// Casts text of a date, or of its midnight without an offset or in UTC, to days
/// since 1970-01-01.
pub(super) fn date(datum: &Datum<'_>) -> Option<i32> {
    let Datum::Text(text) = *datum else {
        return None;
    };
    let time = WrittenTime::parse_any(text)?;
    let is_date = time.micros()? == 0 && time.offset.unwrap_or(0) == 0;
    is_date.then(|| time.day.try_into().ok())?
}

/// Casts ISO 8601 text or a number to microseconds since 1970-01-01. A time
/// with an offset is converted to UTC; without a unit, only an offset of zero is
/// accepted, and a column in UTC needs one. A number outside of the years that ISO
/// 8601 writes with four digits has another unit than the requested one.
pub(super) fn timestamp(
    datum: &Datum<'_>,
    unit: EpochUnit,
    utc: bool,
    rounds: bool,
) -> Option<i64> {
    let micros = match *datum {
        Datum::Text(text) => {
            let time = if unit == EpochUnit::Unknown {
                let time = WrittenTime::parse(text)?;
                let offset = time.offset.unwrap_or(i64::from(utc));
                (offset == 0).then_some(time)?
            } else {
                WrittenTime::parse_any(text)?
            };
            let micros = if rounds {
                time.rounded_micros()
            } else {
                time.micros()?
            };
            let offset = time.offset.unwrap_or(0) * 1_000_000;
            time.day * MICROS_PER_DAY + micros - offset
        }
        _ if unit == EpochUnit::JulianDay => julian_day(datum)?,
        _ if rounds => rounded(datum, unit.digits()?)?.try_into().ok()?,
        _ => scaled(datum, unit.digits()?)?.try_into().ok()?,
    };
    (FIRST_DAY..=LAST_DAY)
        .contains(&micros.div_euclid(MICROS_PER_DAY))
        .then_some(micros)
}

/// Converts a Julian day to microseconds since 1970, to the millisecond as SQLite
/// does: a float cannot hold a day of our time more precisely.
fn julian_day(datum: &Datum<'_>) -> Option<i64> {
    const MILLIS_PER_DAY: f64 = 86_400_000.0;
    /// Julian day of 1970-01-01, in milliseconds.
    const EPOCH: i64 = 210_866_760_000_000;
    /// Julian day after 9999-12-31.
    const MAX_DAY: f64 = 5_373_484.5;
    let day = double(datum).filter(|_| !matches!(datum, Datum::Text(_)))?;
    if !(0.0..MAX_DAY).contains(&day) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the milliseconds of the largest day are far below 2^63"
    )]
    let millis = (day * MILLIS_PER_DAY).round() as i64;
    Some((millis - EPOCH) * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment;

    fn micros(text: &str) -> Option<i64> {
        timestamp(&Datum::Text(text), EpochUnit::Second, false, false)
    }

    #[test]
    fn a_time_is_parsed_in_every_form_of_iso_8601_that_databases_hold() {
        for (text, utc) in [
            ("1970-01-01", "1970-01-01T00:00:00.000000Z"),
            ("2024-02-29T23:59", "2024-02-29T23:59:00.000000Z"),
            ("2024-02-29 23:59:58", "2024-02-29T23:59:58.000000Z"),
            ("2024-02-29t23:59:58.5z", "2024-02-29T23:59:58.500000Z"),
            (
                "2024-02-29 23:59:58.123456000Z",
                "2024-02-29T23:59:58.123456Z",
            ),
            ("2024-03-01T01:30:00+01:30", "2024-03-01T00:00:00.000000Z"),
            ("2024-02-29T19:00:00-0500", "2024-03-01T00:00:00.000000Z"),
            ("2024-02-29 19:00:00-05", "2024-03-01T00:00:00.000000Z"),
            ("2024-03-01T01:30+01:30", "2024-03-01T00:00:00.000000Z"),
            ("0001-01-01", "0001-01-01T00:00:00.000000Z"),
            ("9999-12-31 23:59:59.999999", "9999-12-31T23:59:59.999999Z"),
            ("1900-02-28", "1900-02-28T00:00:00.000000Z"),
        ] {
            let found = micros(text).map(moment::timestamp);
            assert_eq!(found.as_deref(), Some(utc), "{text}");
        }
    }

    #[test]
    fn text_without_a_time_or_finer_than_a_microsecond_is_refused() {
        for text in [
            "now",
            "1700000000",
            "2024-01-01T23:59:59.1234567",
            "0000-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
        ] {
            assert_eq!(micros(text), None, "{text}");
        }
    }

    #[test]
    fn every_written_day_is_parsed() {
        for day in (FIRST_DAY..=LAST_DAY).step_by(11) {
            let text = moment::timestamp(day * MICROS_PER_DAY + day.rem_euclid(MICROS_PER_DAY));
            assert_eq!(
                micros(&text).map(|micros| micros.div_euclid(MICROS_PER_DAY)),
                Some(day),
                "{text}"
            );
        }
    }

    #[test]
    fn a_number_is_a_time_of_the_requested_unit() {
        let cast = |datum, unit| timestamp(&datum, unit, false, false);
        assert_eq!(
            cast(Datum::Integer(-1), EpochUnit::Second),
            Some(-1_000_000)
        );
        assert_eq!(
            cast(Datum::Integer(1_700_000_000_123), EpochUnit::Milli),
            Some(1_700_000_000_123_000)
        );
        assert_eq!(cast(Datum::Integer(7), EpochUnit::Micro), Some(7));
        assert_eq!(
            cast(Datum::Real(1_700_000_000.25), EpochUnit::Second),
            Some(1_700_000_000_250_000)
        );
        assert_eq!(cast(Datum::Real(0.000_001), EpochUnit::Second), Some(1));
        // Finer than a microsecond, or not a finite number.
        assert_eq!(cast(Datum::Real(0.000_000_1), EpochUnit::Second), None);
        assert_eq!(cast(Datum::Real(0.5), EpochUnit::Micro), None);
        assert_eq!(cast(Datum::Real(f64::NAN), EpochUnit::Second), None);
        assert_eq!(cast(Datum::Real(f64::INFINITY), EpochUnit::Second), None);
        // Read as seconds, these milliseconds are in the year 55840.
        assert_eq!(
            cast(Datum::Integer(1_700_000_000_123), EpochUnit::Second),
            None
        );
        assert_eq!(cast(Datum::Integer(i64::MAX), EpochUnit::Second), None);
        assert_eq!(cast(Datum::Integer(i64::MIN), EpochUnit::Micro), None);
        assert_eq!(cast(Datum::Blob(b"2024-01-01"), EpochUnit::Second), None);
    }

    #[test]
    fn without_a_unit_only_a_text_in_utc_is_a_time() {
        let cast = |text, utc| timestamp(&Datum::Text(text), EpochUnit::Unknown, utc, false);
        for (text, local, utc) in [
            ("1970-01-01 00:00:01", Some(1_000_000), None),
            ("1970-01-02", Some(MICROS_PER_DAY), None),
            ("1970-01-01T00:00:01Z", Some(1_000_000), Some(1_000_000)),
            (
                "1970-01-01 00:00:01+00:00",
                Some(1_000_000),
                Some(1_000_000),
            ),
            ("1970-01-01T00:00:01+01:00", None, None),
            ("1970-01-01 00:00:01 UTC", None, None),
            ("1970-01-01 00:00:00.123456789", None, None),
            ("1700000000", None, None),
        ] {
            assert_eq!(cast(text, false), local, "{text}");
            assert_eq!(cast(text, true), utc, "{text}");
        }
        for number in [Datum::Integer(1), Datum::Real(1.0)] {
            assert_eq!(timestamp(&number, EpochUnit::Unknown, false, false), None);
        }
    }

    #[test]
    fn a_time_is_rounded_on_request() {
        let cast = |datum| timestamp(&datum, EpochUnit::Second, true, true);
        let text = "1970-01-01 00:00:01.123456789 +0000 UTC m=+0.1";
        assert_eq!(cast(Datum::Text(text)), Some(1_123_457));
        assert_eq!(
            cast(Datum::Text("1970-01-01T00:00:01.0000004Z")),
            Some(1_000_000)
        );
        assert_eq!(cast(Datum::Real(0.000_000_6)), Some(1));
        assert_eq!(cast(Datum::Integer(1)), Some(1_000_000));
        assert_eq!(cast(Datum::Text("soon")), None);
        let exact = timestamp(&Datum::Text(text), EpochUnit::Second, true, false);
        assert_eq!(exact, None);
    }

    #[test]
    fn a_julian_day_is_a_time_to_the_millisecond() {
        let cast = |datum| timestamp(&datum, EpochUnit::JulianDay, false, false);
        assert_eq!(cast(Datum::Real(2_440_587.5)), Some(0));
        assert_eq!(cast(Datum::Integer(2_440_588)), Some(MICROS_PER_DAY / 2));
        // julianday('2026-03-01 10:00:00.123')
        let millis = cast(Datum::Real(2_461_100.916_668_09)).unwrap();
        assert_eq!(moment::timestamp(millis), "2026-03-01T10:00:00.123000Z");
        assert_eq!(cast(Datum::Text("1970-01-01 00:00:01")), Some(1_000_000));
        for other in [
            Datum::Real(-1.0),
            Datum::Real(1e10),
            Datum::Real(f64::NAN),
            Datum::Integer(1_700_000_000),
            Datum::Text("2440587.5"),
        ] {
            assert_eq!(cast(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_date_has_no_time_of_day() {
        let cast = |text| date(&Datum::Text(text));
        assert_eq!(cast("1969-12-31"), Some(-1));
        assert_eq!(cast("2000-03-01 00:00:00.000"), Some(11_017));
        assert_eq!(cast("2000-03-01 00:00:01"), None);
        assert_eq!(cast("2000-03-01T00:00:00Z"), Some(11_017));
        assert_eq!(cast("2000-03-01 00:00:00 +0000 UTC"), Some(11_017));
        assert_eq!(cast("2000-03-01T00:00:00+01:00"), None);
        assert_eq!(date(&Datum::Integer(11_017)), None);
    }
}

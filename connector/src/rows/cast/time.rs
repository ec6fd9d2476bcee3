//! Dates and timestamps, from ISO 8601 text and from numbers.

use super::number::scaled;
use crate::moment::{FIRST_DAY, LAST_DAY, MICROS_PER_DAY, WrittenTime};
use crate::rows::datum::Datum;
use crate::rows::logical_type::EpochUnit;

/// Casts text of a date, or of its midnight without an offset, to days since
/// 1970-01-01.
pub(super) fn date(datum: &Datum<'_>) -> Option<i32> {
    let Datum::Text(text) = *datum else {
        return None;
    };
    let time = WrittenTime::parse(text)?;
    let is_date = time.micros()? == 0 && time.offset.is_none();
    is_date.then(|| time.day.try_into().ok())?
}

/// Casts ISO 8601 text or a number to microseconds since 1970-01-01. A time
/// with an offset is converted to UTC; without a unit, only an offset of zero is
/// accepted, and a column in UTC needs one. A number outside of the years that ISO
/// 8601 writes with four digits has another unit than the requested one.
pub(super) fn timestamp(datum: &Datum<'_>, unit: EpochUnit, utc: bool) -> Option<i64> {
    let micros = match *datum {
        Datum::Text(text) => {
            let time = WrittenTime::parse(text)?;
            if unit == EpochUnit::Unknown && time.offset.unwrap_or(i64::from(utc)) != 0 {
                return None;
            }
            let offset = time.offset.unwrap_or(0) * 1_000_000;
            time.day * MICROS_PER_DAY + time.micros()? - offset
        }
        _ => scaled(datum, unit.digits()?)?.try_into().ok()?,
    };
    (FIRST_DAY..=LAST_DAY)
        .contains(&micros.div_euclid(MICROS_PER_DAY))
        .then_some(micros)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment;

    fn micros(text: &str) -> Option<i64> {
        timestamp(&Datum::Text(text), EpochUnit::Second, false)
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
        let cast = |datum, unit| timestamp(&datum, unit, false);
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
        let cast = |text, utc| timestamp(&Datum::Text(text), EpochUnit::Unknown, utc);
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
            ("1970-01-01 00:00:00.123456789", None, None),
            ("1700000000", None, None),
        ] {
            assert_eq!(cast(text, false), local, "{text}");
            assert_eq!(cast(text, true), utc, "{text}");
        }
        for number in [Datum::Integer(1), Datum::Real(1.0)] {
            assert_eq!(timestamp(&number, EpochUnit::Unknown, false), None);
        }
    }

    #[test]
    fn a_date_has_no_time_of_day() {
        let cast = |text| date(&Datum::Text(text));
        assert_eq!(cast("1969-12-31"), Some(-1));
        assert_eq!(cast("2000-03-01 00:00:00.000"), Some(11_017));
        assert_eq!(cast("2000-03-01 00:00:01"), None);
        assert_eq!(cast("2000-03-01T00:00:00Z"), None);
        assert_eq!(date(&Datum::Integer(11_017)), None);
    }
}

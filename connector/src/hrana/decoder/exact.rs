//! Values as what an operator wants them to be, where that is exactly what
//! they are: nothing is rounded, cut or guessed. A value that is not is
//! `None`.
//!
//! By hand, because the parsers of `arrow-cast` take more than that: they
//! round what has too many digits, and take texts that are no dates.

use std::borrow::Cow;

use super::builder::{Datum, exact_real};
use crate::hrana::wanted::Unit;
use crate::moment::{FIRST_DAY, LAST_DAY, MICROS_PER_DAY, WrittenTime};

/// Whole numbers: integers, floats without a fraction, and text of digits.
pub(super) fn integer(datum: &Datum<'_>) -> Option<i64> {
    match *datum {
        Datum::Integer(value) => Some(value),
        _ => number(datum, 0)?.try_into().ok(),
    }
}

/// Floats, integers that are floats too, and text that comes back from a
/// float as it was, but for zeros at its ends.
pub(super) fn double(datum: &Datum<'_>) -> Option<f64> {
    /// So many digits survive in any float.
    const DIGITS: usize = 15;
    match *datum {
        Datum::Real(value) => Some(value),
        Datum::Integer(value) => exact_real(value),
        Datum::Text(text) => {
            let written = Written::of(text)?;
            (written.significant() <= DIGITS).then(|| text.parse().ok())?
        }
        _ => None,
    }
}

/// Text, and numbers in the shortest digits that read back as the same.
pub(super) fn text<'a>(datum: &Datum<'a>) -> Option<Cow<'a, str>> {
    match *datum {
        Datum::Text(text) => Some(text.into()),
        Datum::Integer(value) => Some(value.to_string().into()),
        Datum::Real(value) if value.is_finite() => Some(format!("{value:?}").into()),
        _ => None,
    }
}

/// Bytes, and those of text.
pub(super) fn blob<'a>(datum: &Datum<'a>) -> Option<&'a [u8]> {
    match *datum {
        Datum::Blob(bytes) | Datum::TextBytes(bytes) => Some(bytes),
        Datum::Text(text) => Some(text.as_bytes()),
        _ => None,
    }
}

/// 0 and 1, in whatever form, `false` and `true` in any letter case.
pub(super) fn boolean(datum: &Datum<'_>) -> Option<bool> {
    match *datum {
        Datum::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Datum::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => match integer(datum)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
    }
}

/// Days since 1970, of a text that names a day, or its midnight in no time
/// zone.
pub(super) fn date(datum: &Datum<'_>) -> Option<i32> {
    let Datum::Text(text) = *datum else {
        return None;
    };
    let time = WrittenTime::parse(text)?;
    let is_day = time.micros()? == 0 && time.offset.is_none();
    is_day.then(|| time.day.try_into().ok())?
}

/// Microseconds since 1970, of a time in ISO 8601 or a number. What has an
/// offset is brought to UTC; what has none is taken as it is.
pub(super) fn timestamp(datum: &Datum<'_>, unit: Unit) -> Option<i64> {
    let micros = match *datum {
        Datum::Text(text) => {
            let time = WrittenTime::parse(text)?;
            let ahead = time.offset.unwrap_or(0) * 1_000_000;
            time.day * MICROS_PER_DAY + time.micros()? - ahead
        }
        _ => number(datum, unit.digits())?.try_into().ok()?,
    };
    (FIRST_DAY..=LAST_DAY)
        .contains(&micros.div_euclid(MICROS_PER_DAY))
        .then_some(micros)
}

/// A decimal number of so many digits, without its point.
pub(super) fn decimal(datum: &Datum<'_>, precision: u8, scale: u8) -> Option<i128> {
    let value = number(datum, scale)?;
    (value.unsigned_abs() < 10_u128.pow(precision.into())).then_some(value)
}

/// A number times ten to the power of `scale`, if that is whole. A float is
/// the shortest decimal number that reads back as the same.
fn number(datum: &Datum<'_>, scale: u8) -> Option<i128> {
    match *datum {
        Datum::Integer(value) => {
            i128::from(value).checked_mul(10_i128.checked_pow(u32::from(scale))?)
        }
        Datum::Real(value) if value.is_finite() => Written::of(&value.to_string())?.times(scale),
        Datum::Text(text) => Written::of(text)?.times(scale),
        _ => None,
    }
}

/// A number as it is written: digits and one point, with or without a sign.
struct Written<'a> {
    negative: bool,
    whole: &'a [u8],
    /// Without zeros at its end.
    fraction: &'a [u8],
}

impl<'a> Written<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (negative, digits) = match text.as_bytes() {
            [b'-', digits @ ..] => (true, digits),
            [b'+', digits @ ..] | digits => (false, digits),
        };
        let point = digits.iter().position(|byte| *byte == b'.');
        let (whole, mut fraction) = match point {
            Some(at) => (&digits[..at], &digits[at + 1..]),
            None => (digits, &digits[..0]),
        };
        let mut all = whole.iter().chain(fraction);
        if digits.len() == usize::from(point.is_some()) || !all.all(u8::is_ascii_digit) {
            return None;
        }
        while let [rest @ .., b'0'] = fraction {
            fraction = rest;
        }
        Some(Self {
            negative,
            whole,
            fraction,
        })
    }

    fn digits(&self) -> impl Iterator<Item = i128> {
        let digits = self.whole.iter().chain(self.fraction);
        digits.map(|digit| i128::from(digit - b'0'))
    }

    /// Digits from the first to the last that is not zero.
    fn significant(&self) -> usize {
        let digits: Vec<_> = self.digits().skip_while(|digit| *digit == 0).collect();
        digits
            .iter()
            .rposition(|digit| *digit != 0)
            .map_or(0, |last| last + 1)
    }

    fn times(&self, scale: u8) -> Option<i128> {
        let missing = usize::from(scale).checked_sub(self.fraction.len())?;
        let zeros = std::iter::repeat_n(0, missing);
        let value = self
            .digits()
            .chain(zeros)
            .try_fold(0_i128, |value, digit| {
                value.checked_mul(10)?.checked_add(digit)
            })?;
        Some(if self.negative { -value } else { value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment;

    fn micros(text: &str) -> Option<i64> {
        timestamp(&Datum::Text(text), Unit::Second)
    }

    #[test]
    fn a_time_is_read_in_every_form_of_iso_8601_that_databases_hold() {
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
    fn what_is_no_time_is_not_made_one() {
        for text in [
            "",
            "now",
            "2024",
            "2024-01",
            "20240101",
            "2024-1-1",
            "2024-00-01",
            "2024-01-00",
            "2024-13-01",
            "2024-04-31",
            "2023-02-29",
            "1900-02-29",
            "-2024-01-01",
            "02024-01-01",
            "2024-01-01 ",
            " 2024-01-01",
            "2024-01-01T",
            "2024-01-01Z",
            "2024-01-01T1:00",
            "2024-01-01T24:00",
            "2024-01-01T23:60",
            "2024-01-01T23:59:60",
            "2024-01-01T23:59:5",
            "2024-01-01T23:59:59.",
            "2024-01-01T23:59.5",
            "2024-01-01T23:59:59.1234567",
            "2024-01-01T23:59:59,5",
            "2024-01-01T00:00:00 Z",
            "2024-01-01T00:00:00ZZ",
            "2024-01-01T00:00:00+24",
            "2024-01-01T00:00:00+1",
            "2024-01-01T00:00:00+01:",
            "2024-01-01T00:00:00+01:60",
            "2024-01-01T00:00:00+01:000",
            "2024-01-01T00:00:00 Europe/Berlin",
            "2024/01/01",
            "٢٠٢٤-01-01",
            "0000-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "1700000000",
        ] {
            assert_eq!(micros(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_is_read_as_it_is_written() {
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
    fn a_number_is_a_time_of_the_unit_that_was_said() {
        let of = |datum, unit| timestamp(&datum, unit);
        assert_eq!(of(Datum::Integer(-1), Unit::Second), Some(-1_000_000));
        assert_eq!(
            of(Datum::Integer(1_700_000_000_123), Unit::Milli),
            Some(1_700_000_000_123_000)
        );
        assert_eq!(of(Datum::Integer(7), Unit::Micro), Some(7));
        assert_eq!(
            of(Datum::Real(1_700_000_000.25), Unit::Second),
            Some(1_700_000_000_250_000)
        );
        assert_eq!(of(Datum::Real(0.000_001), Unit::Second), Some(1));
        // Finer than a microsecond, or not a number of that unit.
        assert_eq!(of(Datum::Real(0.000_000_1), Unit::Second), None);
        assert_eq!(of(Datum::Real(0.5), Unit::Micro), None);
        assert_eq!(of(Datum::Real(f64::NAN), Unit::Second), None);
        assert_eq!(of(Datum::Real(f64::INFINITY), Unit::Second), None);
        // Milliseconds that are taken for seconds would be of the year 55840.
        assert_eq!(of(Datum::Integer(1_700_000_000_123), Unit::Second), None);
        assert_eq!(of(Datum::Integer(i64::MAX), Unit::Second), None);
        assert_eq!(of(Datum::Integer(i64::MIN), Unit::Micro), None);
        assert_eq!(of(Datum::Blob(b"2024-01-01"), Unit::Second), None);
    }

    #[test]
    fn a_date_is_a_day_and_no_time_of_it() {
        let of = |text| date(&Datum::Text(text));
        assert_eq!(of("1969-12-31"), Some(-1));
        assert_eq!(of("2000-03-01 00:00:00.000"), Some(11_017));
        assert_eq!(of("2000-03-01 00:00:01"), None);
        assert_eq!(of("2000-03-01T00:00:00Z"), None);
        assert_eq!(date(&Datum::Integer(11_017)), None);
    }

    #[test]
    fn a_decimal_is_exact_or_none() {
        let of = |text| decimal(&Datum::Text(text), 5, 2);
        for (text, value) in [
            ("1.5", 150),
            ("-1.50000", -150),
            ("+999.99", 99_999),
            (".5", 50),
            ("5.", 500),
            ("000000000000000000000000000000000000000000000007", 700),
            ("-0", 0),
        ] {
            assert_eq!(of(text), Some(value), "{text}");
        }
        for text in [
            "", ".", "-", "+-1", "1e2", "1,5", " 1", "1 ", "1.2.3", "0x1", "1_0", "١", "inf",
            "NaN", "1.005", "1000", "-1000",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
        let real = |value| decimal(&Datum::Real(value), 5, 2);
        assert_eq!(real(0.1), Some(10));
        assert_eq!(real(-999.99), Some(-99_999));
        assert_eq!(real(0.1 + 0.2), None);
        assert_eq!(real(1e300), None);
        assert_eq!(real(5e-324), None);
        assert_eq!(real(f64::NEG_INFINITY), None);
        assert_eq!(decimal(&Datum::Integer(-999), 5, 2), Some(-99_900));
        assert_eq!(decimal(&Datum::Integer(1_000), 5, 2), None);
        let nines = "9".repeat(38);
        let most = 10_i128.pow(38) - 1;
        assert_eq!(decimal(&Datum::Text(&nines), 38, 0), Some(most));
        assert_eq!(
            decimal(&Datum::Text(&format!("-.{nines}")), 38, 38),
            Some(-most)
        );
        assert_eq!(decimal(&Datum::Text(&format!("1{nines}")), 38, 0), None);
        assert_eq!(decimal(&Datum::Integer(0), 38, 38), Some(0));
        assert_eq!(decimal(&Datum::Integer(i64::MAX), 38, 38), None);
    }

    #[test]
    fn numbers_are_what_they_are_in_whatever_form() {
        assert_eq!(integer(&Datum::Real(-3.0)), Some(-3));
        assert_eq!(integer(&Datum::Real(3.5)), None);
        assert_eq!(integer(&Datum::Real(9_223_372_036_854_775_808.0)), None);
        assert_eq!(
            integer(&Datum::Text("-9223372036854775808")),
            Some(i64::MIN)
        );
        assert_eq!(integer(&Datum::Text("9223372036854775808")), None);
        assert_eq!(integer(&Datum::Text("7 ")), None);
        assert_eq!(double(&Datum::Text("-0.1")), Some(-0.1));
        assert_eq!(
            double(&Datum::Text("123456789012345000")),
            Some(123_456_789_012_345_000.0)
        );
        assert_eq!(double(&Datum::Text("0.1234567890123456")), None);
        assert_eq!(double(&Datum::Text("NaN")), None);
        assert_eq!(double(&Datum::Text("1e3")), None);
        assert_eq!(double(&Datum::Integer(i64::MAX)), None);
        assert_eq!(double(&Datum::Real(f64::INFINITY)), Some(f64::INFINITY));
        assert_eq!(text(&Datum::Real(1.0)).as_deref(), Some("1.0"));
        assert_eq!(
            text(&Datum::Integer(i64::MIN)).as_deref(),
            Some("-9223372036854775808")
        );
        assert_eq!(text(&Datum::Real(f64::INFINITY)), None);
        assert_eq!(text(&Datum::Blob(b"x")), None);
        assert_eq!(blob(&Datum::Text("x")), Some(&b"x"[..]));
        assert_eq!(blob(&Datum::TextBytes(b"\xFF")), Some(&b"\xFF"[..]));
        assert_eq!(blob(&Datum::Integer(1)), None);
        assert_eq!(boolean(&Datum::Text("TRUE")), Some(true));
        assert_eq!(boolean(&Datum::Text("0")), Some(false));
        assert_eq!(boolean(&Datum::Real(1.0)), Some(true));
        assert_eq!(boolean(&Datum::Integer(2)), None);
        assert_eq!(boolean(&Datum::Text("yes")), None);
    }
}

//! Numbers in any form, as integers, floats, decimals and booleans.

use crate::rows::datum::{Datum, exact_real};

/// Casts integers, floats without a fraction, and text of digits.
pub(super) fn integer(datum: &Datum<'_>) -> Option<i64> {
    match *datum {
        Datum::Integer(value) => Some(value),
        _ => scaled(datum, 0)?.try_into().ok(),
    }
}

/// Casts floats, integers that a float holds exactly, and text that a float
/// reproduces except for outer zeros.
pub(super) fn double(datum: &Datum<'_>) -> Option<f64> {
    /// Number of significant digits that every float preserves.
    const MAX_DIGITS: usize = 15;
    match *datum {
        Datum::Real(value) => Some(value),
        Datum::Integer(value) => exact_real(value),
        Datum::Text(text) => {
            let decimal = DecimalText::parse(text)?;
            (decimal.significant_digits() <= MAX_DIGITS).then(|| text.parse().ok())?
        }
        _ => None,
    }
}

/// Casts 0 and 1 in any form, and `false`, `f`, `true` and `t` in any letter
/// case.
pub(super) fn boolean(datum: &Datum<'_>) -> Option<bool> {
    match *datum {
        Datum::Text("t" | "T") => Some(true),
        Datum::Text("f" | "F") => Some(false),
        Datum::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Datum::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => match integer(datum)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
    }
}

/// Casts a number to the unscaled value of a decimal. A float that differs from
/// a decimal only after its first 15 digits, such as the sum of 0.1 and 0.2, is
/// that decimal. Others are rounded on request, half away from zero.
pub(super) fn decimal(datum: &Datum<'_>, precision: u8, scale: u8, rounds: bool) -> Option<i128> {
    let value = match *datum {
        _ if rounds => rounded(datum, scale),
        Datum::Real(value) => short_decimal(value, scale)
            .or_else(|| scaled(datum, scale))
            .or_else(|| without_noise(value, scale)),
        _ => scaled(datum, scale),
    }?;
    (value.unsigned_abs() < 10_u128.pow(precision.into())).then_some(value)
}

/// Returns a float times ten to the power of `scale`, if the float is the
/// closest one to a decimal of at most 15 digits. Only one decimal of so many
/// digits has that float, and a division of two whole floats finds it.
fn short_decimal(value: f64, scale: u8) -> Option<i128> {
    /// Largest power of ten that a float holds exactly.
    const MAX_SCALE: u8 = 22;
    const END_OF_15_DIGITS: f64 = 1e15;
    if scale > MAX_SCALE {
        return None;
    }
    let power = 10_f64.powi(scale.into());
    let digits = (value * power).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::float_cmp,
        reason = "the number is whole and has at most 15 digits; the comparison must be exact"
    )]
    (digits.abs() < END_OF_15_DIGITS && digits / power == value).then_some(digits as i128)
}

/// Returns a float times ten to the power of `scale`, if it is whole for the
/// first 15 digits of the float, and is the closest one to the float.
fn without_noise(value: f64, scale: u8) -> Option<i128> {
    if !value.is_finite() {
        return None;
    }
    let rounded: f64 = format!("{value:.14e}").parse().ok()?;
    let rounded = scaled(&Datum::Real(rounded), scale)?;
    let closest = format!("{value:.0$}", usize::from(scale));
    (DecimalText::parse(&closest)?.scaled(scale)? == rounded).then_some(rounded)
}

/// Returns a number times ten to the power of `scale`, if that is whole. A
/// float stands for the shortest decimal number that parses as the same float.
pub(super) fn scaled(datum: &Datum<'_>, scale: u8) -> Option<i128> {
    match *datum {
        Datum::Integer(value) => {
            i128::from(value).checked_mul(10_i128.checked_pow(u32::from(scale))?)
        }
        Datum::Real(value) if value.is_finite() => {
            DecimalText::parse(&value.to_string())?.scaled(scale)
        }
        Datum::Text(text) => DecimalText::parse(text)?.scaled(scale),
        _ => None,
    }
}

/// Returns a number times ten to the power of `scale`, rounded half away from
/// zero.
pub(super) fn rounded(datum: &Datum<'_>, scale: u8) -> Option<i128> {
    match *datum {
        Datum::Real(value) if value.is_finite() => {
            DecimalText::parse(&value.to_string())?.rounded(scale)
        }
        Datum::Text(text) => DecimalText::parse(text)?.rounded(scale),
        _ => scaled(datum, scale),
    }
}

/// A written number: digits with at most one point and an optional sign.
struct DecimalText<'a> {
    is_negative: bool,
    whole: &'a [u8],
    /// Digits after the point, without trailing zeros.
    fraction: &'a [u8],
}

impl<'a> DecimalText<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (is_negative, digits) = match text.as_bytes() {
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
            is_negative,
            whole,
            fraction,
        })
    }

    fn digits(&self) -> impl Iterator<Item = i128> {
        let digits = self.whole.iter().chain(self.fraction);
        digits.map(|digit| i128::from(digit - b'0'))
    }

    /// Counts the digits from the first to the last that is not zero.
    fn significant_digits(&self) -> usize {
        let digits: Vec<_> = self.digits().skip_while(|digit| *digit == 0).collect();
        digits
            .iter()
            .rposition(|digit| *digit != 0)
            .map_or(0, |last| last + 1)
    }

    fn rounded(&self, scale: u8) -> Option<i128> {
        let Some((kept, [next, ..])) = self.fraction.split_at_checked(scale.into()) else {
            return self.scaled(scale);
        };
        let cut = Self {
            fraction: kept,
            ..*self
        };
        let value = cut.scaled(scale)?;
        let step = i128::from(*next >= b'5');
        Some(if self.is_negative {
            value - step
        } else {
            value + step
        })
    }

    fn scaled(&self, scale: u8) -> Option<i128> {
        let missing = usize::from(scale).checked_sub(self.fraction.len())?;
        let zeros = std::iter::repeat_n(0, missing);
        let value = self
            .digits()
            .chain(zeros)
            .try_fold(0_i128, |value, digit| {
                value.checked_mul(10)?.checked_add(digit)
            })?;
        Some(if self.is_negative { -value } else { value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_cast_only_if_it_is_exact() {
        let parse = |text| decimal(&Datum::Text(text), 5, 2, false);
        for (text, value) in [
            ("1.5", 150),
            ("-1.50000", -150),
            ("+999.99", 99_999),
            (".5", 50),
            ("5.", 500),
            ("000000000000000000000000000000000000000000000007", 700),
            ("-0", 0),
        ] {
            assert_eq!(parse(text), Some(value), "{text}");
        }
        for text in [
            "", ".", "-", "+-1", "1e2", "1,5", " 1", "1 ", "1.2.3", "0x1", "1_0", "١", "inf",
            "NaN", "1.005", "1000", "-1000",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        let real = |value| decimal(&Datum::Real(value), 5, 2, false);
        assert_eq!(real(0.1), Some(10));
        assert_eq!(real(-999.99), Some(-99_999));
        assert_eq!(real(0.1 + 0.2), Some(30));
        assert_eq!(real(1.1 * 3.0), Some(330));
        assert_eq!(real(0.305), None);
        assert_eq!(real(1.000_000_1), None);
        assert_eq!(real(f64::NAN), None);
        assert_eq!(real(1e300), None);
        assert_eq!(real(5e-324), None);
        assert_eq!(real(f64::NEG_INFINITY), None);
        assert_eq!(decimal(&Datum::Integer(-999), 5, 2, false), Some(-99_900));
        assert_eq!(decimal(&Datum::Integer(1_000), 5, 2, false), None);
        let nines = "9".repeat(38);
        let max = 10_i128.pow(38) - 1;
        assert_eq!(decimal(&Datum::Text(&nines), 38, 0, false), Some(max));
        assert_eq!(
            decimal(&Datum::Text(&format!("-.{nines}")), 38, 38, false),
            Some(-max)
        );
        assert_eq!(
            decimal(&Datum::Text(&format!("1{nines}")), 38, 0, false),
            None
        );
        assert_eq!(decimal(&Datum::Integer(0), 38, 38, false), Some(0));
        assert_eq!(decimal(&Datum::Integer(i64::MAX), 38, 38, false), None);
    }

    #[test]
    fn a_number_is_rounded_on_request() {
        let cast = |datum| decimal(&datum, 5, 2, true);
        assert_eq!(cast(Datum::Text("1.005")), Some(101));
        assert_eq!(cast(Datum::Text("-1.005")), Some(-101));
        assert_eq!(cast(Datum::Text("1.0049999")), Some(100));
        assert_eq!(cast(Datum::Text("1")), Some(100));
        assert_eq!(cast(Datum::Text("0.995")), Some(100));
        assert_eq!(cast(Datum::Real(2.675)), Some(268));
        assert_eq!(cast(Datum::Real(-0.004)), Some(0));
        assert_eq!(cast(Datum::Integer(7)), Some(700));
        assert_eq!(cast(Datum::Real(999.999)), None);
        assert_eq!(cast(Datum::Real(f64::NAN)), None);
        assert_eq!(cast(Datum::Text("x")), None);
    }

    #[test]
    fn only_the_last_digits_of_a_float_are_noise() {
        let cast = |value, scale| decimal(&Datum::Real(value), 38, scale, false);
        assert_eq!(cast(12_345_678_901_234.56, 2), Some(1_234_567_890_123_456));
        assert_eq!(cast(1_234_567_890_123.456_7, 3), None);
        assert_eq!(cast(99.999_999_999_999_99, 2), Some(10_000));
        assert_eq!(cast(99.999_999_999_98, 2), None);
        assert_eq!(cast(-(0.1 + 0.7), 1), Some(-8));
        assert_eq!(cast(1e22, 0), Some(10_i128.pow(22)));
        assert_eq!(cast(0.1, 30), Some(10_i128.pow(29)));
        for cents in (-100_000..100_000_i128).step_by(7) {
            #[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
            let value = cents as f64 / 100.0;
            assert_eq!(cast(value, 2), Some(cents), "{value}");
        }
    }

    #[test]
    fn numbers_are_cast_from_every_form() {
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
        assert_eq!(boolean(&Datum::Text("TRUE")), Some(true));
        assert_eq!(boolean(&Datum::Text("0")), Some(false));
        assert_eq!(boolean(&Datum::Real(1.0)), Some(true));
        assert_eq!(boolean(&Datum::Integer(2)), None);
        assert_eq!(boolean(&Datum::Text("yes")), None);
        assert_eq!(boolean(&Datum::Text("t")), Some(true));
        assert_eq!(boolean(&Datum::Text("F")), Some(false));
    }
}

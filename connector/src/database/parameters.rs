//! Values in statements, in forms that servers receive bit for bit. Every value
//! that is sent passes through here. Knows no table.
//!
//! Floats are never sent as numbers with a point: sqld and tursodb read many of
//! 16 or 17 digits as a neighbour, in JSON and sometimes in SQL. A float is an
//! integer and a power of two instead, which the server multiplies or divides
//! without rounding.
//!
//! The other kinds are parameters, so that statements stay the same and logs of
//! statements hold no values. A [`probe`] finds the kinds that the server does
//! not receive exactly. They are written into the statement.

use std::fmt::Write as _;

use crate::hrana::request::{Argument, Statement};
use crate::rows::value::Value;

/// Text that a server might change: escapes of JSON and SQL, characters of every
/// length in UTF-8, and both forms of an accent. Without U+FFFF, which a database
/// that stores UTF-16 cannot hold.
const PROBE_TEXT: &str = "\0\u{1}\t\n\r\"\\/'\u{7f}\u{80}\u{e9}\u{7ff}\u{800}\u{2028}e\u{301}\
     \u{d7ff}\u{e000}\u{feff}\u{fffd}\u{10000}\u{10ffff}";
/// Integers that a float cannot hold, and the smallest one.
const PROBE_INTEGERS: [i64; 3] = [i64::MAX, i64::MIN, (1 << 53) + 1];
/// Maximum number of characters of one call of `char`: SQLite limits the arguments
/// of a function to 127.
const MAX_CHARACTERS: usize = 100;
/// Largest power of two that is a positive integer of 64 bits.
const MAX_POWER: u32 = 62;

/// Kinds of values that a server receives exactly as parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    integers: bool,
    text: bool,
    blobs: bool,
}

/// Returns the statement that compares a parameter of each kind with a literal.
/// It reads no rows. [`Parameters::from_rows`] takes its result.
#[must_use]
pub fn probe() -> Statement {
    let mut args = Vec::new();
    let mut compare = |value: &Value| {
        let parameter = Parameters::ALL.sql(value, &mut args);
        format!("{parameter} = {}", literal(value))
    };
    let integers = PROBE_INTEGERS.map(|integer| compare(&Value::Integer(integer)));
    // The last one has every byte. The others need padding, or are empty.
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let blobs = [&[][..], &[0xfb, 0xff], &[0xff, 0xef, 0xbe], &every_byte];
    let blobs = blobs.map(|blob| compare(&Value::Blob(blob.to_vec())));
    let text = Value::from(PROBE_TEXT);
    let (class, bytes) = (
        Parameters::ALL.sql(&text, &mut args),
        Parameters::ALL.sql(&text, &mut args),
    );
    // Digits of UTF-8, even if the database stores UTF-16.
    let digits = hex(PROBE_TEXT.as_bytes());
    let sql = format!(
        "SELECT {} AS integers, {} AS blobs, \
         typeof({class}) = 'text' AND hex({bytes}) = '{digits}' AS texts",
        integers.join(" AND "),
        blobs.join(" AND ")
    );
    Statement::with_args(sql, args)
}

impl Parameters {
    /// All kinds.
    pub const ALL: Self = Self {
        integers: true,
        text: true,
        blobs: true,
    };

    /// Parses the result of [`probe`]. A failed statement has no rows.
    #[must_use]
    pub fn from_rows(rows: &[Vec<Value>]) -> Self {
        let is_exact = |index: usize| {
            let value = rows.first().and_then(|row| row.get(index));
            value.and_then(Value::as_integer) == Some(1)
        };
        Self {
            integers: is_exact(0),
            blobs: is_exact(1),
            text: is_exact(2),
        }
    }

    /// Returns the SQL of a value, and appends the arguments that it needs.
    pub fn sql(self, value: &Value, args: &mut Vec<Argument>) -> String {
        let (argument, sql) = match value {
            Value::Integer(value) if self.integers => (Argument::Integer(*value), "?"),
            Value::Text(text) if self.text => (Argument::Text(text.clone()), "?"),
            Value::Blob(bytes) if self.blobs => (Argument::Blob(bytes.clone()), "?"),
            // JSON has only text that is UTF-8.
            Value::TextBytes(bytes) if self.blobs => {
                (Argument::Blob(bytes.clone()), "CAST(? AS TEXT)")
            }
            Value::Real(real) => return real_sql(*real, |value| self.sql(value, args)),
            value => return literal(value),
        };
        args.push(argument);
        sql.to_owned()
    }
}

/// Returns the literal of a value, in ASCII.
fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        // Its digits without the sign are not an integer of 64 bits.
        Value::Integer(i64::MIN) => format!("({} - 1)", -i64::MAX),
        Value::Integer(value) => value.to_string(),
        Value::Real(real) => real_sql(*real, literal),
        Value::Text(text) => text_literal(text),
        Value::TextBytes(bytes) => format!("CAST(x'{}' AS TEXT)", hex(bytes)),
        Value::Blob(bytes) => format!("x'{}'", hex(bytes)),
    }
}

/// Returns the literal of a text in ASCII, by the numbers of its characters: the
/// bytes of a text depend on the encoding of the database.
#[must_use]
pub fn text_literal(text: &str) -> String {
    let numbers: Vec<_> = text.chars().map(|c| u32::from(c).to_string()).collect();
    let calls: Vec<_> = numbers
        .chunks(MAX_CHARACTERS)
        .map(|numbers| format!("char({})", numbers.join(", ")))
        .collect();
    if calls.is_empty() {
        "''".to_owned()
    } else {
        format!("({})", calls.join(" || "))
    }
}

/// Returns an expression whose value is exactly a float. No step rounds: the
/// integer has at most 53 bits, and each result on the way has no more than the
/// float.
fn real_sql(real: f64, mut integer_sql: impl FnMut(&Value) -> String) -> String {
    if real.is_nan() {
        return "NULL".to_owned();
    }
    if real.is_infinite() {
        // Too large for any parser.
        return if real > 0.0 { "9e999" } else { "-9e999" }.to_owned();
    }
    let (mantissa, exponent) = binary_parts(real);
    let one = if mantissa == 0 && real.is_sign_negative() {
        "-1.0"
    } else {
        "1.0"
    };
    let mut sql = format!("({} * {one}", integer_sql(&Value::Integer(mantissa)));
    let operator = if exponent < 0 { '/' } else { '*' };
    let mut power_left = exponent.unsigned_abs();
    while power_left > 0 {
        let power = power_left.min(MAX_POWER);
        let factor = integer_sql(&Value::Integer(1 << power));
        // Writing to a string cannot fail.
        let _ = write!(sql, " {operator} {factor}");
        power_left -= power;
    }
    sql.push(')');
    sql
}

/// Splits a finite float into an integer and the power of two that it is
/// multiplied by. A negative power is as close to zero as possible.
fn binary_parts(real: f64) -> (i64, i32) {
    const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1;
    const EXPONENT_BITS: u64 = 0x7ff;
    /// Exponent of the last bit of the smallest floats.
    const MIN_EXPONENT: i32 = -1074;
    let bits = real.to_bits();
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    let biased = ((bits >> FRACTION_BITS) & EXPONENT_BITS) as i32;
    // The leading bit of normal floats is not stored.
    let (mantissa, exponent) = match biased {
        0 => (fraction, MIN_EXPONENT),
        biased => (fraction | 1 << FRACTION_BITS, MIN_EXPONENT + biased - 1),
    };
    if mantissa == 0 {
        return (0, 0);
    }
    let is_fraction = exponent < 0;
    let shift = if is_fraction {
        mantissa.trailing_zeros().min(exponent.unsigned_abs())
    } else {
        0
    };
    let mantissa = (mantissa >> shift).cast_signed();
    let signed = if real.is_sign_negative() {
        -mantissa
    } else {
        mantissa
    };
    (signed, exponent.saturating_add_unsigned(shift))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02X}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Evaluates the expression of a float like a server, with its integers as
    /// literals.
    fn evaluate(sql: &str) -> f64 {
        let inner = sql.trim_start_matches('(').trim_end_matches(')');
        let mut words = inner.split(' ');
        let mut value: f64 = words.next().unwrap().parse().unwrap();
        while let (Some(operator), Some(operand)) = (words.next(), words.next()) {
            let operand: f64 = operand.parse().unwrap();
            value = match operator {
                "*" => value * operand,
                _ => value / operand,
            };
        }
        value
    }

    #[test]
    fn the_expression_of_a_float_has_its_bits() {
        let mut state = 1_u64;
        let random = (0..200_000).map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            f64::from_bits(state ^ (state >> 31))
        });
        let powers = (-1100..1100).map(|power| 2_f64.powi(power));
        let special = [
            0.0,
            -0.0,
            5e-324,
            f64::MIN_POSITIVE,
            f64::MIN_POSITIVE.next_down(),
            f64::MAX,
            f64::MIN,
            1_732_802_520.123_456_7,
        ];
        for real in random.chain(powers).chain(special) {
            if real.is_finite() {
                let sql = literal(&Value::Real(real));
                assert_eq!(evaluate(&sql).to_bits(), real.to_bits(), "{real:e}: {sql}");
            }
        }
    }

    #[test]
    fn a_float_is_sent_as_integers() {
        let mut args = Vec::new();
        assert_eq!(
            Parameters::ALL.sql(&Value::Real(-2.5), &mut args),
            "(? * 1.0 / ?)"
        );
        assert_eq!(args, [Argument::Integer(-5), Argument::Integer(2)]);
        assert_eq!(literal(&Value::Real(40.0)), "(40 * 1.0)");
        assert_eq!(literal(&Value::Real(-0.0)), "(0 * -1.0)");
        assert_eq!(literal(&Value::Real(f64::NEG_INFINITY)), "-9e999");
    }

    #[test]
    fn a_literal_of_text_does_not_depend_on_the_encoding_of_the_database() {
        assert_eq!(text_literal(""), "''");
        assert_eq!(text_literal("a\0'"), "(char(97, 0, 39))");
        assert_eq!(text_literal("\u{1f600}"), "(char(128512))");
        let long = text_literal(&"x".repeat(MAX_CHARACTERS + 1));
        assert!(long.ends_with(", 120) || char(120))"), "{long}");
    }

    #[test]
    fn kinds_that_a_server_changes_are_written_out() {
        let row = |values: [i64; 3]| vec![values.map(Value::Integer).to_vec()];
        let values = [
            Value::Integer(i64::MIN),
            Value::Integer(7),
            Value::from("ä'"),
            Value::TextBytes(vec![0xff]),
            Value::Blob(vec![]),
            Value::Real(0.5),
        ];
        let sql = |parameters: Parameters| {
            let mut args = Vec::new();
            let sql = values.iter().map(|value| parameters.sql(value, &mut args));
            let sql: Vec<_> = sql.collect();
            assert_eq!(sql.join(" ").matches('?').count(), args.len());
            sql.join(", ")
        };
        assert_eq!(
            sql(Parameters::from_rows(&row([1, 1, 1]))),
            "?, ?, ?, CAST(? AS TEXT), ?, (? * 1.0 / ?)"
        );
        assert_eq!(
            sql(Parameters::from_rows(&row([0, 1, 1]))),
            "(-9223372036854775807 - 1), 7, ?, CAST(? AS TEXT), ?, (1 * 1.0 / 2)"
        );
        assert_eq!(
            sql(Parameters::from_rows(&[])),
            "(-9223372036854775807 - 1), 7, (char(228, 39)), CAST(x'FF' AS TEXT), x'', (1 * 1.0 / 2)"
        );
    }
}

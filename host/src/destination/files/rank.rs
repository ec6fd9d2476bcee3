//! Ranks of rows that have the same key, by the value of one column. They compare
//! as a database compares the values of the column. Must not know keys.

use std::cmp::Ordering;
use std::io;

use super::io_error::invalid_data;
use super::row::{Row, Value};
use crate::destination::columns::Columns;
use crate::destination::stored_type::StoredType;
use crate::destination::table_write::TableWrite;

const DAY_MICROS: i64 = 86_400_000_000;

/// The column by which rows of one key are ordered.
#[derive(Clone, Debug)]
pub(super) struct RankColumn {
    column: usize,
    stored_type: StoredType,
    siblings: Vec<usize>,
    /// True if stored rows have a rank too.
    pub(super) includes_stored: bool,
}

impl RankColumn {
    /// Returns the column, if the table has it.
    pub(super) fn new(write: &TableWrite, columns: &Columns) -> Option<Self> {
        let family = write.order_family()?;
        let mut indices = family.iter().map(|name| columns.index_of(name));
        let column = indices.next().flatten()?;
        Some(Self {
            column,
            stored_type: columns.as_slice().get(column)?.stored_type,
            siblings: indices.flatten().collect(),
            includes_stored: write.order.as_ref()?.includes_stored,
        })
    }

    /// Returns the indices of the column and its siblings.
    pub(super) fn indices(&self) -> impl Iterator<Item = usize> {
        std::iter::once(self.column).chain(self.siblings.iter().copied())
    }

    /// Returns the rank of a row.
    pub(super) fn rank(&self, row: &dyn Row) -> io::Result<Rank> {
        for sibling in &self.siblings {
            if row.value(*sibling)?.is_some() {
                return Ok(Rank::Incomparable);
            }
        }
        match row.value(self.column)? {
            Some(value) => Comparable::new(self.stored_type, value).map(Rank::Value),
            None => Ok(Rank::Missing),
        }
    }
}

/// The rank of a row among the rows of its key.
#[derive(Clone, Debug)]
pub(super) enum Rank {
    /// The row has no value, and is before all others.
    Missing,
    Value(Comparable),
    /// The value is in a sibling.
    Incomparable,
}

impl Rank {
    /// True if values of the two rows compare, and this one is larger.
    pub(super) fn is_after(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Value(value), Self::Value(other)) => value.compare(other).is_gt(),
            (Self::Value(_), Self::Missing) => true,
            _ => false,
        }
    }
}

/// A value that compares with others of its column.
#[derive(Clone, Debug)]
pub(super) enum Comparable {
    /// An integer, a truth value, a time in days or microseconds since 1970, or
    /// the digits of a decimal number.
    Integer(i128),
    Float(f64),
    Text(Box<str>),
    Blob(Box<[u8]>),
}

impl Comparable {
    fn new(stored_type: StoredType, value: Value<'_>) -> io::Result<Self> {
        let integer = |number: Option<i128>, text: &str| {
            number
                .map(Self::Integer)
                .ok_or_else(|| invalid_data(format!("`{text}` is not {stored_type}")))
        };
        Ok(match value {
            Value::Integer(number) => Self::Integer(number.into()),
            Value::Boolean(truth) => Self::Integer(truth.into()),
            Value::Float(number) => Self::Float(number),
            Value::Blob(bytes) => Self::Blob(bytes.into()),
            Value::Text(text) => match stored_type {
                StoredType::Date => integer(days(&text), &text)?,
                StoredType::Timestamp | StoredType::TimestampUtc => integer(micros(&text), &text)?,
                // All values of the column have the same number of decimals.
                StoredType::Decimal(_, _) => integer(text.replace('.', "").parse().ok(), &text)?,
                _ => Self::Text(text.into()),
            },
        })
    }

    /// Compares the values. Values of other types are equal.
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Integer(one), Self::Integer(other)) => one.cmp(other),
            (Self::Float(one), Self::Float(other)) => {
                let by_nan = || one.is_nan().cmp(&other.is_nan());
                one.partial_cmp(other).unwrap_or_else(by_nan)
            }
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            (Self::Blob(one), Self::Blob(other)) => one.cmp(other),
            _ => Ordering::Equal,
        }
    }
}

/// Parses microseconds since 1970, in a form of
/// [`text::time`](crate::destination::text::time).
fn micros(text: &str) -> Option<i128> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let Some((date, time)) = text.split_once('T') else {
        return text.parse().ok();
    };
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut seconds = 0_i128;
    for part in time.split(':') {
        seconds = seconds * 60 + part.parse::<i128>().ok()?;
    }
    let fraction: i128 = format!("{fraction:0<6}").parse().ok()?;
    Some(days(date)? * i128::from(DAY_MICROS) + seconds * 1_000_000 + fraction)
}

/// Parses days since 1970, in a form of
/// [`text::date`](crate::destination::text::date).
fn days(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let Some((year, rest)) = digits.split_once('-') else {
        return text.parse().ok();
    };
    let (month, day) = rest.split_once('-')?;
    let (month, day): (i128, i128) = (month.parse().ok()?, day.parse().ok()?);
    // A year that begins in March ends with the day that leap years add.
    let year = sign * year.parse::<i128>().ok()? - i128::from(month <= 2);
    let month = (month + 9) % 12;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // From 1 March of the year 0 to 1 January 1970.
    Some(year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::text;

    #[test]
    fn dates_and_times_are_parsed_as_they_are_written() {
        for days_since_1970 in [
            0,
            1,
            -1,
            58,
            59,
            60,
            10_956,
            10_957,
            11_016,
            19_782,
            19_783,
            -719_468,
            -719_469,
            -719_529,
            2_932_896,
            2_932_897,
            -1_000_000,
            90_000_000,
            i32::MIN,
            i32::MAX,
        ] {
            let text = text::date(days_since_1970);
            assert_eq!(days(&text), Some(days_since_1970.into()), "{text}");
        }
        for micros_since_1970 in [
            0,
            -1,
            1,
            1_700_000_000_123_456,
            253_402_300_799_999_999,
            253_402_300_800_000_000,
            -62_200_000_000_000_001,
            i64::MIN,
            i64::MAX,
        ] {
            for utc in [false, true] {
                let text = text::time(micros_since_1970, utc);
                assert_eq!(micros(&text), Some(micros_since_1970.into()), "{text}");
            }
        }
    }

    #[test]
    fn values_compare_as_those_of_their_type() {
        let rank = |stored_type, value| Rank::Value(Comparable::new(stored_type, value).unwrap());
        let text = |text: &'static str| Value::Text(text.into());
        let decimal = |digits| rank(StoredType::Decimal(10, 2), text(digits));
        assert!(decimal("10.00").is_after(&decimal("9.99")));
        assert!(decimal("-9.99").is_after(&decimal("-10.00")));
        let date = |date| rank(StoredType::Date, text(date));
        assert!(date("+10000-01-01").is_after(&date("9999-12-31")));
        let float = |number| rank(StoredType::Float64, Value::Float(number));
        assert!(!float(0.0).is_after(&float(-0.0)) && !float(-0.0).is_after(&float(0.0)));
        let plain = |plain| rank(StoredType::Text, text(plain));
        assert!(plain("é").is_after(&plain("z")));
    }

    #[test]
    fn a_row_without_a_value_is_before_all_others() {
        let value = Rank::Value(Comparable::Integer(i128::MIN));
        assert!(value.is_after(&Rank::Missing));
        assert!(!Rank::Missing.is_after(&value));
        assert!(!Rank::Missing.is_after(&Rank::Missing));
        assert!(!Rank::Incomparable.is_after(&value) && !value.is_after(&Rank::Incomparable));
    }
}

//! Owned values: arguments of statements, keys of pages, and the few rows of a
//! catalogue. Too slow for the rows of tables.

use std::cmp::Ordering;

/// An SQL value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// NULL.
    Null,
    /// A 64-bit integer.
    Integer(i64),
    /// A float.
    Real(f64),
    /// Text.
    Text(String),
    /// Text that is not UTF-8.
    TextBytes(Vec<u8>),
    /// Bytes.
    Blob(Vec<u8>),
}

/// A class of values that SQL sorts before or after another class, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SortClass {
    /// Integers and floats.
    Number,
    /// Text.
    Text,
    /// Bytes.
    Blob,
}

impl Value {
    /// Returns the class by which values are sorted first, unless it is NULL.
    #[must_use]
    pub fn sort_class(&self) -> Option<SortClass> {
        Some(match self {
            Self::Null => return None,
            Self::Integer(_) | Self::Real(_) => SortClass::Number,
            Self::Text(_) | Self::TextBytes(_) => SortClass::Text,
            Self::Blob(_) => SortClass::Blob,
        })
    }

    /// Compares values in the order of SQL, and text by its bytes.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        let classes = self.sort_class().cmp(&other.sort_class());
        classes.then_with(|| match (self.bytes(), other.bytes()) {
            (Some(one), Some(other)) => one.cmp(other),
            _ => self.compare_numbers(other),
        })
    }

    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text.as_bytes()),
            Self::TextBytes(bytes) | Self::Blob(bytes) => Some(bytes),
            Self::Null | Self::Integer(_) | Self::Real(_) => None,
        }
    }

    fn compare_numbers(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Integer(one), Self::Integer(other)) => one.cmp(other),
            (Self::Real(one), Self::Real(other)) => one.total_cmp(other),
            (Self::Integer(one), Self::Real(other)) => compare_integer(*one, *other),
            (Self::Real(one), Self::Integer(other)) => compare_integer(*other, *one).reverse(),
            _ => Ordering::Equal,
        }
    }

    /// Returns the text of a text value.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the integer of an integer value.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            _ => None,
        }
    }
}

/// Compares an integer with a float exactly: a float of 64 bits cannot hold
/// every integer.
fn compare_integer(integer: i64, real: f64) -> Ordering {
    const END_OF_INTEGERS: f64 = 9_223_372_036_854_775_808.0;
    if real >= END_OF_INTEGERS {
        return Ordering::Less;
    }
    if real < -END_OF_INTEGERS {
        return Ordering::Greater;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the value is within the range"
    )]
    let whole = real.trunc() as i64;
    integer
        .cmp(&whole)
        .then_with(|| 0.0_f64.total_cmp(&(real.fract() + 0.0)))
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_order_of_sql() {
        let big = 1_i64 << 53;
        let values = [
            Value::Null,
            Value::Real(f64::NEG_INFINITY),
            Value::Integer(i64::MIN),
            Value::Real(-1.5),
            Value::Integer(-1),
            Value::Real(-0.5),
            Value::Integer(0),
            Value::Real(0.5),
            Value::Integer(1),
            Value::Integer(big),
            Value::Integer(big + 1),
            Value::Integer(i64::MAX),
            Value::Real(9_223_372_036_854_775_808.0),
            Value::Real(f64::INFINITY),
            Value::from(""),
            Value::from("a"),
            Value::from("b"),
            Value::TextBytes(vec![0xff]),
            Value::Blob(vec![]),
            Value::Blob(vec![0]),
        ];
        for (one, first) in values.iter().enumerate() {
            for (other, second) in values.iter().enumerate() {
                assert_eq!(
                    first.compare(second),
                    one.cmp(&other),
                    "{first:?} {second:?}"
                );
            }
        }
        assert_eq!(
            Value::Integer(2).compare(&Value::Real(2.0)),
            Ordering::Equal
        );
    }
}

//! Values in ones and twos: arguments of statements, keys of pages, and the
//! few rows of a catalogue. Not for the rows of tables.

use std::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::DecodeError;
use super::scan::Cell;

/// The standard alphabet. Servers leave the padding out, clients may not
/// rely on it.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

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
    /// Text that is not UTF-8. Sent as a blob, which the statement must cast.
    TextBytes(Vec<u8>),
    /// Bytes.
    Blob(Vec<u8>),
}

/// A class of values: numbers come before text, and text before bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Integers and floats.
    Number,
    /// Text.
    Text,
    /// Bytes.
    Blob,
}

impl Value {
    /// The value of a cell.
    pub fn of(cell: Cell<'_>) -> Result<Self, DecodeError> {
        Ok(match cell {
            Cell::Null => Self::Null,
            Cell::Integer(value) => Self::Integer(value),
            Cell::Real(value) => Self::Real(value),
            Cell::LostInfinity => return Err(DecodeError::LostInfinity),
            Cell::Text(text) => Self::Text(text.into_owned()),
            Cell::Blob(base64) => {
                Self::Blob(BASE64.decode(base64).map_err(|_| DecodeError::Malformed {
                    at: 0,
                    expected: "base64",
                })?)
            }
        })
    }

    /// The class by which values are ordered first; none for NULL.
    #[must_use]
    pub fn class(&self) -> Option<Class> {
        Some(match self {
            Self::Null => return None,
            Self::Integer(_) | Self::Real(_) => Class::Number,
            Self::Text(_) | Self::TextBytes(_) => Class::Text,
            Self::Blob(_) => Class::Blob,
        })
    }

    /// The order of values in SQL, of text by its bytes.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        let classes = self.class().cmp(&other.class());
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

    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, if it is one.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            _ => None,
        }
    }
}

/// An integer against a float, exactly: a float of 64 bits cannot hold every
/// integer.
fn compare_integer(integer: i64, real: f64) -> Ordering {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if real >= BEYOND {
        return Ordering::Less;
    }
    if real < -BEYOND {
        return Ordering::Greater;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is within the range")]
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

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        let kind = match self {
            Self::Null => "null",
            Self::Integer(_) => "integer",
            Self::Real(_) => "float",
            Self::Text(_) => "text",
            Self::TextBytes(_) | Self::Blob(_) => "blob",
        };
        map.serialize_entry("type", kind)?;
        match self {
            Self::Null => {}
            // As text: JSON numbers lose digits, and servers refuse them.
            Self::Integer(value) => map.serialize_entry("value", &value.to_string())?,
            Self::Real(value) => map.serialize_entry("value", value)?,
            Self::Text(text) => map.serialize_entry("value", text)?,
            Self::TextBytes(bytes) | Self::Blob(bytes) => {
                map.serialize_entry("base64", &BASE64.encode(bytes))?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_the_order_of_sql() {
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

//! Borrowed values on their way into a column.

use super::columns::Storage;
use super::value::Value;

/// A borrowed SQL value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Datum<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Text(&'a str),
    /// Text that is not UTF-8.
    TextBytes(&'a [u8]),
    Blob(&'a [u8]),
}

/// A storage class that can have a sibling column of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StorageClass {
    Integer,
    Real,
    Text,
    TextBytes,
    Blob,
}

impl Datum<'_> {
    /// Copies the value.
    pub(crate) fn to_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Integer(value) => Value::Integer(value),
            Self::Real(value) => Value::Real(value),
            Self::Text(text) => Value::Text(text.to_owned()),
            Self::TextBytes(bytes) => Value::TextBytes(bytes.to_vec()),
            Self::Blob(bytes) => Value::Blob(bytes.to_vec()),
        }
    }

    /// Returns the storage class. NULL fits every column and counts as text.
    pub(super) fn storage_class(&self) -> StorageClass {
        match self {
            Self::Integer(_) => StorageClass::Integer,
            Self::Real(_) => StorageClass::Real,
            Self::Null | Self::Text(_) => StorageClass::Text,
            Self::TextBytes(_) => StorageClass::TextBytes,
            Self::Blob(_) => StorageClass::Blob,
        }
    }
}

impl<'a> From<&'a Value> for Datum<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Integer(value) => Self::Integer(*value),
            Value::Real(value) => Self::Real(*value),
            Value::Text(text) => Self::Text(text),
            Value::TextBytes(bytes) => Self::TextBytes(bytes),
            Value::Blob(bytes) => Self::Blob(bytes),
        }
    }
}

impl StorageClass {
    /// Returns the storage of a sibling column.
    pub(super) fn storage(self) -> Storage {
        match self {
            Self::Integer => Storage::Integer,
            Self::Real => Storage::Real,
            Self::Text => Storage::Text,
            Self::TextBytes | Self::Blob => Storage::Blob,
        }
    }
}

/// Converts an integer to the float of the same number, if one exists. SQLite
/// itself stores whole floats of NUMERIC columns as integers.
pub(super) fn exact_real(value: i64) -> Option<f64> {
    const MAX_EXACT: i64 = 1 << 53;
    #[expect(
        clippy::cast_precision_loss,
        reason = "every integer up to 2^53 is exact"
    )]
    (-MAX_EXACT..=MAX_EXACT)
        .contains(&value)
        .then_some(value as f64)
}

//! Values in ones and twos: arguments of statements, keys of pages, and the
//! few rows of a catalogue. Not for the rows of tables.

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

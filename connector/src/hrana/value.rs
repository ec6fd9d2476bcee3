//! SQL values on the wire, in both directions.

use base64::Engine as _;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::DecodeError;
use super::scan::Cell;
use crate::rows::value::Value;

/// The standard alphabet. Servers omit the padding and accept it from clients
/// only sometimes.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Cell<'_> {
    /// Copies the cell into a value.
    pub fn into_value(self) -> Result<Value, DecodeError> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Integer(value) => Value::Integer(value),
            Self::Real(value) => Value::Real(value),
            Self::LostInfinity => return Err(DecodeError::LostInfinity),
            Self::Text(text) => Value::Text(text.into_owned()),
            Self::Blob(base64) => {
                Value::Blob(BASE64.decode(base64).map_err(|_| DecodeError::Malformed {
                    at: 0,
                    expected: "base64",
                })?)
            }
        })
    }
}

/// A value that is sent. Floats are missing, since servers do not parse the
/// numbers of JSON exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A 64-bit integer.
    Integer(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl Serialize for Argument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        match self {
            // As text: JSON numbers lose digits, and servers refuse them.
            Self::Integer(value) => {
                map.serialize_entry("type", "integer")?;
                map.serialize_entry("value", &value.to_string())?;
            }
            Self::Text(text) => {
                map.serialize_entry("type", "text")?;
                map.serialize_entry("value", text)?;
            }
            Self::Blob(bytes) => {
                map.serialize_entry("type", "blob")?;
                map.serialize_entry("base64", &BASE64.encode(bytes))?;
            }
        }
        map.end()
    }
}

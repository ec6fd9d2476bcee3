//! Column values as a cursor stores them: exact, and readable in JSON. Knows
//! nothing about positions.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::rows::value::Value;

/// Column value in a cursor, exact to the last bit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredValue {
    /// Integer.
    Integer(i64),
    /// Float as text, because JSON has no infinities.
    Real(String),
    /// UTF-8 text.
    Text(String),
    /// Text that is not UTF-8, in hexadecimal digits.
    TextBytes(String),
    /// Bytes in hexadecimal digits.
    Blob(String),
    /// NULL.
    Null,
}

impl StoredValue {
    /// Converts a value to its stored form.
    #[must_use]
    pub fn new(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Integer(value) => Self::Integer(*value),
            Value::Real(value) => Self::Real(value.to_string()),
            Value::Text(text) => Self::Text(text.clone()),
            Value::TextBytes(bytes) => Self::TextBytes(hex(bytes)),
            Value::Blob(bytes) => Self::Blob(hex(bytes)),
        }
    }

    /// Returns the value, or `None` if the stored text is not valid.
    #[must_use]
    pub fn value(&self) -> Option<Value> {
        Some(match self {
            Self::Null => Value::Null,
            Self::Integer(value) => Value::Integer(*value),
            Self::Real(text) => Value::Real(text.parse().ok().filter(|real: &f64| !real.is_nan())?),
            Self::Text(text) => Value::Text(text.clone()),
            Self::TextBytes(text) => Value::TextBytes(bytes(text)?),
            Self::Blob(text) => Value::Blob(bytes(text)?),
        })
    }
}

/// Converts the values of a key to their stored form.
#[must_use]
pub fn stored_key(key: &[Value]) -> Vec<StoredValue> {
    key.iter().map(StoredValue::new).collect()
}

/// Returns the values of a stored key.
#[must_use]
pub fn key_values(stored: &[StoredValue]) -> Vec<Value> {
    stored.iter().filter_map(StoredValue::value).collect()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digit = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    (hex.len().is_multiple_of(2)).then_some(())?;
    (0..hex.len()).step_by(2).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_survives_storage() {
        for value in [
            Value::Null,
            Value::Integer(i64::MIN),
            Value::Real(f64::NEG_INFINITY),
            Value::Real(0.1 + 0.2),
            Value::Real(-0.0),
            Value::from("ä\0\""),
            Value::TextBytes(vec![0xff, 0]),
            Value::Blob(Vec::new()),
        ] {
            let json = serde_json::to_string(&StoredValue::new(&value)).unwrap();
            let read: StoredValue = serde_json::from_str(&json).unwrap();
            assert_eq!(read.value(), Some(value), "{json}");
        }
    }

    #[test]
    fn every_kind_of_value_keeps_its_json() {
        for (value, json) in [
            (Value::Null, r#""null""#),
            (Value::Integer(-7), r#"{"integer":-7}"#),
            (Value::Real(0.5), r#"{"real":"0.5"}"#),
            (Value::Real(f64::INFINITY), r#"{"real":"inf"}"#),
            (Value::from("ä"), r#"{"text":"ä"}"#),
            (Value::TextBytes(vec![0xff, 0]), r#"{"text_bytes":"ff00"}"#),
            (Value::Blob(vec![0x0a]), r#"{"blob":"0a"}"#),
        ] {
            assert_eq!(
                serde_json::to_string(&StoredValue::new(&value)).unwrap(),
                json
            );
        }
    }
}

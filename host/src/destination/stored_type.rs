//! The types that every destination stores exactly.
//!
//! Must not know how a destination names a type.

use std::fmt;

use arrow_schema::{DataType, Field, TimeUnit};

use crate::model::{is_json, json_field};

/// A type that every destination stores exactly. Serialized as its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
#[non_exhaustive]
pub enum StoredType {
    /// 32-bit integer.
    Int32,
    /// 64-bit integer.
    Int64,
    /// 64-bit floating-point number, infinities included.
    Float64,
    /// UTF-8 text of any characters.
    Text,
    /// Text that is a JSON document.
    Json,
    /// Bytes.
    Blob,
    /// True or false.
    Boolean,
    /// Days since 1970.
    Date,
    /// Microseconds since 1970, without a time zone.
    Timestamp,
    /// Microseconds since 1970 in UTC.
    TimestampUtc,
    /// Decimal number: its digits, and how many of them follow the point.
    Decimal(u8, u8),
}

/// Returns the type as which a column is stored, or `None` if no destination
/// stores its Arrow type.
#[must_use]
pub fn stored_type(column: &Field) -> Option<StoredType> {
    if is_json(column) {
        return Some(StoredType::Json);
    }
    Some(match column.data_type() {
        DataType::Int32 => StoredType::Int32,
        DataType::Int64 => StoredType::Int64,
        DataType::Float64 => StoredType::Float64,
        DataType::Utf8 => StoredType::Text,
        DataType::Dictionary(key, value)
            if **key == DataType::Int32 && **value == DataType::Utf8 =>
        {
            StoredType::Text
        }
        DataType::Binary => StoredType::Blob,
        DataType::Boolean => StoredType::Boolean,
        DataType::Date32 => StoredType::Date,
        DataType::Timestamp(TimeUnit::Microsecond, None) => StoredType::Timestamp,
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => StoredType::TimestampUtc,
        DataType::Decimal128(precision, scale) => {
            return StoredType::decimal(*precision, *scale);
        }
        _ => return None,
    })
}

impl fmt::Display for StoredType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Int32 => "a 32-bit integer",
            Self::Int64 => "an integer",
            Self::Float64 => "a float",
            Self::Text => "text",
            Self::Json => "JSON",
            Self::Blob => "bytes",
            Self::Boolean => "a boolean",
            Self::Date => "a date",
            Self::Timestamp => "a time",
            Self::TimestampUtc => "a time in UTC",
            Self::Decimal(precision, scale) => return write!(f, "a decimal({precision},{scale})"),
        })
    }
}

impl From<StoredType> for String {
    fn from(stored: StoredType) -> Self {
        let name = match stored {
            StoredType::Int32 => "int32",
            StoredType::Int64 => "int64",
            StoredType::Float64 => "float64",
            StoredType::Text => "text",
            StoredType::Json => "json",
            StoredType::Blob => "blob",
            StoredType::Boolean => "boolean",
            StoredType::Date => "date",
            StoredType::Timestamp => "timestamp",
            StoredType::TimestampUtc => "timestamp_utc",
            StoredType::Decimal(precision, scale) => {
                return format!("decimal({precision},{scale})");
            }
        };
        name.to_owned()
    }
}

impl TryFrom<String> for StoredType {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        const SIMPLE: [StoredType; 10] = [
            StoredType::Int32,
            StoredType::Int64,
            StoredType::Float64,
            StoredType::Text,
            StoredType::Json,
            StoredType::Blob,
            StoredType::Boolean,
            StoredType::Date,
            StoredType::Timestamp,
            StoredType::TimestampUtc,
        ];
        let decimal = || {
            let digits = name.strip_prefix("decimal(")?.strip_suffix(')')?;
            let (precision, scale) = digits.split_once(',')?;
            Self::decimal(precision.parse().ok()?, scale.parse().ok()?)
        };
        SIMPLE
            .into_iter()
            .find(|stored| String::from(*stored) == name)
            .or_else(decimal)
            .ok_or_else(|| format!("`{name}` is not a column type"))
    }
}

impl StoredType {
    /// Returns the type by a common name, such as `timestamp(ms)` or
    /// `decimal(18,2)`. `None` for other names, which a connector may know.
    #[must_use]
    pub fn from_common_name(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        let (word, arguments) = match name.split_once('(') {
            Some((word, rest)) => (word.trim_end(), rest.strip_suffix(')')?),
            None => (name.as_str(), ""),
        };
        let mut arguments = arguments.split(',').map(str::trim);
        Some(match word {
            "integer" | "bigint" => Self::Int64,
            "double" => Self::Float64,
            "text" | "varchar" => Self::Text,
            "json" => Self::Json,
            "blob" => Self::Blob,
            "boolean" => Self::Boolean,
            "date" => Self::Date,
            "timestamp" => Self::Timestamp,
            "timestamptz" => Self::TimestampUtc,
            "decimal" => {
                let precision = arguments.next()?.parse().ok()?;
                let scale = arguments.next().unwrap_or("0").parse().ok()?;
                return Self::decimal(precision, scale);
            }
            _ => return None,
        })
    }

    /// Returns the decimal type of this precision and scale, if there is one.
    fn decimal(precision: u8, scale: i8) -> Option<Self> {
        let scale = u8::try_from(scale).ok()?;
        ((1..=38).contains(&precision) && scale <= precision)
            .then_some(Self::Decimal(precision, scale))
    }

    /// Returns a nullable Arrow column of this type.
    pub(crate) fn field(self, name: &str) -> Field {
        match self {
            Self::Json => json_field(name),
            _ => Field::new(name, self.arrow(), true),
        }
    }

    fn arrow(self) -> DataType {
        match self {
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::Float64 => DataType::Float64,
            Self::Text | Self::Json => DataType::Utf8,
            Self::Blob => DataType::Binary,
            Self::Boolean => DataType::Boolean,
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::TimestampUtc => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Decimal(precision, scale) => DataType::Decimal128(precision, scale.cast_signed()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_stored_with_its_digits() {
        let stored = |precision, scale| {
            stored_type(&Field::new(
                "d",
                DataType::Decimal128(precision, scale),
                true,
            ))
        };
        assert_eq!(stored(38, 0), Some(StoredType::Decimal(38, 0)));
        assert_eq!(stored(18, 2).unwrap().arrow(), DataType::Decimal128(18, 2));
        for (precision, scale) in [(0, 0), (39, 2), (5, 6), (5, -1)] {
            assert_eq!(stored(precision, scale), None, "{precision}, {scale}");
        }
    }

    #[test]
    fn a_type_has_common_names() {
        for (name, expected) in [
            ("BigInt", Some(StoredType::Int64)),
            ("timestamp(ms)", Some(StoredType::Timestamp)),
            ("timestamptz (us, round)", Some(StoredType::TimestampUtc)),
            ("decimal(18, 2)", Some(StoredType::Decimal(18, 2))),
            ("decimal(9,2,round)", Some(StoredType::Decimal(9, 2))),
            ("decimal(9)", Some(StoredType::Decimal(9, 0))),
            ("decimal(39,2)", None),
            ("plain", None),
            ("timestamp(ms", None),
        ] {
            assert_eq!(StoredType::from_common_name(name), expected, "{name}");
        }
    }

    #[test]
    fn the_serialized_names_of_types_are_stable() {
        for (stored, serialized) in [
            (StoredType::TimestampUtc, r#""timestamp_utc""#),
            (StoredType::Int64, r#""int64""#),
            (StoredType::Json, r#""json""#),
            (StoredType::Decimal(18, 2), r#""decimal(18,2)""#),
        ] {
            assert_eq!(serde_json::to_string(&stored).unwrap(), serialized);
            let read: StoredType = serde_json::from_str(serialized).unwrap();
            assert_eq!(read, stored);
        }
        for invalid in [
            "",
            "Text",
            "decimal",
            "decimal(39,2)",
            "decimal(2,3)",
            "decimal(2,-1)",
        ] {
            assert!(
                StoredType::try_from(invalid.to_owned()).is_err(),
                "{invalid}"
            );
        }
    }
}

//! The types that an operator can want for a column, by the names of the
//! field. Which values they take is the decoder's part.

use arrow_schema::{DataType, TimeUnit};

/// A type that stands in place of the one that a column would get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// 64-bit integers.
    Integer,
    /// 64-bit floats.
    Double,
    /// Text.
    Text,
    /// Bytes.
    Blob,
    /// True or false.
    Boolean,
    /// Days.
    Date,
    /// Microseconds.
    Timestamp {
        /// What numbers count.
        unit: Unit,
        /// Whether they are of UTC, and not of no time zone.
        utc: bool,
    },
    /// Decimal numbers of so many digits, some of them after the point.
    Decimal {
        /// All digits, from 1 to 38.
        precision: u8,
        /// Those after the point.
        scale: u8,
    },
    /// JSON text. Whether it is, the host judges.
    Json,
}

/// What numbers that are times count since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Second,
    /// Milliseconds.
    Milli,
    /// Microseconds.
    Micro,
}

impl Wanted {
    /// All names, for messages.
    pub const NAMES: &str = "integer (or bigint), double, text (or varchar), blob, boolean, date, \
         timestamp, timestamptz, either with (s), (ms) or (us) for numbers, decimal(precision,scale), and json";

    /// The type of a name, in any letter case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        let (word, arguments) = match name.split_once('(') {
            Some((word, rest)) => (word.trim_end(), Some(rest.strip_suffix(')')?)),
            None => (name.as_str(), None),
        };
        Some(match (word, arguments) {
            ("integer" | "bigint", None) => Self::Integer,
            ("double", None) => Self::Double,
            ("text" | "varchar", None) => Self::Text,
            ("blob", None) => Self::Blob,
            ("boolean", None) => Self::Boolean,
            ("date", None) => Self::Date,
            ("json", None) => Self::Json,
            ("timestamp" | "timestamptz", unit) => Self::Timestamp {
                unit: Unit::named(unit.unwrap_or("s").trim())?,
                utc: word == "timestamptz",
            },
            ("decimal", Some(digits)) => {
                let (precision, scale) = digits.split_once(',').unwrap_or((digits, "0"));
                let precision = number(precision).filter(|digits| (1..=38).contains(digits))?;
                let scale = number(scale).filter(|digits| *digits <= precision)?;
                Self::Decimal { precision, scale }
            }
            _ => return None,
        })
    }

    /// The Arrow type.
    #[must_use]
    pub fn data_type(self) -> DataType {
        match self {
            Self::Integer => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Text | Self::Json => DataType::Utf8,
            Self::Blob => DataType::Binary,
            Self::Boolean => DataType::Boolean,
            Self::Date => DataType::Date32,
            Self::Timestamp { utc, .. } => {
                DataType::Timestamp(TimeUnit::Microsecond, utc.then(|| "UTC".into()))
            }
            Self::Decimal { precision, scale } => {
                DataType::Decimal128(precision, scale.cast_signed())
            }
        }
    }
}

impl Unit {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "s" => Self::Second,
            "ms" => Self::Milli,
            "us" => Self::Micro,
            _ => return None,
        })
    }

    /// How many decimal digits of it a microsecond is.
    #[must_use]
    pub fn digits(self) -> u8 {
        match self {
            Self::Second => 6,
            Self::Milli => 3,
            Self::Micro => 0,
        }
    }
}

/// Digits and nothing else.
fn number(text: &str) -> Option<u8> {
    let text = text.trim();
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_known_by_the_names_of_the_field() {
        let timestamp = |unit, utc| Wanted::Timestamp { unit, utc };
        for (name, wanted) in [
            ("integer", Wanted::Integer),
            ("BigInt", Wanted::Integer),
            ("double", Wanted::Double),
            ("varchar", Wanted::Text),
            ("blob", Wanted::Blob),
            ("boolean", Wanted::Boolean),
            ("date", Wanted::Date),
            ("JSON", Wanted::Json),
            ("timestamp", timestamp(Unit::Second, false)),
            ("TIMESTAMPTZ", timestamp(Unit::Second, true)),
            ("timestamp (ms)", timestamp(Unit::Milli, false)),
            ("timestamptz( us )", timestamp(Unit::Micro, true)),
            (
                "decimal(18, 2)",
                Wanted::Decimal {
                    precision: 18,
                    scale: 2,
                },
            ),
            (
                "decimal(38)",
                Wanted::Decimal {
                    precision: 38,
                    scale: 0,
                },
            ),
        ] {
            assert_eq!(Wanted::named(name), Some(wanted), "{name}");
        }
    }

    #[test]
    fn what_is_no_type_is_not_guessed() {
        for name in [
            "",
            "int",
            "datetime",
            "date(3)",
            "timestamp()",
            "timestamp(ns)",
            "timestamp(ms",
            "decimal",
            "decimal()",
            "decimal(0,0)",
            "decimal(39,2)",
            "decimal(2,3)",
            "decimal(+5,2)",
            "decimal(5,-2)",
            "decimal(5,2,1)",
            "decimal(5,2))",
        ] {
            assert_eq!(Wanted::named(name), None, "{name}");
        }
    }
}

//! Logical types: column types that an operator or an endpoint requests, by
//! their usual names. Which values they accept is decided by the casts.

use arrow_schema::{DataType, TimeUnit};

/// A type that replaces the declared type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogicalType {
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
    /// Calendar dates.
    Date,
    /// Timestamps in microseconds.
    Timestamp {
        /// Unit of numbers.
        unit: EpochUnit,
        /// True for times in UTC, false for times without a time zone.
        utc: bool,
        /// True if times are rounded to microseconds.
        rounds: bool,
    },
    /// Decimal numbers.
    Decimal {
        /// Number of digits, from 1 to 38.
        precision: u8,
        /// Number of digits after the point.
        scale: u8,
        /// True if numbers are rounded to these digits.
        rounds: bool,
    },
    /// JSON text, which the host validates.
    Json,
}

/// The unit of numbers that count time since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpochUnit {
    /// Seconds.
    Second,
    /// Milliseconds.
    Milli,
    /// Microseconds.
    Micro,
    /// Julian days.
    JulianDay,
    /// Unknown unit: numbers are not times. Text is a time as it is written, if it
    /// has no offset or an offset of zero.
    Unknown,
}

impl LogicalType {
    /// The accepted names, for messages.
    pub const NAMES: &str = "integer (or bigint), double, text (or varchar), blob, boolean, date, \
         timestamp, timestamptz, either with (s), (ms), (us) or (julian) for numbers, decimal(precision,scale), \
         and json; `round` as the last word in the brackets of a timestamp or decimal rounds";

    /// Parses the name of a type, in any letter case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        let (word, arguments) = match name.split_once('(') {
            Some((word, rest)) => (word.trim_end(), Some(rest.strip_suffix(')')?)),
            None => (name.as_str(), None),
        };
        let (arguments, rounds) = match arguments {
            Some("round") => (None, true),
            Some(arguments) => match arguments.rsplit_once(',') {
                Some((rest, last)) if last.trim() == "round" => (Some(rest), true),
                _ => (Some(arguments), false),
            },
            None => (None, false),
        };
        Some(match (word, arguments) {
            _ if rounds && !matches!(word, "timestamp" | "timestamptz" | "decimal") => return None,
            ("integer" | "bigint", None) => Self::Integer,
            ("double", None) => Self::Double,
            ("text" | "varchar", None) => Self::Text,
            ("blob", None) => Self::Blob,
            ("boolean", None) => Self::Boolean,
            ("date", None) => Self::Date,
            ("json", None) => Self::Json,
            ("timestamp" | "timestamptz", unit) => Self::Timestamp {
                unit: EpochUnit::parse(unit.unwrap_or("s").trim())?,
                utc: word == "timestamptz",
                rounds,
            },
            ("decimal", Some(digits)) => {
                let (precision, scale) = digits.split_once(',').unwrap_or((digits, "0"));
                let precision =
                    digit_count(precision).filter(|digits| (1..=38).contains(digits))?;
                let scale = digit_count(scale).filter(|digits| *digits <= precision)?;
                Self::Decimal {
                    precision,
                    scale,
                    rounds,
                }
            }
            _ => return None,
        })
    }

    /// Returns the Arrow type.
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
            Self::Decimal {
                precision, scale, ..
            } => DataType::Decimal128(precision, scale.cast_signed()),
        }
    }
}

impl EpochUnit {
    /// Parses the name of a unit.
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "s" => Self::Second,
            "ms" => Self::Milli,
            "us" => Self::Micro,
            "julian" => Self::JulianDay,
            _ => return None,
        })
    }

    /// Returns the decimal places that microseconds have in this unit. `None`
    /// if the unit is not known.
    #[must_use]
    pub fn digits(self) -> Option<u8> {
        Some(match self {
            Self::Second => 6,
            Self::Milli => 3,
            Self::Micro => 0,
            Self::JulianDay | Self::Unknown => return None,
        })
    }
}

/// Parses a number without a sign.
fn digit_count(text: &str) -> Option<u8> {
    let text = text.trim();
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_parsed_by_their_usual_names() {
        let timestamp = |unit, utc| LogicalType::Timestamp {
            unit,
            utc,
            rounds: false,
        };
        for (name, expected) in [
            ("integer", LogicalType::Integer),
            ("BigInt", LogicalType::Integer),
            ("double", LogicalType::Double),
            ("varchar", LogicalType::Text),
            ("blob", LogicalType::Blob),
            ("boolean", LogicalType::Boolean),
            ("date", LogicalType::Date),
            ("JSON", LogicalType::Json),
            ("timestamp", timestamp(EpochUnit::Second, false)),
            ("TIMESTAMPTZ", timestamp(EpochUnit::Second, true)),
            ("timestamp (ms)", timestamp(EpochUnit::Milli, false)),
            ("timestamptz( us )", timestamp(EpochUnit::Micro, true)),
            (
                "decimal(18, 2)",
                LogicalType::Decimal {
                    precision: 18,
                    scale: 2,
                    rounds: false,
                },
            ),
            (
                "decimal(38)",
                LogicalType::Decimal {
                    precision: 38,
                    scale: 0,
                    rounds: false,
                },
            ),
            (
                "decimal(9, 2, round)",
                LogicalType::Decimal {
                    precision: 9,
                    scale: 2,
                    rounds: true,
                },
            ),
            ("timestamp(julian)", timestamp(EpochUnit::JulianDay, false)),
            (
                "timestamptz(round)",
                LogicalType::Timestamp {
                    unit: EpochUnit::Second,
                    utc: true,
                    rounds: true,
                },
            ),
            (
                "timestamp(ms, round)",
                LogicalType::Timestamp {
                    unit: EpochUnit::Milli,
                    utc: false,
                    rounds: true,
                },
            ),
        ] {
            assert_eq!(LogicalType::parse(name), Some(expected), "{name}");
        }
    }

    #[test]
    fn other_names_are_not_guessed() {
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
            "decimal(round)",
            "date(round)",
            "timestamp(round,ms)",
            "timestamp(round,round)",
            "decimal(5,2))",
        ] {
            assert_eq!(LogicalType::parse(name), None, "{name}");
        }
    }
}

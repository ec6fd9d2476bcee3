//! Declared types that suggest more than SQLite stores: dates, times, booleans
//! and decimals. SQLite accepts any value in such columns, so the values decide
//! if the column gets the type. Must not see a value.

use super::logical_type::{EpochUnit, LogicalType};

/// A type that a declaration suggests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeclaredType {
    /// `BOOLEAN`.
    Boolean,
    /// `DATE`.
    Date,
    /// `DATETIME` or `TIMESTAMP`. The values show if they are in UTC.
    Time,
    /// `DECIMAL(p,s)` or `NUMERIC(p,s)`.
    Decimal {
        /// Number of digits, from 1 to 38.
        precision: u8,
        /// Number of digits after the point.
        scale: u8,
    },
}

impl DeclaredType {
    /// Parses a declared type, in any letter case. The caller has applied those
    /// rules of SQLite by which a part of the name decides.
    #[must_use]
    pub fn parse(declared: &str) -> Option<Self> {
        let name = declared.trim().to_ascii_uppercase();
        let word = name.split(['(', ' ']).next().unwrap_or_default();
        match word {
            _ if name.contains("BOOL") => Some(Self::Boolean),
            "DATE" => Some(Self::Date),
            "DATETIME" | "DATETIME2" | "TIMESTAMP" | "TIMESTAMPTZ" => Some(Self::Time),
            "DECIMAL" | "NUMERIC" | "NUMBER" => {
                let digits = name.split_once('(')?.1;
                match LogicalType::parse(&format!("decimal({digits}"))? {
                    LogicalType::Decimal {
                        precision,
                        scale,
                        rounds: false,
                    } => Some(Self::Decimal { precision, scale }),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Returns the type of the column. `utc` is true if its times are in UTC.
    #[must_use]
    pub fn logical(self, utc: bool) -> LogicalType {
        match self {
            Self::Boolean => LogicalType::Boolean,
            Self::Date => LogicalType::Date,
            Self::Time => LogicalType::Timestamp {
                unit: EpochUnit::Unknown,
                utc,
                rounds: false,
            },
            Self::Decimal { precision, scale } => LogicalType::Decimal {
                precision,
                scale,
                rounds: false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_suggests_a_type() {
        let decimal = |precision, scale| DeclaredType::Decimal { precision, scale };
        for (declared, expected) in [
            ("BOOLEAN", DeclaredType::Boolean),
            ("bool", DeclaredType::Boolean),
            ("Date", DeclaredType::Date),
            ("DATETIME", DeclaredType::Time),
            ("datetime(6)", DeclaredType::Time),
            ("timestamp with time zone", DeclaredType::Time),
            ("TIMESTAMP (3)", DeclaredType::Time),
            ("TIMESTAMPTZ", DeclaredType::Time),
            ("DECIMAL(10,2)", decimal(10, 2)),
            ("numeric (18, 4)", decimal(18, 4)),
            ("NUMBER(38)", decimal(38, 0)),
        ] {
            assert_eq!(DeclaredType::parse(declared), Some(expected), "{declared}");
        }
    }

    #[test]
    fn other_declarations_suggest_nothing() {
        for declared in [
            "",
            "DATES",
            "TIME",
            "YEAR",
            "NUMERIC",
            "DECIMAL()",
            "DECIMAL(39,2)",
            "DECIMAL(2,3)",
            "DECIMAL(10,2",
            "DECIMAL(10,2) UNSIGNED",
            "MONEY",
            "JSON",
        ] {
            assert_eq!(DeclaredType::parse(declared), None, "{declared}");
        }
    }
}

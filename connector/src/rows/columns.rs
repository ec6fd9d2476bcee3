//! Columns of a resource, and the storage that a declared type implies.

use std::collections::HashMap;

use arrow_schema::extension::{EXTENSION_TYPE_METADATA_KEY, EXTENSION_TYPE_NAME_KEY};
use arrow_schema::{DataType, Field};

use super::declared_type::DeclaredType;
use super::logical_type::LogicalType;

/// Name of Arrow's extension type for JSON text.
const JSON_EXTENSION: &str = "arrow.json";

/// The storage of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// 64-bit integers.
    Integer,
    /// 64-bit floats.
    Real,
    /// 64-bit floats, in columns where SQLite stores whole numbers as integers
    /// to save space.
    Numeric,
    /// Text.
    Text,
    /// Bytes.
    Blob,
    /// Undeclared: the first value decides.
    ByValue,
    /// The declared type suggests a logical type: the values of the first page
    /// decide.
    Suggested(DeclaredType),
    /// A logical type, whatever type was declared.
    Logical(LogicalType),
}

/// A selected column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnSpec {
    /// Name of the column.
    pub name: String,
    /// Storage of the values.
    pub storage: Storage,
    /// Declared type, or an empty string.
    pub declared: String,
}

impl ColumnSpec {
    /// Returns true if the declared type contains `JSON`, which SQLite stores as
    /// text or numbers.
    #[must_use]
    pub fn holds_json(&self) -> bool {
        self.declared.to_ascii_uppercase().contains("JSON")
    }
}

/// Appends underscores to a name until it is not taken.
pub(crate) fn free_name(mut name: String, is_taken: impl Fn(&str) -> bool) -> String {
    while is_taken(&name) {
        name.push('_');
    }
    name
}

impl Storage {
    /// Derives the storage from a declared type by the affinity rules of
    /// SQLite, in their order. Where these say NUMERIC, which most unknown
    /// names get, the name may suggest a type, or else the first value decides.
    ///
    /// Source: section 3.1 of "Datatypes In SQLite", and libSQL's vector types.
    #[must_use]
    pub fn from_declared(declared: &str) -> Self {
        let name = declared.to_ascii_uppercase();
        let has = |part: &str| name.contains(part);
        let is_vector = [
            "FLOAT32",
            "FLOAT64",
            "FLOAT16",
            "FLOATB16",
            "FLOAT8",
            "FLOAT1BIT",
        ]
        .iter()
        .any(|vector| {
            name.strip_prefix(vector)
                .is_some_and(|rest| rest.trim_start().starts_with('('))
        });
        if is_vector {
            Self::Blob
        } else if has("INT") {
            Self::Integer
        } else if has("CHAR") || has("CLOB") || has("TEXT") {
            Self::Text
        } else if has("BLOB") {
            Self::Blob
        } else if has("REAL") || has("FLOA") || has("DOUB") {
            Self::Real
        } else if let Some(suggested) = DeclaredType::parse(declared) {
            Self::Suggested(suggested)
        } else if ["DECIMAL", "NUMERIC", "NUMBER", "MONEY"]
            .iter()
            .any(|numeric| name.starts_with(numeric))
        {
            Self::Numeric
        } else {
            Self::ByValue
        }
    }

    /// Returns the storage of values as SQLite stores them.
    #[must_use]
    pub fn plain(self) -> Self {
        match self {
            Self::Suggested(DeclaredType::Boolean) => Self::Integer,
            Self::Suggested(DeclaredType::Decimal { .. }) => Self::Numeric,
            Self::Suggested(DeclaredType::Date | DeclaredType::Time) => Self::ByValue,
            other => other,
        }
    }

    /// Returns the storage that keeps the type of a stored column, if the values
    /// decide about the type. Otherwise the storage stays.
    #[must_use]
    pub fn with_stored(self, stored: LogicalType) -> Self {
        if !self.is_undecided() {
            return self;
        }
        match stored {
            LogicalType::Integer => Self::Integer,
            LogicalType::Double if self.plain() == Self::Numeric => Self::Numeric,
            LogicalType::Double => Self::Real,
            LogicalType::Text => Self::Text,
            LogicalType::Blob => Self::Blob,
            LogicalType::Json => self.plain(),
            LogicalType::Timestamp { utc, .. } => Self::Logical(DeclaredType::Time.logical(utc)),
            LogicalType::Boolean | LogicalType::Date | LogicalType::Decimal { .. } => {
                Self::Logical(stored)
            }
        }
    }

    /// True if the values decide about the type.
    #[must_use]
    pub fn is_undecided(self) -> bool {
        matches!(self, Self::ByValue | Self::Suggested(_))
    }

    /// Returns the Arrow type. A column without values has its suggested type,
    /// or is text.
    #[must_use]
    pub fn data_type(self) -> DataType {
        match self {
            Self::Integer => DataType::Int64,
            Self::Real | Self::Numeric => DataType::Float64,
            Self::Text | Self::ByValue => DataType::Utf8,
            Self::Blob => DataType::Binary,
            Self::Suggested(declared) => declared.logical(false).data_type(),
            Self::Logical(logical) => logical.data_type(),
        }
    }

    /// Returns the Arrow field of a column with this storage.
    #[must_use]
    pub fn field(self, name: &str) -> Field {
        let field = Field::new(name, self.data_type(), true);
        if self == Self::Logical(LogicalType::Json) {
            let extension = [
                (
                    EXTENSION_TYPE_NAME_KEY.to_owned(),
                    JSON_EXTENSION.to_owned(),
                ),
                (EXTENSION_TYPE_METADATA_KEY.to_owned(), String::new()),
            ];
            return field.with_metadata(HashMap::from(extension));
        }
        field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_type_has_the_affinity_of_sqlite() {
        for (declared, storage) in [
            ("INTEGER", Storage::Integer),
            ("bigint unsigned", Storage::Integer),
            ("FLOATING POINT", Storage::Integer),
            ("VARCHAR(10)", Storage::Text),
            ("native character(70)", Storage::Text),
            ("BLOB", Storage::Blob),
            ("F32_BLOB(4)", Storage::Blob),
            ("FLOAT32(3)", Storage::Blob),
            ("FLOAT64 (3)", Storage::Blob),
            ("FLOAT", Storage::Real),
            ("DOUBLE PRECISION", Storage::Real),
            ("BOOLEAN", Storage::Suggested(DeclaredType::Boolean)),
            (
                "DECIMAL(10,2)",
                Storage::Suggested(DeclaredType::Decimal {
                    precision: 10,
                    scale: 2,
                }),
            ),
            ("NUMERIC", Storage::Numeric),
            ("MONEY", Storage::Numeric),
            ("DATETIME", Storage::Suggested(DeclaredType::Time)),
            ("DATE", Storage::Suggested(DeclaredType::Date)),
            ("TINYINT(1)", Storage::Integer),
            ("JSON", Storage::ByValue),
            ("STRING", Storage::ByValue),
            ("ANY", Storage::ByValue),
            ("", Storage::ByValue),
        ] {
            assert_eq!(Storage::from_declared(declared), storage, "{declared}");
        }
    }

    #[test]
    fn a_stored_column_keeps_its_type() {
        let stored = |declared, name| {
            let stored = LogicalType::parse(name).unwrap();
            Storage::from_declared(declared).with_stored(stored)
        };
        assert_eq!(stored("DATETIME", "text"), Storage::Text);
        assert_eq!(stored("DATETIME", "bigint"), Storage::Integer);
        assert_eq!(stored("DECIMAL(9,2)", "double"), Storage::Numeric);
        assert_eq!(stored("BOOLEAN", "integer"), Storage::Integer);
        assert_eq!(stored("", "double"), Storage::Real);
        assert_eq!(stored("", "blob"), Storage::Blob);
        assert_eq!(
            stored("DATETIME", "timestamptz(ms)"),
            Storage::Logical(DeclaredType::Time.logical(true))
        );
        let decimal = LogicalType::parse("decimal(9,2)").unwrap();
        assert_eq!(
            stored("DECIMAL(20,4)", "decimal(9,2)"),
            Storage::Logical(decimal)
        );
        // The declared type of SQLite decides.
        assert_eq!(stored("INTEGER", "text"), Storage::Integer);
        assert_eq!(stored("TEXT", "timestamp"), Storage::Text);
    }
}

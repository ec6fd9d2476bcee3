//! Columns of a resource, and the storage that a declared type implies.

use std::collections::HashMap;

use arrow_schema::extension::{EXTENSION_TYPE_METADATA_KEY, EXTENSION_TYPE_NAME_KEY};
use arrow_schema::{DataType, Field};

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
    /// True if the declared type contains `JSON`, which SQLite stores as text or
    /// numbers.
    pub holds_json: bool,
}

/// Returns true if a declared type contains `JSON`.
#[must_use]
pub fn declares_json(declared: &str) -> bool {
    declared.to_ascii_uppercase().contains("JSON")
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
    /// names get, the name decides, or else the first value.
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
        } else if has("BOOL") {
            Self::Integer
        } else if ["DECIMAL", "NUMERIC", "NUMBER", "MONEY"]
            .iter()
            .any(|numeric| name.starts_with(numeric))
        {
            Self::Numeric
        } else {
            Self::ByValue
        }
    }

    /// Returns the Arrow type. An undecided column is text.
    #[must_use]
    pub fn data_type(self) -> DataType {
        match self {
            Self::Integer => DataType::Int64,
            Self::Real | Self::Numeric => DataType::Float64,
            Self::Text | Self::ByValue => DataType::Utf8,
            Self::Blob => DataType::Binary,
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
            ("BOOLEAN", Storage::Integer),
            ("DECIMAL(10,2)", Storage::Numeric),
            ("NUMERIC", Storage::Numeric),
            ("DATETIME", Storage::ByValue),
            ("JSON", Storage::ByValue),
            ("STRING", Storage::ByValue),
            ("ANY", Storage::ByValue),
            ("", Storage::ByValue),
        ] {
            assert_eq!(Storage::from_declared(declared), storage, "{declared}");
        }
    }
}

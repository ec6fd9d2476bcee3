//! What a column of the source becomes, judged by its declared type.

use std::collections::HashMap;

use arrow_schema::extension::{EXTENSION_TYPE_METADATA_KEY, EXTENSION_TYPE_NAME_KEY};
use arrow_schema::{DataType, Field};

use super::wanted::Wanted;

/// Arrow's own name for text that is JSON.
const JSON: &str = "arrow.json";

/// How the values of a column are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// 64-bit integers.
    Integer,
    /// 64-bit floats.
    Real,
    /// 64-bit floats too, in columns in which SQLite keeps whole ones as
    /// integers to save space.
    Numeric,
    /// Text.
    Text,
    /// Bytes.
    Blob,
    /// The declaration does not say; the first value does.
    ByValue,
    /// Whatever was declared, the operator wants this.
    Wanted(Wanted),
}

/// A column as it is selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnSpec {
    /// Its name.
    pub name: String,
    /// How it is stored.
    pub storage: Storage,
    /// Whether its declaration says that it holds JSON, which SQLite takes
    /// for text or numbers.
    pub holds_json: bool,
}

/// Whether a declared type says that values are JSON.
#[must_use]
pub fn declares_json(declared: &str) -> bool {
    declared.to_ascii_uppercase().contains("JSON")
}

impl Storage {
    /// By the declared type, as SQLite judges it: the first of its rules that
    /// fits. Where those say NUMERIC, which means nothing for most names that
    /// people write, the name decides or else the values do.
    ///
    /// Source: section 3.1 of "Datatypes In SQLite", and libSQL's vector types.
    #[must_use]
    pub fn declared(declared: &str) -> Self {
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

    /// The Arrow type. Text where no value has decided yet.
    #[must_use]
    pub fn data_type(self) -> DataType {
        match self {
            Self::Integer => DataType::Int64,
            Self::Real | Self::Numeric => DataType::Float64,
            Self::Text | Self::ByValue => DataType::Utf8,
            Self::Blob => DataType::Binary,
            Self::Wanted(wanted) => wanted.data_type(),
        }
    }

    /// A column of it.
    #[must_use]
    pub fn field(self, name: &str) -> Field {
        let field = Field::new(name, self.data_type(), true);
        if self == Self::Wanted(Wanted::Json) {
            let extension = [
                (EXTENSION_TYPE_NAME_KEY.to_owned(), JSON.to_owned()),
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
    fn a_declared_type_decides_as_sqlite_would() {
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
            assert_eq!(Storage::declared(declared), storage, "{declared}");
        }
    }
}

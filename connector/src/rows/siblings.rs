//! Sibling columns: `<column>__<type>` holds the values of a column that have
//! another type than the column. The only module that builds their names, which
//! are never parsed.

use arrow_schema::{DataType, Field};

use super::columns::free_name;

/// Column for the values of another column that have another type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sibling {
    /// Name of the sibling.
    pub name: String,
    /// Name of the column whose values it holds.
    pub column: String,
    /// True if its bytes are text that is not valid UTF-8, rather than blobs.
    pub holds_text_bytes: bool,
}

impl Sibling {
    /// Creates the sibling of `column` for values of the type of `values`.
    /// Underscores are appended to a name that is taken.
    pub(crate) fn new(
        column: &str,
        values: &Field,
        holds_text_bytes: bool,
        is_taken: impl Fn(&str) -> bool,
    ) -> Self {
        let suffix = if holds_text_bytes {
            "text_bytes"
        } else {
            type_suffix(values)
        };
        Self {
            name: free_name(format!("{column}__{suffix}"), is_taken),
            column: column.to_owned(),
            holds_text_bytes,
        }
    }

    /// Returns the same sibling under other names.
    pub(crate) fn renamed(&self, name: String, column: String) -> Self {
        Self {
            name,
            column,
            holds_text_bytes: self.holds_text_bytes,
        }
    }
}

fn type_suffix(values: &Field) -> &'static str {
    match values.data_type() {
        DataType::Int64 => "integer",
        DataType::Float64 => "real",
        DataType::Binary => "blob",
        DataType::Boolean => "boolean",
        DataType::Date32 => "date",
        DataType::Timestamp(_, None) => "timestamp",
        DataType::Timestamp(_, Some(_)) => "timestamptz",
        DataType::Decimal128(_, _) => "decimal",
        _ if values.extension_type_name().is_some() => "json",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::columns::Storage;
    use crate::rows::logical_type::LogicalType;

    #[test]
    fn a_name_ends_with_the_type_of_the_values() {
        let name = |storage: Storage, holds_text_bytes| {
            let values = storage.field("x");
            Sibling::new("price", &values, holds_text_bytes, |_| false).name
        };
        assert_eq!(name(Storage::Integer, false), "price__integer");
        assert_eq!(name(Storage::Real, false), "price__real");
        assert_eq!(name(Storage::Text, false), "price__text");
        assert_eq!(name(Storage::Blob, false), "price__blob");
        assert_eq!(name(Storage::Blob, true), "price__text_bytes");
        let json = Storage::Logical(LogicalType::Json);
        assert_eq!(name(json, false), "price__json");
    }

    #[test]
    fn a_name_that_is_taken_gets_underscores() {
        let taken = ["n__text", "n__text_"];
        let values = Storage::Text.field("n");
        let sibling = Sibling::new("n", &values, false, |name| taken.contains(&name));
        assert_eq!(sibling.name, "n__text__");
        assert_eq!(sibling.column, "n");
    }
}

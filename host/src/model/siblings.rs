//! Sibling columns: `<column>__<type>` holds the values of a column that have
//! another type than the column. The only module that builds their names.

use arrow_schema::{DataType, Field};

use super::json::is_json;

/// Suffix of a sibling for text that is not valid UTF-8.
const TEXT_BYTES: &str = "text_bytes";

/// A column for the values of another column that have another type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sibling {
    /// Name of the sibling.
    pub name: String,
    /// Name of the column whose values it holds.
    pub column: String,
    text_bytes: bool,
}

impl Sibling {
    /// Creates a sibling as a source declares it.
    #[must_use]
    pub fn new(name: String, column: String) -> Self {
        Self {
            text_bytes: is_built_as(&name, &text_bytes_name(&column)),
            name,
            column,
        }
    }

    /// Returns the same sibling under other names.
    #[must_use]
    pub fn renamed(&self, name: String, column: String) -> Self {
        Self {
            name,
            column,
            text_bytes: self.text_bytes,
        }
    }

    /// True if the bytes of the sibling are text that is not valid UTF-8, rather than a blob.
    #[must_use]
    pub fn holds_text_bytes(&self) -> bool {
        self.text_bytes
    }
}

/// Returns the name of the sibling of `column` that holds values of the type
/// of `values`.
#[must_use]
pub fn sibling_name(column: &str, values: &Field) -> String {
    build(column, type_suffix(values))
}

/// Returns the name of the sibling of `column` that holds text that is not
/// valid UTF-8.
#[must_use]
pub fn text_bytes_name(column: &str) -> String {
    build(column, TEXT_BYTES)
}

/// Returns the kind of the values of a sibling, with which its name ends.
#[must_use]
pub fn sibling_kind(values: &Field, holds_text_bytes: bool) -> &'static str {
    if holds_text_bytes {
        TEXT_BYTES
    } else {
        type_suffix(values)
    }
}

/// True if an earlier load can have created `stored` as a sibling of `column`.
/// Only for tables that do not record it.
#[must_use]
pub fn is_possible_sibling(stored: &Field, column: &str) -> bool {
    let other_suffix = match stored.data_type() {
        DataType::Binary => Some(TEXT_BYTES),
        // A store without a type for JSON has it as text.
        DataType::Utf8 => Some("json"),
        _ => None,
    };
    std::iter::once(type_suffix(stored))
        .chain(other_suffix)
        .any(|suffix| is_built_as(stored.name(), &build(column, suffix)))
}

/// True if `name` is that of a sibling of `column`, whatever its type.
#[must_use]
pub fn has_name_of_sibling(name: &str, column: &str) -> bool {
    starts_with(name, &build(column, ""))
}

fn build(column: &str, suffix: &str) -> String {
    format!("{column}__{suffix}")
}

/// True if `name` is `built`, or one of the names that follow if that is taken.
fn is_built_as(name: &str, built: &str) -> bool {
    starts_with(name, built) && name[built.len()..].bytes().all(|byte| byte == b'_')
}

fn starts_with(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn type_suffix(values: &Field) -> &'static str {
    match values.data_type() {
        DataType::Utf8 if is_json(values) => "json",
        DataType::Int32 | DataType::Int64 => "integer",
        DataType::Float64 => "real",
        DataType::Binary => "blob",
        DataType::Boolean => "boolean",
        DataType::Date32 => "date",
        DataType::Timestamp(_, None) => "timestamp",
        DataType::Timestamp(_, Some(_)) => "timestamptz",
        DataType::Decimal128(_, _) => "decimal",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, data_type: DataType) -> Field {
        Field::new(name, data_type, true)
    }

    #[test]
    fn a_stored_column_is_a_sibling_only_of_a_column_with_the_rest_of_its_name() {
        let text = |name| field(name, DataType::Utf8);
        assert!(is_possible_sibling(&text("Price__text"), "price"));
        assert!(is_possible_sibling(&text("price__text_"), "price"));
        assert!(is_possible_sibling(&text("price__json"), "price"));
        assert!(!is_possible_sibling(&text("utm__source"), "utm"));
        assert!(!is_possible_sibling(&text("utm__source"), "price"));
        assert!(!is_possible_sibling(&text("price__blob"), "price"));
        let bytes = |name| field(name, DataType::Binary);
        assert!(is_possible_sibling(&bytes("price__blob"), "price"));
        assert!(is_possible_sibling(&bytes("price__text_bytes"), "price"));
    }

    #[test]
    fn bytes_of_text_are_known_after_a_rename() {
        let sibling = |name: &str, column: &str| Sibling::new(name.to_owned(), column.to_owned());
        let bytes = sibling("at__text_bytes_", "at");
        assert!(bytes.holds_text_bytes());
        let renamed = bytes.renamed("at__text_bytes_".to_owned(), "at__source".to_owned());
        assert!(renamed.holds_text_bytes());
        assert!(!sibling("at__blob", "at").holds_text_bytes());
    }

    #[test]
    fn a_name_that_was_built_is_found_by_its_column() {
        let built = sibling_name("price", &field("x", DataType::Float64));
        assert_eq!(built, "price__real");
        assert!(has_name_of_sibling(&built, "PRICE"));
        assert!(!has_name_of_sibling("prices__real", "price"));
    }
}

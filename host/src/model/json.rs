//! Columns of JSON: text with Arrow's extension type `arrow.json`, the only
//! extension type that a connector may send.

use std::collections::HashMap;

use arrow_schema::extension::{EXTENSION_TYPE_METADATA_KEY, EXTENSION_TYPE_NAME_KEY};
use arrow_schema::{DataType, Field};

/// Name of the extension type.
const NAME: &str = "arrow.json";

/// True if a column holds JSON.
#[must_use]
pub fn is_json(field: &Field) -> bool {
    *field.data_type() == DataType::Utf8 && field.extension_type_name() == Some(NAME)
}

/// Creates a column of JSON.
#[must_use]
pub fn json_field(name: &str) -> Field {
    // The extension type requires metadata, even if empty.
    let extension = [
        (EXTENSION_TYPE_NAME_KEY.to_owned(), NAME.to_owned()),
        (EXTENSION_TYPE_METADATA_KEY.to_owned(), String::new()),
    ];
    let field = Field::new(name, DataType::Utf8, true);
    field.with_metadata(HashMap::from(extension))
}

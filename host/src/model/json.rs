//! Columns of text that hold JSON: Arrow's own extension `arrow.json`, which
//! is the only one that crosses from a connector.

use std::collections::HashMap;

use arrow_schema::extension::{EXTENSION_TYPE_METADATA_KEY, EXTENSION_TYPE_NAME_KEY};
use arrow_schema::{DataType, Field};

/// Its name.
const NAME: &str = "arrow.json";

/// Whether a column holds JSON.
#[must_use]
pub fn is_json(field: &Field) -> bool {
    *field.data_type() == DataType::Utf8 && field.extension_type_name() == Some(NAME)
}

/// A column of JSON.
#[must_use]
pub fn json_field(name: &str) -> Field {
    // It has nothing more to say, and is not one if it does not say that.
    let extension = [
        (EXTENSION_TYPE_NAME_KEY.to_owned(), NAME.to_owned()),
        (EXTENSION_TYPE_METADATA_KEY.to_owned(), String::new()),
    ];
    let field = Field::new(name, DataType::Utf8, true);
    field.with_metadata(HashMap::from(extension))
}

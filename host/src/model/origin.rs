//! What the host knows about a stored column besides its name and type. Fields
//! of Arrow schemas carry it as metadata between the pipeline and destinations,
//! which keep it with the table. The only module that knows its key.

use arrow_schema::{Field, Schema};

use super::siblings::is_possible_sibling;

/// Key of the metadata of a field.
const KEY: &str = "connector.origin";

/// The origin of the values of a stored column.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnOrigin {
    /// Column of the source, by its name there.
    Source(String),
    /// Values of another column that have another type.
    Sibling {
        /// Stored name of the other column.
        of: String,
        /// Kind of the values, as in the name of the sibling.
        kind: String,
    },
}

impl ColumnOrigin {
    /// Returns the origin of a field, if it is known. Columns that an earlier
    /// release stored have none.
    #[must_use]
    pub fn from_field(field: &Field) -> Option<Self> {
        serde_json::from_str(field.metadata().get(KEY)?).ok()
    }

    /// Returns a field with this origin, or without one.
    #[must_use]
    pub fn set(origin: Option<&Self>, field: Field) -> Field {
        let text = origin.and_then(|origin| serde_json::to_string(origin).ok());
        if text.is_none() && !field.metadata().contains_key(KEY) {
            return field;
        }
        let mut metadata = field.metadata().clone();
        match text {
            Some(text) => metadata.insert(KEY.to_owned(), text),
            None => metadata.remove(KEY),
        };
        field.with_metadata(metadata)
    }

    /// Returns the origin of a source column. `None` if its stored name determines
    /// it: the name is that of the source, and no sibling could have it.
    #[must_use]
    pub fn for_column(source: &str, stored: &str) -> Option<Self> {
        (source != stored || stored.contains("__")).then(|| Self::Source(source.to_owned()))
    }
}

/// True if a stored column is a sibling of `column`. The name decides if the
/// table does not record the origin of its columns.
#[must_use]
pub fn is_sibling_of(stored: &Field, column: &str) -> bool {
    match ColumnOrigin::from_field(stored) {
        Some(ColumnOrigin::Sibling { of, .. }) => of.eq_ignore_ascii_case(column),
        Some(ColumnOrigin::Source(_)) => false,
        None => is_possible_sibling(stored, column),
    }
}

/// Returns the recorded sibling of a column for values of a kind that also has
/// a property.
#[must_use]
pub fn recorded_sibling<'t>(
    table: &'t Schema,
    column: &str,
    kind: &str,
    is_suitable: impl Fn(&Field) -> bool,
) -> Option<&'t Field> {
    let is_recorded = |field: &Field| match ColumnOrigin::from_field(field) {
        Some(ColumnOrigin::Sibling { of, kind: own }) => {
            own == kind && of.eq_ignore_ascii_case(column)
        }
        _ => false,
    };
    let mut fields = table.fields().iter().map(AsRef::as_ref);
    fields.find(|field| is_recorded(field) && is_suitable(field))
}

#[cfg(test)]
mod tests {
    use arrow_schema::DataType;

    use super::*;
    use crate::model::{is_json, json_field};

    #[test]
    fn an_origin_is_read_back_and_can_be_removed() {
        let sibling = ColumnOrigin::Sibling {
            of: "a\"b".to_owned(),
            kind: "text".to_owned(),
        };
        let origins = [
            Some(sibling),
            ColumnOrigin::for_column("", "__source"),
            None,
        ];
        for origin in origins {
            let field = ColumnOrigin::set(origin.as_ref(), json_field("x"));
            assert_eq!(ColumnOrigin::from_field(&field), origin);
            assert!(is_json(&field));
            let removed = ColumnOrigin::set(None, field);
            assert_eq!(removed, json_field("x"));
        }
    }

    #[test]
    fn only_names_that_say_everything_need_no_origin() {
        assert_eq!(ColumnOrigin::for_column("price", "price"), None);
        for (source, stored) in [("Price", "price"), ("a__b", "a__b"), ("x", "x_")] {
            let origin = ColumnOrigin::for_column(source, stored);
            assert_eq!(origin, Some(ColumnOrigin::Source(source.to_owned())));
        }
    }

    #[test]
    fn the_recorded_origin_outranks_the_name() {
        let field = Field::new("stock__text", DataType::Utf8, true);
        assert!(is_sibling_of(&field, "stock"));
        let own = ColumnOrigin::for_column("stock__text", "stock__text");
        let own = ColumnOrigin::set(own.as_ref(), field);
        assert!(!is_sibling_of(&own, "stock"));
    }

    #[test]
    fn the_stored_form_is_stable() {
        let sibling = ColumnOrigin::Sibling {
            of: "stock".to_owned(),
            kind: "text_bytes".to_owned(),
        };
        let text = serde_json::to_string(&[ColumnOrigin::Source("x".to_owned()), sibling]);
        assert_eq!(
            text.unwrap(),
            r#"[{"source":"x"},{"sibling":{"of":"stock","kind":"text_bytes"}}]"#
        );
    }
}

//! The columns of a stored table: names and types in the order of the table.
//!
//! Must not hold rows; batches are mapped to columns in
//! [`batch_mapping`](super::batch_mapping).

use std::sync::Arc;

use arrow_schema::{DataType, Schema, SchemaRef};

use super::stored_type::{StoredType, stored_type};
use crate::model::origin::ColumnOrigin;

/// A column of a stored table.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Column {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) stored_type: StoredType,
    /// Origin of the values, unless the name determines it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<ColumnOrigin>,
}

impl Column {
    /// Creates a column of the host.
    pub(super) fn new(name: &str, stored_type: StoredType) -> Self {
        Self {
            name: name.to_owned(),
            stored_type,
            origin: None,
        }
    }
}

/// Reasons why rows cannot be stored in a table.
#[derive(Debug, thiserror::Error)]
pub(super) enum ColumnError {
    #[error("column `{column}` has the type {data_type}, which no destination stores")]
    NotStored { column: String, data_type: DataType },
    #[error("column `{column}` is {stored} in the table but {incoming} in the incoming rows")]
    Changed {
        column: String,
        stored: StoredType,
        incoming: StoredType,
    },
    #[error("columns `{first}` and `{second}` differ only in case")]
    Ambiguous { first: String, second: String },
}

/// The columns of a table in their order. Names differ by more than the case
/// of ASCII letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Columns(Vec<Column>);

impl Columns {
    /// Returns the stored columns of an Arrow schema.
    pub(super) fn from_schema(schema: &Schema) -> Result<Self, ColumnError> {
        let mut columns: Vec<Column> = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let Some(stored_type) = stored_type(field) else {
                return Err(ColumnError::NotStored {
                    column: field.name().clone(),
                    data_type: field.data_type().clone(),
                });
            };
            columns.push(Column {
                name: field.name().clone(),
                stored_type,
                origin: ColumnOrigin::from_field(field),
            });
        }
        // Databases compare names without regard to the case of ASCII
        // letters, and the source does too.
        let mut folded: Vec<_> = columns
            .iter()
            .map(|column| (column.name.to_ascii_lowercase(), &column.name))
            .collect();
        folded.sort_unstable();
        if let Some([first, second]) = folded
            .array_windows()
            .find(|[first, second]| first.0 == second.0)
        {
            return Err(ColumnError::Ambiguous {
                first: first.1.clone(),
                second: second.1.clone(),
            });
        }
        Ok(Self(columns))
    }

    /// Wraps columns that were validated when they were stored.
    pub(super) fn from_stored(columns: Vec<Column>) -> Self {
        Self(columns)
    }

    /// Returns the columns with one of these names.
    pub(super) fn select(&self, names: &[String]) -> Self {
        let selected = self.0.iter().filter(|column| names.contains(&column.name));
        Self(selected.cloned().collect())
    }

    /// Removes the column with this name, if there is one.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.0.retain(|column| column.name != name);
        self
    }

    /// Returns the index of a column, ignoring the case of ASCII letters.
    pub(super) fn index_of(&self, name: &str) -> Option<usize> {
        self.0
            .iter()
            .position(|column| column.name.eq_ignore_ascii_case(name))
    }

    pub(super) fn as_slice(&self) -> &[Column] {
        &self.0
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|column| column.name.as_str())
    }

    /// Returns the columns as an Arrow schema, with their origins.
    pub(super) fn schema(&self) -> SchemaRef {
        let fields = self.0.iter().map(|column| {
            let field = column.stored_type.field(&column.name);
            ColumnOrigin::set(column.origin.as_ref(), field)
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// Adds the incoming columns that the table lacks, and returns them. A
    /// column that the table has must have the same type. It gets the origin of
    /// the incoming one.
    pub(super) fn add_missing(&mut self, incoming: &Self) -> Result<Vec<Column>, ColumnError> {
        let mut added = Vec::new();
        for column in &incoming.0 {
            let index = self.index_of(&column.name);
            match index.and_then(|index| self.0.get_mut(index)) {
                None => added.push(column.clone()),
                Some(stored) if stored.stored_type == column.stored_type => {
                    if column.origin.is_some() {
                        stored.origin.clone_from(&column.origin);
                    }
                }
                Some(stored) => {
                    return Err(ColumnError::Changed {
                        column: column.name.clone(),
                        stored: stored.stored_type,
                        incoming: column.stored_type,
                    });
                }
            }
        }
        self.0.extend(added.iter().cloned());
        Ok(added)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use arrow_schema::Field;

    fn columns(columns: &[(&str, DataType)]) -> Result<Columns, ColumnError> {
        let fields = columns
            .iter()
            .map(|(name, data_type)| Field::new(*name, data_type.clone(), true));
        Columns::from_schema(&Schema::new(fields.collect::<Vec<_>>()))
    }

    #[test]
    fn a_type_that_is_not_stored_is_named() {
        let error = columns(&[("a", DataType::Int64), ("b", DataType::UInt8)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "column `b` has the type UInt8, which no destination stores"
        );
    }

    #[test]
    fn names_that_differ_only_in_case_are_refused() {
        let error = columns(&[
            ("Name", DataType::Int64),
            ("b", DataType::Int64),
            ("name", DataType::Int64),
        ])
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "columns `Name` and `name` differ only in case"
        );
        assert!(columns(&[("Ä", DataType::Int64), ("ä", DataType::Int64)]).is_ok());
    }

    #[test]
    fn a_changed_type_is_refused() {
        let mut table = columns(&[("a", DataType::Int64)]).unwrap();
        let error = table
            .add_missing(&columns(&[("A", DataType::Utf8)]).unwrap())
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "column `A` is an integer in the table but text in the incoming rows"
        );
    }
}

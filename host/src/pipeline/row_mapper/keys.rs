//! The mapping of key pages. Destinations compare keys with rows, so that keys
//! are mapped to the columns that hold the same values in rows.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Field, Schema};

use super::RowMapper;
use super::schema_fit::{ColumnFate, find};
use crate::destination::stored_type;
use crate::model::SourceSchema;
use crate::model::siblings::{Sibling, sibling_name, text_bytes_name};
use crate::pipeline::error::PipelineError;

/// Keys under the names of the columns that store them.
pub(in crate::pipeline) struct MappedKeys {
    pub(in crate::pipeline) keys: RecordBatch,
    /// True if the table has to be opened again before the keys are written.
    pub(in crate::pipeline) has_new_columns: bool,
}

impl RowMapper {
    /// Announces the columns of key pages, and returns true if the table has
    /// to be opened again. A key can be in a sibling that no row of this read
    /// needs.
    pub(in crate::pipeline) fn announce_keys(
        &mut self,
        keys: &SourceSchema,
    ) -> Result<bool, PipelineError> {
        let keys = with_names_of_rows(keys, &self.source);
        let fields = keys.columns.fields().iter();
        self.key_columns = fields.map(|field| field.name().clone()).collect();
        let known = self.source.columns.fields().len();
        self.source.add_siblings(&keys);
        let is_new = self.source.columns.fields().len() > known;
        if is_new {
            self.remap()?;
        }
        Ok(is_new)
    }

    /// Columns of key pages, under their names among the columns of rows.
    pub(in crate::pipeline) fn key_columns(&self) -> &[String] {
        &self.key_columns
    }

    /// Maps keys to the names of the columns that store them. `columns` names
    /// the columns of the batch.
    pub(in crate::pipeline) fn take_keys(
        &mut self,
        columns: &[String],
        batch: &RecordBatch,
    ) -> Result<MappedKeys, PipelineError> {
        let fates = columns.iter().map(|column| self.column_fate(column));
        let pending = fates.filter_map(|fate| match fate {
            ColumnFate::Pending(name) => Some(name),
            ColumnFate::StoredAs(_) | ColumnFate::Dropped => None,
        });
        let pending: Vec<_> = pending.collect();
        let has_new_columns = !pending.is_empty();
        if has_new_columns {
            self.valued.extend(pending);
            self.remap()?;
        }
        let stored = columns.iter().map(|column| match self.column_fate(column) {
            ColumnFate::StoredAs(name) => Ok(name),
            ColumnFate::Pending(_) | ColumnFate::Dropped => Err(PipelineError::contract(format!(
                "the key column `{column}` of `{}` is not a column of its rows",
                self.target.resource
            ))),
        });
        let stored = stored.collect::<Result<Vec<_>, _>>()?;
        Ok(MappedKeys {
            keys: rename(batch, stored)
                .map_err(|error| PipelineError::contract(error.to_string()))?,
            has_new_columns,
        })
    }

    /// Returns the destination of a source column.
    fn column_fate(&self, column: &str) -> ColumnFate {
        let name = self.names.stored(column);
        let mut fields = self.mapping.loaded.fields().iter();
        fields
            .position(|field| field.name().eq_ignore_ascii_case(&name))
            .map_or(ColumnFate::Dropped, |index| {
                self.mapping.fit.column_fate(index)
            })
    }
}

/// Renames key columns to the columns of rows that hold values of their types.
/// The first value decides the type of a column without a declared type, so
/// that keys and rows of one read can differ.
fn with_names_of_rows(keys: &SourceSchema, rows: &SourceSchema) -> SourceSchema {
    let mut siblings: Vec<Sibling> = Vec::new();
    let mut taken: Vec<String> = Vec::new();
    let fields = keys.columns.fields().iter().map(|field| {
        let mut declared = keys.siblings.iter();
        let declared = declared.find(|sibling| sibling.name == *field.name());
        let base = declared.map_or(field.name(), |sibling| &sibling.column);
        let base = find(&rows.columns, base).map_or(base, Field::name);
        let holds_text_bytes = declared.is_some_and(Sibling::holds_text_bytes);
        let name = matching_column(rows, base, field, holds_text_bytes).unwrap_or_else(|| {
            if declared.is_none() && find(&rows.columns, base).is_none() {
                return base.clone();
            }
            let mut name = if holds_text_bytes {
                text_bytes_name(base)
            } else {
                sibling_name(base, field)
            };
            while find(&rows.columns, &name).is_some() || taken.contains(&name) {
                name.push('_');
            }
            name
        });
        taken.push(name.clone());
        if name != *base {
            siblings.push(Sibling::new(name.clone(), base.clone()));
        }
        Arc::new(field.as_ref().clone().with_name(name))
    });
    let columns = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    SourceSchema {
        columns,
        primary_key: Vec::new(),
        siblings,
    }
}

/// Finds the column of rows, among `base` and its siblings, that holds values
/// of the type of a key column.
fn matching_column(
    rows: &SourceSchema,
    base: &str,
    key: &Field,
    holds_text_bytes: bool,
) -> Option<String> {
    let siblings = rows.siblings.iter().filter(|known| known.column == base);
    let siblings = siblings.map(|known| (known.name.as_str(), known.holds_text_bytes()));
    std::iter::once((base, false))
        .chain(siblings)
        .find(|(name, text_bytes)| {
            *text_bytes == holds_text_bytes
                && find(&rows.columns, name)
                    .is_some_and(|column| stored_type(column) == stored_type(key))
        })
        .map(|(name, _)| name.to_owned())
}

fn rename(batch: &RecordBatch, names: Vec<String>) -> Result<RecordBatch, ArrowError> {
    let fields = batch.schema_ref().fields().iter().zip(names);
    let fields = fields.map(|(field, name)| field.as_ref().clone().with_name(name));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    RecordBatch::try_new(schema, batch.columns().to_vec())
}

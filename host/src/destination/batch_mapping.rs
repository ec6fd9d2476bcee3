//! Maps incoming batches to the columns of a stored table.
//!
//! Must not copy a value.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions, new_null_array};
use arrow_schema::{ArrowError, Schema, SchemaRef};

use super::columns::Columns;

/// Mapping from batches of one schema to the columns of a table, in the
/// table's order. Columns that the batches lack are null.
#[derive(Clone, Debug)]
pub(super) struct BatchMapping {
    schema: SchemaRef,
    /// Index of each table column in the incoming batches.
    sources: Vec<Option<usize>>,
}

impl BatchMapping {
    /// Maps batches of the schema `incoming` to a table that has all columns
    /// of it.
    pub(super) fn new(incoming: &Schema, table: &Columns) -> Self {
        let source = |name: &str| {
            let mut fields = incoming.fields().iter();
            fields.position(|field| field.name().eq_ignore_ascii_case(name))
        };
        let sources: Vec<_> = table.names().map(source).collect();
        let fields = table
            .as_slice()
            .iter()
            .zip(&sources)
            .map(|(column, source)| {
                let field = column.stored_type.field(&column.name);
                match source {
                    // The type in memory may be another, such as a dictionary.
                    Some(index) => field.with_data_type(incoming.field(*index).data_type().clone()),
                    None => field,
                }
            });
        Self {
            schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
            sources,
        }
    }

    /// Schema of the mapped batches.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Index of each table column in the incoming batches.
    pub(super) fn sources(&self) -> &[Option<usize>] {
        &self.sources
    }

    /// Returns the rows with the columns of the table.
    pub(super) fn apply(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let rows = batch.num_rows();
        let columns = self
            .sources
            .iter()
            .zip(self.schema.fields())
            .map(|(source, field)| match source {
                Some(index) => batch.columns().get(*index).cloned().ok_or_else(|| {
                    ArrowError::SchemaError(format!("a batch lacks column `{}`", field.name()))
                }),
                None => Ok(new_null_array(field.data_type(), rows)),
            });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use arrow_schema::{DataType, Field};

    #[test]
    fn rows_are_mapped_to_the_columns_of_the_table() {
        let schema = |columns: &[(&str, DataType)]| {
            let fields = columns
                .iter()
                .map(|(name, data_type)| Field::new(*name, data_type.clone(), true));
            Schema::new(fields.collect::<Vec<_>>())
        };
        let incoming = schema(&[("C", DataType::Int64), ("a", DataType::Int64)]);
        let table = schema(&[("a", DataType::Int64), ("b", DataType::Utf8)]);
        let mut table = Columns::from_schema(&table).unwrap();
        let added = table
            .add_missing(&Columns::from_schema(&incoming).unwrap())
            .unwrap();
        assert_eq!(added.len(), 1);
        assert_eq!(added[0].name, "C");

        let numbers =
            |number| Arc::new(arrow_array::Int64Array::from(vec![number])) as arrow_array::ArrayRef;
        let batch =
            RecordBatch::try_new(Arc::new(incoming.clone()), vec![numbers(3), numbers(1)]).unwrap();
        let mapped = BatchMapping::new(&incoming, &table).apply(&batch).unwrap();
        assert_eq!(mapped.column(0), &numbers(1));
        assert_eq!(mapped.column(1).null_count(), 1);
        assert_eq!(mapped.column(2), &numbers(3));
    }
}

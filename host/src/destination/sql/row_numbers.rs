//! Numbers of staged rows, in a column that no user's column can shadow. A store
//! may have row ids of its own, but a column of a source can have their name.
//!
//! Must not execute anything.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use crate::destination::columns::{Column, Columns};
use crate::destination::stored_type::StoredType;

/// Name of the column, followed by underscores if a column of the table has it.
const NAME: &str = "_row number";

/// The first column of a staged table. For a row, it holds the number of rows
/// that were written to the table before; for a row of a group, that number of
/// its parent row.
#[derive(Clone, Debug)]
pub(super) struct RowNumbers {
    name: String,
    /// Number of rows that were written.
    written: i64,
}

impl RowNumbers {
    /// Creates the numbers of a table with these columns.
    pub(super) fn new(columns: &Columns) -> Self {
        Self {
            name: free_name(columns),
            written: 0,
        }
    }

    /// Name of the column.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the definition of the column.
    pub(super) fn column(&self) -> Column {
        Column::new(&self.name, StoredType::Int64)
    }

    /// Returns the columns of a table with its number.
    pub(super) fn add_to_columns(&self, columns: &Columns) -> Columns {
        let columns = columns.as_slice().iter().cloned();
        Columns::from_stored(std::iter::once(self.column()).chain(columns).collect())
    }

    /// Chooses another name if one of these columns has the name. Returns the
    /// previous one.
    pub(super) fn make_way(&mut self, columns: &Columns) -> Option<String> {
        let is_taken = columns.index_of(&self.name).is_some();
        is_taken.then(|| std::mem::replace(&mut self.name, free_name(columns)))
    }

    /// Returns the schema of numbered rows.
    pub(super) fn add_to_schema(&self, schema: &Schema) -> SchemaRef {
        let number = Arc::new(Field::new(&self.name, DataType::Int64, true));
        let fields = std::iter::once(number).chain(schema.fields().iter().cloned());
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// Returns rows with their numbers, which are those of their `parents` if
    /// they belong to groups.
    pub(super) fn add_to_rows(
        &mut self,
        rows: &RecordBatch,
        parents: Option<Int64Array>,
    ) -> Result<RecordBatch, ArrowError> {
        let first = self.written;
        self.written += i64::try_from(rows.num_rows()).unwrap_or(i64::MAX);
        let numbers = parents.unwrap_or_else(|| (first..self.written).collect());
        let numbers = std::iter::once(Arc::new(numbers) as ArrayRef);
        let columns = numbers.chain(rows.columns().iter().cloned());
        RecordBatch::try_new(self.add_to_schema(rows.schema_ref()), columns.collect())
    }
}

/// Returns a name that no column has.
fn free_name(columns: &Columns) -> String {
    let mut name = NAME.to_owned();
    while columns.index_of(&name).is_some() {
        name.push('_');
    }
    name
}

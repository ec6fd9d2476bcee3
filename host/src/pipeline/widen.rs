//! Rows with columns that came after them.

use arrow_array::{RecordBatch, RecordBatchOptions, new_null_array};
use arrow_schema::{ArrowError, SchemaRef};

/// The rows with all columns of a schema, of which they have the first: the
/// others are null there.
pub(super) fn widened(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let rows = batch.num_rows();
    let missing = schema.fields().iter().skip(batch.num_columns());
    let missing = missing.map(|field| new_null_array(field.data_type(), rows));
    let columns = batch.columns().iter().cloned().chain(missing).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(SchemaRef::clone(schema), columns, &options)
}

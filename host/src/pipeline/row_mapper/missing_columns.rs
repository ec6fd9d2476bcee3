//! Nulls for the columns that a page does not have because they were
//! announced after it was encoded.

use arrow_array::{RecordBatch, RecordBatchOptions, new_null_array};
use arrow_schema::{ArrowError, SchemaRef};

/// Returns the rows with all columns of `schema`. The batch has the first of
/// them; the others are null.
pub(in crate::pipeline) fn add_missing_columns(
    batch: &RecordBatch,
    schema: &SchemaRef,
) -> Result<RecordBatch, ArrowError> {
    let rows = batch.num_rows();
    let missing = schema.fields().iter().skip(batch.num_columns());
    let missing = missing.map(|field| new_null_array(field.data_type(), rows));
    let columns = batch.columns().iter().cloned().chain(missing).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(SchemaRef::clone(schema), columns, &options)
}

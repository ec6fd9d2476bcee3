//! Marks every row with the load that it came with.

use std::sync::Arc;

use arrow_array::{ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use crate::model::{LoadId, names};

/// Adds the column of the load's identity, and keeps that name free.
///
/// One dictionary entry serves all rows, so that the mark costs four bytes
/// for each.
pub(super) struct Marker {
    value: ArrayRef,
    keys: Int32Array,
}

impl Marker {
    pub(super) fn new(load: &LoadId) -> Self {
        Self {
            value: Arc::new(StringArray::from(vec![load.as_str()])),
            keys: Int32Array::from(Vec::<i32>::new()),
        }
    }

    /// The columns of a source as they are stored.
    pub(super) fn schema(source: &Schema) -> SchemaRef {
        let mark = Field::new(
            names::LOAD_ID,
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
            false,
        );
        let fields = source.fields().iter().map(|field| {
            let name = names::column_of(field.name());
            if name == *field.name() {
                Arc::clone(field)
            } else {
                Arc::new(field.as_ref().clone().with_name(name))
            }
        });
        Arc::new(Schema::new(
            fields.chain([Arc::new(mark)]).collect::<Vec<_>>(),
        ))
    }

    /// Rows with their mark. `schema` is what [`Marker::schema`] made of theirs.
    pub(super) fn mark(
        &mut self,
        batch: &RecordBatch,
        schema: &SchemaRef,
    ) -> Result<RecordBatch, ArrowError> {
        if self.keys.len() < batch.num_rows() {
            self.keys = Int32Array::from(vec![0; batch.num_rows()]);
        }
        let keys = self.keys.slice(0, batch.num_rows());
        let mut columns = batch.columns().to_vec();
        columns.push(Arc::new(DictionaryArray::try_new(
            keys,
            Arc::clone(&self.value),
        )?));
        RecordBatch::try_new(Arc::clone(schema), columns)
    }
}

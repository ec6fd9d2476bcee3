//! Marks every row with the load that it came with.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::model::{LoadId, PageKind, WriteDisposition, names};

/// Adds the columns of the host's own, and keeps their names free.
///
/// One dictionary entry serves all rows, so that the load's identity costs
/// four bytes for each.
pub(super) struct Marker {
    id: ArrayRef,
    keys: Int32Array,
    time: i64,
}

impl Marker {
    pub(super) fn new(load: &LoadId) -> Self {
        Self {
            id: Arc::new(StringArray::from(vec![load.as_str()])),
            keys: Int32Array::from(Vec::<i32>::new()),
            time: load.micros(),
        }
    }

    /// The columns of a source as they are stored.
    pub(super) fn schema(source: &Schema, kind: PageKind, write: WriteDisposition) -> SchemaRef {
        let last = source.fields().len().saturating_sub(1);
        let fields = source.fields().iter().enumerate().map(|(index, field)| {
            let name = if kind == PageKind::Changes && index == last {
                names::IS_DELETED.to_owned()
            } else {
                names::column_name(field.name())
            };
            if name == *field.name() {
                Arc::clone(field)
            } else {
                Arc::new(field.as_ref().clone().with_name(name))
            }
        });
        let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let begins = Field::new(names::VALID_FROM, time, true);
        let identity = Field::new(
            names::LOAD_ID,
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
            false,
        );
        let begins = (write == WriteDisposition::Scd2).then_some(begins);
        let own = begins.into_iter().chain([identity]).map(Arc::new);
        Arc::new(Schema::new(fields.chain(own).collect::<Vec<_>>()))
    }

    /// Rows with their mark. `schema` is what [`Marker::schema`] made of theirs.
    pub(super) fn mark(
        &mut self,
        batch: &RecordBatch,
        schema: &SchemaRef,
    ) -> Result<RecordBatch, ArrowError> {
        let rows = batch.num_rows();
        if self.keys.len() < rows {
            self.keys = Int32Array::from(vec![0; rows]);
        }
        let mut columns = batch.columns().to_vec();
        if schema.fields().len() > columns.len() + 1 {
            let times = TimestampMicrosecondArray::from(vec![self.time; rows]);
            columns.push(Arc::new(times.with_timezone("UTC")));
        }
        columns.push(Arc::new(DictionaryArray::try_new(
            self.keys.slice(0, rows),
            Arc::clone(&self.id),
        )?));
        RecordBatch::try_new(Arc::clone(schema), columns)
    }
}

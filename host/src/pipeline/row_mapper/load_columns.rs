//! The columns that the host adds to every row: the id of its load, and the
//! start of its validity in tables that keep versions.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};

use super::column_names::ColumnNames;
use crate::model::{LoadId, PageKind, WriteDisposition, names};

/// The values of the host's columns in one load.
///
/// All rows share one dictionary entry, so that the load id costs four bytes
/// per row.
pub(in crate::pipeline) struct LoadColumns {
    id: ArrayRef,
    /// Zeros, as many as the largest page so far has rows.
    keys: Int32Array,
    micros: i64,
}

impl LoadColumns {
    /// Creates the columns of a load.
    pub(in crate::pipeline) fn new(load: &LoadId) -> Self {
        Self {
            id: Arc::new(StringArray::from(vec![load.as_str()])),
            keys: Int32Array::from(Vec::<i32>::new()),
            micros: load.micros(),
        }
    }

    /// Returns the columns of a source under their stored names, with those of
    /// the host.
    pub(super) fn schema(
        source: &Schema,
        stored_names: &ColumnNames,
        kind: PageKind,
        disposition: WriteDisposition,
    ) -> SchemaRef {
        let last = source.fields().len().saturating_sub(1);
        let fields = source.fields().iter().enumerate().map(|(index, field)| {
            let name = if kind == PageKind::Changes && index == last {
                names::IS_DELETED.to_owned()
            } else {
                stored_names.stored(field.name())
            };
            if name == *field.name() {
                Arc::clone(field)
            } else {
                Arc::new(field.as_ref().clone().with_name(name))
            }
        });
        let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let valid_from = (disposition == WriteDisposition::Scd2)
            .then(|| Field::new(names::VALID_FROM, time, true));
        let load_id = Field::new(
            names::LOAD_ID,
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
            false,
        );
        let added = valid_from.into_iter().chain([load_id]).map(Arc::new);
        Arc::new(Schema::new(fields.chain(added).collect::<Vec<_>>()))
    }

    /// Returns the rows with the host's columns. `schema` is the
    /// result of [`LoadColumns::schema`] for their columns.
    pub(super) fn add_to(
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
            let valid_from = TimestampMicrosecondArray::from(vec![self.micros; rows]);
            columns.push(Arc::new(valid_from.with_timezone("UTC")));
        }
        columns.push(Arc::new(DictionaryArray::try_new(
            self.keys.slice(0, rows),
            Arc::clone(&self.id),
        )?));
        RecordBatch::try_new(Arc::clone(schema), columns)
    }
}

//! Rows of the tables that describe loads: `_loads`, `_load_resources`,
//! `_cursors` and `_rejected`. They are stored as batches like any other
//! rows, so that none of their values becomes part of an SQL text.
//!
//! Must not know how a destination stores them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arrow_array::{
    ArrayRef, BinaryArray, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};

use super::names::comparison_key;
use crate::model::{Cursor, LoadId, LoadRecord, ReadMode, Rejected, ResourceRecord, names};

/// Column of `_load_resources` with the name of the table of a resource.
pub(super) const TABLE_NAME: &str = "table_name";
/// Column of `_load_resources` with the origins of the columns of a table, as
/// JSON. Null if they are those of the load before.
pub(super) const COLUMN_NAMES: &str = "column_names";

/// Returns the names of the tables and their columns.
pub(super) fn tables() -> [(&'static str, SchemaRef); 4] {
    let text = |name| Field::new(name, DataType::Utf8, true);
    let count = |name| Field::new(name, DataType::Int64, true);
    let version = |name| Field::new(name, DataType::Int32, true);
    let bytes = |name| Field::new(name, DataType::Binary, true);
    let time = |name| {
        Field::new(
            name,
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            true,
        )
    };
    let schema = |fields: Vec<Field>| Arc::new(Schema::new(fields));
    [
        (
            names::LOADS,
            schema(vec![
                text("load_id"),
                text("pipeline"),
                text("connector_name"),
                text("connector_version"),
                text("connector_sha256"),
                time("started"),
                time("finished"),
                text("status"),
                count("rows_read"),
                count("rows_written"),
                count("rows_rejected"),
            ]),
        ),
        (
            names::LOAD_RESOURCES,
            schema(vec![
                text("load_id"),
                text("resource"),
                text("mode"),
                count("rows_read"),
                count("rows_written"),
                count("rows_rejected"),
                count("rows_billed"),
                count("rows_deleted"),
                version("cursor_before_version"),
                bytes("cursor_before"),
                version("cursor_after_version"),
                bytes("cursor_after"),
                text(TABLE_NAME),
                text(COLUMN_NAMES),
            ]),
        ),
        (
            names::CURSORS,
            schema(vec![
                text("pipeline"),
                text("resource"),
                version("version"),
                bytes("value"),
                text("load_id"),
            ]),
        ),
        (
            names::REJECTED,
            schema(vec![
                text("load_id"),
                text("resource"),
                text("record"),
                text("reason"),
            ]),
        ),
    ]
}

/// Returns the row of `_loads` for a load.
pub(super) fn load(record: &LoadRecord) -> Result<RecordBatch, ArrowError> {
    let text = |value: &str| Arc::new(StringArray::from(vec![value])) as ArrayRef;
    let total = |count: fn(&ResourceRecord) -> u64| {
        counts([Some(record.resources.iter().map(count).sum())])
    };
    rows(
        names::LOADS,
        vec![
            text(record.load_id.as_str()),
            text(&record.pipeline),
            text(&record.connector_name),
            text(&record.connector_version),
            text(&record.connector_sha256),
            time(record.started),
            time(record.finished),
            text(record.status.as_str()),
            total(|resource| resource.rows_read),
            total(|resource| resource.rows_written),
            total(|resource| resource.rows_rejected),
        ],
    )
}

/// Returns the rows of `_load_resources` for a load. `origins` has the changed
/// origins of columns as JSON, by the key by which names of tables are compared.
pub(super) fn resources(
    record: &LoadRecord,
    origins: &BTreeMap<String, String>,
) -> Result<RecordBatch, ArrowError> {
    let all = &record.resources;
    let tables = all
        .iter()
        .map(|resource| names::table_name(&resource.resource));
    let tables: Vec<_> = tables.collect();
    let changed = tables
        .iter()
        .map(|table| origins.get(&comparison_key(table)));
    rows(
        names::LOAD_RESOURCES,
        vec![
            texts(all.iter().map(|_| record.load_id.as_str())),
            texts(all.iter().map(|resource| resource.resource.as_str())),
            texts(all.iter().map(|resource| resource.mode.as_str())),
            counts(all.iter().map(|resource| Some(resource.rows_read))),
            counts(all.iter().map(|resource| Some(resource.rows_written))),
            counts(all.iter().map(|resource| Some(resource.rows_rejected))),
            counts(all.iter().map(|resource| resource.rows_billed)),
            counts(all.iter().map(|resource| Some(resource.rows_deleted))),
            versions(all.iter().map(|resource| resource.cursor_before.as_ref())),
            cursor_values(all.iter().map(|resource| resource.cursor_before.as_ref())),
            versions(all.iter().map(|resource| resource.cursor_after.as_ref())),
            cursor_values(all.iter().map(|resource| resource.cursor_after.as_ref())),
            texts(tables.iter().map(String::as_str)),
            Arc::new(changed.collect::<StringArray>()),
        ],
    )
}

/// Returns true if a load removes the cursor that a resource had before. A
/// full read invalidates the older cursor; an incremental read that found
/// nothing new keeps it.
pub(super) fn replaces_cursor(resource: &ResourceRecord) -> bool {
    resource.cursor_after.is_some() || resource.mode == ReadMode::Full
}

/// Returns the rows that a load adds to `_cursors`.
pub(super) fn cursors(record: &LoadRecord) -> Result<RecordBatch, ArrowError> {
    let saved: Vec<_> = record
        .resources
        .iter()
        .filter_map(|resource| Some((resource.resource.as_str(), resource.cursor_after.as_ref()?)))
        .collect();
    rows(
        names::CURSORS,
        vec![
            texts(saved.iter().map(|_| record.pipeline.as_str())),
            texts(saved.iter().map(|(resource, _)| *resource)),
            versions(saved.iter().map(|(_, cursor)| Some(*cursor))),
            cursor_values(saved.iter().map(|(_, cursor)| Some(*cursor))),
            texts(saved.iter().map(|_| record.load_id.as_str())),
        ],
    )
}

/// Returns the rows of `_rejected` for rejected records.
pub(super) fn rejected(load: &LoadId, records: &[Rejected]) -> Result<RecordBatch, ArrowError> {
    rows(
        names::REJECTED,
        vec![
            texts(records.iter().map(|_| load.as_str())),
            texts(records.iter().map(|record| record.resource.as_str())),
            texts(records.iter().map(|record| record.record.as_str())),
            texts(records.iter().map(|record| record.reason.as_str())),
        ],
    )
}

fn rows(table: &str, columns: Vec<ArrayRef>) -> Result<RecordBatch, ArrowError> {
    let schema = tables()
        .into_iter()
        .find_map(|(name, schema)| (name == table).then_some(schema));
    RecordBatch::try_new(schema.unwrap_or_else(|| Arc::new(Schema::empty())), columns)
}

fn texts<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// Returns counts as signed integers, capped at the largest one.
fn counts(values: impl IntoIterator<Item = Option<u64>>) -> ArrayRef {
    let signed = values
        .into_iter()
        .map(|value| value.map(|value| i64::try_from(value).unwrap_or(i64::MAX)));
    Arc::new(signed.collect::<Int64Array>())
}

fn versions<'a>(cursors: impl Iterator<Item = Option<&'a Cursor>>) -> ArrayRef {
    let versions = cursors.map(|cursor| cursor.map(|cursor| cursor.version.cast_signed()));
    Arc::new(versions.collect::<Int32Array>())
}

fn cursor_values<'a>(cursors: impl Iterator<Item = Option<&'a Cursor>>) -> ArrayRef {
    let values = cursors.map(|cursor| cursor.map(|cursor| cursor.value.as_slice()));
    Arc::new(values.collect::<BinaryArray>())
}

fn time(time: SystemTime) -> ArrayRef {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
    Arc::new(TimestampMicrosecondArray::from(vec![micros]).with_timezone("UTC"))
}

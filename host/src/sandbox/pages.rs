//! Events as a guest sends them, and the decoding of their Arrow data.
//!
//! Everything in them is input: sizes, counts and names are validated before an
//! event is passed on. Decoding is separate from the call into the guest, so
//! that another thread can do it.

use std::collections::BTreeMap;

use arrow_schema::{DataType, SchemaRef};

use super::bindings::exports::connector::source::source as wit;
use super::convert;
use super::error::SandboxError;
use super::ipc;
use super::text::{self, bounded};
use crate::model::noun::counted;
use crate::model::{Cursor, Event, Limit, Limits, PageKind};

/// An event whose schema or page is not decoded yet.
#[derive(Debug)]
pub struct RawEvent(Raw);

#[derive(Debug)]
enum Raw {
    Schema(wit::SchemaEvent),
    Page {
        resource: String,
        kind: PageKind,
        rows: u64,
        batch: Vec<u8>,
        cursor: Option<Cursor>,
    },
    Other(Event),
}

/// Decoder of the events of one read.
#[derive(Debug)]
pub struct EventDecoder {
    limits: Limits,
    /// Columns of each kind of page, by resource.
    resources: BTreeMap<String, BTreeMap<PageKind, SchemaRef>>,
    /// Bytes of all schemas received.
    schema_bytes: u64,
    done: bool,
}

impl RawEvent {
    /// Returns the bytes of a page, or zero for other events.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match &self.0 {
            Raw::Page { batch, .. } => batch.len() as u64,
            _ => 0,
        }
    }

    /// Returns the resource whose schema the event holds.
    #[must_use]
    pub fn schema_resource(&self) -> Option<&str> {
        match &self.0 {
            Raw::Schema(event) => Some(&event.resource),
            _ => None,
        }
    }

    /// Creates a schema event from an IPC schema message.
    #[must_use]
    pub fn schema(resource: &str, message: Vec<u8>) -> Self {
        Self(Raw::Schema(wit::SchemaEvent {
            resource: resource.to_owned(),
            kind: wit::PageKind::Rows,
            schema: message,
            primary_key: Vec::new(),
            siblings: Vec::new(),
        }))
    }

    /// Creates a page event from an IPC message and its declared number of rows.
    #[must_use]
    pub fn page(resource: &str, rows: u64, message: Vec<u8>) -> Self {
        Self(Raw::Page {
            resource: resource.to_owned(),
            kind: PageKind::Rows,
            rows,
            batch: message,
            cursor: None,
        })
    }

    /// Creates an event without Arrow data.
    #[must_use]
    pub fn other(event: Event) -> Self {
        Self(Raw::Other(event))
    }

    pub(super) fn new(event: wit::Event, limits: &Limits) -> Result<Self, SandboxError> {
        Ok(Self(match event {
            wit::Event::Schema(event) => {
                let names = event.primary_key.len().max(event.siblings.len());
                if names as u64 > limits.columns {
                    return Err(SandboxError::Limit(Limit::Columns));
                }
                Raw::Schema(wit::SchemaEvent {
                    resource: text::name(event.resource, limits)?,
                    ..event
                })
            }
            wit::Event::Page(page) => {
                if page.batch.len() as u64 > limits.page {
                    return Err(SandboxError::Limit(Limit::Page));
                }
                Raw::Page {
                    resource: page.resource,
                    kind: convert::page_kind(page.kind),
                    rows: page.rows,
                    batch: page.batch,
                    cursor: convert::cursor(page.cursor, limits)?,
                }
            }
            other => Raw::Other(convert::event(other, limits)?),
        }))
    }
}

impl EventDecoder {
    /// Creates a decoder for one read.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            resources: BTreeMap::new(),
            schema_bytes: 0,
            done: false,
        }
    }

    /// Decodes an event.
    pub fn decode(&mut self, event: RawEvent) -> Result<Event, SandboxError> {
        if self.done {
            return Err(broken("an event follows `done`"));
        }
        Ok(match event.0 {
            Raw::Schema(event) => {
                let (resource, schema) = (event.resource, event.schema);
                let kind = convert::page_kind(event.kind);
                let known = self.resources.contains_key(&resource);
                if !known && self.resources.len() as u64 >= self.limits.resources {
                    return Err(SandboxError::Limit(Limit::Resources));
                }
                // Schemas are kept until the read ends.
                self.schema_bytes += schema.len() as u64;
                if self.schema_bytes > self.limits.page {
                    return Err(SandboxError::Limit(Limit::Page));
                }
                let schema = ipc::limited_schema(&schema, &self.limits)?;
                if schema.fields().is_empty() {
                    return Err(broken(&format!("`{resource}` has no columns")));
                }
                let undecided =
                    |field: &&arrow_schema::FieldRef| *field.data_type() == DataType::Null;
                if let Some(field) = schema.fields().iter().find(undecided) {
                    return Err(broken(&format!(
                        "the column `{}` has the type Null, which is not accepted",
                        bounded(field.name())
                    )));
                }
                let is_flag =
                    |field: &arrow_schema::FieldRef| *field.data_type() == DataType::Boolean;
                if kind == PageKind::Changes && !schema.fields().last().is_some_and(is_flag) {
                    return Err(broken(&format!(
                        "the last column of the changes of `{resource}` is not boolean"
                    )));
                }
                self.resources
                    .entry(resource.clone())
                    .or_default()
                    .insert(kind, SchemaRef::clone(&schema));
                Event::Schema {
                    resource,
                    kind,
                    schema: convert::source_schema(schema, event.primary_key, event.siblings)?,
                }
            }
            Raw::Page {
                resource,
                kind,
                rows,
                batch,
                cursor,
            } => {
                let known = self.resources.get(&resource);
                let Some(schema) = known.and_then(|kinds| kinds.get(&kind)) else {
                    return Err(broken(&format!(
                        "a page of `{resource}` precedes its schema"
                    )));
                };
                let invalid = |reason: String| {
                    broken(&format!(
                        "a page of `{resource}` is not a valid Arrow IPC batch: {}",
                        bounded(&reason)
                    ))
                };
                let held = ipc::rows(&batch).map_err(invalid)?;
                if held > self.limits.page_rows {
                    return Err(SandboxError::Limit(Limit::PageRows));
                }
                if held != rows {
                    return Err(broken(&format!(
                        "a page of `{resource}` declares {} but contains {held}",
                        counted(rows, "row")
                    )));
                }
                let batch = ipc::batch(batch, schema).map_err(invalid)?;
                Event::Page {
                    resource,
                    kind,
                    batch,
                    cursor,
                }
            }
            Raw::Other(event) => {
                match &event {
                    Event::Rejected(rejected)
                        if !self.resources.contains_key(&rejected.resource) =>
                    {
                        return Err(broken(&format!(
                            "a rejected record of `{}` precedes its schema",
                            bounded(&rejected.resource)
                        )));
                    }
                    Event::Done(_) => self.done = true,
                    Event::Restarted(_) => self.resources.clear(),
                    _ => {}
                }
                event
            }
        })
    }
}

fn broken(reason: &str) -> SandboxError {
    SandboxError::Contract(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray,
        TimestampMicrosecondArray,
    };
    use arrow_ipc::writer::StreamWriter;

    use super::*;

    /// The messages of a stream: its schema, and one batch.
    fn messages(batch: &RecordBatch) -> (Vec<u8>, Vec<u8>) {
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
        let schema = writer.get_ref().clone();
        writer.write(batch).unwrap();
        let page = writer.get_ref()[schema.len()..].to_vec();
        (schema, page)
    }

    fn three_rows() -> RecordBatch {
        let columns: [(&str, ArrayRef); 2] = [
            (
                "id",
                Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])),
            ),
            ("t", Arc::new(StringArray::from(vec!["a", "bc", ""]))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn decode(schema: Vec<u8>, page: Vec<u8>, rows: u64) -> Result<Event, SandboxError> {
        let mut decoder = EventDecoder::new(Limits::default());
        decoder.decode(RawEvent::schema("t", schema))?;
        decoder.decode(RawEvent::page("t", rows, page))
    }

    /// Decodes messages of which one byte is changed. Some of these lies are only
    /// other data; none may be a panic.
    fn decode_with_lies(schema: &[u8], page: &[u8]) {
        for lie in [0x00, 0x01, 0x7F, 0xFF] {
            for at in 0..page.len() {
                let mut page = page.to_vec();
                page[at] = lie;
                drop(decode(schema.to_vec(), page, 3));
            }
            for at in 0..schema.len() {
                let mut schema = schema.to_vec();
                schema[at] = lie;
                drop(decode(schema, page.to_vec(), 3));
            }
        }
    }

    #[test]
    fn a_page_is_decoded_and_its_rows_are_counted() {
        let (schema, page) = messages(&three_rows());
        assert!(matches!(
            decode(schema.clone(), page.clone(), 3),
            Ok(Event::Page { batch, .. }) if batch.num_rows() == 3
        ));
        assert!(decode(schema, page, 4).is_err());
    }

    #[test]
    fn no_byte_of_a_message_can_crash_the_host() {
        let (schema, page) = messages(&three_rows());
        decode_with_lies(&schema, &page);
        for end in 0..page.len() {
            assert!(decode(schema.clone(), page[..end].to_vec(), 3).is_err());
        }
    }

    /// Returns a column of three rows for each type that destinations store.
    fn column_of_each_type() -> Vec<ArrayRef> {
        let times = || TimestampMicrosecondArray::from(vec![Some(i64::MIN), None, Some(i64::MAX)]);
        let max = 10_i128.pow(38) - 1;
        let decimals = |values: [i128; 2], precision, scale| {
            let [first, last] = values;
            let array = Decimal128Array::from(vec![Some(first), None, Some(last)]);
            Arc::new(array.with_precision_and_scale(precision, scale).unwrap())
        };
        vec![
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
            Arc::new(Date32Array::from(vec![
                Some(i32::MIN),
                None,
                Some(i32::MAX),
            ])),
            Arc::new(times()),
            Arc::new(times().with_timezone("UTC")),
            decimals([-99_999, 99_999], 5, 2),
            decimals([-max, max], 38, 38),
        ]
    }

    #[test]
    fn every_stored_type_is_decoded_unchanged() {
        for column in column_of_each_type() {
            let batch = RecordBatch::try_from_iter([("c", column)]).unwrap();
            let (schema, page) = messages(&batch);
            let Ok(Event::Page { batch: read, .. }) = decode(schema.clone(), page.clone(), 3)
            else {
                panic!("{:?}", batch.schema())
            };
            assert_eq!(read.column(0), batch.column(0));
            decode_with_lies(&schema, &page);
        }
    }

    #[test]
    fn a_decimal_of_more_digits_than_its_column_is_refused() {
        for value in [100_000, -100_000, i128::MAX, i128::MIN] {
            let column = Decimal128Array::from(vec![Some(1), None, Some(value)]);
            let column = column.with_precision_and_scale(5, 2).unwrap();
            let batch = RecordBatch::try_from_iter([("c", Arc::new(column) as ArrayRef)]).unwrap();
            let (schema, page) = messages(&batch);
            let error = decode(schema, page, 3).unwrap_err().to_string();
            assert!(error.contains("more than 5 digits"), "{error}");
        }
    }

    #[test]
    fn an_invalid_decimal_type_is_refused() {
        for (precision, scale) in [(0, 0), (39, 2), (255, 127), (5, 6), (5, -1), (38, -128)] {
            let data_type = arrow_schema::DataType::Decimal128(precision, scale);
            let field = arrow_schema::Field::new("c", data_type, true);
            let schema = arrow_schema::Schema::new(vec![field]);
            let writer = StreamWriter::try_new(Vec::new(), &schema).unwrap();
            let (_, page) = messages(&three_rows());
            let error = decode(writer.get_ref().clone(), page, 3).unwrap_err();
            assert!(error.to_string().contains("is not accepted"), "{error}");
        }
    }

    #[test]
    fn rows_without_columns_are_refused() {
        let empty = RecordBatch::new_empty(Arc::new(arrow_schema::Schema::empty()));
        let writer = StreamWriter::try_new(Vec::new(), &empty.schema()).unwrap();
        let (_, page) = messages(&three_rows());
        assert!(decode(writer.get_ref().clone(), page, 1 << 60).is_err());
    }
}

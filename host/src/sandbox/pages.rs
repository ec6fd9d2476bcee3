//! Events as they come from a guest, and how their Arrow data is decoded.
//!
//! Everything in them is input: sizes, counts and names are checked against
//! each other before anything goes on. Decoding is apart from the call into
//! the guest so that another thread can do it.

mod message;

use std::collections::BTreeMap;

use arrow_schema::{DataType, SchemaRef};

use super::bindings::exports::connector::source::source as wit;
use super::convert;
use super::error::SandboxError;
use crate::model::{Cursor, Event, Limit, Limits, PageKind};

/// An event whose schemas and pages are still bytes.
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

/// Decodes the events of one read, in their order.
#[derive(Debug)]
pub struct EventDecoder {
    limits: Limits,
    /// By resource, the columns of each kind of page.
    resources: BTreeMap<String, BTreeMap<PageKind, SchemaRef>>,
    /// Bytes of all schemas that came.
    schemas: u64,
    done: bool,
}

impl RawEvent {
    /// Bytes of a page; nothing for other events.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match &self.0 {
            Raw::Page { batch, .. } => batch.len() as u64,
            _ => 0,
        }
    }

    /// The resource whose columns it brings, if it does.
    #[must_use]
    pub fn opens(&self) -> Option<&str> {
        match &self.0 {
            Raw::Schema(event) => Some(&event.resource),
            _ => None,
        }
    }

    /// The columns of a resource, as an IPC schema message.
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

    /// Rows of a resource, as an IPC message that is said to hold so many.
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

    /// An event that holds no Arrow data.
    #[must_use]
    pub fn other(event: Event) -> Self {
        Self(Raw::Other(event))
    }

    pub(super) fn new(event: wit::Event, limits: &Limits) -> Result<Self, SandboxError> {
        Ok(Self(match event {
            wit::Event::Schema(event) => {
                let named = event.primary_key.len().max(event.siblings.len());
                if named as u64 > limits.columns {
                    return Err(SandboxError::Limit(Limit::Columns));
                }
                Raw::Schema(wit::SchemaEvent {
                    resource: convert::name(event.resource, limits)?,
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
    /// A decoder for one read.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            resources: BTreeMap::new(),
            schemas: 0,
            done: false,
        }
    }

    /// The event with its data.
    pub fn decode(&mut self, event: RawEvent) -> Result<Event, SandboxError> {
        if self.done {
            return Err(broken("an event came after `done`"));
        }
        Ok(match event.0 {
            Raw::Schema(event) => {
                let (resource, schema) = (event.resource, event.schema);
                let kind = convert::page_kind(event.kind);
                let known = self.resources.contains_key(&resource);
                if !known && self.resources.len() as u64 >= self.limits.resources {
                    return Err(SandboxError::Limit(Limit::Resources));
                }
                // They stay for as long as the read.
                self.schemas += schema.len() as u64;
                if self.schemas > self.limits.page {
                    return Err(SandboxError::Limit(Limit::Page));
                }
                let schema = self::schema(&schema, &self.limits)?;
                if schema.fields().is_empty() {
                    return Err(broken(&format!("`{resource}` has no columns")));
                }
                let undecided =
                    |field: &&arrow_schema::FieldRef| *field.data_type() == DataType::Null;
                if let Some(field) = schema.fields().iter().find(undecided) {
                    return Err(broken(&format!(
                        "the column `{}` has the type Null, which does not cross",
                        convert::bounded(field.name())
                    )));
                }
                let is_flag =
                    |field: &arrow_schema::FieldRef| *field.data_type() == DataType::Boolean;
                if kind == PageKind::Changes && !schema.fields().last().is_some_and(is_flag) {
                    return Err(broken(&format!(
                        "the changes of `{resource}` do not say which rows are deleted"
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
                        "a page of `{resource}` came before its schema"
                    )));
                };
                let no_batch = |reason: String| {
                    broken(&format!(
                        "a page of `{resource}` is no Arrow IPC batch: {}",
                        convert::bounded(&reason)
                    ))
                };
                let held = message::rows(&batch).map_err(no_batch)?;
                if held > self.limits.page_rows {
                    return Err(SandboxError::Limit(Limit::PageRows));
                }
                if held != rows {
                    return Err(broken(&format!(
                        "a page of `{resource}` says {rows} rows and holds {held}"
                    )));
                }
                let batch = message::batch(batch, schema).map_err(no_batch)?;
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
                            "a rejected record of `{}` came before its schema",
                            convert::bounded(&rejected.resource)
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

/// The schema in an IPC schema message.
pub(super) fn schema(bytes: &[u8], limits: &Limits) -> Result<SchemaRef, SandboxError> {
    if bytes.len() as u64 > limits.page {
        return Err(SandboxError::Limit(Limit::Page));
    }
    let no_schema = |reason: String| {
        broken(&format!(
            "a schema is no Arrow IPC schema: {}",
            convert::bounded(&reason)
        ))
    };
    if message::columns(bytes).map_err(no_schema)? > limits.columns {
        return Err(SandboxError::Limit(Limit::Columns));
    }
    let schema = message::schema(bytes).map_err(no_schema)?;
    let mut names = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        if field.name().len() as u64 > limits.text {
            return Err(SandboxError::Limit(Limit::Text));
        }
        if field.name().contains('\0') {
            return Err(broken("the name of a column holds a NUL"));
        }
        names.push(field.name().to_ascii_lowercase());
    }
    names.sort_unstable();
    if let Some([name, _]) = names.array_windows().find(|[one, next]| one == next) {
        return Err(broken(&format!(
            "a schema has two columns `{}`",
            convert::bounded(name)
        )));
    }
    Ok(schema)
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
        for lie in [0x00, 0x01, 0x7F, 0xFF] {
            for at in 0..page.len() {
                let mut page = page.clone();
                page[at] = lie;
                // Some lies are only other data; none is a panic.
                drop(decode(schema.clone(), page, 3));
            }
            for at in 0..schema.len() {
                let mut schema = schema.clone();
                schema[at] = lie;
                drop(decode(schema, page.clone(), 3));
            }
        }
        for end in 0..page.len() {
            assert!(decode(schema.clone(), page[..end].to_vec(), 3).is_err());
        }
    }

    /// One column of three rows, of each type that destinations store.
    fn of_each_type() -> Vec<ArrayRef> {
        let times = || TimestampMicrosecondArray::from(vec![Some(i64::MIN), None, Some(i64::MAX)]);
        let most = 10_i128.pow(38) - 1;
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
            decimals([-most, most], 38, 38),
        ]
    }

    #[test]
    fn every_type_that_is_stored_crosses_as_it_is() {
        for column in of_each_type() {
            let batch = RecordBatch::try_from_iter([("c", column)]).unwrap();
            let (schema, page) = messages(&batch);
            let Ok(Event::Page { batch: read, .. }) = decode(schema.clone(), page.clone(), 3)
            else {
                panic!("{:?}", batch.schema())
            };
            assert_eq!(read.column(0), batch.column(0));
            for lie in [0x00, 0x01, 0x7F, 0xFF] {
                for at in 0..page.len() {
                    let mut page = page.clone();
                    page[at] = lie;
                    drop(decode(schema.clone(), page, 3));
                }
                for at in 0..schema.len() {
                    let mut schema = schema.clone();
                    schema[at] = lie;
                    drop(decode(schema, page.clone(), 3));
                }
            }
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
    fn a_decimal_that_no_digits_make_does_not_cross() {
        for (precision, scale) in [(0, 0), (39, 2), (255, 127), (5, 6), (5, -1), (38, -128)] {
            let data_type = arrow_schema::DataType::Decimal128(precision, scale);
            let field = arrow_schema::Field::new("c", data_type, true);
            let schema = arrow_schema::Schema::new(vec![field]);
            let writer = StreamWriter::try_new(Vec::new(), &schema).unwrap();
            let (_, page) = messages(&three_rows());
            let error = decode(writer.get_ref().clone(), page, 3).unwrap_err();
            assert!(error.to_string().contains("does not cross"), "{error}");
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

//! Arrow IPC messages of a guest, validated before Arrow decodes them: exactly
//! one message, columns of accepted types, sizes that agree with each other and
//! with the bytes.
//!
//! Accepted are the types whose memory is in the message. Dictionaries, runs,
//! nulls and lists can stand for far more rows than they have bytes.

use std::collections::HashMap;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use arrow_array::types::Decimal128Type;
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::read_record_batch;
use arrow_ipc::{FieldNode, Message, root_as_message_with_opts};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use flatbuffers::VerifierOptions;

use super::error::SandboxError;
use super::text::bounded;
use crate::model::noun::counted;
use crate::model::{Limit, Limits, is_json, json_field};

/// Marker at the beginning of a message, before the length of the metadata.
const CONTINUATION: [u8; 4] = [0xFF; 4];
/// Length of the marker and the length.
const PREFIX_BYTES: usize = 8;
/// Apparent size that is always allowed, for small messages with shared parts.
const MIN_APPARENT_BYTES: usize = 64 << 10;

/// Decodes a schema message and validates it against the limits.
pub(super) fn limited_schema(bytes: &[u8], limits: &Limits) -> Result<SchemaRef, SandboxError> {
    if bytes.len() as u64 > limits.page {
        return Err(SandboxError::Limit(Limit::Page));
    }
    let invalid = |reason: String| {
        SandboxError::Contract(format!(
            "a schema is not a valid Arrow IPC schema: {}",
            bounded(&reason)
        ))
    };
    if columns(bytes).map_err(invalid)? > limits.columns {
        return Err(SandboxError::Limit(Limit::Columns));
    }
    let schema = schema(bytes).map_err(invalid)?;
    let mut names = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        if field.name().len() as u64 > limits.text {
            return Err(SandboxError::Limit(Limit::Text));
        }
        if field.name().contains('\0') {
            return Err(SandboxError::Contract(
                "the name of a column contains a NUL character".to_owned(),
            ));
        }
        names.push(field.name().to_ascii_lowercase());
    }
    names.sort_unstable();
    if let Some([name, _]) = names.array_windows().find(|[one, next]| one == next) {
        return Err(SandboxError::Contract(format!(
            "a schema has two columns named `{}`",
            bounded(name)
        )));
    }
    Ok(schema)
}

/// Returns the number of columns that a schema declares.
fn columns(bytes: &[u8]) -> Result<u64, String> {
    let (message, _) = parts(bytes)?;
    let schema = message
        .header_as_schema()
        .ok_or("it is not a schema message")?;
    Ok(schema.fields().map_or(0, |fields| fields.len() as u64))
}

/// Decodes the schema in a message: names, types and JSON columns. All other
/// metadata is dropped, because a destination might act on it. A column may have
/// the type `Null`, which a page cannot have.
fn schema(bytes: &[u8]) -> Result<SchemaRef, String> {
    let (message, body) = parts(bytes)?;
    if !body.is_empty() {
        return Err("it is more than one message".to_owned());
    }
    let schema = message
        .header_as_schema()
        .ok_or("it is not a schema message")?;
    let schema = try_fb_to_schema(schema).map_err(|error| error.to_string())?;
    let field = |field: &Field| {
        if is_accepted(field.data_type()) || *field.data_type() == DataType::Null {
            let data_type = field.data_type().clone();
            return Ok(if is_json(field) {
                json_field(field.name())
            } else {
                Field::new(field.name(), data_type, field.is_nullable())
            });
        }
        Err(format!(
            "the column `{}` has the type {}, which is not accepted",
            bounded(field.name()),
            bounded(&field.data_type().to_string())
        ))
    };
    let fields: Vec<_> = schema
        .fields()
        .iter()
        .map(|f| field(f))
        .collect::<Result<_, _>>()?;
    Ok(SchemaRef::new(Schema::new(fields)))
}

/// Returns the number of rows that a page declares.
pub(super) fn rows(bytes: &[u8]) -> Result<u64, String> {
    let (message, _) = parts(bytes)?;
    let batch = message
        .header_as_record_batch()
        .ok_or("it is not a record batch message")?;
    u64::try_from(batch.length()).map_err(|_| "its number of rows is negative".to_owned())
}

/// Decodes the rows of a page.
pub(super) fn batch(bytes: Vec<u8>, schema: &SchemaRef) -> Result<RecordBatch, String> {
    let buffer = Buffer::from_vec(bytes);
    let (message, body) = parts(&buffer)?;
    let batch = message
        .header_as_record_batch()
        .ok_or("it is not a record batch message")?;
    if batch.compression().is_some() {
        return Err("it is compressed".to_owned());
    }
    let nodes = batch.nodes().map_or(0, |nodes| nodes.len());
    if nodes != schema.fields().len() {
        return Err(format!(
            "it has {}, but the schema has {}",
            counted(nodes as u64, "column"),
            schema.fields().len()
        ));
    }
    for node in batch.nodes().into_iter().flatten() {
        if node.length() != batch.length() || !(0..=node.length()).contains(&node.null_count()) {
            return Err("its columns differ in length".to_owned());
        }
    }
    let mut buffers = batch.buffers().into_iter().flatten();
    let mut total = 0_usize;
    for (field, node) in schema
        .fields()
        .iter()
        .zip(batch.nodes().into_iter().flatten())
    {
        for part in layout(field.data_type()) {
            let buffer = buffers.next().ok_or("a buffer is missing")?;
            let length = inside(buffer, body)?;
            total = total.saturating_add(length);
            if !part.holds(length, node) {
                return Err(format!(
                    "a buffer of `{}` has {} for {}",
                    bounded(field.name()),
                    counted(length as u64, "byte"),
                    counted(node.length().unsigned_abs(), "row")
                ));
            }
        }
    }
    // Columns that share bytes would be many times as large once stored.
    if total > body.len() {
        return Err("its buffers overlap".to_owned());
    }
    let body = buffer.slice(buffer.len() - body.len());
    // Arrow validates the values.
    let batch = read_record_batch(
        &body,
        batch,
        SchemaRef::clone(schema),
        &HashMap::new(),
        None,
        &message.version(),
    )
    .map_err(|error| error.to_string())?;
    // Except for decimals: a destination that stores a number in the bytes of
    // its precision would cut a longer one.
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        if let DataType::Decimal128(precision, _) = field.data_type() {
            let numbers = column.as_primitive::<Decimal128Type>();
            numbers
                .validate_decimal_precision(*precision)
                .map_err(|_| {
                    format!(
                        "`{}` contains a number with more than {precision} digits",
                        bounded(field.name())
                    )
                })?;
        }
    }
    Ok(batch)
}

/// Splits the bytes into a message and its body.
fn parts(bytes: &[u8]) -> Result<(Message<'_>, &[u8]), String> {
    let too_short = || "it is incomplete".to_owned();
    let (prefix, rest) = bytes.split_at_checked(PREFIX_BYTES).ok_or_else(too_short)?;
    let (marker, length) = prefix.split_at(CONTINUATION.len());
    if marker != CONTINUATION {
        return Err("it does not begin with the marker of a message".to_owned());
    }
    let length = length.try_into().map_or(-1, i32::from_le_bytes);
    let (metadata, body) = usize::try_from(length)
        .ok()
        .and_then(|length| rest.split_at_checked(length))
        .ok_or_else(too_short)?;
    // Parts of a flatbuffer may be shared and are copied when they are read.
    let options = VerifierOptions {
        max_apparent_size: 2 * metadata.len() + MIN_APPARENT_BYTES,
        ..VerifierOptions::default()
    };
    let message =
        root_as_message_with_opts(&options, metadata).map_err(|error| error.to_string())?;
    match usize::try_from(message.bodyLength()) {
        Ok(length) if length == body.len() => Ok((message, body)),
        Ok(length) if length < body.len() => Err("it is more than one message".to_owned()),
        _ => Err(too_short()),
    }
}

/// A buffer of a column.
#[derive(Clone, Copy)]
enum BufferKind {
    /// A bit for each row; can be empty if no value is null.
    Validity,
    /// A bit for each row.
    Bits,
    /// A value of this many bytes for each row.
    Values(usize),
    /// An offset of this many bytes for each row, and one more.
    Offsets(usize),
    /// The bytes that the offsets point into.
    Data,
}

impl BufferKind {
    /// Returns true if a buffer of this length holds the rows of a node. The
    /// length must be a multiple of the value's, as Arrow expects.
    fn holds(self, length: usize, node: &FieldNode) -> bool {
        let Ok(rows) = usize::try_from(node.length()) else {
            return false;
        };
        match self {
            Self::Validity => node.null_count() == 0 || length >= rows.div_ceil(8),
            Self::Bits => length >= rows.div_ceil(8),
            Self::Values(width) => length.is_multiple_of(width) && length / width >= rows,
            Self::Offsets(width) => {
                length.is_multiple_of(width) && (length / width > rows || rows == 0)
            }
            Self::Data => true,
        }
    }
}

/// Returns the buffers of a column in their order.
fn layout(data_type: &DataType) -> Vec<BufferKind> {
    match data_type {
        DataType::Boolean => vec![BufferKind::Validity, BufferKind::Bits],
        DataType::Utf8 | DataType::Binary => {
            vec![
                BufferKind::Validity,
                BufferKind::Offsets(4),
                BufferKind::Data,
            ]
        }
        DataType::LargeUtf8 | DataType::LargeBinary => {
            vec![
                BufferKind::Validity,
                BufferKind::Offsets(8),
                BufferKind::Data,
            ]
        }
        primitive => {
            let width = primitive.primitive_width().unwrap_or(1);
            vec![BufferKind::Validity, BufferKind::Values(width)]
        }
    }
}

/// Returns the length of a buffer if it is inside the body.
fn inside(buffer: &arrow_ipc::Buffer, body: &[u8]) -> Result<usize, String> {
    let length = usize::try_from(buffer.length()).ok();
    let end = usize::try_from(buffer.offset())
        .ok()
        .zip(length)
        .and_then(|(offset, length)| offset.checked_add(length));
    match (length, end) {
        (Some(length), Some(end)) if end <= body.len() => Ok(length),
        _ => Err("a buffer is outside its body".to_owned()),
    }
}

/// Returns true if a column of this type has all its memory in the message.
fn is_accepted(data_type: &DataType) -> bool {
    if let DataType::Decimal128(precision, scale) = data_type {
        // No other combination is a number of that many digits.
        return (1..=38).contains(precision)
            && u8::try_from(*scale).is_ok_and(|scale| scale <= *precision);
    }
    data_type.is_primitive() && !data_type.is_decimal()
        || matches!(
            data_type,
            DataType::Boolean
                | DataType::Utf8
                | DataType::LargeUtf8
                | DataType::Binary
                | DataType::LargeBinary
        )
}

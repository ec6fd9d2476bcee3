//! Arrow IPC messages of a guest, judged before they are decoded: one message
//! and nothing behind it, columns of types that are what they seem, sizes that
//! fit each other and what was sent.
//!
//! The types that cross are those whose memory is in the message. Dictionaries,
//! runs, nulls and lists can stand for far more rows than they have bytes.

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

use crate::model::{is_json, json_field};
use crate::sandbox::convert;

/// What begins a message: a marker, then the length of the metadata.
const CONTINUATION: [u8; 4] = [0xFF; 4];
const PREFIX: usize = 8;
/// What a small message may share.
const SLACK: usize = 64 << 10;

/// Why a message is not one.
pub(super) type Reason = String;

/// How many columns a schema says it has.
pub(super) fn columns(bytes: &[u8]) -> Result<u64, Reason> {
    let (message, _) = parts(bytes)?;
    let schema = message
        .header_as_schema()
        .ok_or("it is another kind of message")?;
    Ok(schema.fields().map_or(0, |fields| fields.len() as u64))
}

/// The schema in a message: names and types, which text is JSON, and nothing
/// else that the guest may have said: what extensions mean by their metadata,
/// a destination might believe. A column may have the type `Null`, which no
/// page has.
pub(super) fn schema(bytes: &[u8]) -> Result<SchemaRef, Reason> {
    let (message, body) = parts(bytes)?;
    if !body.is_empty() {
        return Err("more than one message".to_owned());
    }
    let schema = message
        .header_as_schema()
        .ok_or("it is another kind of message")?;
    let schema = try_fb_to_schema(schema).map_err(|error| error.to_string())?;
    let field = |field: &Field| {
        if crosses(field.data_type()) || *field.data_type() == DataType::Null {
            let data_type = field.data_type().clone();
            return Ok(if is_json(field) {
                json_field(field.name())
            } else {
                Field::new(field.name(), data_type, field.is_nullable())
            });
        }
        Err(format!(
            "the column `{}` has the type {}, which does not cross",
            convert::bounded(field.name()),
            convert::bounded(&field.data_type().to_string())
        ))
    };
    let fields: Vec<_> = schema
        .fields()
        .iter()
        .map(|f| field(f))
        .collect::<Result<_, _>>()?;
    Ok(SchemaRef::new(Schema::new(fields)))
}

/// How many rows a page says it has.
pub(super) fn rows(bytes: &[u8]) -> Result<u64, Reason> {
    let (message, _) = parts(bytes)?;
    let batch = message
        .header_as_record_batch()
        .ok_or("it is another kind of message")?;
    u64::try_from(batch.length()).map_err(|_| "it has less than no rows".to_owned())
}

/// The rows of a page.
pub(super) fn batch(bytes: Vec<u8>, schema: &SchemaRef) -> Result<RecordBatch, Reason> {
    let buffer = Buffer::from_vec(bytes);
    let (message, body) = parts(&buffer)?;
    let batch = message
        .header_as_record_batch()
        .ok_or("it is another kind of message")?;
    if batch.compression().is_some() {
        return Err("it is compressed".to_owned());
    }
    let nodes = batch.nodes().map_or(0, |nodes| nodes.len());
    if nodes != schema.fields().len() {
        return Err(format!(
            "it has {nodes} columns, and the schema {}",
            schema.fields().len()
        ));
    }
    for node in batch.nodes().into_iter().flatten() {
        if node.length() != batch.length() || !(0..=node.length()).contains(&node.null_count()) {
            return Err("its columns differ in length".to_owned());
        }
    }
    let mut buffers = batch.buffers().into_iter().flatten();
    let mut together = 0_usize;
    for (field, node) in schema
        .fields()
        .iter()
        .zip(batch.nodes().into_iter().flatten())
    {
        for part in layout(field.data_type()) {
            let buffer = buffers.next().ok_or("a buffer is missing")?;
            let length = inside(buffer, body)?;
            together = together.saturating_add(length);
            if !part.holds(length, node) {
                return Err(format!(
                    "a buffer of `{}` has {length} bytes for {} rows",
                    convert::bounded(field.name()),
                    node.length()
                ));
            }
        }
    }
    // Columns that share their bytes would be many times as large once they
    // are stored.
    if together > body.len() {
        return Err("its buffers overlap".to_owned());
    }
    let body = buffer.slice(buffer.len() - body.len());
    // What is left to judge, the values against each other, Arrow does.
    let batch = read_record_batch(
        &body,
        batch,
        SchemaRef::clone(schema),
        &HashMap::new(),
        None,
        &message.version(),
    )
    .map_err(|error| error.to_string())?;
    // But for this: a number that is longer than its column's is cut by who
    // stores it in as many bytes as the digits take.
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        if let DataType::Decimal128(precision, _) = field.data_type() {
            let numbers = column.as_primitive::<Decimal128Type>();
            numbers
                .validate_decimal_precision(*precision)
                .map_err(|_| {
                    format!(
                        "`{}` holds a number of more than {precision} digits",
                        convert::bounded(field.name())
                    )
                })?;
        }
    }
    Ok(batch)
}

/// A message and its body, which ends where the bytes end.
fn parts(bytes: &[u8]) -> Result<(Message<'_>, &[u8]), Reason> {
    let too_short = || "an incomplete message".to_owned();
    let (prefix, rest) = bytes.split_at_checked(PREFIX).ok_or_else(too_short)?;
    let (marker, length) = prefix.split_at(CONTINUATION.len());
    if marker != CONTINUATION {
        return Err("it does not begin like a message".to_owned());
    }
    let length = length.try_into().map_or(-1, i32::from_le_bytes);
    let (metadata, body) = usize::try_from(length)
        .ok()
        .and_then(|length| rest.split_at_checked(length))
        .ok_or_else(too_short)?;
    // Parts of a message may be shared; taken out, they are as large as they
    // appear.
    let options = VerifierOptions {
        max_apparent_size: 2 * metadata.len() + SLACK,
        ..VerifierOptions::default()
    };
    let message =
        root_as_message_with_opts(&options, metadata).map_err(|error| error.to_string())?;
    match usize::try_from(message.bodyLength()) {
        Ok(length) if length == body.len() => Ok((message, body)),
        Ok(length) if length < body.len() => Err("more than one message".to_owned()),
        _ => Err(too_short()),
    }
}

/// One buffer of a column.
#[derive(Clone, Copy)]
enum Part {
    /// A bit for each row; may be left out where nothing is null.
    Validity,
    /// A bit for each row.
    Bits,
    /// So many bytes for each row.
    Values(usize),
    /// One more number of so many bytes than there are rows.
    Offsets(usize),
    /// What the offsets point into.
    Data,
}

impl Part {
    /// Whether so many bytes are enough. Whole numbers of values, since Arrow
    /// takes them for granted.
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

/// The buffers of a column, in their order.
fn layout(data_type: &DataType) -> Vec<Part> {
    match data_type {
        DataType::Boolean => vec![Part::Validity, Part::Bits],
        DataType::Utf8 | DataType::Binary => {
            vec![Part::Validity, Part::Offsets(4), Part::Data]
        }
        DataType::LargeUtf8 | DataType::LargeBinary => {
            vec![Part::Validity, Part::Offsets(8), Part::Data]
        }
        primitive => {
            let width = primitive.primitive_width().unwrap_or(1);
            vec![Part::Validity, Part::Values(width)]
        }
    }
}

/// The length of a buffer that is inside of the body.
fn inside(buffer: &arrow_ipc::Buffer, body: &[u8]) -> Result<usize, Reason> {
    let length = usize::try_from(buffer.length()).ok();
    let end = usize::try_from(buffer.offset())
        .ok()
        .zip(length)
        .and_then(|(offset, length)| offset.checked_add(length));
    match (length, end) {
        (Some(length), Some(end)) if end <= body.len() => Ok(length),
        _ => Err("a buffer is not inside of it".to_owned()),
    }
}

/// Whether a column of this type is as large as its message.
fn crosses(data_type: &DataType) -> bool {
    if let DataType::Decimal128(precision, scale) = data_type {
        // Others than these are no numbers of so many digits.
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

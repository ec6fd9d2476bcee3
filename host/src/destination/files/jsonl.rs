//! One JSON object on each line. Every column is there in every line, null
//! included. What JSON has no form for is text: blobs in base64 (standard
//! alphabet, padded), times as RFC 3339 writes them, and `"Infinity"`,
//! `"-Infinity"`, `"NaN"`.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use arrow_array::{Array, BinaryArray, Float64Array, RecordBatch, TimestampMicrosecondArray};
use arrow_json::writer::{JsonArray, LineDelimited, NullableEncoder};
use arrow_json::{Encoder as ValueEncoder, EncoderFactory, EncoderOptions, Writer, WriterBuilder};
use arrow_schema::{ArrowError, DataType, FieldRef, TimeUnit};

use super::part::Encoder;
use super::text;
use super::upload::{Upload, io_error};

/// Writes one file of JSON lines.
pub(super) struct Jsonl<'a> {
    writer: Writer<Upload<'a>, LineDelimited>,
}

impl<'a> Jsonl<'a> {
    pub(super) fn new(upload: Upload<'a>) -> Self {
        let builder = WriterBuilder::new()
            .with_explicit_nulls(true)
            .with_encoder_factory(Arc::new(Exact));
        Self {
            writer: builder.build(upload),
        }
    }
}

impl<'a> Encoder<'a> for Jsonl<'a> {
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        self.writer.write(batch).map_err(io_error)
    }

    fn bytes(&self) -> u64 {
        self.writer.get_ref().bytes()
    }

    fn finish(mut self: Box<Self>) -> io::Result<Upload<'a>> {
        self.writer.finish().map_err(io_error)?;
        Ok(self.writer.into_inner())
    }
}

/// Rows as one JSON array, each value as it is in a file.
pub(crate) fn array(batches: &[RecordBatch]) -> Result<String, ArrowError> {
    let mut writer = WriterBuilder::new()
        .with_explicit_nulls(true)
        .with_encoder_factory(Arc::new(Exact))
        .build::<_, JsonArray>(Vec::new());
    for batch in batches {
        writer.write(batch)?;
    }
    writer.finish()?;
    let text = String::from_utf8(writer.into_inner());
    let text = text.map_err(|error| ArrowError::JsonError(error.to_string()))?;
    Ok(if text.is_empty() {
        "[]".to_owned()
    } else {
        text
    })
}

/// How many lines a file has.
pub(super) fn rows(file: File) -> io::Result<u64> {
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let mut rows = 0;
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(rows);
        }
        rows += memchr::memchr_iter(b'\n', bytes).count() as u64;
        let read = bytes.len();
        reader.consume(read);
    }
}

/// Encodes what the library would lose.
#[derive(Debug)]
struct Exact;

impl EncoderFactory for Exact {
    fn make_default_encoder<'a>(
        &self,
        _field: &'a FieldRef,
        array: &'a dyn Array,
        _options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let encoder: Box<dyn ValueEncoder + 'a> = match array.data_type() {
            DataType::Binary => Box::new(Blobs(array.as_binary())),
            DataType::Timestamp(TimeUnit::Microsecond, zone) => Box::new(Times {
                times: array.as_primitive::<TimestampMicrosecondType>(),
                utc: zone.is_some(),
            }),
            DataType::Float64 => Box::new(Floats(array.as_primitive::<Float64Type>())),
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

struct Blobs<'a>(&'a BinaryArray);

impl ValueEncoder for Blobs<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        out.push(b'"');
        out.extend_from_slice(text::blob(self.0.value(row)).as_bytes());
        out.push(b'"');
    }
}

struct Floats<'a>(&'a Float64Array);

impl ValueEncoder for Floats<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        // Writing to memory does not fail.
        let _ = text::float(self.0.value(row), "\"", out);
    }
}

struct Times<'a> {
    times: &'a TimestampMicrosecondArray,
    utc: bool,
}

impl ValueEncoder for Times<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        out.push(b'"');
        out.extend_from_slice(text::time(self.times.value(row), self.utc).as_bytes());
        out.push(b'"');
    }
}

//! One JSON object on each line. Every column is there in every line, null
//! included. What JSON has no form for is text: blobs in base64 (standard
//! alphabet, padded), and `"Infinity"`, `"-Infinity"`, `"NaN"`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, BinaryArray, Float64Array, RecordBatch};
use arrow_json::writer::{LineDelimited, NullableEncoder};
use arrow_json::{Encoder as ValueEncoder, EncoderFactory, EncoderOptions, Writer, WriterBuilder};
use arrow_schema::{ArrowError, DataType, FieldRef};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::part::Encoder;
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

/// A floating-point number that no form of JSON can carry.
pub(super) fn not_finite(number: f64) -> Option<&'static str> {
    if number.is_finite() {
        None
    } else if number.is_nan() {
        Some("NaN")
    } else if number > 0.0 {
        Some("Infinity")
    } else {
        Some("-Infinity")
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
        out.extend_from_slice(STANDARD.encode(self.0.value(row)).as_bytes());
        out.push(b'"');
    }
}

struct Floats<'a>(&'a Float64Array);

impl ValueEncoder for Floats<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let number = self.0.value(row);
        // Writing to memory does not fail. The form for debugging is the
        // shortest that reads back as the same number.
        let _ = match not_finite(number) {
            Some(word) => write!(out, "\"{word}\""),
            None => write!(out, "{number:?}"),
        };
    }
}

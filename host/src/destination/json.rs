//! Rows as JSON. Values that JSON has no form for are text: blobs in base64
//! (standard alphabet, padded), dates and times as in RFC 3339, and
//! `"Infinity"`, `"-Infinity"` and `"NaN"`. Decimals are text as well: most
//! readers would turn a JSON number into a float, which loses digits.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Float64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, BinaryArray, Date32Array, Decimal128Array, Float64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow_json::writer::{JsonArray, NullableEncoder};
use arrow_json::{Encoder as ValueEncoder, EncoderFactory, EncoderOptions, WriterBuilder};
use arrow_schema::{ArrowError, DataType, FieldRef, TimeUnit};

use super::text;
use crate::model::is_json;

/// Returns the settings of a JSON writer. Nulls are written. JSON columns are
/// written as JSON if `embed_json` is true, and as text otherwise.
pub(super) fn writer_builder(embed_json: bool) -> WriterBuilder {
    WriterBuilder::new()
        .with_explicit_nulls(true)
        .with_encoder_factory(Arc::new(ExactEncoders { embed_json }))
}

/// Encodes rows as one JSON array. JSON columns stay text, because their
/// content is not validated yet.
pub(crate) fn json_array(batches: &[RecordBatch]) -> Result<String, ArrowError> {
    let mut writer = writer_builder(false).build::<_, JsonArray>(Vec::new());
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

/// Encodes values that the library would write inexactly.
#[derive(Debug)]
struct ExactEncoders {
    /// True if JSON columns are written as JSON, and not as text.
    embed_json: bool,
}

impl EncoderFactory for ExactEncoders {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        _options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let encoder: Box<dyn ValueEncoder + 'a> = match array.data_type() {
            DataType::Utf8 if self.embed_json && is_json(field) => {
                Box::new(Json(array.as_string()))
            }
            DataType::Binary => Box::new(Blobs(array.as_binary())),
            DataType::Timestamp(TimeUnit::Microsecond, zone) => Box::new(Times {
                times: array.as_primitive::<TimestampMicrosecondType>(),
                utc: zone.is_some(),
            }),
            DataType::Date32 => Box::new(Dates(array.as_primitive::<Date32Type>())),
            DataType::Decimal128(..) => Box::new(Decimals(array.as_primitive::<Decimal128Type>())),
            DataType::Float64 => Box::new(Floats(array.as_primitive::<Float64Type>())),
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

struct Json<'a>(&'a StringArray);

impl ValueEncoder for Json<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.value(row).as_bytes());
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

struct Dates<'a>(&'a Date32Array);

impl ValueEncoder for Dates<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        out.push(b'"');
        out.extend_from_slice(text::date(self.0.value(row)).as_bytes());
        out.push(b'"');
    }
}

struct Decimals<'a>(&'a Decimal128Array);

impl ValueEncoder for Decimals<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        out.push(b'"');
        out.extend_from_slice(self.0.value_as_string(row).as_bytes());
        out.push(b'"');
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

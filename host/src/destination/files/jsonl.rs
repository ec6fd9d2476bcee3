//! One JSON object on each line. Every column is there in every line, null
//! included. What JSON has no form for is text: blobs in base64 (standard
//! alphabet, padded), dates and times as RFC 3339 writes them, and
//! `"Infinity"`, `"-Infinity"`, `"NaN"`. Decimals are text too: JSON has a form
//! for them, but most readers would make it a float, which loses digits.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Float64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, BinaryArray, Date32Array, Decimal128Array, Float64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow_json::writer::{JsonArray, LineDelimited, NullableEncoder};
use arrow_json::{Encoder as ValueEncoder, EncoderFactory, EncoderOptions, Writer, WriterBuilder};
use arrow_schema::{ArrowError, DataType, FieldRef, TimeUnit};

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::part::Encoder;
use super::text;
use super::upload::{Upload, io_error};
use crate::destination::columns::Column;
use crate::model::is_json;

/// Writes one file of JSON lines.
pub(super) struct Jsonl<'a> {
    writer: Writer<Upload<'a>, LineDelimited>,
}

impl<'a> Jsonl<'a> {
    pub(super) fn new(upload: Upload<'a>) -> Self {
        let builder = WriterBuilder::new()
            .with_explicit_nulls(true)
            .with_encoder_factory(Arc::new(Exact { embeds: true }));
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

/// Rows as one JSON array, each value as it is in a file, but for JSON, which
/// stays text: nobody has looked at it yet.
pub(crate) fn array(batches: &[RecordBatch]) -> Result<String, ArrowError> {
    let mut writer = WriterBuilder::new()
        .with_explicit_nulls(true)
        .with_encoder_factory(Arc::new(Exact { embeds: false }))
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

/// The values of a line as they are written, by column. Null is nothing.
pub(super) fn cells<'a>(line: &'a [u8], columns: &[Column]) -> io::Result<Vec<&'a [u8]>> {
    let mut values = serde_json::Deserializer::from_slice(line);
    let cells = values.deserialize_map(Named(columns))?;
    values.end()?;
    Ok(cells)
}

/// Writes values as they were read.
pub(super) fn write_cells(names: &[String], cells: &[&[u8]], out: &mut Vec<u8>) {
    for (at, (name, cell)) in names.iter().zip(cells).enumerate() {
        out.push(if at == 0 { b'{' } else { b',' });
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        out.extend_from_slice(if cell.is_empty() { NULL } else { cell });
    }
    out.extend_from_slice(b"}\n");
}

/// The text of a value that is not null.
pub(super) fn text(cell: &[u8]) -> io::Result<Cow<'_, str>> {
    if cell.first() == Some(&b'"') {
        Ok(serde_json::from_slice::<Text>(cell)?.0)
    } else {
        raw(cell)
    }
}

/// A value that is not null, as it is written.
pub(super) fn raw(cell: &[u8]) -> io::Result<Cow<'_, str>> {
    Ok(std::str::from_utf8(cell).map_err(io_error)?.into())
}

/// A text as JSON writes it.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
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

const NULL: &[u8] = b"null";

/// A text that is copied only where something in it is escaped.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Picks the values of columns from an object.
struct Named<'c>(&'c [Column]);

impl<'de> Visitor<'de> for Named<'_> {
    type Value = Vec<&'de [u8]>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut cells = vec![[].as_slice(); self.0.len()];
        // Lines have their columns in the order of the table, so the next name
        // is mostly that of the next column.
        let mut next = 0;
        while let Some(Text(name)) = map.next_key()? {
            let value = map.next_value::<&RawValue>()?.get().as_bytes();
            let is_it = |column: &Column| column.name.eq_ignore_ascii_case(&name);
            let place = if self.0.get(next).is_some_and(is_it) {
                Some(next)
            } else {
                self.0.iter().position(is_it)
            };
            if let Some(place) = place {
                if value != NULL {
                    cells[place] = value;
                }
                next = place + 1;
            }
        }
        Ok(cells)
    }
}

/// Encodes what the library would lose.
#[derive(Debug)]
struct Exact {
    /// Whether JSON becomes part of the line, and no text in it.
    embeds: bool,
}

impl EncoderFactory for Exact {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        _options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let encoder: Box<dyn ValueEncoder + 'a> = match array.data_type() {
            DataType::Utf8 if self.embeds && is_json(field) => Box::new(Json(array.as_string())),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_they_are_written() {
        let columns = ["a\"b", "n", "none", "t"].map(Column::boolean);
        let names = columns.each_ref().map(|column| quoted(&column.name));
        let line =
            b"{\"a\\\"b\":0.30000000000000004,\"n\":null,\"none\":null,\"t\":\"\\n\\u0000 x\"}\n";
        let found = cells(line, &columns).unwrap();
        assert_eq!(found[1], b"");
        assert_eq!(text(found[3]).unwrap(), "\n\0 x");
        let mut again = Vec::new();
        write_cells(&names, &found, &mut again);
        assert_eq!(
            String::from_utf8(again).unwrap(),
            String::from_utf8(line.to_vec()).unwrap()
        );
        let lacks = cells(b"{\"t\":1,\"other\":2}\n", &columns).unwrap();
        assert_eq!(lacks, [b"".as_slice(), b"", b"", b"1"]);
        for bad in ["[1]\n", "\n", "{\"t\":1", "{\"t\":1}{\"t\":2}\n"] {
            assert!(cells(bad.as_bytes(), &columns).is_err(), "{bad}");
        }
    }
}

//! Comma-separated values as RFC 4180 has them, with a header line. Null is
//! nothing between the commas, an empty text is `""`. Blobs are
//! base64 (standard alphabet, padded), times as RFC 3339 writes them, infinities
//! `Infinity` and `-Infinity`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{DataType, SchemaRef, TimeUnit};

use super::part::Encoder;
use super::text;
use super::upload::{Upload, io_error};

/// Writes one CSV file.
pub(super) struct Csv<'a> {
    upload: Upload<'a>,
    /// The lines of the batch at hand.
    lines: Vec<u8>,
}

impl<'a> Csv<'a> {
    pub(super) fn new(mut upload: Upload<'a>, schema: &SchemaRef) -> io::Result<Self> {
        let mut header = Vec::new();
        for (at, field) in schema.fields().iter().enumerate() {
            separate(at, &mut header);
            self::field(field.name().as_bytes(), &mut header);
        }
        header.extend_from_slice(b"\r\n");
        upload.write_all(&header)?;
        Ok(Self {
            upload,
            lines: Vec::new(),
        })
    }
}

impl<'a> Encoder<'a> for Csv<'a> {
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let columns = batch
            .columns()
            .iter()
            .map(|column| value_writer(column))
            .collect::<io::Result<Vec<_>>>()?;
        self.lines.clear();
        for row in 0..batch.num_rows() {
            for (at, (column, write)) in batch.columns().iter().zip(&columns).enumerate() {
                separate(at, &mut self.lines);
                if column.is_valid(row) {
                    write(row, &mut self.lines)?;
                }
            }
            self.lines.extend_from_slice(b"\r\n");
        }
        self.upload.write_all(&self.lines)
    }

    fn bytes(&self) -> u64 {
        self.upload.bytes()
    }

    fn finish(self: Box<Self>) -> io::Result<Upload<'a>> {
        Ok(self.upload)
    }
}

/// How many records a file has after its header.
pub(super) fn rows(file: File) -> io::Result<u64> {
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let (mut lines, mut quoted) = (0_u64, false);
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(lines.saturating_sub(1));
        }
        // A quote in a quoted text is doubled, so it closes and opens again.
        for at in memchr::memchr2_iter(b'"', b'\n', bytes) {
            if bytes[at] == b'"' {
                quoted = !quoted;
            } else if !quoted {
                lines += 1;
            }
        }
        let read = bytes.len();
        reader.consume(read);
    }
}

type ValueWriter<'a> = Box<dyn Fn(usize, &mut Vec<u8>) -> io::Result<()> + 'a>;

/// Writes the value of a row that is not null.
fn value_writer(column: &dyn Array) -> io::Result<ValueWriter<'_>> {
    Ok(match column.data_type() {
        DataType::Int64 => {
            let numbers = column.as_primitive::<Int64Type>();
            Box::new(move |row, out| write!(out, "{}", numbers.value(row)))
        }
        DataType::Float64 => {
            let numbers = column.as_primitive::<Float64Type>();
            Box::new(move |row, out| text::float(numbers.value(row), "", out))
        }
        DataType::Utf8 => {
            let texts = column.as_string::<i32>();
            Box::new(move |row, out| {
                field(texts.value(row).as_bytes(), out);
                Ok(())
            })
        }
        DataType::Binary => {
            let blobs = column.as_binary::<i32>();
            Box::new(move |row, out| {
                field(text::blob(blobs.value(row)).as_bytes(), out);
                Ok(())
            })
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let (times, utc) = (
                column.as_primitive::<TimestampMicrosecondType>(),
                zone.is_some(),
            );
            Box::new(move |row, out| out.write_all(text::time(times.value(row), utc).as_bytes()))
        }
        DataType::Dictionary(..) => {
            let dictionary = column.as_dictionary::<Int32Type>();
            let write = value_writer(dictionary.values())?;
            Box::new(move |row, out| match dictionary.key(row) {
                Some(key) => write(key, out),
                None => Ok(()),
            })
        }
        _ => {
            let formatter =
                ArrayFormatter::try_new(column, &FormatOptions::default()).map_err(io_error)?;
            Box::new(move |row, out| write!(out, "{}", formatter.value(row)))
        }
    })
}

fn separate(at: usize, out: &mut Vec<u8>) {
    if at > 0 {
        out.push(b',');
    }
}

/// Quotes a text where it must be, and an empty one, which is not null.
fn field(bytes: &[u8], out: &mut Vec<u8>) {
    let plain = !bytes.is_empty()
        && !bytes
            .iter()
            .any(|byte| matches!(byte, b'"' | b',' | b'\r' | b'\n'));
    if plain {
        out.extend_from_slice(bytes);
        return;
    }
    out.push(b'"');
    let mut from = 0;
    for quote in memchr::memchr_iter(b'"', bytes) {
        out.extend_from_slice(&bytes[from..=quote]);
        from = quote;
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_quoted_where_it_must_be() {
        let written = |bytes: &[u8]| {
            let mut out = Vec::new();
            field(bytes, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(b"plain text"), "plain text");
        assert_eq!(written(b""), r#""""#);
        assert_eq!(written(br#"say "hi""#), r#""say ""hi""""#);
        assert_eq!(written(b"a,b\r\nc"), "\"a,b\r\nc\"");
    }

    #[test]
    fn a_line_break_in_a_text_is_no_record() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"a,b\r\n1,\"x\r\n\"\"\r\ny\"\r\n2,\r\n")
            .unwrap();
        io::Seek::rewind(&mut file).unwrap();
        assert_eq!(rows(file).unwrap(), 2);
    }
}

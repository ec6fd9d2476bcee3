//! Comma-separated values as in RFC 4180, with a header line. Null is empty,
//! and an empty text is `""`. Blobs are in base64 (standard alphabet, padded),
//! dates and times as in RFC 3339, decimals with all their digits, infinities
//! `Infinity` and `-Infinity`.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read, Write};

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{DataType, SchemaRef, TimeUnit};

use super::encoder::Encoder;
use super::io_error::{decoding_error, invalid_data, io_error};
use super::store::{StoredFile, Upload};
use crate::destination::text;

/// End of a record.
const END: &[u8] = b"\r\n";

/// Writes one CSV file.
pub(super) struct CsvEncoder {
    upload: Upload,
    /// Lines of the current batch.
    lines: Vec<u8>,
}

impl CsvEncoder {
    /// Begins a file with the header of `schema`.
    pub(super) fn new(mut upload: Upload, schema: &SchemaRef) -> io::Result<Self> {
        let names = schema.fields().iter().map(|field| field.name().as_str());
        upload.write_all(&header(names))?;
        Ok(Self {
            upload,
            lines: Vec::new(),
        })
    }
}

impl Encoder for CsvEncoder {
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let columns = batch
            .columns()
            .iter()
            .map(|column| value_writer(column))
            .collect::<io::Result<Vec<_>>>()?;
        self.lines.clear();
        for row in 0..batch.num_rows() {
            for (index, (column, write)) in batch.columns().iter().zip(&columns).enumerate() {
                separate(index, &mut self.lines);
                if column.is_valid(row) {
                    write(row, &mut self.lines)?;
                }
            }
            self.lines.extend_from_slice(END);
        }
        self.upload.write_all(&self.lines)
    }

    fn bytes(&self) -> u64 {
        self.upload.bytes()
    }

    fn finish(self: Box<Self>) -> io::Result<Upload> {
        Ok(self.upload)
    }
}

/// Returns the line of column names.
pub(super) fn header<'n>(names: impl Iterator<Item = &'n str>) -> Vec<u8> {
    let mut header = Vec::new();
    for (index, name) in names.enumerate() {
        separate(index, &mut header);
        field(name.as_bytes(), &mut header);
    }
    header.extend_from_slice(END);
    header
}

/// Reads a record with its end, and returns its length in bytes.
pub(super) fn read_record(file: &mut impl BufRead, record: &mut Vec<u8>) -> io::Result<usize> {
    let (mut bytes, mut inside) = (0, false);
    loop {
        let line = file.read_until(b'\n', record)?;
        bytes += line;
        // A quote in a quoted text is doubled, so it closes and opens again.
        let quotes = memchr::memchr_iter(b'"', &record[record.len() - line..]).count();
        inside ^= quotes % 2 == 1;
        if line == 0 && inside {
            return Err(invalid_data("a quoted text has no end"));
        }
        if line == 0 || !inside {
            return Ok(bytes);
        }
    }
}

/// Returns the fields of a record as they are written. Null is empty.
pub(super) fn cells(record: &[u8]) -> Vec<&[u8]> {
    let record = record.strip_suffix(END).unwrap_or(record);
    let (mut cells, mut from, mut quoted) = (Vec::new(), 0, false);
    for index in memchr::memchr2_iter(b'"', b',', record) {
        if record[index] == b'"' {
            quoted = !quoted;
        } else if !quoted {
            cells.push(&record[from..index]);
            from = index + 1;
        }
    }
    cells.push(&record[from..]);
    cells
}

/// Writes a record of fields that are already encoded.
pub(super) fn write_cells(cells: &[&[u8]], out: &mut Vec<u8>) {
    for (index, cell) in cells.iter().enumerate() {
        separate(index, out);
        out.extend_from_slice(cell);
    }
    out.extend_from_slice(END);
}

/// Returns the text of a field that is not null.
pub(super) fn text(cell: &[u8]) -> io::Result<Cow<'_, str>> {
    let cell = std::str::from_utf8(cell).map_err(decoding_error)?;
    let inner = cell
        .strip_prefix('"')
        .and_then(|cell| cell.strip_suffix('"'));
    Ok(match inner {
        None => cell.into(),
        Some(text) if text.contains('"') => text.replace("\"\"", "\"").into(),
        Some(text) => text.into(),
    })
}

/// Counts the records of a file after its header.
pub(super) fn count_rows(file: &StoredFile) -> io::Result<u64> {
    count_records(file.reader(0)?)
}

fn count_records(file: impl Read) -> io::Result<u64> {
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let (mut lines, mut quoted) = (0_u64, false);
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(lines.saturating_sub(1));
        }
        // A quote in a quoted text is doubled, so it closes and opens again.
        for index in memchr::memchr2_iter(b'"', b'\n', bytes) {
            if bytes[index] == b'"' {
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

/// Returns a function that writes the value of a row that is not null.
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
        DataType::Date32 => {
            let dates = column.as_primitive::<Date32Type>();
            Box::new(move |row, out| out.write_all(text::date(dates.value(row)).as_bytes()))
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

/// Writes a comma before every field except the first.
fn separate(index: usize, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
}

/// Writes a text, in quotes if it is empty or has special characters.
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
    fn a_text_is_quoted_if_needed() {
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
    fn fields_are_read_as_they_are_written() {
        let texts = [
            "plain",
            "",
            "say \"hi\"",
            "a,b\r\nc",
            "\"",
            "\"\"",
            ",",
            "\n",
            "日本 🦀",
        ];
        let mut written = header(texts.into_iter());
        written.extend_from_slice(b",x\r\n");
        let (mut file, mut record) = (written.as_slice(), Vec::new());
        read_record(&mut file, &mut record).unwrap();
        let read: Vec<_> = cells(&record)
            .into_iter()
            .map(|cell| text(cell).unwrap())
            .collect();
        assert_eq!(read, texts);
        let mut again = Vec::new();
        write_cells(&cells(&record), &mut again);
        assert_eq!(again, record);

        record.clear();
        assert_eq!(read_record(&mut file, &mut record).unwrap(), 4);
        assert_eq!(cells(&record), [b"".as_slice(), b"x"]);
        assert_eq!(read_record(&mut file, &mut record).unwrap(), 0);
    }

    #[test]
    fn a_line_break_in_a_text_does_not_end_a_record() {
        let file = b"a,b\r\n1,\"x\r\n\"\"\r\ny\"\r\n2,\r\n".as_slice();
        assert_eq!(count_records(file).unwrap(), 2);
    }
}

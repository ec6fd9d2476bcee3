//! Comma-separated values as RFC 4180 has them, with a header line. Null is
//! nothing between the commas, an empty text is `""`. Blobs are
//! base64 (standard alphabet, padded), dates and times as RFC 3339 writes them,
//! decimals all their digits, infinities `Infinity` and `-Infinity`.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{DataType, SchemaRef, TimeUnit};

use super::part::Encoder;
use super::text;
use super::upload::{Upload, io_error};

/// The end of a record.
const END: &[u8] = b"\r\n";

/// Writes one CSV file.
pub(super) struct Csv<'a> {
    upload: Upload<'a>,
    /// The lines of the batch at hand.
    lines: Vec<u8>,
}

impl<'a> Csv<'a> {
    pub(super) fn new(mut upload: Upload<'a>, schema: &SchemaRef) -> io::Result<Self> {
        let names = schema.fields().iter().map(|field| field.name().as_str());
        upload.write_all(&header(names))?;
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
            self.lines.extend_from_slice(END);
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

/// The line that names the columns.
pub(super) fn header<'n>(names: impl Iterator<Item = &'n str>) -> Vec<u8> {
    let mut header = Vec::new();
    for (at, name) in names.enumerate() {
        separate(at, &mut header);
        field(name.as_bytes(), &mut header);
    }
    header.extend_from_slice(END);
    header
}

/// Reads a record with its end, and says how many bytes that were.
pub(super) fn read_record(file: &mut impl BufRead, record: &mut Vec<u8>) -> io::Result<usize> {
    let (mut bytes, mut inside) = (0, false);
    loop {
        let line = file.read_until(b'\n', record)?;
        bytes += line;
        // A quote in a quoted text is doubled, so it closes and opens again.
        let quotes = memchr::memchr_iter(b'"', &record[record.len() - line..]).count();
        inside ^= quotes % 2 == 1;
        if line == 0 || !inside {
            return Ok(bytes);
        }
    }
}

/// The fields of a record as they are written. Null is nothing.
pub(super) fn cells(record: &[u8]) -> Vec<&[u8]> {
    let record = record.strip_suffix(END).unwrap_or(record);
    let (mut cells, mut from, mut quoted) = (Vec::new(), 0, false);
    for at in memchr::memchr2_iter(b'"', b',', record) {
        if record[at] == b'"' {
            quoted = !quoted;
        } else if !quoted {
            cells.push(&record[from..at]);
            from = at + 1;
        }
    }
    cells.push(&record[from..]);
    cells
}

/// Writes fields as they were read.
pub(super) fn write_cells(cells: &[&[u8]], out: &mut Vec<u8>) {
    for (at, cell) in cells.iter().enumerate() {
        separate(at, out);
        out.extend_from_slice(cell);
    }
    out.extend_from_slice(END);
}

/// The text of a field that is not null.
pub(super) fn text(cell: &[u8]) -> io::Result<Cow<'_, str>> {
    let cell = std::str::from_utf8(cell).map_err(io_error)?;
    let inner = cell
        .strip_prefix('"')
        .and_then(|cell| cell.strip_suffix('"'));
    Ok(match inner {
        None => cell.into(),
        Some(text) if text.contains('"') => text.replace("\"\"", "\"").into(),
        Some(text) => text.into(),
    })
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
    fn a_line_break_in_a_text_is_no_record() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"a,b\r\n1,\"x\r\n\"\"\r\ny\"\r\n2,\r\n")
            .unwrap();
        io::Seek::rewind(&mut file).unwrap();
        assert_eq!(rows(file).unwrap(), 2);
    }
}

//! JSON lines: one object per line with every column, null included. Values
//! have the form that [`json`] describes; JSON
//! columns are part of the line.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead, BufReader};

use arrow_array::RecordBatch;
use arrow_json::Writer;
use arrow_json::writer::LineDelimited;
use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::encoder::Encoder;
use super::io_error::{decoding_error, io_error};
use super::store::{StoredFile, Upload};
use crate::destination::columns::Column;
use crate::destination::json;

/// Writes one file of JSON lines.
pub(super) struct JsonlEncoder {
    writer: Writer<Upload, LineDelimited>,
}

impl JsonlEncoder {
    /// Begins a file.
    pub(super) fn new(upload: Upload) -> Self {
        Self {
            writer: json::writer_builder(true).build(upload),
        }
    }
}

impl Encoder for JsonlEncoder {
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        self.writer.write(batch).map_err(io_error)
    }

    fn bytes(&self) -> u64 {
        self.writer.get_ref().bytes()
    }

    fn finish(mut self: Box<Self>) -> io::Result<Upload> {
        self.writer.finish().map_err(io_error)?;
        Ok(self.writer.into_inner())
    }
}

/// Returns the values of a line as they are written, by column. Null is empty.
pub(super) fn cells<'a>(line: &'a [u8], columns: &[Column]) -> io::Result<Vec<&'a [u8]>> {
    let mut values = serde_json::Deserializer::from_slice(line);
    let cells = values.deserialize_map(CellVisitor(columns))?;
    values.end()?;
    Ok(cells)
}

/// Writes a line of values that are already encoded.
pub(super) fn write_cells(names: &[String], cells: &[&[u8]], out: &mut Vec<u8>) {
    for (index, (name, cell)) in names.iter().zip(cells).enumerate() {
        out.push(if index == 0 { b'{' } else { b',' });
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        out.extend_from_slice(if cell.is_empty() { NULL } else { cell });
    }
    out.extend_from_slice(b"}\n");
}

/// Returns the text of a value that is not null.
pub(super) fn text(cell: &[u8]) -> io::Result<Cow<'_, str>> {
    if cell.first() == Some(&b'"') {
        Ok(serde_json::from_slice::<Text>(cell)?.0)
    } else {
        raw(cell)
    }
}

/// Returns a value that is not null as it is written.
pub(super) fn raw(cell: &[u8]) -> io::Result<Cow<'_, str>> {
    Ok(std::str::from_utf8(cell).map_err(decoding_error)?.into())
}

/// Encodes a text as JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Counts the lines of a file.
pub(super) fn count_rows(file: &StoredFile) -> io::Result<u64> {
    let mut reader = BufReader::with_capacity(1 << 18, file.reader(0)?);
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

/// A text that is copied only if it contains an escape.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Extracts the values of columns from an object.
struct CellVisitor<'c>(&'c [Column]);

impl<'de> Visitor<'de> for CellVisitor<'_> {
    type Value = Vec<&'de [u8]>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut cells = vec![[].as_slice(); self.0.len()];
        // The columns of a line are usually in the order of the table.
        let mut next = 0;
        while let Some(Text(name)) = map.next_key()? {
            let value = map.next_value::<&RawValue>()?.get().as_bytes();
            let matches = |column: &Column| column.name.eq_ignore_ascii_case(&name);
            let index = if self.0.get(next).is_some_and(matches) {
                Some(next)
            } else {
                self.0.iter().position(matches)
            };
            if let Some(index) = index {
                if value != NULL {
                    cells[index] = value;
                }
                next = index + 1;
            }
        }
        Ok(cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::stored_type::StoredType;

    #[test]
    fn values_are_read_as_they_are_written() {
        let columns = ["a\"b", "n", "none", "t"].map(|name| Column::new(name, StoredType::Boolean));
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

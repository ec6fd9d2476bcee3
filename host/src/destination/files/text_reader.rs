//! Reads the records of a CSV or JSON lines file, and copies those that are
//! kept. Values that do not change are copied as they are written; columns
//! that the file lacks are null.

use std::io::{self, BufRead, BufReader, Read};

use super::io_error::invalid_data;
use super::row::{self, Row, Value};
use super::row_action::{DecideRow, EndTime, RowAction};
use super::store::StoredFile;
use super::{csv, jsonl};
use crate::destination::columns::{Column, Columns};
use crate::destination::stored_type::StoredType;
use crate::destination::text;
use crate::model::FileFormat;
use crate::model::noun::counted;

/// Bytes that are read before the kept records are returned.
const CHUNK_BYTES: usize = 1 << 20;

/// A reader of a text file.
pub(super) struct TextReader {
    file: BufReader<Box<dyn Read + Send>>,
    layout: Layout,
    columns: Vec<Column>,
    /// Bytes of the current record.
    record: Vec<u8>,
    /// Bytes of the records that are kept.
    kept: Vec<u8>,
}

/// Layout of a record.
enum Layout {
    /// Index of each table column in the file.
    Csv(Vec<Option<usize>>),
    /// Quoted names of the columns.
    Jsonl(Vec<String>),
}

/// The values of a record as they are written, by table column. Null is empty.
struct Record<'a> {
    layout: &'a Layout,
    columns: &'a [Column],
    values: Vec<&'a [u8]>,
}

impl TextReader {
    /// Reads a file of a table with these columns.
    pub(super) fn new(
        file: &StoredFile,
        format: FileFormat,
        columns: &Columns,
    ) -> io::Result<Self> {
        let columns = columns.as_slice().to_vec();
        let mut file = BufReader::with_capacity(1 << 18, file.reader(0)?);
        let layout = if format == FileFormat::Csv {
            let mut header = Vec::new();
            csv::read_record(&mut file, &mut header)?;
            let header: Vec<_> = csv::cells(&header)
                .into_iter()
                .map(csv::text)
                .collect::<io::Result<_>>()?;
            if let Some(unknown) = header.iter().find(|name| columns_lack(&columns, name)) {
                let start: String = unknown.chars().take(40).collect();
                return Err(invalid_data(format!("the table has no column `{start}`")));
            }
            let source = |column: &Column| {
                let mut names = header.iter();
                names.position(|name| name.eq_ignore_ascii_case(&column.name))
            };
            Layout::Csv(columns.iter().map(source).collect())
        } else {
            let names = columns.iter().map(|column| jsonl::quoted(&column.name));
            Layout::Jsonl(names.collect())
        };
        Ok(Self {
            file,
            layout,
            columns,
            record: Vec::new(),
            kept: Vec::new(),
        })
    }

    /// Reads the next records, and returns those that are kept. Returns `None`
    /// at the end.
    pub(super) fn next(
        &mut self,
        end_time: Option<EndTime>,
        decide: &mut DecideRow,
    ) -> io::Result<Option<&[u8]>> {
        self.kept.clear();
        let mut read = 0;
        while read < CHUNK_BYTES {
            self.record.clear();
            let length = match self.layout {
                Layout::Csv(_) => csv::read_record(&mut self.file, &mut self.record)?,
                Layout::Jsonl(_) => self.file.read_until(b'\n', &mut self.record)?,
            };
            if length == 0 {
                break;
            }
            read += length;
            let mut record = Record::new(&self.layout, &self.columns, &self.record)?;
            match (decide(&record)?, end_time) {
                (RowAction::Drop, _) => {}
                (RowAction::End, Some(end_time)) => {
                    let time = record.encode(end_time);
                    if let Some(value) = record.values.get_mut(end_time.column) {
                        *value = time.as_bytes();
                    }
                    record.write(&mut self.kept);
                }
                (RowAction::Keep | RowAction::End, _) => record.write(&mut self.kept),
            }
        }
        Ok((read > 0).then_some(self.kept.as_slice()))
    }
}

/// Returns true if no column has a name, as in a damaged header.
fn columns_lack(columns: &[Column], name: &str) -> bool {
    let mut names = columns.iter().map(|column| &column.name);
    !names.any(|known| known.eq_ignore_ascii_case(name))
}

impl<'a> Record<'a> {
    fn new(layout: &'a Layout, columns: &'a [Column], record: &'a [u8]) -> io::Result<Self> {
        let values = match layout {
            Layout::Csv(sources) => {
                let fields = csv::cells(record);
                let value = |source: &Option<usize>| match source {
                    None => Ok([].as_slice()),
                    Some(index) => fields.get(*index).copied().ok_or_else(|| {
                        invalid_data(format!(
                            "a record has only {}",
                            counted(fields.len() as u64, "field")
                        ))
                    }),
                };
                sources.iter().map(value).collect::<io::Result<_>>()?
            }
            Layout::Jsonl(_) => jsonl::cells(record, columns)?,
        };
        Ok(Self {
            layout,
            columns,
            values,
        })
    }

    /// Encodes an end time as a value of its column.
    fn encode(&self, end_time: EndTime) -> String {
        let utc = self
            .columns
            .get(end_time.column)
            .is_some_and(|column| column.stored_type == StoredType::TimestampUtc);
        let time = text::time(end_time.micros, utc);
        match self.layout {
            Layout::Csv(_) => time,
            Layout::Jsonl(_) => jsonl::quoted(&time),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self.layout {
            Layout::Csv(_) => csv::write_cells(&self.values, out),
            Layout::Jsonl(names) => jsonl::write_cells(names, &self.values, out),
        }
    }
}

impl Row for Record<'_> {
    fn value(&self, index: usize) -> io::Result<Option<Value<'_>>> {
        let (Some(value), Some(column)) = (self.values.get(index), self.columns.get(index)) else {
            return Ok(None);
        };
        if value.is_empty() {
            return Ok(None);
        }
        let text = match self.layout {
            Layout::Csv(_) => csv::text(value)?,
            // JSON is part of the line, so it is not quoted.
            Layout::Jsonl(_) if column.stored_type == StoredType::Json => jsonl::raw(value)?,
            Layout::Jsonl(_) => jsonl::text(value)?,
        };
        row::parse(column.stored_type, text).map(Some)
    }
}

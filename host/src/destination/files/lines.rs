//! Reads the records of a text file, and copies those that stay: cells that
//! nobody changes go through as they are, and columns that the file lacks are
//! null.

use std::fs::File;
use std::io::{self, BufRead, BufReader};

use super::merge::Verdict;
use super::stored::{Judge, Stamp};
use super::text;
use super::value::{Row, Value, of_text};
use super::{csv, jsonl};
use crate::destination::columns::{Column, Columns, StoredType};
use crate::model::FileFormat;

/// How much is read before what stays of it is handed on.
const CHUNK: usize = 1 << 20;

/// A file that is being read.
pub(super) struct Lines {
    file: BufReader<File>,
    form: Form,
    columns: Vec<Column>,
    /// The bytes of the record at hand.
    bytes: Vec<u8>,
    /// Those that stay.
    kept: Vec<u8>,
}

/// How a record is laid out.
enum Form {
    /// For each column of the table, where the file has it.
    Csv(Vec<Option<usize>>),
    /// The names of the columns, quoted.
    Jsonl(Vec<String>),
}

/// The values of a record as they are written, by column of the table. Nothing
/// is null.
struct Record<'a> {
    form: &'a Form,
    columns: &'a [Column],
    values: Vec<&'a [u8]>,
}

impl Lines {
    pub(super) fn new(file: File, format: FileFormat, columns: &Columns) -> io::Result<Self> {
        let columns = columns.as_slice().to_vec();
        let mut file = BufReader::with_capacity(1 << 18, file);
        let form = if format == FileFormat::Csv {
            let mut header = Vec::new();
            csv::read_record(&mut file, &mut header)?;
            let header: Vec<_> = csv::cells(&header)
                .into_iter()
                .map(csv::text)
                .collect::<io::Result<_>>()?;
            let place = |column: &Column| {
                let mut names = header.iter();
                names.position(|name| name.eq_ignore_ascii_case(&column.name))
            };
            Form::Csv(columns.iter().map(place).collect())
        } else {
            let names = columns.iter().map(|column| jsonl::quoted(&column.name));
            Form::Jsonl(names.collect())
        };
        Ok(Self {
            file,
            form,
            columns,
            bytes: Vec::new(),
            kept: Vec::new(),
        })
    }

    /// Reads on, and gives those records that stay; none at the end.
    pub(super) fn next(
        &mut self,
        stamp: Option<Stamp>,
        judge: &mut Judge,
    ) -> io::Result<Option<&[u8]>> {
        self.kept.clear();
        let mut read = 0;
        while read < CHUNK {
            self.bytes.clear();
            let length = match self.form {
                Form::Csv(_) => csv::read_record(&mut self.file, &mut self.bytes)?,
                Form::Jsonl(_) => self.file.read_until(b'\n', &mut self.bytes)?,
            };
            if length == 0 {
                break;
            }
            read += length;
            let mut record = Record::new(&self.form, &self.columns, &self.bytes)?;
            match (judge(&record)?, stamp) {
                (Verdict::Drop, _) => {}
                (Verdict::Stamp, Some(stamp)) => {
                    let time = record.time(stamp);
                    if let Some(cell) = record.values.get_mut(stamp.column) {
                        *cell = time.as_bytes();
                    }
                    record.write(&mut self.kept);
                }
                (Verdict::Keep | Verdict::Stamp, _) => record.write(&mut self.kept),
            }
        }
        Ok((read > 0).then_some(self.kept.as_slice()))
    }
}

impl<'a> Record<'a> {
    fn new(form: &'a Form, columns: &'a [Column], record: &'a [u8]) -> io::Result<Self> {
        let values = match form {
            Form::Csv(places) => {
                let found = csv::cells(record);
                let cell = |place: &Option<usize>| match place {
                    None => Ok([].as_slice()),
                    Some(place) => found.get(*place).copied().ok_or_else(|| {
                        let reason = format!("a record has {} fields", found.len());
                        io::Error::new(io::ErrorKind::InvalidData, reason)
                    }),
                };
                places.iter().map(cell).collect::<io::Result<_>>()?
            }
            Form::Jsonl(_) => jsonl::cells(record, columns)?,
        };
        Ok(Self {
            form,
            columns,
            values,
        })
    }

    /// A time as a cell.
    fn time(&self, stamp: Stamp) -> String {
        let utc = self
            .columns
            .get(stamp.column)
            .is_some_and(|column| column.stored == StoredType::TimestampUtc);
        let time = text::time(stamp.time, utc);
        match self.form {
            Form::Csv(_) => time,
            Form::Jsonl(_) => jsonl::quoted(&time),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self.form {
            Form::Csv(_) => csv::write_cells(&self.values, out),
            Form::Jsonl(names) => jsonl::write_cells(names, &self.values, out),
        }
    }
}

impl Row for Record<'_> {
    fn value(&self, column: usize) -> io::Result<Option<Value<'_>>> {
        let (Some(cell), Some(of)) = (self.values.get(column), self.columns.get(column)) else {
            return Ok(None);
        };
        if cell.is_empty() {
            return Ok(None);
        }
        let text = match self.form {
            Form::Csv(_) => csv::text(cell)?,
            // It is part of the line as it is.
            Form::Jsonl(_) if of.stored == StoredType::Json => jsonl::raw(cell)?,
            Form::Jsonl(_) => jsonl::text(cell)?,
        };
        of_text(of.stored, text).map(Some)
    }
}

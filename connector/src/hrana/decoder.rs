//! Rows into Arrow columns, value by value, each by its own tag.
//!
//! A value that does not fit its column is neither dropped nor converted: it
//! goes to a sibling column `<column>__<class>` at the end, and its own
//! column holds NULL there. Never knows where rows come from.

mod builder;
mod cast;
mod exact;

use std::sync::Arc;

use arrow_array::builder::BooleanBuilder;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use base64::Engine as _;

use self::builder::{Builder, Class, Datum};
use super::DecodeError;
use super::columns::{ColumnSpec, Storage};
use super::response::RowSink;
use super::scan::{Cell, Scanner};
use super::value::{BASE64, Value};

/// How a column travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// As it is: fast, but JSON loses the sign of infinities, and servers
    /// give up on text that is not UTF-8.
    Plain,
    /// As two: the value, with text as a blob and infinities as text, and the
    /// name of its storage class. See `typed` in the SQL module.
    Typed,
}

/// Decodes the rows of one resource, a page at a time.
#[derive(Debug)]
pub struct Decoder {
    /// Values at the beginning of each row that only serve as its key.
    hidden: usize,
    /// Those of this page, if they are wanted.
    kept: Option<Vec<Vec<Value>>>,
    wire: Wire,
    columns: Vec<Column>,
    siblings: Vec<Sibling>,
    /// A last column that marks some of the rows, after all siblings.
    mark: Option<(String, BooleanBuilder)>,
    /// Rows of this page.
    rows: usize,
    misfits: u64,
    /// What was true when this page began, for a page that is given up.
    begun: Begun,
    announced: Option<SchemaRef>,
    scratch: Vec<u8>,
}

#[derive(Debug)]
struct Column {
    name: String,
    storage: Storage,
    builder: Builder,
}

/// A column of values that did not fit another.
#[derive(Debug)]
struct Sibling {
    name: String,
    of: usize,
    class: Class,
    builder: Builder,
}

#[derive(Clone, Copy, Debug, Default)]
struct Begun {
    siblings: usize,
    misfits: u64,
}

impl Decoder {
    /// A decoder for rows of these columns.
    #[must_use]
    pub fn new(columns: &[ColumnSpec]) -> Self {
        let column = |spec: &ColumnSpec| Column {
            name: spec.name.clone(),
            storage: spec.storage,
            builder: Builder::new(spec.storage),
        };
        Self {
            hidden: 0,
            kept: None,
            wire: Wire::Plain,
            columns: columns.iter().map(column).collect(),
            siblings: Vec::new(),
            mark: None,
            rows: 0,
            misfits: 0,
            begun: Begun::default(),
            announced: None,
            scratch: Vec::new(),
        }
    }

    /// The same with a last column of booleans, under this name or, if that is
    /// taken, one like it.
    #[must_use]
    pub fn marked(mut self, name: &str) -> Self {
        let name = self.free_name(name.to_owned());
        self.mark = Some((name, BooleanBuilder::new()));
        self
    }

    /// How the rows from here on travel, and how many values of the key come
    /// before theirs.
    pub fn set_wire(&mut self, wire: Wire, hidden: usize) {
        self.wire = wire;
        self.hidden = hidden;
    }

    /// Whether the values that come before those of the columns are kept.
    pub fn keep_hidden(&mut self, keep: bool) {
        self.kept = keep.then(Vec::new);
    }

    /// Those of this page.
    pub fn take_hidden(&mut self) -> Vec<Vec<Value>> {
        self.kept.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The columns that hold values which do not fit others: their names, and
    /// those of the others.
    pub fn siblings(&self) -> impl Iterator<Item = (&str, &str)> {
        let of = |sibling: &Sibling| &self.columns[sibling.of].name;
        let siblings = self.siblings.iter();
        siblings.map(move |sibling| (sibling.name.as_str(), of(sibling).as_str()))
    }

    /// Rows of this page so far.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Values that went to a sibling column so far.
    #[must_use]
    pub fn misfits(&self) -> u64 {
        self.misfits
    }

    /// Takes a row of values, one for each column. Missing ones are NULL.
    pub fn push_row(&mut self, values: &[Value]) {
        for column in 0..self.columns.len() {
            let datum = match values.get(column) {
                None | Some(Value::Null) => Datum::Null,
                Some(Value::Integer(value)) => Datum::Integer(*value),
                Some(Value::Real(value)) => Datum::Real(*value),
                Some(Value::Text(text)) => Datum::Text(text),
                Some(Value::TextBytes(bytes)) => Datum::TextBytes(bytes),
                Some(Value::Blob(bytes)) => Datum::Blob(bytes),
            };
            self.push(column, &datum);
        }
        self.rows += 1;
    }

    /// The same, with the value of the last column.
    pub fn push_marked(&mut self, values: &[Value], mark: bool) {
        self.push_row(values);
        if let Some((_, marks)) = &mut self.mark {
            marks.append_value(mark);
        }
    }

    /// Forgets this page.
    pub fn give_up_page(&mut self) {
        self.rows = 0;
        self.take_hidden();
        self.misfits = self.begun.misfits;
        self.siblings.truncate(self.begun.siblings);
        for column in &mut self.columns {
            column.builder = Builder::new(column.storage);
        }
        for sibling in &mut self.siblings {
            sibling.builder = Builder::of(sibling.class);
        }
        if let Some((_, marks)) = &mut self.mark {
            *marks = BooleanBuilder::new();
        }
    }

    /// The rows of this page, and the columns if they are others than before.
    pub fn take_page(&mut self) -> Result<(Option<SchemaRef>, RecordBatch), DecodeError> {
        let rows = std::mem::take(&mut self.rows);
        let mut arrays: Vec<ArrayRef> =
            Vec::with_capacity(self.columns.len() + self.siblings.len());
        for column in &mut self.columns {
            if column.storage == Storage::ByValue {
                // Nothing but NULLs so far: from now on it is text.
                column.storage = column.builder.storage();
            }
            arrays.push(column.builder.finish());
        }
        for sibling in &mut self.siblings {
            sibling.builder.pad(rows);
            arrays.push(sibling.builder.finish());
        }
        if let Some((_, marks)) = &mut self.mark {
            arrays.push(Arc::new(marks.finish()));
        }
        self.begun = Begun {
            siblings: self.siblings.len(),
            misfits: self.misfits,
        };
        let known = self
            .announced
            .clone()
            .filter(|schema| schema.fields().len() == arrays.len());
        let schema = known.clone().unwrap_or_else(|| self.schema());
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options)
            .map_err(|error| DecodeError::Batch(error.to_string()))?;
        self.announced = Some(Arc::clone(&schema));
        Ok((known.is_none().then_some(schema), batch))
    }

    /// The columns of a resource that had no rows; none if they were already
    /// given with a page.
    pub fn unannounced(&mut self) -> Option<SchemaRef> {
        if self.announced.is_some() {
            return None;
        }
        let schema = self.schema();
        self.announced = Some(Arc::clone(&schema));
        Some(schema)
    }

    fn schema(&self) -> SchemaRef {
        let own = self
            .columns
            .iter()
            .map(|column| column.storage.field(&column.name));
        let siblings = self
            .siblings
            .iter()
            .map(|sibling| sibling.class.storage().field(&sibling.name));
        let mark = self.mark.iter();
        let mark = mark.map(|(name, _)| Field::new(name, DataType::Boolean, true));
        let fields = own.chain(siblings).chain(mark);
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// Takes one value of a column.
    #[inline]
    fn push(&mut self, column: usize, datum: &Datum<'_>) {
        if !self.columns[column].builder.push(datum) {
            self.push_misfit(column, datum);
        }
    }

    #[cold]
    fn push_misfit(&mut self, column: usize, datum: &Datum<'_>) {
        self.columns[column].builder.push(&Datum::Null);
        self.misfits += 1;
        let class = datum.class();
        let known = self
            .siblings
            .iter()
            .position(|sibling| sibling.of == column && sibling.class == class);
        let sibling = known.unwrap_or_else(|| self.add_sibling(column, class));
        let builder = &mut self.siblings[sibling].builder;
        builder.pad(self.rows);
        builder.push(datum);
    }

    fn add_sibling(&mut self, of: usize, class: Class) -> usize {
        let name = self.free_name(format!("{}__{}", self.columns[of].name, class.name()));
        self.siblings.push(Sibling {
            name,
            of,
            class,
            builder: Builder::of(class),
        });
        self.siblings.len() - 1
    }

    /// A name that no column has.
    fn free_name(&self, mut name: String) -> String {
        let taken = |name: &str| {
            let own = self.columns.iter().map(|column| &column.name);
            own.chain(self.siblings.iter().map(|sibling| &sibling.name))
                .chain(self.mark.iter().map(|(mark, _)| mark))
                .any(|other| other.eq_ignore_ascii_case(name))
        };
        while taken(&name) {
            name.push('_');
        }
        name
    }

    #[inline]
    fn plain_value(&mut self, column: usize, scanner: &mut Scanner<'_>) -> Result<(), DecodeError> {
        match scanner.cell()? {
            Cell::Null => self.push(column, &Datum::Null),
            Cell::Integer(value) => self.push(column, &Datum::Integer(value)),
            Cell::Real(value) => self.push(column, &Datum::Real(value)),
            Cell::LostInfinity => return Err(DecodeError::LostInfinity),
            Cell::Text(text) => self.push(column, &Datum::Text(&text)),
            Cell::Blob(base64) => {
                let bytes = self.bytes(base64, scanner)?;
                self.push(column, &Datum::Blob(&bytes));
                self.scratch = bytes;
            }
        }
        Ok(())
    }

    /// A value and the name of its storage class.
    fn typed_value(&mut self, column: usize, scanner: &mut Scanner<'_>) -> Result<(), DecodeError> {
        let value = scanner.cell()?;
        scanner.expect(b',', "the storage class of the value")?;
        let Cell::Text(class) = scanner.cell()? else {
            return Err(scanner.expected("the name of a storage class"));
        };
        match (&*class, value) {
            ("null", Cell::Null) => self.push(column, &Datum::Null),
            ("integer", Cell::Integer(value)) => self.push(column, &Datum::Integer(value)),
            ("real", Cell::Real(value)) => self.push(column, &Datum::Real(value)),
            ("real", Cell::Text(text)) => {
                let infinity = if text.starts_with('-') {
                    f64::NEG_INFINITY
                } else {
                    f64::INFINITY
                };
                self.push(column, &Datum::Real(infinity));
            }
            ("text", Cell::Text(text)) => self.push(column, &Datum::Text(&text)),
            (class @ ("text" | "blob"), Cell::Blob(base64)) => {
                let bytes = self.bytes(base64, scanner)?;
                let datum = match (class, std::str::from_utf8(&bytes)) {
                    ("text", Ok(text)) => Datum::Text(text),
                    ("text", Err(_)) => Datum::TextBytes(&bytes),
                    _ => Datum::Blob(&bytes),
                };
                self.push(column, &datum);
                self.scratch = bytes;
            }
            _ => return Err(scanner.expected("a value of the storage class that it names")),
        }
        Ok(())
    }

    /// Decodes into the scratch buffer, which the caller puts back.
    fn bytes(&mut self, base64: &str, scanner: &Scanner<'_>) -> Result<Vec<u8>, DecodeError> {
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        BASE64
            .decode_vec(base64, &mut bytes)
            .map_err(|_| scanner.expected("base64"))?;
        Ok(bytes)
    }
}

impl RowSink for Decoder {
    fn begin(&mut self, _request: usize) {}

    fn row(&mut self, scanner: &mut Scanner<'_>) -> Result<(), DecodeError> {
        scanner.expect(b'[', "a row")?;
        let mut key = self.kept.is_some().then(Vec::new);
        for _ in 0..self.hidden {
            let cell = scanner.cell()?;
            if let Some(key) = &mut key {
                key.push(Value::of(cell)?);
            }
            if !self.columns.is_empty() {
                scanner.expect(b',', "a value of the row")?;
            }
        }
        if let (Some(kept), Some(key)) = (&mut self.kept, key) {
            kept.push(key);
        }
        for column in 0..self.columns.len() {
            if column > 0 {
                scanner.expect(b',', "a value for every column")?;
            }
            match self.wire {
                Wire::Plain => self.plain_value(column, scanner)?,
                Wire::Typed => self.typed_value(column, scanner)?,
            }
        }
        scanner.expect(b']', "the end of the row")?;
        self.rows += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests;

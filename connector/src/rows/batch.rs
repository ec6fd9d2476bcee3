//! A growing batch of rows, one column builder for each column.
//!
//! A value that does not match the type of its column is neither dropped nor
//! converted: it goes to a sibling column at the end, and its own column holds
//! NULL in that row. A type that was only suggested is given up instead, if the
//! value is on the first page.

use std::sync::Arc;

use arrow_array::builder::BooleanBuilder;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use super::column_builder::ColumnBuilder;
use super::columns::{ColumnSpec, Storage, free_name};
use super::datum::{Datum, StorageClass};
use super::siblings::Sibling;
use super::value::Value;

/// Maximum bytes of an Arrow message without its columns.
const MESSAGE_BYTES: usize = 512;

/// Builds the record batches of one resource, a page at a time.
#[derive(Debug)]
pub struct BatchBuilder {
    columns: Vec<Column>,
    siblings: Vec<SiblingColumn>,
    /// Name and values of a boolean column after all siblings.
    flag: Option<(String, BooleanBuilder)>,
    /// Rows of this page.
    rows: usize,
    mismatches: u64,
    /// State at the beginning of this page, for a page that is discarded.
    page_start: PageStart,
    announced: Option<SchemaRef>,
}

#[derive(Debug)]
struct Column {
    name: String,
    storage: Storage,
    builder: ColumnBuilder,
}

#[derive(Debug)]
struct SiblingColumn {
    sibling: Sibling,
    /// Index of the column whose mismatches it holds.
    column: usize,
    class: StorageClass,
    builder: ColumnBuilder,
}

#[derive(Clone, Copy, Debug, Default)]
struct PageStart {
    siblings: usize,
    mismatches: u64,
}

impl BatchBuilder {
    /// Creates a builder for rows of these columns.
    #[must_use]
    pub fn new(columns: &[ColumnSpec]) -> Self {
        let column = |spec: &ColumnSpec| Column {
            name: spec.name.clone(),
            storage: spec.storage,
            builder: ColumnBuilder::new(spec.storage),
        };
        Self {
            columns: columns.iter().map(column).collect(),
            siblings: Vec::new(),
            flag: None,
            rows: 0,
            mismatches: 0,
            page_start: PageStart::default(),
            announced: None,
        }
    }

    /// Adds a last column of booleans. Underscores are appended to a name that
    /// is taken.
    #[must_use]
    pub fn with_flag(mut self, name: &str) -> Self {
        let name = free_name(name.to_owned(), |name| self.is_taken(name));
        self.flag = Some((name, BooleanBuilder::new()));
        self
    }

    /// Returns the sibling columns.
    pub fn siblings(&self) -> impl Iterator<Item = &Sibling> {
        self.siblings.iter().map(|column| &column.sibling)
    }

    /// Returns the row count of this page so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Returns true if this page has no rows so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Returns an upper bound of the bytes of this page as an Arrow message.
    #[must_use]
    pub fn message_bytes(&self) -> usize {
        let columns = self.columns.iter().map(|column| &column.builder);
        let builders = columns.chain(self.siblings.iter().map(|sibling| &sibling.builder));
        let columns: usize = builders
            .map(|builder| builder.message_bytes(self.rows))
            .sum();
        let flags = self.flag.as_ref().map_or(0, |_| self.rows);
        MESSAGE_BYTES + columns + flags
    }

    /// Returns the count of values in sibling columns, over all pages so far.
    #[must_use]
    pub fn mismatches(&self) -> u64 {
        self.mismatches
    }

    /// Appends a row with one value for each column. Missing values are NULL.
    pub fn push_row(&mut self, values: &[Value]) {
        for column in 0..self.width() {
            let datum = values.get(column).map_or(Datum::Null, Datum::from);
            self.push(column, &datum);
        }
        self.end_row();
    }

    /// Appends a row with the value of the flag column.
    pub fn push_flagged_row(&mut self, values: &[Value], flag: bool) {
        self.push_row(values);
        if let Some((_, flags)) = &mut self.flag {
            flags.append_value(flag);
        }
    }

    /// Returns the number of columns without siblings and flag.
    #[inline]
    pub(crate) fn width(&self) -> usize {
        self.columns.len()
    }

    /// Appends one value of a row.
    #[inline]
    pub(crate) fn push(&mut self, column: usize, datum: &Datum<'_>) {
        if !self.columns[column].builder.push(datum) {
            self.push_mismatch(column, datum);
        }
    }

    /// Ends a row of which every column has received one value.
    #[inline]
    pub(crate) fn end_row(&mut self) {
        self.rows += 1;
    }

    /// Drops the rows of this page.
    pub fn discard_page(&mut self) {
        self.rows = 0;
        self.mismatches = self.page_start.mismatches;
        self.siblings.truncate(self.page_start.siblings);
        for column in &mut self.columns {
            column.builder = ColumnBuilder::new(column.storage);
        }
        for sibling in &mut self.siblings {
            sibling.builder = ColumnBuilder::for_class(sibling.class);
        }
        if let Some((_, flags)) = &mut self.flag {
            *flags = BooleanBuilder::new();
        }
    }

    /// Returns the rows of this page, and the schema if it has changed since
    /// the page before.
    pub fn take_page(&mut self) -> Result<(Option<SchemaRef>, RecordBatch), ArrowError> {
        let rows = std::mem::take(&mut self.rows);
        let mut arrays: Vec<ArrayRef> =
            Vec::with_capacity(self.columns.len() + self.siblings.len() + 1);
        for column in &mut self.columns {
            arrays.push(column.builder.finish());
            if column.storage.is_undecided() {
                // A column of NULLs only is text, or has its suggested type,
                // from now on.
                column.storage = column.builder.storage();
            }
        }
        for sibling in &mut self.siblings {
            sibling.builder.pad(rows);
            arrays.push(sibling.builder.finish());
        }
        if let Some((_, flags)) = &mut self.flag {
            arrays.push(Arc::new(flags.finish()));
        }
        self.page_start = PageStart {
            siblings: self.siblings.len(),
            mismatches: self.mismatches,
        };
        let known = self
            .announced
            .clone()
            .filter(|schema| schema.fields().len() == arrays.len());
        let schema = known.clone().unwrap_or_else(|| self.schema());
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options)?;
        self.announced = Some(Arc::clone(&schema));
        Ok((known.is_none().then_some(schema), batch))
    }

    /// Returns the schema of a resource without rows, unless a page or an
    /// earlier call has returned it.
    pub fn take_unannounced_schema(&mut self) -> Option<SchemaRef> {
        if self.announced.is_some() {
            return None;
        }
        let schema = self.schema();
        self.announced = Some(Arc::clone(&schema));
        Some(schema)
    }

    fn schema(&self) -> SchemaRef {
        let columns = self
            .columns
            .iter()
            .map(|column| column.storage.field(&column.name));
        let siblings = self
            .siblings
            .iter()
            .map(|column| column.class.storage().field(&column.sibling.name));
        let flag = self
            .flag
            .iter()
            .map(|(name, _)| Field::new(name, DataType::Boolean, true));
        let fields: Vec<_> = columns.chain(siblings).chain(flag).collect();
        Arc::new(Schema::new(fields))
    }

    /// Appends a value that its column does not hold. A column whose type was
    /// only suggested becomes plain.
    #[cold]
    fn push_mismatch(&mut self, column: usize, datum: &Datum<'_>) {
        let Some(earlier) = self.columns[column].builder.become_plain() else {
            return self.push_to_sibling(column, self.rows, datum);
        };
        let earlier = earlier.iter().map(Datum::from).chain([*datum]);
        for (row, datum) in earlier.enumerate() {
            if !self.columns[column].builder.push(&datum) {
                self.push_to_sibling(column, row, &datum);
            }
        }
    }

    fn push_to_sibling(&mut self, column: usize, row: usize, datum: &Datum<'_>) {
        self.columns[column].builder.push(&Datum::Null);
        self.mismatches += 1;
        let class = datum.storage_class();
        let known = self
            .siblings
            .iter()
            .position(|sibling| sibling.column == column && sibling.class == class);
        let sibling = known.unwrap_or_else(|| self.add_sibling(column, class));
        let builder = &mut self.siblings[sibling].builder;
        builder.pad(row);
        builder.push(datum);
    }

    fn add_sibling(&mut self, column: usize, class: StorageClass) -> usize {
        let name = &self.columns[column].name;
        let values = class.storage().field(name);
        let holds_text_bytes = class == StorageClass::TextBytes;
        let is_taken = |name: &str| self.is_taken(name);
        self.siblings.push(SiblingColumn {
            sibling: Sibling::new(name, &values, holds_text_bytes, is_taken),
            column,
            class,
            builder: ColumnBuilder::for_class(class),
        });
        self.siblings.len() - 1
    }

    fn is_taken(&self, name: &str) -> bool {
        let columns = self.columns.iter().map(|column| &column.name);
        columns
            .chain(self.siblings().map(|sibling| &sibling.name))
            .chain(self.flag.iter().map(|(flag, _)| flag))
            .any(|other| other.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray as _;

    use super::*;

    #[test]
    fn the_flag_stays_the_last_column() {
        let columns = [("n", Storage::Integer), ("__deleted", Storage::Text)];
        let columns = columns.map(|(name, storage)| ColumnSpec {
            name: name.to_owned(),
            storage,
            declared: String::new(),
        });
        let mut rows = BatchBuilder::new(&columns).with_flag("__deleted");
        rows.push_flagged_row(&[Value::Integer(1), Value::Null], true);
        let (schema, batch) = rows.take_page().unwrap();
        let names = |schema: SchemaRef| {
            let fields = schema.fields().iter();
            fields.map(|field| field.name().clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(schema.unwrap()), ["n", "__deleted", "__deleted_"]);
        assert!(batch.column(2).as_boolean().value(0));
        rows.push_flagged_row(&[Value::from("x")], true);
        rows.discard_page();
        rows.push_flagged_row(&[Value::from("y")], false);
        let (schema, batch) = rows.take_page().unwrap();
        let schema = schema.unwrap();
        assert_eq!(schema.field(3).data_type(), &DataType::Boolean);
        assert_eq!(names(schema), ["n", "__deleted", "n__text", "__deleted_"]);
        assert_eq!(batch.num_rows(), 1);
        assert!(!batch.column(3).as_boolean().value(0));
    }
}

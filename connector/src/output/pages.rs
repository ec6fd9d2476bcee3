//! Pages of the current resource, after their columns, and its rejected
//! records. Must not report progress itself.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::Output;
use super::event::{Columns, Event, PageKind};
use crate::error::{Category, Error, Result};
use crate::rows::batch::BatchBuilder;

/// Maximum bytes of a rejected record that are sent.
const MAX_REJECTED_BYTES: usize = 64 << 10;

impl Output {
    /// Sends rows as a page, after its columns if they are new.
    pub fn page(&mut self, rows: &mut BatchBuilder) -> Result<()> {
        self.page_with(PageKind::Rows, rows, None)
    }

    /// Sends rows as a page of some kind, with the cursor that is
    /// valid once the page is stored.
    pub fn page_with(
        &mut self,
        kind: PageKind,
        rows: &mut BatchBuilder,
        cursor: Option<Vec<u8>>,
    ) -> Result<()> {
        let (schema, batch) = rows
            .take_page()
            .map_err(|error| page_error(&error.to_string()))?;
        if let Some(schema) = schema {
            self.schema(kind, &schema, rows);
        }
        self.batch(kind, batch, cursor);
        if let Some(stats) = self.resources.last_mut().filter(|_| kind != PageKind::Keys) {
            stats.mismatches = rows.mismatches();
        }
        Ok(())
    }

    /// Sends the last rows. Their columns are sent even without rows.
    pub fn end(&mut self, rows: &mut BatchBuilder) -> Result<()> {
        self.end_with(PageKind::Rows, rows)
    }

    /// Sends the last rows as a page of some kind.
    pub fn end_with(&mut self, kind: PageKind, rows: &mut BatchBuilder) -> Result<()> {
        if !rows.is_empty() {
            self.page_with(kind, rows, None)?;
        }
        if let Some(schema) = rows.take_unannounced_schema() {
            self.schema(kind, &schema, rows);
        }
        Ok(())
    }

    /// Sends a record of the current resource that cannot be a row. The columns
    /// precede it, so that their types must not depend on later values.
    pub fn reject(&mut self, rows: &mut BatchBuilder, record: String, reason: String) {
        if let Some(schema) = rows.take_unannounced_schema() {
            self.schema(PageKind::Rows, &schema, rows);
        }
        let Some(stats) = self.resources.last_mut() else {
            return;
        };
        stats.rejected += 1;
        self.queue.push_back(Event::Rejected {
            resource: stats.resource.clone(),
            record: cut(record),
            reason,
        });
    }

    fn schema(&mut self, kind: PageKind, schema: &SchemaRef, rows: &BatchBuilder) {
        let Some(stats) = self.resources.last() else {
            return;
        };
        let has = |name: &String| schema.fields().iter().any(|field| field.name() == name);
        let columns = Columns {
            schema: SchemaRef::clone(schema),
            // A part of the key does not identify a row.
            primary_key: if stats.primary_key.iter().all(has) {
                stats.primary_key.clone()
            } else {
                Vec::new()
            },
            siblings: rows.siblings().cloned().collect(),
        };
        self.queue.push_back(Event::Schema {
            resource: stats.resource.clone(),
            kind,
            columns,
        });
    }

    fn batch(&mut self, kind: PageKind, batch: RecordBatch, cursor: Option<Vec<u8>>) {
        let Some(stats) = self.resources.last_mut().filter(|_| batch.num_rows() > 0) else {
            return;
        };
        let count = match kind {
            PageKind::Keys => &mut stats.keys,
            _ => &mut stats.rows,
        };
        *count += batch.num_rows() as u64;
        self.queue.push_back(Event::Page {
            resource: stats.resource.clone(),
            kind,
            batch,
            cursor,
        });
        self.report_rows();
    }
}

/// Cuts a rejected record that is too long.
fn cut(mut record: String) -> String {
    if record.len() > MAX_REJECTED_BYTES {
        record.truncate(record.floor_char_boundary(MAX_REJECTED_BYTES));
        record.push('…');
    }
    record
}

/// Creates the error of a page that could not be built.
#[must_use]
pub fn page_error(reason: &str) -> Error {
    Error::new(
        Category::Internal,
        format!("a page could not be built: {reason}"),
    )
    .hint(Category::Internal.default_hint())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::columns::{ColumnSpec, Storage};
    use crate::rows::value::Value;

    #[test]
    fn rejected_records_follow_the_columns_and_are_counted() {
        let mut output = Output::default();
        output.begin("t");
        let mut rows = BatchBuilder::new(&[ColumnSpec {
            name: "id".to_owned(),
            storage: Storage::Integer,
            declared: String::new(),
        }]);
        output.reject(&mut rows, "null".to_owned(), "no object".to_owned());
        let long = "ä".repeat(MAX_REJECTED_BYTES);
        output.reject(&mut rows, long, "no key".to_owned());
        rows.push_row(&[Value::Integer(1)]);
        output.end(&mut rows).unwrap();
        output.done();
        assert!(matches!(output.pop(), Some(Event::Schema { .. })));
        let Some(Event::Rejected { record, reason, .. }) = output.pop() else {
            panic!("no rejected record");
        };
        assert_eq!((record.as_str(), reason.as_str()), ("null", "no object"));
        let Some(Event::Rejected { record, .. }) = output.pop() else {
            panic!("no rejected record");
        };
        assert!(record.ends_with("ä…") && record.len() <= MAX_REJECTED_BYTES + 3);
        assert!(matches!(output.pop(), Some(Event::Page { .. })));
        let Some(Event::Done(summary)) = output.pop() else {
            panic!("no summary");
        };
        let stats = &summary.resources[0];
        assert_eq!((stats.rows, stats.rejected), (1, 2));
    }
}

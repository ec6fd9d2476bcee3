//! Events of a read, and the statistics of its resources. Must not know where
//! rows come from.

use std::collections::VecDeque;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use crate::error::{Category, Error, Result};
use crate::log;
use crate::rows::batch::BatchBuilder;
use crate::rows::siblings::Sibling;

/// Minimum number of rows between two reports of progress.
const MIN_PROGRESS_ROWS: u64 = 100_000;
/// Maximum bytes of a rejected record that are sent.
const MAX_REJECTED_BYTES: usize = 64 << 10;

/// Event of a read.
#[derive(Debug)]
pub enum Event {
    /// Announcement of the columns of the pages that follow.
    Schema {
        /// Name of the resource.
        resource: String,
        /// Kind of the pages.
        kind: PageKind,
        /// Columns of the pages.
        columns: Columns,
    },
    /// Page of rows.
    Page {
        /// Name of the resource.
        resource: String,
        /// Kind of the rows.
        kind: PageKind,
        /// Rows of the page.
        batch: RecordBatch,
        /// Cursor that is valid once the rows are stored.
        cursor: Option<Vec<u8>>,
    },
    /// Record that is not sent as a row.
    Rejected {
        /// Name of the resource.
        resource: String,
        /// JSON of the record without secret fields, cut if it is long.
        record: String,
        /// Reason for the rejection.
        reason: String,
    },
    /// Progress of the read.
    Progress {
        /// Name of the current resource.
        resource: Option<String>,
        /// Number of its rows so far.
        rows: u64,
        /// Estimated number of all its rows.
        estimated_rows: Option<u64>,
        /// Reason for a delay that follows.
        waiting: Option<String>,
    },
    /// Restart of the read, with the reason. All earlier events are void.
    Restarted(String),
    /// End of the read.
    Done(Summary),
}

/// Columns of pages.
#[derive(Clone, Debug)]
pub struct Columns {
    /// All columns, in their order.
    pub schema: SchemaRef,
    /// Names of the columns of the primary key.
    pub primary_key: Vec<String>,
    /// Sibling columns.
    pub siblings: Vec<Sibling>,
}

/// Kind of the rows of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PageKind {
    /// Rows of the resource.
    Rows,
    /// Changed rows, with a flag for deleted ones.
    Changes,
    /// Keys of rows, without other columns.
    Keys,
}

/// Summary of a read.
#[derive(Debug, Default)]
pub struct Summary {
    /// Statistics of each resource.
    pub resources: Vec<ResourceStats>,
    /// Number of requests, including those of no resource.
    pub requests: u64,
    /// True if all pages are of one moment.
    pub point_in_time: bool,
}

/// Statistics of one resource.
#[derive(Clone, Debug, Default)]
pub struct ResourceStats {
    /// Name of the resource.
    pub resource: String,
    /// Number of rows that were sent.
    pub rows: u64,
    /// Number of records that were rejected.
    pub rejected: u64,
    /// Number of values that were sent in sibling columns.
    pub mismatches: u64,
    /// Number of rows that the server reports as read.
    pub rows_billed: Option<u64>,
    /// Number of requests.
    pub requests: u64,
    /// Error, if the resource could not be read.
    pub failure: Option<Error>,
    /// Part that was not read, while the rest was.
    pub unread: Option<Unread>,
    /// Columns of the primary key.
    pub primary_key: Vec<String>,
    /// Cursor that is valid once all rows are stored.
    pub cursor: Option<Vec<u8>>,
    /// Notes for the operator.
    pub notes: Vec<String>,
    /// True if all rows were sent.
    pub ended: bool,
}

/// Part of a resource that was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Column that identifies the rows of the part.
    pub column: String,
    /// Values of the column in the part.
    pub values: Vec<String>,
    /// Error, unless the part was skipped as unchanged.
    pub failure: Option<Error>,
}

/// Estimate of the current resource, and the rows that were last reported.
#[derive(Debug)]
struct Estimate {
    rows: u64,
    reported: u64,
}

/// Queue of events, and statistics. Counts belong to the resource that was
/// begun last.
#[derive(Debug)]
pub struct Output {
    queue: VecDeque<Event>,
    resources: Vec<ResourceStats>,
    estimate: Option<Estimate>,
    /// Number of requests, including those of earlier attempts.
    pub requests: u64,
    /// True if all pages are of one moment.
    pub point_in_time: bool,
}

impl ResourceStats {
    fn is_unfinished(&self) -> bool {
        !self.ended && self.failure.is_none() && self.rows > 0
    }
}

impl Default for Output {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            resources: Vec::new(),
            estimate: None,
            requests: 0,
            point_in_time: true,
        }
    }
}

impl Output {
    /// Removes the next event.
    pub fn pop(&mut self) -> Option<Event> {
        self.queue.pop_front()
    }

    /// Returns the name of the resource that was begun last.
    #[must_use]
    pub fn current_resource(&self) -> Option<&str> {
        self.resources.last().map(|stats| stats.resource.as_str())
    }

    /// Begins a resource without a key.
    pub fn begin(&mut self, resource: &str) {
        self.begin_keyed(resource, &[]);
    }

    /// Begins a resource with a primary key, or resumes it.
    pub fn begin_keyed(&mut self, resource: &str, primary_key: &[String]) {
        self.estimate = None;
        let known = |stats: &ResourceStats| stats.resource == resource;
        if let Some(at) = self.resources.iter().position(known) {
            let stats = self.resources.remove(at);
            self.resources.push(stats);
            return;
        }
        self.resources.push(ResourceStats {
            resource: resource.to_owned(),
            primary_key: primary_key.to_vec(),
            ..ResourceStats::default()
        });
    }

    /// Returns the names of resources whose rows were all sent.
    #[must_use]
    pub fn ended(&self) -> Vec<String> {
        let ended = self.resources.iter().filter(|stats| stats.ended);
        ended.map(|stats| stats.resource.clone()).collect()
    }

    /// Returns a resource before the current one of which rows were sent, but
    /// not known to be all: one that is not read in pages of a table.
    #[must_use]
    pub fn unfinished_earlier(&self) -> Option<&str> {
        let (_, earlier) = self.resources.split_last()?;
        let unfinished = earlier.iter().find(|stats| stats.is_unfinished())?;
        Some(&unfinished.resource)
    }

    /// Returns the current resource if some, but not all, of its rows were sent.
    #[must_use]
    pub fn unfinished_current(&self) -> Option<&str> {
        let current = self.resources.last()?;
        current.is_unfinished().then_some(&current.resource)
    }

    /// Returns the statistics of the current resource.
    pub fn stats(&mut self) -> Option<&mut ResourceStats> {
        self.resources.last_mut()
    }

    /// Reports the estimated number of rows of the current resource. From then
    /// on, progress is reported with its pages, though not with each of them.
    pub fn expect_rows(&mut self, rows: u64) {
        let reported = self.resources.last().map_or(0, |stats| stats.rows);
        self.estimate = Some(Estimate { rows, reported });
        self.report_progress(None);
    }

    /// Reports a delay that follows, with its reason.
    pub fn report_waiting(&mut self, reason: String) {
        self.report_progress(Some(reason));
    }

    /// Counts a request of the current resource.
    pub fn count_request(&mut self) {
        self.requests += 1;
        if let Some(stats) = self.resources.last_mut() {
            stats.requests += 1;
        }
    }

    /// Counts rows that the server reports as read.
    pub fn count_billed(&mut self, rows: Option<u64>) {
        if let (Some(stats), Some(rows)) = (self.resources.last_mut(), rows) {
            *stats.rows_billed.get_or_insert(0) += rows;
        }
    }

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

    /// Records that a resource could not be read.
    pub fn record_failure(&mut self, resource: &str, error: Error) {
        log::warn(&format!("`{resource}` cannot be read: {error}"));
        if let Some(stats) = self
            .resources
            .iter_mut()
            .rev()
            .find(|stats| stats.resource == resource)
        {
            stats.failure = Some(error);
        }
    }

    /// Discards all events and statistics, and announces the restart.
    pub fn restart(&mut self, reason: String) {
        self.queue.clear();
        self.resources.clear();
        self.estimate = None;
        self.queue.push_back(Event::Restarted(reason));
    }

    /// Sends the summary, which is the last event.
    pub fn done(&mut self) {
        self.queue.push_back(Event::Done(Summary {
            resources: std::mem::take(&mut self.resources),
            requests: self.requests,
            point_in_time: self.point_in_time,
        }));
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
        if kind != PageKind::Keys {
            stats.rows += batch.num_rows() as u64;
        }
        self.queue.push_back(Event::Page {
            resource: stats.resource.clone(),
            kind,
            batch,
            cursor,
        });
        let rows = stats.rows;
        if let Some(estimate) = &mut self.estimate
            && rows - estimate.reported >= progress_interval(estimate.rows)
        {
            estimate.reported = rows;
            self.report_progress(None);
        }
    }

    fn report_progress(&mut self, waiting: Option<String>) {
        let current = self.resources.last();
        self.queue.push_back(Event::Progress {
            resource: current.map(|stats| stats.resource.clone()),
            rows: current.map_or(0, |stats| stats.rows),
            estimated_rows: self.estimate.as_ref().map(|estimate| estimate.rows),
            waiting,
        });
    }
}

/// Returns the number of rows between two reports: a hundred reports for a large
/// resource, and none for a small one.
fn progress_interval(estimated_rows: u64) -> u64 {
    (estimated_rows / 100).max(MIN_PROGRESS_ROWS)
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

    fn builder() -> BatchBuilder {
        BatchBuilder::new(&[ColumnSpec {
            name: "id".to_owned(),
            storage: Storage::Integer,
            holds_json: false,
        }])
    }

    fn send_rows(output: &mut Output, rows: u64) {
        let mut batch = builder();
        for id in 0..rows {
            batch.push_row(&[Value::Integer(i64::try_from(id).unwrap())]);
        }
        output.page(&mut batch).unwrap();
    }

    fn reported(output: &mut Output) -> Vec<(u64, Option<u64>)> {
        let events = std::iter::from_fn(|| output.pop());
        let progress = events.filter_map(|event| match event {
            Event::Progress {
                rows,
                estimated_rows,
                ..
            } => Some((rows, estimated_rows)),
            _ => None,
        });
        progress.collect()
    }

    #[test]
    fn progress_is_reported_at_the_start_and_then_rarely() {
        let mut output = Output::default();
        output.begin("t");
        output.expect_rows(250_000);
        for _ in 0..50 {
            send_rows(&mut output, 5_000);
        }
        let estimate = Some(250_000);
        assert_eq!(
            reported(&mut output),
            [(0, estimate), (100_000, estimate), (200_000, estimate)]
        );
        output.begin("without_estimate");
        send_rows(&mut output, 200_000);
        assert_eq!(reported(&mut output), []);
    }

    #[test]
    fn rejected_records_follow_the_columns_and_are_counted() {
        let mut output = Output::default();
        output.begin("t");
        let mut rows = builder();
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

    #[test]
    fn a_delay_is_reported_with_its_reason() {
        let mut output = Output::default();
        output.restart("busy".to_owned());
        output.report_waiting("busy".to_owned());
        assert!(matches!(output.pop(), Some(Event::Restarted(_))));
        let Some(Event::Progress {
            resource, waiting, ..
        }) = output.pop()
        else {
            panic!("no progress");
        };
        assert_eq!((resource, waiting.as_deref()), (None, Some("busy")));
    }
}

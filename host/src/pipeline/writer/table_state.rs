//! A table that is being written: its mapper, and its counts in the run and in
//! the current load.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use arrow_array::{Int64Array, RecordBatch};
use arrow_schema::SchemaRef;

use super::load_context::LoadContext;
use crate::destination::{self, WriteStats};
use crate::model::{Cursor, PageKind, Rejected, ResourceRecord, SourceSchema, names};
use crate::pipeline::error::PipelineError;
use crate::pipeline::observer::Update;
use crate::pipeline::plan::ResourcePlan;
use crate::pipeline::row_mapper::{MappedRows, RowMapper, TargetTable};

/// The table of a resource, or a child table of one.
pub(super) struct TableState {
    /// Name of the resource or of the child table.
    pub(super) name: String,
    /// Name of the table in the destination.
    pub(super) table: String,
    pub(super) mapper: RowMapper,
    pub(super) totals: RunTotals,
    /// True if the table existed before the run.
    pub(super) existed: bool,
    /// Counts of the current load, once the table is open in it.
    pub(super) counts: Option<LoadCounts>,
    span: tracing::Span,
}

/// Counts of a table in a run.
#[derive(Clone, Copy, Default)]
pub(super) struct RunTotals {
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// Rows that the host rejected.
    pub(super) rejected: u64,
    pub(super) stats: WriteStats,
    first_page: Option<Instant>,
    last_page: Option<Instant>,
}

/// Counts of a table in one load.
#[derive(Default)]
pub(super) struct LoadCounts {
    pub(super) rows: u64,
    /// Rows that only start a group. The source did not send them.
    group_starts: u64,
    /// Rows that the host rejected.
    pub(super) rejected: u64,
    /// Last cursor of a page.
    pub(super) cursor: Option<Cursor>,
    /// Rows of the pages after that cursor.
    pub(super) rows_after_cursor: u64,
}

/// Facts about a page that its rows do not have.
#[derive(Default)]
pub(super) struct PageStats {
    pub(super) bytes: u64,
    /// Number of rows that only start a group.
    pub(super) group_starts: u64,
    /// For each row of a child table, the number of rows that this load wrote to
    /// the table of the resource before the parent row.
    pub(super) parents: Vec<i64>,
    pub(super) cursor: Option<Cursor>,
}

impl TableState {
    /// Creates the table for rows with the columns of `source`. `existing` has
    /// the columns of the table before the load.
    pub(super) fn new(
        name: &str,
        kind: PageKind,
        plan: ResourcePlan,
        source: SourceSchema,
        existing: Option<SchemaRef>,
        context: &LoadContext<'_, '_>,
    ) -> Result<Self, PipelineError> {
        let table = names::table_name(name);
        let span = tracing::info_span!("resource", resource = name, table);
        span.in_scope(|| tracing::info!("reading"));
        context.observer.update(Update::Opened { resource: name });
        let existed = existing.is_some();
        let target = TargetTable {
            plan,
            resource: name.to_owned(),
            kind,
            existing,
        };
        Ok(Self {
            name: name.to_owned(),
            table,
            mapper: RowMapper::new(target, source)?,
            totals: RunTotals::default(),
            existed,
            counts: None,
            span,
        })
    }

    /// Opens the table in the load, or opens it again with more columns.
    pub(super) fn open(&mut self, context: &mut LoadContext<'_, '_>) -> Result<(), PipelineError> {
        let table_write = self.mapper.table_write();
        context.load.open_table(&self.table, table_write)?;
        self.counts.get_or_insert_default();
        Ok(())
    }

    /// Opens the table in a load that has not opened it yet. Returns true if it
    /// did.
    pub(super) fn begin_load(
        &mut self,
        context: &mut LoadContext<'_, '_>,
    ) -> Result<bool, PipelineError> {
        if self.counts.is_some() {
            return Ok(false);
        }
        let existing = context.load.existing_schema(&self.table)?;
        self.mapper.begin_load(existing)?;
        self.open(context)?;
        Ok(true)
    }

    /// Writes the rows of a page.
    pub(super) fn write(
        &mut self,
        rows: MappedRows,
        page: PageStats,
        context: &mut LoadContext<'_, '_>,
    ) -> Result<(), PipelineError> {
        if rows.has_new_columns {
            self.open(context)?;
        }
        let _entered = self.span.clone().entered();
        let rejected = rows.rejected.as_ref().map_or(0, RecordBatch::num_rows) as u64;
        let count = rows.rows.num_rows() as u64 + rejected;
        tracing::debug!(rows = count, bytes = page.bytes, "page");
        self.totals.add_page(count - page.group_starts, page.bytes);
        self.totals.rejected += rejected;
        let counts = self.counts.get_or_insert_default();
        counts.rows += count;
        counts.group_starts += page.group_starts;
        counts.rejected += rejected;
        counts.add_cursor(page.cursor, count);
        if let Some(rejected) = rows.rejected {
            for record in rejected_records(&self.name, rejected)? {
                context.load.reject(record)?;
            }
        }
        if self.mapper.table_write().group.is_some() {
            let parents = Int64Array::from(page.parents);
            context
                .load
                .write_child_rows(&self.table, rows.rows, parents)?;
        } else {
            context.load.write_rows(&self.table, rows.rows)?;
        }
        context.observer.update(Update::Rows {
            resource: &self.name,
            rows: self.totals.rows,
        });
        Ok(())
    }

    /// Writes keys. `columns` names the columns of the batch.
    pub(super) fn write_keys(
        &mut self,
        columns: &[String],
        batch: &RecordBatch,
        context: &mut LoadContext<'_, '_>,
    ) -> Result<(), PipelineError> {
        let mapped = self.mapper.take_keys(columns, batch)?;
        if mapped.has_new_columns {
            self.open(context)?;
        }
        Ok(context.load.write_keys(&self.table, mapped.keys)?)
    }

    /// Ends a load that is a part of the run. Returns the record of the table,
    /// if the load opened it. The next load resumes from the cursor of the last
    /// page.
    pub(super) fn finish_part(
        &mut self,
        stats: &BTreeMap<String, WriteStats>,
    ) -> Option<ResourceRecord> {
        self.counts.as_ref()?;
        let stats = self.add_stats(stats);
        let record = self.record(stats);
        self.counts = None;
        if let Some(cursor) = &record.cursor_after {
            self.mapper.set_cursor(cursor.clone());
        }
        Some(record)
    }

    /// Returns the record of the table in the current load.
    pub(super) fn record(&self, stats: WriteStats) -> ResourceRecord {
        let counts = self.counts.as_ref();
        ResourceRecord {
            resource: self.name.clone(),
            mode: self.plan().mode(),
            rows_read: counts.map_or(0, |counts| counts.rows - counts.group_starts),
            rows_written: stats.written,
            rows_deleted: stats.deleted,
            rows_rejected: counts.map_or(0, |counts| counts.rejected),
            rows_billed: None,
            cursor_before: self.plan().cursor.clone(),
            cursor_after: counts.and_then(|counts| counts.cursor.clone()),
        }
    }

    /// Adds what a load did to the table to the totals of the run.
    pub(super) fn add_stats(&mut self, stats: &BTreeMap<String, WriteStats>) -> WriteStats {
        let stats = stats.get(&self.table).copied().unwrap_or_default();
        self.totals.stats.written += stats.written;
        self.totals.stats.deleted += stats.deleted;
        self.totals.stats.superseded += stats.superseded;
        stats
    }

    /// Compares the decoded rows of the load with the `stored` ones.
    pub(super) fn compare_rows(&self, stored: u64) -> Result<(), PipelineError> {
        match &self.counts {
            Some(counts) if counts.rows != stored + counts.rejected => {
                Err(PipelineError::Mismatch {
                    resource: self.name.clone(),
                    sent: self.totals.rows,
                    decoded: counts.rows,
                    stored,
                })
            }
            _ => Ok(()),
        }
    }

    /// Settings of the table.
    pub(super) fn plan(&self) -> &ResourcePlan {
        &self.mapper.target().plan
    }

    /// Kind of its pages.
    pub(super) fn kind(&self) -> PageKind {
        self.mapper.target().kind
    }

    /// Number of rows that the current load wrote.
    pub(super) fn stored_rows(&self) -> i64 {
        let counts = self.counts.as_ref();
        let rows = counts.map_or(0, |counts| counts.rows - counts.rejected);
        i64::try_from(rows).unwrap_or(i64::MAX)
    }

    /// True if rows or a new cursor wait for a commit.
    pub(super) fn is_uncommitted(&self) -> bool {
        self.counts
            .as_ref()
            .is_some_and(|counts| counts.rows > 0 || counts.has_new_cursor(self.plan()))
    }

    /// Time from the first page to the last.
    pub(super) fn elapsed(&self) -> Duration {
        match (self.totals.first_page, self.totals.last_page) {
            (Some(first), Some(last)) => last - first,
            _ => Duration::ZERO,
        }
    }
}

impl LoadCounts {
    /// True if the last cursor of a page is another than the one from which the
    /// load resumes.
    pub(super) fn has_new_cursor(&self, plan: &ResourcePlan) -> bool {
        self.cursor.is_some() && self.cursor != plan.cursor
    }

    /// Adds the cursor of a page with `rows` rows. The cursor of an earlier page
    /// does not cover the rows of a page without one.
    fn add_cursor(&mut self, cursor: Option<Cursor>, rows: u64) {
        if cursor.is_some() {
            self.cursor = cursor;
            self.rows_after_cursor = 0;
        } else {
            self.rows_after_cursor += rows;
        }
    }
}

impl RunTotals {
    fn add_page(&mut self, rows: u64, bytes: u64) {
        let now = Instant::now();
        self.rows += rows;
        self.bytes += bytes;
        self.first_page.get_or_insert(now);
        self.last_page = Some(now);
    }
}

/// Returns rows that the host rejects as records.
fn rejected_records(resource: &str, rows: RecordBatch) -> Result<Vec<Rejected>, PipelineError> {
    let json = destination::json_array(&[rows]);
    let json = json.map_err(|error| PipelineError::contract(error.to_string()))?;
    let values: Vec<serde_json::Value> =
        serde_json::from_str(&json).map_err(|error| PipelineError::contract(error.to_string()))?;
    let record = |value: serde_json::Value| {
        Rejected {
        resource: resource.to_owned(),
        record: value.to_string(),
        reason: "the row has a value in a column that the table does not have, and `schema` is `discard_row`"
            .to_owned(),
    }
    };
    Ok(values.into_iter().map(record).collect())
}

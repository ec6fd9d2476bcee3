//! A resource that is being written: what has come of it in the run, and in
//! the load that is open.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use arrow_schema::{DataType, SchemaRef};

use crate::destination::WriteStats;
use crate::model::{Cursor, PageKind, SourceSchema, names};
use crate::pipeline::mask::Masking;
use crate::pipeline::nested::Nesting;
use crate::pipeline::plan::ResourcePlan;
use crate::pipeline::schema_fit::{ColumnFate, SchemaFit};

/// A resource that is being written.
pub(super) struct Open {
    pub(super) table: String,
    /// What its pages are.
    pub(super) kind: PageKind,
    /// How it is loaded; its cursor is that of the last commit.
    pub(super) plan: ResourcePlan,
    /// The columns that it has now.
    pub(super) source: Option<SourceSchema>,
    /// Columns of another type than the table's, of which a value has come.
    pub(super) seen: BTreeSet<String>,
    /// What the columns of pages of keys are among its own.
    pub(super) keys: Vec<String>,
    pub(super) totals: Totals,
    pub(super) part: Option<Part>,
    /// How the JSON in it is stored, if there is some.
    pub(super) nesting: Option<Box<Nesting>>,
    /// The resource of whose lists it is made.
    pub(super) items_of: Option<String>,
    pub(super) span: tracing::Span,
}

/// What has come of a resource in the run.
#[derive(Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// Rows that the host rejected.
    pub(super) refused: u64,
    pub(super) stats: WriteStats,
    first: Option<Instant>,
    last: Option<Instant>,
}

/// What has come of it in the load that is open.
pub(super) struct Part {
    /// What is stored in place of its values.
    pub(super) masking: Masking,
    /// The columns with those of the host, as they come.
    pub(super) marked: SchemaRef,
    /// How they are stored.
    pub(super) fit: SchemaFit,
    /// The columns that the table had before.
    pub(super) known: Option<SchemaRef>,
    pub(super) rows: u64,
    /// Those of them that only begin a group.
    pub(super) heads: u64,
    /// Rows that the host rejected.
    pub(super) refused: u64,
    /// The cursor of the last page.
    pub(super) cursor: Option<Cursor>,
}

/// What a page needs of its resource, beside the part that it is written to.
pub(super) struct Writing<'a> {
    pub(super) table: &'a str,
    /// The columns that it has now.
    pub(super) columns: &'a SchemaRef,
    pub(super) span: &'a tracing::Span,
    pub(super) totals: &'a mut Totals,
}

impl Open {
    pub(super) fn new(
        table: String,
        kind: PageKind,
        plan: ResourcePlan,
        span: tracing::Span,
    ) -> Self {
        Self {
            table,
            kind,
            plan,
            source: None,
            seen: BTreeSet::new(),
            keys: Vec::new(),
            totals: Totals::default(),
            part: None,
            nesting: None,
            items_of: None,
            span,
        }
    }

    pub(super) fn writing(&mut self) -> Option<(Writing<'_>, &mut Part)> {
        let writing = Writing {
            table: &self.table,
            columns: &self.source.as_ref()?.columns,
            span: &self.span,
            totals: &mut self.totals,
        };
        Some((writing, self.part.as_mut()?))
    }

    /// What one of its columns is stored as.
    pub(super) fn stored(&self, column: &str) -> ColumnFate {
        let name = names::column_name(column);
        let part = self.part.as_ref();
        let stored = part.and_then(|part| {
            let mut fields = part.marked.fields().iter();
            let at = fields.position(|field| field.name().eq_ignore_ascii_case(&name))?;
            Some(part.fit.stored_name_of(at))
        });
        stored.unwrap_or(ColumnFate::Dropped)
    }

    /// Whether it has a column of text of this name.
    pub(super) fn has_text(&self, column: &str) -> bool {
        let columns = self.source.as_ref().map(|source| &source.columns);
        let column = columns.and_then(|columns| columns.field_with_name(column).ok());
        column.is_some_and(|column| *column.data_type() == DataType::Utf8)
    }

    /// Whether anything of it waits for a commit.
    pub(super) fn has_rows(&self) -> bool {
        self.part.as_ref().is_some_and(|part| part.rows > 0)
    }

    /// How many values of JSON did not fit their columns.
    pub(super) fn mismatches(&self) -> u64 {
        self.nesting
            .as_ref()
            .map_or(0, |nesting| nesting.mismatches())
    }

    /// Whether a run that is killed after a commit can go on where it ended.
    pub(super) fn can_be_resumed(&self) -> bool {
        let Some(part) = &self.part else {
            return true;
        };
        // They are as far as the resource is.
        if self.items_of.is_some() {
            return true;
        }
        self.plan.can_be_resumed() && (part.rows == 0 || part.cursor.is_some())
    }

    /// From its first page to its last.
    pub(super) fn elapsed(&self) -> Duration {
        match (self.totals.first, self.totals.last) {
            (Some(first), Some(last)) => last - first,
            _ => Duration::ZERO,
        }
    }
}

impl Totals {
    pub(super) fn add_page(&mut self, rows: u64, bytes: u64) {
        let now = Instant::now();
        self.rows += rows;
        self.bytes += bytes;
        self.first.get_or_insert(now);
        self.last = Some(now);
    }

    pub(super) fn add(&mut self, stats: WriteStats) {
        self.stats.written += stats.written;
        self.stats.deleted += stats.deleted;
        self.stats.superseded += stats.superseded;
    }
}

impl Part {
    pub(super) fn new(
        masking: Masking,
        marked: SchemaRef,
        fit: SchemaFit,
        known: Option<SchemaRef>,
    ) -> Self {
        Self {
            masking,
            marked,
            fit,
            known,
            rows: 0,
            heads: 0,
            refused: 0,
            cursor: None,
        }
    }

    /// The rows of it that are of the source.
    pub(super) fn rows_of_source(&self) -> u64 {
        self.rows - self.heads
    }
}

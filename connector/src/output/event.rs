//! Events of a read, and the columns and kinds of pages. Must not know in which
//! order they are sent.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::stats::Summary;
use crate::rows::siblings::Sibling;

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

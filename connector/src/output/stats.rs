//! Statistics of a read and of its resources. Must not know who counts.

use crate::error::Error;

/// Summary of a read.
#[derive(Debug, Default)]
pub struct Summary {
    /// Statistics of each resource.
    pub resources: Vec<ResourceStats>,
    /// Number of requests, including those of no resource.
    pub requests: u64,
    /// True if all pages are from one point in time.
    pub point_in_time: bool,
}

/// Statistics of one resource.
#[derive(Clone, Debug, Default)]
pub struct ResourceStats {
    /// Name of the resource.
    pub resource: String,
    /// Number of rows that were sent.
    pub rows: u64,
    /// Number of keys that were sent for the search of deleted rows.
    pub keys: u64,
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
    /// Figures of the server about the rows.
    pub figures: Option<Figures>,
    /// Notes for the operator.
    pub notes: Vec<String>,
    /// True if all rows were sent.
    pub ended: bool,
    /// True if the rest of the rows is left to the next read.
    pub stopped_early: bool,
}

/// Figures of the server about the rows of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Number of rows.
    pub rows: u64,
    /// Checksum of the rows, if it is known.
    pub checksum: Option<u64>,
}

impl Figures {
    /// Figures of no rows.
    pub const ZERO: Self = Self {
        rows: 0,
        checksum: Some(0),
    };

    /// Adds the figures of other rows.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            rows: self.rows.saturating_add(other.rows),
            checksum: self
                .checksum
                .zip(other.checksum)
                .map(|(one, other)| one.wrapping_add(other)),
        }
    }
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
    /// Error of each value that could not be read.
    pub failures: Vec<(String, Error)>,
}

impl ResourceStats {
    /// True if some, but not all, rows were sent.
    pub(super) fn is_unfinished(&self) -> bool {
        !self.ended && self.failure.is_none() && self.rows > 0
    }
}

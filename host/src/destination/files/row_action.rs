//! Actions on the rows of a file during a merge, and the rows that are kept.

use std::io;

use arrow_array::RecordBatch;

use super::row::Row;

/// Action on a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowAction {
    /// The row stays unchanged.
    Keep,
    /// The row is removed.
    Drop,
    /// The row stays, and gets the time at which it ended.
    End,
}

/// Function that decides about a row.
pub(super) type DecideRow<'d> = dyn FnMut(&dyn Row) -> io::Result<RowAction> + 'd;

/// The time that ended rows get.
#[derive(Clone, Copy, Debug)]
pub(super) struct EndTime {
    /// Index of the column that holds the time.
    pub(super) column: usize,
    /// Microseconds since 1970.
    pub(super) micros: i64,
}

/// Rows that are kept, in the form of their file: text is not re-encoded.
pub(super) enum KeptRows<'a> {
    /// Rows with the columns of the table.
    Batch(RecordBatch),
    /// Records with all columns of the table.
    Text(&'a [u8]),
}

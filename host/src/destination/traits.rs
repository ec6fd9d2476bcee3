//! The interface of destinations. Must not name an implementation.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::{Int64Array, RecordBatch};
use arrow_schema::SchemaRef;

use super::error::DestinationError;
use super::stored_type::StoredType;
use super::table_write::{TableWrite, WriteStats};
use crate::model::{Cursor, LoadId, LoadRecord, Rejected, UnreadPart};

/// Opens a destination, as often as a pipeline needs it.
///
/// A platform implements this to load into a store of its own.
pub trait DestinationFactory: Send + Sync {
    /// Returns the address of the destination, for people. Holds no
    /// credential, and does not open anything.
    fn location(&self) -> String;

    /// Opens the destination for one writer, creating it if needed. Blocks.
    fn open(&self) -> Result<Box<dyn Destination>, DestinationError>;

    /// Opens the destination for loads that are not committed, and fails as
    /// [`open`](Self::open) would. A factory that would create a destination may
    /// return an empty one instead, which leaves no trace. Blocks.
    fn open_uncommitted(&self) -> Result<Box<dyn Destination>, DestinationError> {
        self.open()
    }
}

/// An open destination: the tables of a dataset, and the cursors of the
/// pipelines that load into it.
///
/// Either opening excludes a second writer, which is then refused with
/// [`DestinationError::Locked`], or of two concurrent loads the later commit
/// fails with [`DestinationError::Conflict`]. Nothing is lost in either case.
///
/// Calls block, so they are made on a thread that may block.
pub trait Destination: Send {
    /// Returns the address of the destination, for people. Holds no credential.
    fn location(&self) -> String;

    /// Returns the cursors that the last committed loads of a pipeline saved,
    /// by resource. Changes nothing, and may be repeated. Call it again after a
    /// commit that failed: another load may have been committed, or this one.
    fn cursors(&mut self, pipeline: &str) -> Result<BTreeMap<String, Cursor>, DestinationError>;

    /// Returns the pipelines that have a cursor of each resource. Changes
    /// nothing, and may be repeated.
    fn pipelines_with_cursors(
        &mut self,
    ) -> Result<BTreeMap<String, BTreeSet<String>>, DestinationError>;

    /// Begins a load. Readers see nothing of it before [`Load::commit`]
    /// returns, and all of it afterwards. If the process ends in between, the
    /// dataset stays as it was. Identities of loads must ascend.
    fn begin(&mut self, load: &LoadId) -> Result<Box<dyn Load + '_>, DestinationError>;
}

/// A load that is being written.
///
/// Nothing is durable or visible before [`commit`](Self::commit). A load that is
/// dropped without it leaves no trace. Names of tables and columns are
/// arbitrary texts; two that differ only in the case of ASCII letters are the
/// same.
///
/// Order of calls: any number of tables are opened and written in turns, then
/// [`keep_unread`](Self::keep_unread), [`count_rows`](Self::count_rows),
/// [`apply`](Self::apply) and [`commit`](Self::commit).
pub trait Load: Send {
    /// Returns the names of all tables of resources before this load. Changes
    /// nothing, and may be repeated.
    fn existing_tables(&mut self) -> Result<Vec<String>, DestinationError>;

    /// Returns the columns that a table has before this load, or `None` if
    /// there is no such table. Changes nothing, and may be repeated.
    fn existing_schema(&mut self, table: &str) -> Result<Option<SchemaRef>, DestinationError>;

    /// Converts a column of an existing table to another type, if each of its
    /// values stays the same. Called before the table is opened. Returns false,
    /// and changes nothing, if a value would change or the destination does not
    /// convert columns.
    fn convert_column(
        &mut self,
        _table: &str,
        _column: &str,
        _to: StoredType,
    ) -> Result<bool, DestinationError> {
        Ok(false)
    }

    /// Opens a table before its first batch. Repeated when columns are added;
    /// batches that follow have the new columns.
    ///
    /// The table exists after the commit even if no rows are written. Unless
    /// the load replaces the table, columns that the stored table lacks are
    /// added to it, and columns that the new rows lack are null in them.
    fn open_table(&mut self, table: &str, write: &TableWrite) -> Result<(), DestinationError>;

    /// Writes rows of an open table. May return before they are stored; a
    /// later call then returns the error.
    fn write_rows(&mut self, table: &str, batch: RecordBatch) -> Result<(), DestinationError>;

    /// Writes rows of an open table whose rows form groups
    /// ([`TableWrite::group`]). `parents` has a number for each row: how many
    /// rows this load wrote to the parent table before the parent row. The rows
    /// of a group follow each other. They may be written before their parent row.
    fn write_child_rows(
        &mut self,
        table: &str,
        batch: RecordBatch,
        parents: Int64Array,
    ) -> Result<(), DestinationError>;

    /// Writes keys of rows that are in the source. The table was opened with
    /// [`DeletionSource::AllKeys`](super::DeletionSource::AllKeys); the batch has columns of its key and
    /// siblings of those. Each key may be written more than once.
    fn write_keys(&mut self, table: &str, batch: RecordBatch) -> Result<(), DestinationError>;

    /// Stores a record that the table of its resource cannot hold. May return
    /// before it is stored.
    fn reject(&mut self, rejected: Rejected) -> Result<(), DestinationError>;

    /// Discards everything since the load began. The load continues as if it
    /// had just begun.
    fn restart(&mut self) -> Result<(), DestinationError>;

    /// Discards what this load wrote to one table. What the table held before
    /// stays. Does nothing if the table is not open. Fails if the load cannot
    /// continue, because of what happened to the table.
    fn discard_table(&mut self, table: &str) -> Result<(), DestinationError>;

    /// Announces a part of the source that was not read: the rows of an open
    /// table that have one of the part's texts in a column. Stored rows of it
    /// are neither replaced nor counted as deleted. Called after all rows.
    ///
    /// Returns false if the rows cannot be kept, because their columns have
    /// other types than those of the new rows.
    fn keep_unread(&mut self, table: &str, part: &UnreadPart) -> Result<bool, DestinationError>;

    /// Waits until all rows are stored, and counts the rows of this load in
    /// each open table. The counts are queried from the store, not added up from
    /// the sent rows. May be repeated, also after an error of
    /// [`apply`](Self::apply).
    fn count_rows(&mut self) -> Result<BTreeMap<String, u64>, DestinationError>;

    /// Combines the rows of this load with the stored ones as the
    /// [`TableWrite`] of each table says. Called once, after all rows and
    /// before the commit. If it fails with an error that does not
    /// [void the load](DestinationError::voids_load), it may be called again
    /// without the table of the error; what was applied before stays applied. If it
    /// fails with another error, the load cannot be committed.
    fn apply(&mut self) -> Result<BTreeMap<String, WriteStats>, DestinationError>;

    /// Commits the load with its record, its rejected records and its cursors,
    /// in one atomic step that is durable when it returns.
    ///
    /// After an error, nothing of the load is visible. The exception is
    /// [`DestinationError::Unconfirmed`], after a lost response: then the next
    /// load finds either all or nothing of this one.
    fn commit(self: Box<Self>, record: &LoadRecord) -> Result<(), DestinationError>;
}

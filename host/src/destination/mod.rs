//! Where rows go: one small trait, its implementations chosen by the pipeline
//! file, all of them held to one conformance suite (`tests/`).
//!
//! A destination never names the connector, the sandbox or another
//! destination, and only its own file names its driver.

mod columns;
mod duckdb;
mod error;
mod files;
mod lock;
mod rejected;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};

pub use columns::{StoredType, stored_type};
pub use error::{Cause, DestinationError};
pub(crate) use files::json_array;

use crate::model::{
    Cursor, DeletionMode, DestinationSpec, LoadId, LoadRecord, Rejected, Sibling, UnreadPart,
    WriteDisposition, names,
};

/// How to open a destination.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which one, and where.
    pub spec: DestinationSpec,
    /// Files or folders in which drivers are looked for, after the one that
    /// `spec` names and before the folder of the executable.
    pub drivers: Vec<PathBuf>,
}

/// Opens a destination.
pub fn open(settings: Settings) -> Result<Box<dyn Destination>, DestinationError> {
    Ok(match settings.spec {
        DestinationSpec::DuckDb {
            path,
            dataset,
            driver,
        } => Box::new(duckdb::DuckDb::open(
            &path,
            dataset,
            driver,
            &settings.drivers,
        )?),
        DestinationSpec::Files {
            url,
            dataset,
            format,
        } => Box::new(files::Files::open(&url, &dataset, format)?),
    })
}

/// A place that keeps the tables of a dataset.
///
/// Opening one takes its lock: a second writer is refused with
/// [`DestinationError::Locked`] until the first is dropped. Calls block; they
/// are made from a thread that may.
pub trait Destination: Send {
    /// Where that is, as shown to people. Holds no credential.
    fn location(&self) -> String;

    /// The cursors that the last committed loads of a pipeline left, by
    /// resource.
    fn cursors(&mut self, pipeline: &str) -> Result<BTreeMap<String, Cursor>, DestinationError>;

    /// Begins a load. Nothing of it is visible to a reader before
    /// [`Load::commit`] returns, and all of it is after that. A process that
    /// dies in between leaves what was there before, whole.
    fn begin(&mut self, load: &LoadId) -> Result<Box<dyn Load + '_>, DestinationError>;
}

/// How the rows of a table arrive, and what becomes of those that are there.
#[derive(Clone, Debug)]
pub struct TableWrite {
    /// Their columns. Types are those of [`stored_type`]; the last column is
    /// [`LOAD_ID`](crate::model::names::LOAD_ID), dictionary-encoded text.
    /// Names are not quoted, folded or otherwise made safe: that is the
    /// destination's part.
    pub schema: SchemaRef,
    /// Which columns hold values that do not fit others.
    pub siblings: Vec<Sibling>,
    /// What becomes of the rows that are there.
    pub disposition: WriteDisposition,
    /// The columns that tell rows apart. Never empty where rows are compared:
    /// with [`WriteDisposition::Merge`], [`WriteDisposition::Scd2`], or [`DeletionSource`] that is known.
    pub key: Vec<String>,
    /// Whether what is there gives way as a whole.
    pub full_refresh: bool,
    /// How it is known which rows are no longer in the source.
    pub deletion_source: DeletionSource,
    /// What becomes of those.
    pub deletion_mode: DeletionMode,
    /// Set with [`WriteDisposition::Merge`] where the rows of a key are a group: the
    /// column that is null in the row with which one begins. That row has
    /// nothing but the key, and is not stored. All rows of the key, of this
    /// load and of earlier ones, give way to those of its last group.
    pub group: Option<String>,
}

impl TableWrite {
    /// Rows that are not compared with others.
    #[must_use]
    pub fn plain(schema: SchemaRef, disposition: WriteDisposition) -> Self {
        Self {
            schema,
            siblings: Vec::new(),
            disposition,
            key: Vec::new(),
            full_refresh: false,
            deletion_source: DeletionSource::Unknown,
            deletion_mode: DeletionMode::Ignore,
            group: None,
        }
    }

    /// Whether rows are told apart by their key.
    fn compares(&self) -> bool {
        matches!(
            self.disposition,
            WriteDisposition::Merge | WriteDisposition::Scd2
        )
    }

    /// For each column of the key, itself and its siblings.
    fn key_families(&self) -> Vec<Vec<String>> {
        let family = |column: &String| {
            let siblings = self
                .siblings
                .iter()
                .filter(|sibling| sibling.column == *column);
            let names = siblings.map(|sibling| sibling.name.clone());
            std::iter::once(column.clone()).chain(names).collect()
        };
        self.key.iter().map(family).collect()
    }

    /// The column that the destination fills itself: when a row went.
    fn own_column(&self) -> Option<&'static str> {
        match (self.disposition, self.deletion_mode) {
            (WriteDisposition::Scd2, _) => Some(names::VALID_TO),
            (WriteDisposition::Merge, DeletionMode::Soft) => Some(names::DELETED_AT),
            _ => None,
        }
    }

    /// The columns of the table: those that come, and those that the
    /// destination fills itself.
    fn stored_schema(&self) -> SchemaRef {
        let Some(own) = self.own_column() else {
            return SchemaRef::clone(&self.schema);
        };
        let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let mut fields: Vec<FieldRef> = self.schema.fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(own, time, true)));
        Arc::new(Schema::new(fields))
    }
}

/// How it is known which rows are no longer in the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletionSource {
    /// It is not.
    #[default]
    Unknown,
    /// The rows of this load are all that there are.
    AllRows,
    /// The keys that come with [`Load::write_keys`] are those of all.
    AllKeys,
    /// The rows say it themselves, in the column
    /// [`IS_DELETED`](crate::model::names::IS_DELETED). They come in the order in which they changed.
    Flagged,
}

/// What a load does to a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteStats {
    /// Rows that were stored.
    pub written: u64,
    /// Rows that were deleted, marked as deleted, or ended.
    pub deleted: u64,
    /// Rows that came, and were followed by others of the same key.
    pub superseded: u64,
}

/// A load that is being written. Dropping it without [`commit`](Self::commit)
/// undoes it.
pub trait Load: Send {
    /// The tables of the dataset before this load, but for those of the
    /// host's own.
    fn existing_tables(&mut self) -> Result<Vec<String>, DestinationError>;

    /// The columns that a table has before this load; none if there is none.
    fn existing_schema(&mut self, table: &str) -> Result<Option<SchemaRef>, DestinationError>;

    /// Announces a resource with its columns, before its first batch, and
    /// again when columns were added. Batches that follow have these columns.
    /// The table exists after the commit even if no batch comes. Unless it is
    /// replaced, columns that the stored table lacks are added to it, and
    /// those that only it has are null in the new rows.
    fn open_table(&mut self, table: &str, table_write: &TableWrite)
    -> Result<(), DestinationError>;

    /// Takes rows of a table that was opened. May return before they are
    /// stored; an error of theirs then comes with a later call.
    fn write_rows(&mut self, table: &str, batch: RecordBatch) -> Result<(), DestinationError>;

    /// Takes keys of a table that was opened with [`DeletionSource::AllKeys`]: columns
    /// of its key, and siblings of those.
    fn write_keys(&mut self, table: &str, batch: RecordBatch) -> Result<(), DestinationError>;

    /// Keeps a record that could not be stored.
    fn reject(&mut self, rejected: Rejected) -> Result<(), DestinationError>;

    /// Forgets everything since the load began; it goes on from there.
    fn restart(&mut self) -> Result<(), DestinationError>;

    /// Forgets one table of this load; what was stored of it before stays.
    fn discard_table(&mut self, table: &str) -> Result<(), DestinationError>;

    /// Says that a part of the source could not be read: rows of a table that
    /// was opened, which have one of these texts in a column. What came of it
    /// is all that came, and rows of it that are there stay as they are, where
    /// others would give way or count as gone. Comes after all rows. Says
    /// whether it can: not where columns have other types now than theirs.
    fn keep_unread(&mut self, table: &str, part: &UnreadPart) -> Result<bool, DestinationError>;

    /// Waits until every batch is stored, and counts the rows of this load in
    /// each table, by asking the store and not by adding up what was sent.
    fn count_rows(&mut self) -> Result<BTreeMap<String, u64>, DestinationError>;

    /// Brings what came together with what is there, as each table's
    /// [`TableWrite`] says. Called once, before the commit; nothing comes after.
    fn apply(&mut self) -> Result<BTreeMap<String, WriteStats>, DestinationError>;

    /// Makes the load visible, with its record, its rejected records and its
    /// cursors, in one step that is durable when it returns.
    fn commit(self: Box<Self>, record: &LoadRecord) -> Result<(), DestinationError>;
}

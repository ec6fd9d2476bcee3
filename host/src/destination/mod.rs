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

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

pub use columns::{StoredType, stored_type};
pub use error::{Cause, DestinationError};
pub(crate) use files::json_array;

use crate::model::{Cursor, DestinationSpec, LoadId, LoadRecord, Rejected, Write};

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

/// A load that is being written. Dropping it without [`commit`](Self::commit)
/// undoes it.
pub trait Load: Send {
    /// Announces a resource with its columns, before its first batch, and
    /// again when columns were added (at the end). Batches that follow have
    /// these columns. The table exists after the commit even if no batch
    /// comes. With [`Write::Append`], columns that the stored table lacks are
    /// added to it, and those that only it has are null in the new rows.
    ///
    /// Column types are those of [`stored_type`]; the last column is
    /// [`LOAD_ID`](crate::model::names::LOAD_ID), dictionary-encoded text.
    /// Names are not quoted, folded or otherwise made safe: that is the
    /// destination's part.
    fn open(
        &mut self,
        table: &str,
        schema: &SchemaRef,
        write: Write,
    ) -> Result<(), DestinationError>;

    /// Takes rows of a table that was opened. May return before they are
    /// stored; an error of theirs then comes with a later call.
    fn write(&mut self, table: &str, batch: RecordBatch) -> Result<(), DestinationError>;

    /// Keeps a record that could not be stored.
    fn reject(&mut self, rejected: Rejected) -> Result<(), DestinationError>;

    /// Forgets everything since the load began; it goes on from there.
    fn restart(&mut self) -> Result<(), DestinationError>;

    /// Forgets one table of this load; what was stored of it before stays.
    fn discard(&mut self, table: &str) -> Result<(), DestinationError>;

    /// Waits until every batch is stored, and counts the rows of this load in
    /// each table, by asking the store and not by adding up what was sent.
    fn stored_rows(&mut self) -> Result<BTreeMap<String, u64>, DestinationError>;

    /// Makes the load visible, with its record, its rejected records and its
    /// cursors, in one step that is durable when it returns.
    fn commit(self: Box<Self>, record: &LoadRecord) -> Result<(), DestinationError>;
}

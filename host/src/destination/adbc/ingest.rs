//! A stream of batches into one table. A thread feeds them to the driver, so
//! that storing overlaps with reading.
//!
//! Must not begin or end a transaction.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use adbc_core::Statement as _;
use adbc_core::error::Error as AdbcError;
use adbc_driver_manager::ManagedStatement;
use arrow_array::{Array as _, RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};

use super::driver::ExplainError;
use crate::destination::error::DestinationError;
use crate::destination::sql::IngestStream;

/// Batches that wait for the driver. A column store stops now and then to
/// compress a group of rows; reading continues meanwhile.
const MAX_WAITING_BATCHES: usize = 8;

/// Bytes that one execution of the statement receives. A driver may keep many
/// rows in memory before it stores any (204,800, measured); ending the
/// execution sooner halves that memory without a measurable cost.
const EXECUTION_BYTES: usize = 16 << 20;

/// A stream of batches into a table.
pub(in crate::destination) struct AdbcIngest {
    sender: SyncSender<RecordBatch>,
    thread: JoinHandle<Result<(), AdbcError>>,
    location: String,
    explain: ExplainError,
}

impl AdbcIngest {
    /// Starts a thread that executes `statement` as long as there are rows.
    pub(super) fn start(
        mut statement: ManagedStatement,
        schema: SchemaRef,
        location: String,
        explain: ExplainError,
    ) -> Result<Self, DestinationError> {
        let (sender, batches) = sync_channel(MAX_WAITING_BATCHES);
        // Shared with the statement, which owns its source while it executes.
        let batches = Arc::new(Mutex::new(batches));
        let feed = move || {
            while let Some(first) = next_batch(&batches) {
                let source = ExecutionSource {
                    schema: SchemaRef::clone(&schema),
                    first: Some(first),
                    batches: Arc::clone(&batches),
                    bytes: 0,
                };
                statement.bind_stream(Box::new(source))?;
                statement.execute_update()?;
            }
            Ok(())
        };
        let thread = std::thread::Builder::new()
            .name("adbc-ingest".to_owned())
            .spawn(feed);
        let thread = thread.map_err(|error| {
            let reason = format!("the ingest thread could not be started: {error}");
            DestinationError::failed("append rows", &location, reason)
        })?;
        Ok(Self {
            sender,
            thread,
            location,
            explain,
        })
    }
}

impl IngestStream for AdbcIngest {
    fn send(&mut self, batch: RecordBatch) -> bool {
        self.sender.send(batch).is_ok()
    }

    fn finish(self: Box<Self>, action: &str) -> Result<(), DestinationError> {
        drop(self.sender);
        match self.thread.join() {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err((self.explain)(&self.location, Some(action), error.message)),
            Err(_) => Err(DestinationError::failed(
                action,
                &self.location,
                "the ingest thread panicked",
            )),
        }
    }
}

/// Returns the next batch, or `None` when the stream is finished.
fn next_batch(batches: &Mutex<Receiver<RecordBatch>>) -> Option<RecordBatch> {
    let batches = batches.lock().unwrap_or_else(PoisonError::into_inner);
    batches.recv().ok()
}

/// The batches of one execution of the statement.
struct ExecutionSource {
    schema: SchemaRef,
    first: Option<RecordBatch>,
    batches: Arc<Mutex<Receiver<RecordBatch>>>,
    bytes: usize,
}

impl Iterator for ExecutionSource {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.bytes >= EXECUTION_BYTES {
            return None;
        }
        let batch = self.first.take().or_else(|| next_batch(&self.batches))?;
        // Not `get_array_memory_size`: columns that were decoded from one
        // message share its memory, which that counts for each of them.
        let sizes = batch
            .columns()
            .iter()
            .map(|column| column.to_data().get_slice_memory_size().unwrap_or(0));
        self.bytes += sizes.sum::<usize>();
        Some(Ok(batch))
    }
}

impl RecordBatchReader for ExecutionSource {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }
}

//! Rows on their way into one table: a thread that feeds them to DuckDB, so
//! that storing overlaps with reading. Begins and ends no transaction.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use adbc_core::Statement as _;
use adbc_core::error::Error as AdbcError;
use adbc_driver_manager::ManagedStatement;
use arrow_array::{Array as _, RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};

/// Batches that wait for DuckDB. It takes rows in gulps: now and then it
/// compresses a row group of 122,880 rows, and reading goes on meanwhile.
const WAITING_BATCHES: usize = 8;

/// How much DuckDB is fed at once. It keeps up to 204,800 rows of what it is
/// fed before it stores any; ending there sooner halves its memory, and costs
/// nothing that can be measured.
const GULP_BYTES: usize = 16 << 20;

/// A stream of batches into a table.
pub(super) struct Stream {
    sender: SyncSender<RecordBatch>,
    thread: JoinHandle<Result<(), AdbcError>>,
}

/// Why a stream did not take what it was given.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamError {
    #[error(transparent)]
    Adbc(#[from] AdbcError),
    #[error("the thread that feeds DuckDB {0}")]
    Thread(String),
}

impl Stream {
    /// Starts to execute `statement`, which appends what it is fed, as often
    /// as there are rows for it.
    pub(super) fn start(
        mut statement: ManagedStatement,
        schema: SchemaRef,
    ) -> Result<Self, StreamError> {
        let (sender, batches) = sync_channel(WAITING_BATCHES);
        // Shared with the statement, which has it only while it executes.
        let batches = Arc::new(Mutex::new(batches));
        let feed = move || {
            while let Some(first) = next(&batches) {
                let gulp = Gulp {
                    schema: SchemaRef::clone(&schema),
                    first: Some(first),
                    batches: Arc::clone(&batches),
                    bytes: 0,
                };
                statement.bind_stream(Box::new(gulp))?;
                statement.execute_update()?;
            }
            Ok(())
        };
        let thread = std::thread::Builder::new()
            .name("duckdb-append".to_owned())
            .spawn(feed);
        let thread = thread
            .map_err(|error| StreamError::Thread(format!("could not be started: {error}")))?;
        Ok(Self { sender, thread })
    }

    /// Hands over a batch. `false`: DuckDB takes no more, and
    /// [`finish`](Self::finish) knows why.
    pub(super) fn send(&mut self, batch: RecordBatch) -> bool {
        self.sender.send(batch).is_ok()
    }

    /// Waits until everything that was sent is stored.
    pub(super) fn finish(self) -> Result<(), StreamError> {
        drop(self.sender);
        match self.thread.join() {
            Ok(result) => Ok(result?),
            Err(_) => Err(StreamError::Thread("crashed".to_owned())),
        }
    }
}

/// The next batch, or none when no more will come.
fn next(batches: &Mutex<Receiver<RecordBatch>>) -> Option<RecordBatch> {
    let batches = batches.lock().unwrap_or_else(PoisonError::into_inner);
    batches.recv().ok()
}

/// Batches as DuckDB pulls them, until it has had enough for once.
struct Gulp {
    schema: SchemaRef,
    first: Option<RecordBatch>,
    batches: Arc<Mutex<Receiver<RecordBatch>>>,
    bytes: usize,
}

impl Iterator for Gulp {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.bytes >= GULP_BYTES {
            return None;
        }
        let batch = self.first.take().or_else(|| next(&self.batches))?;
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

impl RecordBatchReader for Gulp {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }
}

//! Rows on their way into one table: a thread that feeds them to DuckDB, so
//! that storing overlaps with reading. Begins and ends no transaction.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use adbc_core::Statement as _;
use adbc_core::error::Error as AdbcError;
use adbc_driver_manager::ManagedStatement;
use arrow_array::{Array as _, RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};

/// Batches that wait for DuckDB. It takes rows in gulps (it compresses a row
/// group at a time), which a few batches bridge; more would only hold memory.
const WAITING_BATCHES: usize = 4;

/// How much goes through one stream. DuckDB keeps up to 204,800 rows of a
/// stream before it stores any; ending the stream sooner halves its memory,
/// and costs nothing that can be measured.
const STREAM_BYTES: usize = 16 << 20;

/// A stream of batches into a table.
pub(super) struct Stream {
    sender: SyncSender<RecordBatch>,
    thread: JoinHandle<Result<(), AdbcError>>,
    bytes: usize,
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
    /// Starts to execute `statement`, which appends what it is fed.
    pub(super) fn start(
        mut statement: ManagedStatement,
        schema: SchemaRef,
    ) -> Result<Self, StreamError> {
        let (sender, batches) = sync_channel(WAITING_BATCHES);
        let thread = std::thread::Builder::new()
            .name("duckdb-append".to_owned())
            .spawn(move || {
                statement.bind_stream(Box::new(Waiting { schema, batches }))?;
                statement.execute_update().map(drop)
            });
        let thread = thread
            .map_err(|error| StreamError::Thread(format!("could not be started: {error}")))?;
        Ok(Self {
            sender,
            thread,
            bytes: 0,
        })
    }

    /// Hands over a batch. `false`: DuckDB takes no more, and
    /// [`finish`](Self::finish) knows why.
    pub(super) fn send(&mut self, batch: RecordBatch) -> bool {
        // Not `get_array_memory_size`: columns that were decoded from one
        // message share its memory, which that counts for each of them.
        let sizes = batch
            .columns()
            .iter()
            .map(|column| column.to_data().get_slice_memory_size().unwrap_or(0));
        self.bytes += sizes.sum::<usize>();
        self.sender.send(batch).is_ok()
    }

    /// Whether enough has gone through it.
    pub(super) fn is_long(&self) -> bool {
        self.bytes >= STREAM_BYTES
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

/// The batches as DuckDB pulls them.
struct Waiting {
    schema: SchemaRef,
    batches: Receiver<RecordBatch>,
}

impl Iterator for Waiting {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batches.recv().ok().map(Ok)
    }
}

impl RecordBatchReader for Waiting {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }
}

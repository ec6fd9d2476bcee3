//! Connection to a store, with the operations that the algorithm needs.

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{Schema, SchemaRef};

use super::dataset_name::DatasetName;
use crate::destination::error::DestinationError;

/// A connection to a store. One transaction at a time is open on it.
///
/// `action` is the purpose of a statement, as in "create the table
/// `orders`". Errors name it and the location of the store. Calls block.
pub(in crate::destination) trait SqlConnection: Send {
    /// Address of the store, for people. Holds no credential.
    fn location(&self) -> &str;

    /// Executes a statement.
    fn execute(&mut self, action: &str, sql: &str) -> Result<(), DestinationError>;

    /// Executes a statement that changes rows, and returns their number.
    fn execute_counted(&mut self, action: &str, sql: &str) -> Result<u64, DestinationError>;

    /// Runs a query for one count.
    fn query_count(&mut self, action: &str, sql: &str) -> Result<u64, DestinationError>;

    /// Runs a query for a few rows. Columns of text, 32-bit integers and bytes
    /// arrive as `Utf8`, `Int32` and `Binary`.
    fn query(&mut self, action: &str, sql: &str) -> Result<Vec<RecordBatch>, DestinationError>;

    /// Returns the columns of a table. JSON columns are marked as such.
    fn table_schema(
        &mut self,
        action: &str,
        dataset: &DatasetName,
        table: &str,
    ) -> Result<Schema, DestinationError>;

    /// Opens a stream that appends Arrow batches of a schema to a table. The
    /// schema has the columns of the table in its order. No statement may be
    /// executed on the connection before the stream is finished.
    fn ingest(
        &mut self,
        dataset: &DatasetName,
        table: &str,
        schema: SchemaRef,
    ) -> Result<Box<dyn IngestStream>, DestinationError>;

    /// Prepares for rows of a table with so many columns. A store that limits
    /// its memory raises the limit here.
    fn prepare_table(&mut self, _columns: usize) -> Result<(), DestinationError> {
        Ok(())
    }

    /// Prepares for statements that find rows by their keys.
    fn prepare_merge(&mut self) -> Result<(), DestinationError> {
        Ok(())
    }
}

/// Batches on their way into one table. Belongs to the transaction of its
/// connection.
pub(in crate::destination) trait IngestStream: Send {
    /// Sends a batch, possibly before it is stored. Returns false if the store
    /// accepts no more; [`finish`](Self::finish) then returns the reason.
    fn send(&mut self, batch: RecordBatch) -> bool;

    /// Waits until everything that was sent is stored.
    fn finish(self: Box<Self>, action: &str) -> Result<(), DestinationError>;
}

/// Returns the texts of a column of a query, or nothing if it holds no text.
pub(in crate::destination) fn texts(column: &dyn Array) -> impl Iterator<Item = Option<String>> {
    let texts = column.as_string_opt::<i32>();
    texts
        .into_iter()
        .flat_map(|texts| texts.iter().map(|text| text.map(str::to_owned)))
}

//! The transaction of a load: statements, and the stream of rows into one of its
//! tables.
//!
//! Must not execute a statement while the stream is open: they share the
//! connection.

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};

use super::connection::{IngestStream, SqlConnection};
use super::dataset::Dataset;
use super::origins::RecordedOrigins;
use super::quoting::{literal, quoted};
use crate::destination::columns::Columns;
use crate::destination::error::{Cause, DestinationError};
use crate::model::{LoadId, names};

/// The transaction of a load.
pub(super) struct Transaction<'a> {
    pub(super) connection: &'a mut dyn SqlConnection,
    pub(super) dataset: &'a Dataset,
    pub(super) id: LoadId,
    /// Number of tables that were created for staged rows and keys.
    pub(super) staged_tables: usize,
    /// Origins of the columns of tables before the load, once they were read.
    pub(super) origins: Option<RecordedOrigins>,
    stream: Option<OpenStream>,
    /// Table of the last stream, until a statement shows that its rows did not
    /// abort the transaction.
    unchecked: Option<String>,
}

/// A stream of rows or keys into one table.
struct OpenStream {
    /// Key by which the name of the table is compared.
    key: String,
    /// Name that the caller uses.
    name: String,
    content: StreamContent,
    stream: Box<dyn IngestStream>,
}

/// What a stream carries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum StreamContent {
    Rows,
    Keys,
}

impl<'a> Transaction<'a> {
    /// Uses a connection, on which no transaction is open.
    pub(super) fn new(
        connection: &'a mut dyn SqlConnection,
        dataset: &'a Dataset,
        id: LoadId,
    ) -> Self {
        Self {
            connection,
            dataset,
            id,
            staged_tables: 0,
            origins: None,
            stream: None,
            unchecked: None,
        }
    }

    /// Begins the transaction, and creates the dataset.
    pub(super) fn begin(&mut self) -> Result<(), DestinationError> {
        self.execute("begin a transaction", "BEGIN TRANSACTION")?;
        self.execute("create the dataset", &self.dataset.create())
    }

    /// Abandons everything since the transaction began.
    pub(super) fn roll_back(&mut self) -> Result<(), DestinationError> {
        if let Some(open) = self.stream.take() {
            // An error of the stream does not matter: the rows are abandoned.
            let _ = open.stream.finish("roll back");
        }
        self.unchecked = None;
        self.execute("roll back", "ROLLBACK")
    }

    pub(super) fn execute(&mut self, action: &str, sql: &str) -> Result<(), DestinationError> {
        self.connection.execute(action, sql)
    }

    pub(super) fn list_tables(&mut self) -> Result<Vec<String>, DestinationError> {
        self.dataset.list_tables(self.connection)
    }

    pub(super) fn find_table(&mut self, name: &str) -> Result<Option<String>, DestinationError> {
        self.dataset.find_table(self.connection, name)
    }

    /// Creates a table for the rows or keys of `name`.
    pub(super) fn create_table(
        &mut self,
        name: &str,
        stored: &str,
        columns: &Columns,
    ) -> Result<(), DestinationError> {
        let sql = self.dataset.create_table(stored, columns.as_slice());
        self.execute(&format!("create the table `{name}`"), &sql)
    }

    pub(super) fn drop_table(
        &mut self,
        action: &str,
        stored: &str,
    ) -> Result<(), DestinationError> {
        self.execute(action, &self.dataset.drop_table(stored))
    }

    pub(super) fn rename_table(
        &mut self,
        action: &str,
        stored: &str,
        to: &str,
    ) -> Result<(), DestinationError> {
        self.execute(action, &self.dataset.rename_table(stored, to))
    }

    /// Returns the columns of a table that existed before the load.
    pub(super) fn existing_columns(
        &mut self,
        name: &str,
        stored: &str,
    ) -> Result<Columns, DestinationError> {
        let schema = self.table_schema(name, stored)?;
        Columns::from_schema(&schema).map_err(|error| DestinationError::Obstructed {
            table: name.to_owned(),
            obstacle: format!("it was changed: {error}"),
        })
    }

    pub(super) fn table_schema(
        &mut self,
        name: &str,
        stored: &str,
    ) -> Result<Schema, DestinationError> {
        let action = format!("read the columns of the table `{name}`");
        let dataset = self.dataset.name();
        let schema = self.connection.table_schema(&action, dataset, stored)?;
        self.with_origins(stored, schema)
    }

    /// Waits until the rows of the open stream are stored, and closes it. Fails
    /// if the transaction was aborted.
    pub(super) fn flush(&mut self) -> Result<(), DestinationError> {
        self.finish_stream()?;
        let Some(name) = &self.unchecked else {
            return Ok(());
        };
        let action = format!("append rows to `{name}`");
        self.check_usable(&action)?;
        self.unchecked = None;
        Ok(())
    }

    /// Closes the open stream. A driver may lose the error of its last rows, which
    /// aborts the transaction. Another stream then fails with that, or the next
    /// [`flush`](Self::flush) does: a query after each stream would be slow.
    fn finish_stream(&mut self) -> Result<(), DestinationError> {
        let Some(open) = self.stream.take() else {
            return Ok(());
        };
        let finished = open
            .stream
            .finish(&format!("append rows to `{}`", open.name));
        finished.map_err(|error| self.after_stream(error).in_table(&open.name))?;
        self.unchecked = Some(open.name);
        Ok(())
    }

    /// Names the table of the last stream in an error, if the transaction was
    /// aborted.
    fn after_stream(&self, error: DestinationError) -> DestinationError {
        match (&error, &self.unchecked) {
            (DestinationError::Aborted { .. }, Some(name)) => error.in_table(name),
            _ => error,
        }
    }

    /// Returns true if the open stream receives these rows or keys.
    pub(super) fn is_streaming(&self, key: &str, content: StreamContent) -> bool {
        self.stream
            .as_ref()
            .is_some_and(|open| open.key == key && open.content == content)
    }

    /// Opens a stream into the stored table that receives rows or keys.
    pub(super) fn start_stream(
        &mut self,
        key: String,
        name: &str,
        content: StreamContent,
        stored: &str,
        schema: SchemaRef,
    ) -> Result<(), DestinationError> {
        self.finish_stream()?;
        let stream = self.connection.ingest(self.dataset.name(), stored, schema);
        let stream = stream.map_err(|error| self.after_stream(error).in_table(name))?;
        self.stream = Some(OpenStream {
            key,
            name: name.to_owned(),
            content,
            stream,
        });
        Ok(())
    }

    /// Sends rows into the open stream.
    pub(super) fn send(&mut self, action: &str, rows: RecordBatch) -> Result<(), DestinationError> {
        if let Some(open) = &mut self.stream
            && !open.stream.send(rows)
        {
            self.flush()?;
            return Err(self.failed(action, "the database stopped accepting rows"));
        }
        Ok(())
    }

    /// Fails if an earlier statement aborted the transaction. `action` is what
    /// failed then.
    pub(super) fn check_usable(&mut self, action: &str) -> Result<(), DestinationError> {
        let checked = self
            .connection
            .query_count(action, "SELECT CAST(1 AS BIGINT)");
        let checked = checked.map_err(|error| self.after_stream(error));
        checked.map(drop)
    }

    pub(super) fn failed(&self, action: &str, source: impl Into<Cause>) -> DestinationError {
        DestinationError::failed(action, self.connection.location(), source)
    }

    /// Returns the condition that a row was written by this load.
    pub(super) fn is_of_this_load(&self) -> String {
        format!("{} = {}", quoted(names::LOAD_ID), literal(self.id.as_str()))
    }
}

/// Returns the columns of a schema whose names are those of the store.
pub(super) fn stored_columns(table: &str, schema: &Schema) -> Result<Columns, DestinationError> {
    Columns::from_schema(schema).map_err(|error| not_storable(table, error))
}

/// Returns the error for a table that the store cannot hold.
pub(super) fn not_storable(table: &str, source: impl Into<Cause>) -> DestinationError {
    DestinationError::NotStorable {
        table: table.to_owned(),
        source: source.into(),
    }
}

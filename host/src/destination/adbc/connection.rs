//! One connection to a database through its driver.

use adbc_core::error::Error as AdbcError;
use adbc_core::options::{IngestMode, OptionDatabase, OptionStatement, OptionValue};
use adbc_core::{Connection as _, Database as _, Driver as _, Optionable as _, Statement as _};
use adbc_driver_manager::{ManagedConnection, ManagedStatement};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_schema::{Schema, SchemaRef};

use super::driver::{Driver, ExplainError};
use super::ingest::AdbcIngest;
use crate::destination::error::DestinationError;

/// A connection to a database.
pub(in crate::destination) struct AdbcConnection {
    inner: ManagedConnection,
    location: String,
    explain: ExplainError,
}

/// A table that receives batches.
pub(in crate::destination) struct IngestTarget<'a> {
    /// Name of the database, if the driver needs it.
    pub(in crate::destination) catalog: Option<&'a str>,
    pub(in crate::destination) schema: &'a str,
    pub(in crate::destination) table: &'a str,
}

impl AdbcConnection {
    /// Opens a database with settings by the driver's names.
    pub(in crate::destination) fn open<'s>(
        driver: Driver,
        settings: impl IntoIterator<Item = (&'s str, &'s str)>,
        location: String,
        explain: ExplainError,
    ) -> Result<Self, DestinationError> {
        let options = settings
            .into_iter()
            .map(|(name, value)| (OptionDatabase::Other(name.to_owned()), value.into()));
        let Driver(mut driver) = driver;
        let inner = driver
            .new_database_with_opts(options)
            .and_then(|database| database.new_connection())
            .map_err(|error| explain(&location, None, error.message))?;
        Ok(Self {
            inner,
            location,
            explain,
        })
    }

    /// Location of the database, for people.
    pub(in crate::destination) fn location(&self) -> &str {
        &self.location
    }

    /// Executes a statement that returns nothing.
    pub(in crate::destination) fn execute(
        &mut self,
        action: &str,
        sql: &str,
    ) -> Result<(), DestinationError> {
        let done = self
            .statement(sql)
            .and_then(|mut statement| statement.execute_update());
        done.map(drop).map_err(|error| self.error(action, error))
    }

    /// Runs a query or a statement that returns one count.
    pub(in crate::destination) fn query_count(
        &mut self,
        action: &str,
        sql: &str,
    ) -> Result<u64, DestinationError> {
        let batches = self.query(action, sql)?;
        let count = batches.first().and_then(|batch| {
            let counts = batch.column(0).as_primitive_opt::<Int64Type>()?;
            u64::try_from(counts.iter().next()??).ok()
        });
        count.ok_or_else(|| {
            DestinationError::failed(action, &self.location, "the database returned no count")
        })
    }

    /// Runs a query.
    pub(in crate::destination) fn query(
        &mut self,
        action: &str,
        sql: &str,
    ) -> Result<Vec<RecordBatch>, DestinationError> {
        let reader = self
            .statement(sql)
            .and_then(|mut statement| statement.execute());
        let reader = reader.map_err(|error| self.error(action, error))?;
        let batches = reader.collect::<Result<_, _>>();
        batches.map_err(|error| DestinationError::failed(action, &self.location, error))
    }

    /// Returns the columns that a query would return.
    pub(in crate::destination) fn query_schema(
        &mut self,
        action: &str,
        sql: &str,
    ) -> Result<Schema, DestinationError> {
        let schema = self
            .statement(sql)
            .and_then(|mut statement| statement.execute_schema());
        schema.map_err(|error| self.error(action, error))
    }

    /// Opens a stream that appends batches to a table that exists.
    pub(in crate::destination) fn ingest(
        &mut self,
        target: &IngestTarget<'_>,
        schema: SchemaRef,
    ) -> Result<AdbcIngest, DestinationError> {
        let catalog = target
            .catalog
            .map(|catalog| (OptionStatement::TargetCatalog, OptionValue::from(catalog)));
        let options = [
            (OptionStatement::TargetDbSchema, target.schema.into()),
            (OptionStatement::TargetTable, target.table.into()),
            (OptionStatement::IngestMode, IngestMode::Append.into()),
        ];
        let statement = self.inner.new_statement().and_then(|mut statement| {
            for (option, value) in catalog.into_iter().chain(options) {
                statement.set_option(option, value)?;
            }
            Ok(statement)
        });
        let statement = statement.map_err(|error| self.error("append rows", error))?;
        AdbcIngest::start(statement, schema, self.location.clone(), self.explain)
    }

    fn statement(&mut self, sql: &str) -> Result<ManagedStatement, AdbcError> {
        tracing::trace!(sql, "step: run a statement");
        let mut statement = self.inner.new_statement()?;
        statement.set_sql_query(sql)?;
        Ok(statement)
    }

    fn error(&self, action: &str, error: AdbcError) -> DestinationError {
        (self.explain)(&self.location, Some(action), error.message)
    }
}

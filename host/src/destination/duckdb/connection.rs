//! The connection to a DuckDB file: its settings, and the types of columns.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, FieldRef, Schema, SchemaRef};

use super::explain::explain;
use super::memory::MemoryBudget;
use crate::destination::adbc::{AdbcConnection, Driver, IngestTarget};
use crate::destination::error::DestinationError;
use crate::destination::lock::FileLock;
use crate::destination::sql::{DatasetName, IngestStream, SqlConnection, texts};
use crate::model::json_field;

/// Settings of the database, by DuckDB's names.
const SETTINGS: [(&str, &str); 3] = [
    // DuckDB must not download anything on its own.
    ("autoinstall_known_extensions", "false"),
    ("autoload_known_extensions", "false"),
    // Rows are sent by one thread. A second thread that helps to compress
    // needs a sixth more processor time, which the connector and the network
    // then lack, and the load is not faster.
    ("threads", "1"),
];

/// A connection to a database file.
pub(super) struct DuckDbConnection {
    // Dropped in this order: the database is closed before another writer may
    // open it.
    inner: AdbcConnection,
    memory: MemoryBudget,
    _lock: Option<FileLock>,
}

impl DuckDbConnection {
    /// Opens the file, creating it if needed. A database in memory needs no lock.
    pub(super) fn open(
        driver: Driver,
        path: &Path,
        lock: Option<FileLock>,
    ) -> Result<Self, DestinationError> {
        let location = location(path);
        let Some(file) = path.to_str() else {
            return Err(DestinationError::Unusable {
                location,
                source: "the path is not UTF-8".into(),
            });
        };
        let memory = MemoryBudget::default();
        let memory_limit = memory.setting();
        let settings = SETTINGS
            .into_iter()
            .chain([("path", file), ("memory_limit", memory_limit.as_str())]);
        Ok(Self {
            inner: AdbcConnection::open(driver, settings, location.clone(), explain)?,
            memory,
            _lock: lock,
        })
    }

    /// Returns the name that DuckDB gives the database.
    pub(super) fn database_name(&mut self) -> Result<String, DestinationError> {
        let sql = "SELECT current_database()";
        let names = self.query("read the name of the database", sql)?;
        let name = names
            .first()
            .and_then(|batch| texts(batch.column(0)).next().flatten());
        Ok(name.unwrap_or_default())
    }

    /// Changes the expected memory of the database, and sets its memory limit if
    /// that changes.
    fn expect(&mut self, change: impl FnOnce(&mut MemoryBudget)) -> Result<(), DestinationError> {
        let before = self.memory.setting();
        change(&mut self.memory);
        let limit = self.memory.setting();
        if limit == before {
            return Ok(());
        }
        let sql = format!("SET memory_limit = '{limit}'");
        self.execute("set the memory limit", &sql)
    }
}

impl SqlConnection for DuckDbConnection {
    fn location(&self) -> &str {
        self.inner.location()
    }

    fn execute(&mut self, action: &str, sql: &str) -> Result<(), DestinationError> {
        self.inner.execute(action, sql)
    }

    fn execute_counted(&mut self, action: &str, sql: &str) -> Result<u64, DestinationError> {
        // DuckDB returns the number of changed rows as the result of a query.
        self.inner.query_count(action, sql)
    }

    fn query_count(&mut self, action: &str, sql: &str) -> Result<u64, DestinationError> {
        self.inner.query_count(action, sql)
    }

    fn query(&mut self, action: &str, sql: &str) -> Result<Vec<RecordBatch>, DestinationError> {
        self.inner.query(action, sql)
    }

    /// Reads the columns as Arrow types. JSON columns are text in Arrow, so
    /// they are found by a description of the table.
    fn table_schema(
        &mut self,
        action: &str,
        dataset: &DatasetName,
        table: &str,
    ) -> Result<Schema, DestinationError> {
        let table = dataset.table(table);
        let schema = self
            .inner
            .query_schema(action, &format!("SELECT * FROM {table}"))?;
        let is_text = |field: &FieldRef| *field.data_type() == DataType::Utf8;
        if !schema.fields().iter().any(is_text) {
            return Ok(schema);
        }
        let description = self.query(action, &format!("DESCRIBE {table}"))?;
        let json: BTreeSet<_> = description
            .iter()
            .flat_map(|batch| texts(batch.column(0)).zip(texts(batch.column(1))))
            .filter(|(_, type_name)| type_name.as_deref() == Some("JSON"))
            .filter_map(|(column, _)| column)
            .collect();
        let fields = schema.fields().iter().map(|field| {
            if json.contains(field.name()) {
                Arc::new(json_field(field.name()))
            } else {
                Arc::clone(field)
            }
        });
        Ok(Schema::new(fields.collect::<Vec<_>>()))
    }

    fn ingest(
        &mut self,
        dataset: &DatasetName,
        table: &str,
        schema: SchemaRef,
    ) -> Result<Box<dyn IngestStream>, DestinationError> {
        let target = IngestTarget {
            catalog: dataset.catalog.as_deref(),
            schema: &dataset.schema,
            table,
        };
        Ok(Box::new(self.inner.ingest(&target, schema)?))
    }

    fn prepare_table(&mut self, columns: usize) -> Result<(), DestinationError> {
        self.expect(|memory| memory.add_table(columns))
    }

    fn prepare_merge(&mut self) -> Result<(), DestinationError> {
        self.expect(MemoryBudget::add_merge)
    }
}

/// Returns the path of the file, for people.
pub(in crate::destination) fn location(path: &Path) -> String {
    path.display().to_string()
}

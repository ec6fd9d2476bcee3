//! A DuckDB database file, reached through ADBC.
//!
//! Reading order: this file (opening, cursors), [`load`] (one load is one
//! transaction), [`merge`] (rows that replace others), [`stream`] (rows on their way), [`records`] (what is written
//! about a load), [`sql`], [`connection`], [`driver`]. The only place that
//! names ADBC or DuckDB.

mod connection;
mod driver;
mod load;
mod merge;
mod records;
mod sql;
mod stream;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;

use self::connection::Connection;
use self::load::DuckDbLoad;
use self::sql::{Dataset, literal};
use super::lock::Lock;
use super::{Destination, DestinationError, Load};
use crate::model::{Cursor, LoadId, names};

/// An open database.
pub(super) struct DuckDb {
    // In this order: the database is closed before another writer may open it.
    connection: Connection,
    dataset: Dataset,
    _lock: Lock,
}

impl DuckDb {
    /// Opens the file, or makes it.
    pub(super) fn open(
        path: &Path,
        schema: String,
        driver: Option<PathBuf>,
        drivers: &[PathBuf],
    ) -> Result<Self, DestinationError> {
        let driver = driver::load(driver, drivers)?;
        let location = path.display().to_string();
        // DuckDB's own lock keeps other processes out, but not a second
        // database instance in this one.
        let lock = Lock::take(&lock_path(path))
            .map_err(|error| DestinationError::opening(&location, error))?;
        let mut connection = Connection::open(driver, path)?;
        let names = connection.query("ask for the database's name", "SELECT current_database()")?;
        let catalog = names
            .first()
            .and_then(|batch| texts(batch.column(0)).next().flatten())
            .unwrap_or_default();
        Ok(Self {
            connection,
            dataset: Dataset { catalog, schema },
            _lock: lock,
        })
    }
}

impl Destination for DuckDb {
    fn location(&self) -> String {
        self.connection.location().to_owned()
    }

    fn cursors(&mut self, pipeline: &str) -> Result<BTreeMap<String, Cursor>, DestinationError> {
        let action = "read the cursors";
        if stored_name(&mut self.connection, &self.dataset, names::CURSORS)?.is_none() {
            return Ok(BTreeMap::new());
        }
        let cursors = self.dataset.table(names::CURSORS);
        let sql = format!(
            "SELECT resource, version, value FROM {cursors} WHERE pipeline = {}",
            literal(pipeline)
        );
        let mut found = BTreeMap::new();
        for batch in self.connection.query(action, &sql)? {
            let versions = batch.column(1).as_primitive_opt::<Int32Type>();
            let values = batch.column(2).as_binary_opt::<i32>();
            let (Some(versions), Some(values)) = (versions, values) else {
                let source = "the table does not have the columns that this program gave it";
                return Err(DestinationError::failed(
                    action,
                    self.connection.location(),
                    source,
                ));
            };
            for (row, resource) in texts(batch.column(0)).enumerate() {
                if let Some(resource) = resource {
                    let version = versions.value(row).cast_unsigned();
                    found.insert(
                        resource,
                        Cursor {
                            version,
                            value: values.value(row).to_vec(),
                        },
                    );
                }
            }
        }
        Ok(found)
    }

    fn begin(&mut self, load: &LoadId) -> Result<Box<dyn Load + '_>, DestinationError> {
        Ok(Box::new(DuckDbLoad::begin(
            &mut self.connection,
            &self.dataset,
            load.clone(),
        )?))
    }
}

/// The name under which a table is stored, which may differ in case.
fn stored_name(
    connection: &mut Connection,
    dataset: &Dataset,
    table: &str,
) -> Result<Option<String>, DestinationError> {
    let tables = tables(connection, dataset)?;
    let mut tables = tables.into_iter();
    Ok(tables.find(|name| name.eq_ignore_ascii_case(table)))
}

/// The names of all tables.
fn tables(connection: &mut Connection, dataset: &Dataset) -> Result<Vec<String>, DestinationError> {
    let batches = connection.query("list the tables", &dataset.tables())?;
    let tables = batches.iter().flat_map(|batch| texts(batch.column(0)));
    Ok(tables.flatten().collect())
}

fn texts(column: &dyn Array) -> impl Iterator<Item = Option<String>> {
    let texts = column.as_string_opt::<i32>();
    texts
        .into_iter()
        .flat_map(|texts| texts.iter().map(|text| text.map(str::to_owned)))
}

/// `.turso.duckdb.lock` beside `turso.duckdb`.
fn lock_path(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".lock");
    path.with_file_name(name)
}

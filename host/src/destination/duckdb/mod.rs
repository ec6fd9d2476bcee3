//! A DuckDB database file.
//!
//! The load algorithm is that of [`sql`](super::sql), and the library is used
//! through [`adbc`](super::adbc). This module holds what is particular to
//! DuckDB: [`dialect`] and [`conversion`] (its SQL), [`connection`] (settings,
//! column types), [`memory`] and [`explain`] (meaning of its error texts).

mod connection;
mod conversion;
mod dialect;
mod explain;
mod memory;

use std::path::{Path, PathBuf};

pub(super) use self::connection::location;

use self::connection::DuckDbConnection;
use self::dialect::DuckDbDialect;
use super::adbc::DriverLibrary;
use super::creation::{self, Missing};
use super::error::DestinationError;
use super::lock::FileLock;
use super::sql::{Dataset, DatasetName, SqlDestination};
use crate::model::DuckDbSpec;

const LIBRARY: DriverLibrary = DriverLibrary {
    name: "DuckDB",
    file_name: if cfg!(target_os = "windows") {
        "duckdb.dll"
    } else if cfg!(target_os = "macos") {
        "libduckdb.dylib"
    } else {
        "libduckdb.so"
    },
    entry_point: b"duckdb_adbc_init",
};

/// Opens the database file, creating it if needed. `driver_paths` are files or
/// folders that may hold the library.
pub(super) fn open(
    spec: &DuckDbSpec,
    driver_paths: &[PathBuf],
) -> Result<SqlDestination, DestinationError> {
    let driver = LIBRARY.load(spec.driver.as_deref(), driver_paths)?;
    // DuckDB's own lock excludes other processes, but not a second instance
    // of the database in this one.
    let lock = FileLock::acquire(&lock_path(&spec.path))
        .map_err(|error| DestinationError::opening(&location(&spec.path), error))?;
    let connection = DuckDbConnection::open(driver, &spec.path, Some(lock))?;
    destination(connection, spec)
}

/// Opens the database for loads that are not committed. A file that does not exist
/// is not created: a database in memory takes its place.
pub(super) fn open_uncommitted(
    spec: &DuckDbSpec,
    driver_paths: &[PathBuf],
) -> Result<SqlDestination, DestinationError> {
    if !creation::can_create(&spec.path, Missing::File) {
        return open(spec, driver_paths);
    }
    let driver = LIBRARY.load(spec.driver.as_deref(), driver_paths)?;
    let connection = DuckDbConnection::open(driver, Path::new(":memory:"), None)?;
    destination(connection, spec)
}

fn destination(
    mut connection: DuckDbConnection,
    spec: &DuckDbSpec,
) -> Result<SqlDestination, DestinationError> {
    let name = DatasetName {
        catalog: Some(connection.database_name()?),
        schema: spec.dataset.clone(),
    };
    let dataset = Dataset::new(Box::new(DuckDbDialect), name);
    Ok(SqlDestination::new(Box::new(connection), dataset))
}

/// Returns `.data.duckdb.lock` for `data.duckdb`, in the same folder.
fn lock_path(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".lock");
    path.with_file_name(name)
}

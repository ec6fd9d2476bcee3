//! One connection to a DuckDB database, and what its errors mean to a person.
//! Knows no load.

use std::path::Path;

use adbc_core::error::Error as AdbcError;
use adbc_core::options::{IngestMode, OptionDatabase, OptionStatement, OptionValue};
use adbc_core::{Connection as _, Database as _, Driver as _, Optionable as _, Statement as _};
use adbc_driver_manager::{ManagedConnection, ManagedDriver, ManagedStatement};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_schema::Schema;

use super::sql::Dataset;
use crate::destination::DestinationError;

/// Settings of the database, by DuckDB's names.
const SETTINGS: [(&str, &str); 3] = [
    // Nothing is fetched from the network behind the operator's back.
    ("autoinstall_known_extensions", "false"),
    ("autoload_known_extensions", "false"),
    // Rows come on one thread. A second one that helps to compress costs a
    // sixth more processor time, which the connector and the network then
    // lack, and the load takes no less time.
    ("threads", "1"),
];

/// What DuckDB may hold in memory for any table. What is beyond it goes to a
/// file beside the database. The process holds about 100 MB more than this
/// (the library, what its allocator keeps); measured with eight columns, it is
/// as fast as with 1 GB, and the same for one million rows and for five.
const MEMORY: usize = 48 << 20;
/// What it needs in addition for each column that it compresses at once. A
/// column's block is 256 KiB, and the next one is begun before it is written.
const MEMORY_OF_COLUMN: usize = 512 << 10;
/// What it needs for each column of every table of a load: the transaction
/// holds the beginning of each until it ends. Two thousand tables of four
/// columns need some 250 MB.
const MEMORY_OF_ANY_COLUMN: usize = 64 << 10;

/// What it needs in addition to find rows by their keys.
const MEMORY_OF_MERGE: usize = 192 << 20;

/// Less than this is no space: a write of DuckDB's is a block of 256 KiB for
/// each column, and one that fails leaves what is smaller.
const NO_SPACE: u64 = 16 << 20;

/// A connection to a database file.
pub(super) struct Connection {
    inner: ManagedConnection,
    location: String,
    /// The most columns that a table had so far.
    widest: usize,
    /// The columns of all tables so far.
    columns: usize,
    /// What is needed beside that.
    beside: usize,
}

impl Connection {
    /// Opens the file, or makes it.
    pub(super) fn open(mut driver: ManagedDriver, path: &Path) -> Result<Self, DestinationError> {
        let location = path.display().to_string();
        let Some(file) = path.to_str() else {
            return Err(DestinationError::Unusable {
                location,
                source: "the path is not UTF-8".into(),
            });
        };
        let memory = memory_limit(0, 0, 0);
        let settings = SETTINGS
            .iter()
            .copied()
            .chain([("path", file), ("memory_limit", memory.as_str())]);
        let options =
            settings.map(|(name, value)| (OptionDatabase::Other(name.to_owned()), value.into()));
        let inner = driver
            .new_database_with_opts(options)
            .and_then(|database| database.new_connection())
            .map_err(|error| opening(&location, error.message))?;
        Ok(Self {
            inner,
            location,
            widest: 0,
            columns: 0,
            beside: 0,
        })
    }

    /// The database file, for messages.
    pub(super) fn location(&self) -> &str {
        &self.location
    }

    /// Gives DuckDB the memory that another table of so many columns needs.
    pub(super) fn expect_columns(&mut self, columns: usize) -> Result<(), DestinationError> {
        let before = self.memory_limit();
        self.widest = self.widest.max(columns);
        self.columns += columns;
        self.limit_memory(&before)
    }

    /// Gives DuckDB the memory that it needs to find rows by their keys.
    pub(super) fn expect_merge(&mut self) -> Result<(), DestinationError> {
        let before = self.memory_limit();
        self.beside = MEMORY_OF_MERGE;
        self.limit_memory(&before)
    }

    fn memory_limit(&self) -> String {
        memory_limit(self.widest, self.columns, self.beside)
    }

    fn limit_memory(&mut self, before: &str) -> Result<(), DestinationError> {
        let limit = self.memory_limit();
        if limit == before {
            return Ok(());
        }
        self.run(
            "set the memory limit",
            &format!("SET memory_limit = '{limit}'"),
        )
    }

    /// Runs a statement that returns nothing.
    pub(super) fn run(&mut self, action: &str, sql: &str) -> Result<(), DestinationError> {
        let done = self
            .prepared(sql)
            .and_then(|mut statement| statement.execute_update());
        done.map(drop)
            .map_err(|error| doing(action, &self.location, error))
    }

    /// Runs a query or a statement that says how many rows it touched, and
    /// gives that number.
    pub(super) fn count(&mut self, action: &str, sql: &str) -> Result<u64, DestinationError> {
        let batches = self.query(action, sql)?;
        let count = batches.first().and_then(|batch| {
            let counts = batch.column(0).as_primitive_opt::<Int64Type>()?;
            u64::try_from(counts.iter().next()??).ok()
        });
        count.ok_or_else(|| {
            DestinationError::failed(action, &self.location, "DuckDB did not say how many")
        })
    }

    /// Runs a query.
    pub(super) fn query(
        &mut self,
        action: &str,
        sql: &str,
    ) -> Result<Vec<RecordBatch>, DestinationError> {
        let reader = self
            .prepared(sql)
            .and_then(|mut statement| statement.execute());
        let reader = reader.map_err(|error| doing(action, &self.location, error))?;
        let batches = reader.collect::<Result<_, _>>();
        batches.map_err(|error| DestinationError::failed(action, &self.location, error))
    }

    /// The columns that a query would return.
    pub(super) fn schema(&mut self, action: &str, sql: &str) -> Result<Schema, DestinationError> {
        let schema = self
            .prepared(sql)
            .and_then(|mut statement| statement.execute_schema());
        schema.map_err(|error| doing(action, &self.location, error))
    }

    /// A statement that appends what is bound to it to a table that exists.
    pub(super) fn append(
        &mut self,
        dataset: &Dataset,
        table: &str,
    ) -> Result<ManagedStatement, DestinationError> {
        let options = [
            (
                OptionStatement::TargetCatalog,
                OptionValue::from(dataset.catalog.as_str()),
            ),
            (
                OptionStatement::TargetDbSchema,
                dataset.schema.as_str().into(),
            ),
            (OptionStatement::TargetTable, table.into()),
            (OptionStatement::IngestMode, IngestMode::Append.into()),
        ];
        let statement = self.inner.new_statement().and_then(|mut statement| {
            for (option, value) in options {
                statement.set_option(option, value)?;
            }
            Ok(statement)
        });
        statement.map_err(|error| doing("append rows", &self.location, error))
    }

    fn prepared(&mut self, sql: &str) -> Result<ManagedStatement, AdbcError> {
        tracing::trace!(sql, "step: run a statement");
        let mut statement = self.inner.new_statement()?;
        statement.set_sql_query(sql)?;
        Ok(statement)
    }
}

/// In steps, so that not every table asks for another limit.
fn memory_limit(widest: usize, columns: usize, beside: usize) -> String {
    const STEP: usize = 4 << 20;
    let bytes = MEMORY + beside + widest * MEMORY_OF_COLUMN + columns * MEMORY_OF_ANY_COLUMN;
    format!("{}MiB", bytes.next_multiple_of(STEP) >> 20)
}

/// What DuckDB says while something is being done.
pub(super) fn doing(action: &str, location: &str, error: AdbcError) -> DestinationError {
    let (location, message) = (location.to_owned(), error.message);
    // The driver drops what its appender says when it ends; only that the
    // transaction is broken comes through. Whether the disk is full can be
    // asked.
    let unexplained = message.contains("transaction is aborted");
    if is_full(&message) || (unexplained && has_no_space(&location)) {
        DestinationError::Full {
            location,
            source: message.into(),
        }
    } else {
        DestinationError::Failed {
            action: action.to_owned(),
            location,
            source: message.into(),
        }
    }
}

/// What DuckDB says when a file is opened. It has no codes for these cases,
/// but the words come from the system and have not changed in years.
fn opening(location: &str, message: String) -> DestinationError {
    let location = location.to_owned();
    if message.contains("Could not set lock on file")
        || message.contains("being used by another process")
    {
        DestinationError::Locked {
            location,
            source: message.into(),
        }
    } else if is_full(&message) {
        DestinationError::Full {
            location,
            source: message.into(),
        }
    } else if message.contains("Permission denied") || message.contains("ead-only") {
        DestinationError::ReadOnly {
            location,
            source: message.into(),
        }
    } else {
        DestinationError::Unusable {
            location,
            source: message.into(),
        }
    }
}

fn is_full(message: &str) -> bool {
    [
        "No space left on device",
        "Disk quota exceeded",
        "not enough space",
    ]
    .iter()
    .any(|words| message.contains(words))
}

fn has_no_space(location: &str) -> bool {
    rustix::fs::statvfs(location)
        .is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < NO_SPACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_duckdb_says_becomes_what_a_person_does() {
        let opened = |message: &str| opening("x.duckdb", message.to_owned());
        let locked = r#"IO Error: Could not set lock on file "x.duckdb": Conflicting lock is held in duckdb (PID 1)"#;
        assert!(matches!(opened(locked), DestinationError::Locked { .. }));
        let denied = r#"IO Error: Cannot open file "x.duckdb": Permission denied"#;
        assert!(matches!(opened(denied), DestinationError::ReadOnly { .. }));
        let full = r#"IO Error: Could not write file "x.duckdb": No space left on device"#;
        assert!(matches!(opened(full), DestinationError::Full { .. }));
        let error = AdbcError::with_message_and_status(full, adbc_core::error::Status::IO);
        assert!(matches!(
            doing("append rows", "x.duckdb", error),
            DestinationError::Full { .. }
        ));
    }
}

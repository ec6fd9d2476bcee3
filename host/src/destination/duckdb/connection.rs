//! One connection to a DuckDB database, and what its errors mean to a person.
//! Knows no load.

use std::path::Path;

use adbc_core::error::Error as AdbcError;
use adbc_core::options::{IngestMode, OptionDatabase, OptionStatement, OptionValue};
use adbc_core::{Connection as _, Database as _, Driver as _, Optionable as _, Statement as _};
use adbc_driver_manager::{ManagedConnection, ManagedDriver, ManagedStatement};
use arrow_array::RecordBatch;
use arrow_schema::Schema;

use super::sql::Dataset;
use crate::destination::DestinationError;

/// Settings of the database, by DuckDB's names.
const SETTINGS: [(&str, &str); 4] = [
    // Nothing is fetched from the network behind the operator's back.
    ("autoinstall_known_extensions", "false"),
    ("autoload_known_extensions", "false"),
    // Rows come on one thread; the second compresses at the checkpoint.
    ("threads", "2"),
    // Enough for row groups that are being compressed. What is beyond it goes
    // to a file beside the database, so that the size of a load does not show
    // in the memory of the process.
    ("memory_limit", "128MB"),
];

/// A connection to a database file.
pub(super) struct Connection {
    inner: ManagedConnection,
    location: String,
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
        let settings = SETTINGS.iter().copied().chain([("path", file)]);
        let options =
            settings.map(|(name, value)| (OptionDatabase::Other(name.to_owned()), value.into()));
        let inner = driver
            .new_database_with_opts(options)
            .and_then(|database| database.new_connection())
            .map_err(|error| opening(&location, error.message))?;
        Ok(Self { inner, location })
    }

    /// The database file, for messages.
    pub(super) fn location(&self) -> &str {
        &self.location
    }

    /// Runs a statement that returns nothing.
    pub(super) fn run(&mut self, action: &str, sql: &str) -> Result<(), DestinationError> {
        let done = self
            .prepared(sql)
            .and_then(|mut statement| statement.execute_update());
        done.map(drop)
            .map_err(|error| doing(action, &self.location, error))
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
        let mut statement = self.inner.new_statement()?;
        statement.set_sql_query(sql)?;
        Ok(statement)
    }
}

/// What DuckDB says while something is being done.
pub(super) fn doing(action: &str, location: &str, error: AdbcError) -> DestinationError {
    let (location, message) = (location.to_owned(), error.message);
    if is_full(&message) {
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

//! Independent client of the destination: DuckDB's own library, queried in SQL.
//! It reads database files, Parquet and JSON.

use std::path::Path;

use adbc_core::options::{AdbcVersion, OptionDatabase, OptionValue};
use adbc_core::{Connection as _, Database as _, Driver as _, Statement as _};
use adbc_driver_manager::{ManagedConnection, ManagedDatabase, ManagedDriver};
use anyhow::{Context, Result, anyhow};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchReader};
use arrow_schema::DataType;

use crate::paths;
use crate::source::quoted;
use crate::value::{Rows, Value};

/// Open database.
pub struct DuckDb {
    connection: ManagedConnection,
    _database: ManagedDatabase,
}

impl DuckDb {
    /// Opens an existing file for reading.
    pub fn open(file: &Path) -> Result<Self> {
        anyhow::ensure!(file.is_file(), "{} is not a file", file.display());
        Self::with(&[
            ("path", &file.display().to_string()),
            ("access_mode", "read_only"),
        ])
    }

    /// Opens an empty database in memory, to read other files with.
    pub fn in_memory() -> Result<Self> {
        Self::with(&[("path", ":memory:")])
    }

    fn with(options: &[(&str, &str)]) -> Result<Self> {
        let file = paths::duckdb_driver()?;
        let driver = ManagedDriver::load_dynamic_from_filename(
            file,
            Some(b"duckdb_adbc_init"),
            AdbcVersion::V110,
        );
        let mut driver = driver.map_err(|error| anyhow!("cannot load DuckDB: {error}"))?;
        // The library keeps thread-local state, so it stays loaded.
        std::mem::forget(driver.clone());
        let options = options.iter().map(|(key, value)| {
            (
                OptionDatabase::Other((*key).to_owned()),
                OptionValue::String((*value).to_owned()),
            )
        });
        let database = driver
            .new_database_with_opts(options)
            .map_err(|error| anyhow!("cannot open: {error}"))?;
        let connection = database
            .new_connection()
            .map_err(|error| anyhow!("cannot open: {error}"))?;
        Ok(Self {
            connection,
            _database: database,
        })
    }

    /// Returns the rows of a statement.
    pub fn query(&mut self, sql: &str) -> Result<Rows> {
        let batches = self.batches(sql)?;
        let mut rows = Rows::default();
        for (columns, batch) in batches {
            rows.columns = columns;
            let Some(batch) = batch else { continue };
            let columns = batch
                .columns()
                .iter()
                .map(values)
                .collect::<Result<Vec<_>>>()?;
            for row in 0..batch.num_rows() {
                rows.rows
                    .push(columns.iter().map(|column| column[row].clone()).collect());
            }
        }
        Ok(rows)
    }

    /// Returns the rows of a statement as a table for people.
    pub fn format(&mut self, sql: &str) -> Result<String> {
        let batches: Vec<_> = self
            .batches(sql)?
            .into_iter()
            .filter_map(|(_, batch)| batch)
            .collect();
        Ok(arrow_cast::pretty::pretty_format_batches(&batches)?.to_string())
    }

    /// Returns all rows of a table of the dataset.
    pub fn table(&mut self, name: &str) -> Result<Rows> {
        self.query(&format!("SELECT * FROM turso_data.{}", quoted(name)))
    }

    /// Returns the single number that a statement yields.
    pub fn number(&mut self, sql: &str) -> Result<i64> {
        let rows = self.query(sql)?;
        rows.single()
            .and_then(Value::as_integer)
            .with_context(|| format!("{sql} yields {rows:?}"))
    }

    /// Returns the names of the tables of the dataset.
    pub fn tables(&mut self) -> Result<Vec<String>> {
        let sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'turso_data' ORDER BY 1";
        let rows = self.query(sql)?;
        Ok(rows
            .rows
            .iter()
            .filter_map(|row| row[0].as_text().map(str::to_owned))
            .collect())
    }

    /// Returns the column names with each batch. The first entry has no batch.
    fn batches(&mut self, sql: &str) -> Result<Vec<(Vec<String>, Option<RecordBatch>)>> {
        let failed = |error: adbc_core::error::Error| anyhow!("{sql}: {}", error.message);
        let mut statement = self.connection.new_statement().map_err(failed)?;
        statement.set_sql_query(sql).map_err(failed)?;
        let reader = statement.execute().map_err(failed)?;
        let schema = RecordBatchReader::schema(&reader);
        let columns: Vec<String> = schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        let mut batches = vec![(columns.clone(), None)];
        for batch in reader {
            batches.push((
                columns.clone(),
                Some(batch.with_context(|| sql.to_owned())?),
            ));
        }
        Ok(batches)
    }
}

/// Runs statements on a file, which is created if it does not exist.
pub fn change(file: &Path, statements: &[&str]) -> Result<()> {
    let mut database = DuckDb::with(&[("path", &file.display().to_string())])?;
    for statement in statements {
        database.query(statement)?;
    }
    Ok(())
}

/// Converts a column to SQLite's storage classes. Types that SQLite does not
/// have become text.
fn values(column: &ArrayRef) -> Result<Vec<Value>> {
    let to = match column.data_type() {
        // A timestamp becomes microseconds: this build of Arrow has no names of
        // time zones.
        DataType::Boolean | DataType::Timestamp(_, _) => DataType::Int64,
        kind if kind.is_integer() => DataType::Int64,
        kind if kind.is_floating() => DataType::Float64,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => DataType::LargeBinary,
        _ => DataType::LargeUtf8,
    };
    let column = arrow_cast::cast(column, &to)?;
    let value = |row: usize| {
        if column.is_null(row) {
            return Value::Null;
        }
        match &to {
            DataType::Int64 => Value::Integer(column.as_primitive::<Int64Type>().value(row)),
            DataType::Float64 => Value::real(column.as_primitive::<Float64Type>().value(row)),
            DataType::LargeBinary => Value::Blob(column.as_binary::<i64>().value(row).to_vec()),
            _ => Value::text(column.as_string::<i64>().value(row)),
        }
    };
    Ok((0..column.len()).map(value).collect())
}

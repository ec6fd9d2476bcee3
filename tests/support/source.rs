//! Independent client of the source: SQLite itself, on the file that a server
//! serves or on a copy of it.

use std::path::Path;

use anyhow::{Context, Result};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use crate::value::{Rows, Value};

/// Creates a database file.
pub fn create(file: &Path) -> Result<Connection> {
    Connection::open(file).with_context(|| format!("cannot create {}", file.display()))
}

/// Opens an existing database file for reading.
pub fn open(file: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(file, flags)
        .with_context(|| format!("cannot open {}", file.display()))
}

/// Returns the rows of a statement.
pub fn query(connection: &Connection, sql: &str) -> Result<Rows> {
    let mut statement = connection.prepare(sql).with_context(|| sql.to_owned())?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut cursor = statement.query([]).with_context(|| sql.to_owned())?;
    let mut rows = Vec::new();
    while let Some(row) = cursor.next().with_context(|| sql.to_owned())? {
        let values = (0..columns.len()).map(|index| Ok(value(row.get_ref(index)?)));
        rows.push(values.collect::<Result<_>>()?);
    }
    Ok(Rows {
        columns,
        rows,
        ..Rows::default()
    })
}

/// Returns all rows of a table or view. A column declared as DECIMAL or NUMERIC
/// is numeric: SQLite stores its whole numbers as integers only to save space.
pub fn table(connection: &Connection, name: &str) -> Result<Rows> {
    let mut rows = query(connection, &format!("SELECT * FROM {}", quoted(name)))?;
    let sql =
        "SELECT name FROM pragma_table_xinfo(?) WHERE type LIKE 'DECIMAL%' OR type LIKE 'NUMERIC%'";
    let mut statement = connection.prepare(sql)?;
    let numeric = statement.query_map([name], |row| row.get(0))?;
    rows.numeric = numeric.collect::<rusqlite::Result<_>>()?;
    Ok(rows)
}

/// Quotes an identifier for SQL.
#[must_use]
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::real(number),
        ValueRef::Text(text) => Value::Text(text.to_vec()),
        ValueRef::Blob(blob) => Value::Blob(blob.to_vec()),
    }
}

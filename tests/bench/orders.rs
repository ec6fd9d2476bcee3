//! Table that the bench loads. Its rows are always the same.

use std::path::Path;

use anyhow::Result;
use connector_tests::source;

/// Writes an SQLite file with a table of this many rows.
pub(crate) fn write(file: &Path, rows: u64) -> Result<()> {
    let connection = source::create(file)?;
    connection
        .execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
        .or_else(ignore_rows)?;
    connection.execute_batch(&format!(
        "CREATE TABLE orders(
            id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, sku TEXT NOT NULL, qty INTEGER, price REAL,
            note TEXT, created_at TEXT, payload BLOB);
         BEGIN;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
         INSERT INTO orders SELECT i, i * 7919 % 100003, printf('SKU-%05d', i * 31 % 50021), i % 9 + 1, (i * 37 % 100000) / 100.0,
            CASE WHEN i % 5 THEN printf('order no. %07d, to be left with the neighbours', i) END,
            strftime('%Y-%m-%dT%H:%M:%SZ', 1700000000 + i, 'unixepoch'),
            unhex(printf('%016x%016x', i * 2654435761, i * 40503))
         FROM n;
         COMMIT;"
    ))?;
    Ok(())
}

/// Accepts a pragma that returns a row.
fn ignore_rows(error: rusqlite::Error) -> rusqlite::Result<()> {
    if matches!(error, rusqlite::Error::ExecuteReturnedResults) {
        Ok(())
    } else {
        Err(error)
    }
}

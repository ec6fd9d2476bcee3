//! Pages by key lose no row, whatever the key is.

use anyhow::Result;
use connector_tests::duckdb::DuckDb;
use connector_tests::pipeline::Pipeline;
use connector_tests::source;
use connector_tests::sqld::Sqld;

#[test]
fn a_key_that_compares_otherwise_than_its_column_keeps_every_row() -> Result<()> {
    loaded(
        "CREATE TABLE t(a TEXT COLLATE NOCASE, b INTEGER, PRIMARY KEY (a COLLATE BINARY)) WITHOUT ROWID;
         INSERT INTO t VALUES ('A', 1), ('a', 2), ('B', 3), ('b', 4)",
        4,
    )
}

#[test]
fn a_descending_key_keeps_every_row() -> Result<()> {
    loaded(
        "CREATE TABLE t(a INTEGER, b TEXT, PRIMARY KEY (a DESC, b)) WITHOUT ROWID;
         INSERT INTO t VALUES (1, 'x'), (1, 'y'), (2, 'x'), (3, 'x')",
        4,
    )
}

#[test]
fn a_key_full_of_nulls_is_not_taken_for_the_row_id() -> Result<()> {
    loaded(
        "CREATE TABLE t(id INTEGER PRIMARY KEY DESC, a TEXT);
         CREATE TRIGGER t AFTER DELETE ON t BEGIN SELECT 1; END;
         INSERT INTO t VALUES (NULL, 'x'), (NULL, 'y'), (NULL, 'z'), (1, 'w')",
        4,
    )
}

#[test]
fn an_infinite_key_is_gone_past() -> Result<()> {
    loaded(
        "CREATE TABLE t(a REAL PRIMARY KEY, b TEXT) WITHOUT ROWID;
         INSERT INTO t VALUES (-9e999, 'least'), (-1.5, 'x'), (0.0, 'y'), (9e999, 'most')",
        4,
    )
}

#[test]
fn a_key_that_is_no_text_is_gone_past() -> Result<()> {
    loaded(
        "CREATE TABLE t(a TEXT PRIMARY KEY, b TEXT) WITHOUT ROWID;
         INSERT INTO t VALUES (CAST(x'ff' AS TEXT), 'x'), (CAST(x'fe41' AS TEXT), 'y'), ('a', 'z'), ('', '')",
        4,
    )
}

/// Loads the table `t` in pages of one row.
fn loaded(sql: &str, rows: i64) -> Result<()> {
    let server = Sqld::with_data(|file| Ok(source::create(file)?.execute_batch(sql)?))?;
    let pipeline = Pipeline::new(&server.url())?.config("page_rows = 1");
    pipeline.load()?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    assert_eq!(duckdb.number("SELECT count(*) FROM turso_data.t")?, rows);
    let columns = "SELECT count(DISTINCT t::VARCHAR) FROM turso_data.t";
    assert_eq!(duckdb.number(columns)?, rows);
    Ok(())
}

//! Paging by key reads every row, for keys of any kind.

use anyhow::Result;
use connector_tests::duckdb::DuckDb;
use connector_tests::pipeline::Pipeline;
use connector_tests::source;
use connector_tests::sqld::Sqld;
use connector_tests::value::Value;

#[test]
fn a_key_with_another_collation_than_its_column_keeps_every_row() -> Result<()> {
    check_rows(
        "CREATE TABLE t(a TEXT COLLATE NOCASE, b INTEGER, PRIMARY KEY (a COLLATE BINARY)) WITHOUT ROWID;
         INSERT INTO t VALUES ('A', 1), ('a', 2), ('B', 3), ('b', 4)",
        4,
    )
}

#[test]
fn a_descending_key_keeps_every_row() -> Result<()> {
    check_rows(
        "CREATE TABLE t(a INTEGER, b TEXT, PRIMARY KEY (a DESC, b)) WITHOUT ROWID;
         INSERT INTO t VALUES (1, 'x'), (1, 'y'), (2, 'x'), (3, 'x')",
        4,
    )
}

#[test]
fn a_key_with_nulls_is_not_mistaken_for_the_row_id() -> Result<()> {
    check_rows(
        "CREATE TABLE t(id INTEGER PRIMARY KEY DESC, a TEXT);
         CREATE TRIGGER t AFTER DELETE ON t BEGIN SELECT 1; END;
         INSERT INTO t VALUES (NULL, 'x'), (NULL, 'y'), (NULL, 'z'), (1, 'w')",
        4,
    )
}

#[test]
fn paging_continues_after_an_infinite_key() -> Result<()> {
    check_rows(
        "CREATE TABLE t(a REAL PRIMARY KEY, b TEXT) WITHOUT ROWID;
         INSERT INTO t VALUES (-9e999, 'least'), (-1.5, 'x'), (0.0, 'y'), (9e999, 'most')",
        4,
    )
}

#[test]
fn paging_continues_after_a_key_that_is_not_utf_8() -> Result<()> {
    check_rows(
        "CREATE TABLE t(a TEXT PRIMARY KEY, b TEXT) WITHOUT ROWID;
         INSERT INTO t VALUES (CAST(x'ff' AS TEXT), 'x'), (CAST(x'fe41' AS TEXT), 'y'), ('a', 'z'), ('', '')",
        4,
    )
}

#[test]
fn paging_continues_after_floats_of_17_digits() -> Result<()> {
    let server = Sqld::with_data(|file| {
        Ok(source::create(file)?.execute_batch(
            "CREATE TABLE t(a REAL, b INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID;
             WITH n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 19999)
             INSERT INTO t SELECT 1732802520.0 + i / 3 * 0.1234567, i FROM n",
        )?)
    })?;
    let pipeline = Pipeline::new(&server.url())?.config("page_rows = 20");
    pipeline.load()?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    let counts = "SELECT count(*) || ' ' || count(DISTINCT b) FROM turso_data.t";
    let counts = duckdb.query(counts)?;
    assert_eq!(
        counts.single().and_then(Value::as_text),
        Some("20000 20000")
    );
    Ok(())
}

/// Loads the table `t` in pages of one row, and checks the number of rows.
fn check_rows(sql: &str, rows: i64) -> Result<()> {
    let server = Sqld::with_data(|file| Ok(source::create(file)?.execute_batch(sql)?))?;
    let pipeline = Pipeline::new(&server.url())?.config("page_rows = 1");
    pipeline.load()?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    assert_eq!(duckdb.number("SELECT count(*) FROM turso_data.t")?, rows);
    let columns = "SELECT count(DISTINCT t::VARCHAR) FROM turso_data.t";
    assert_eq!(duckdb.number(columns)?, rows);
    Ok(())
}

//! Configured queries: checked, and read with the tables.

use anyhow::Result;
use connector_tests::duckdb::DuckDb;
use connector_tests::pipeline::Pipeline;
use connector_tests::shop;
use connector_tests::sqld::Sqld;

#[test]
fn a_query_may_end_in_a_comment_or_a_semicolon() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    let pipeline = Pipeline::new(&server.url())?
        .config(
            "queries = [{ name = \"noted\", sql = \"SELECT id FROM customers -- all of them\" }, \
             { name = \"ended\", sql = \"SELECT count(*) AS n FROM orders;\" }]",
        )
        .resource("db_pipeline");
    pipeline.load()?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    assert_eq!(duckdb.number("SELECT count(*) FROM turso_data.noted")?, 400);
    assert_eq!(duckdb.number("SELECT n FROM turso_data.ended")?, 5000);
    let preview = pipeline.host(&["preview", "noted"])?;
    assert_eq!(preview.code, Some(0), "{preview:?}");
    Ok(())
}

#[test]
fn a_query_that_is_not_a_select_fails_alone() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    for sql in [
        "PRAGMA foreign_key_list('orders')",
        "INSERT INTO customers(id, name) VALUES (-1, 'x')",
        "COMMIT",
        "SELECT 1; SELECT 2",
        "SELECT nothing FROM nowhere",
    ] {
        let config = format!("queries = [{{ name = \"q\", sql = \"{sql}\" }}]");
        let pipeline = Pipeline::new(&server.url())?.config(&config);
        let outcome = pipeline.host(&["run"])?;
        assert_eq!(outcome.code, Some(1), "{sql}: {outcome:?}");
        let mut duckdb = DuckDb::open(&pipeline.database())?;
        assert_eq!(
            duckdb.number("SELECT count(*) FROM turso_data.orders")?,
            5000,
            "{sql}"
        );
        assert_eq!(
            duckdb.number("SELECT count(*) FROM turso_data.customers")?,
            400,
            "{sql}"
        );
    }
    Ok(())
}

#[test]
fn an_appended_query_with_another_type_keeps_its_stored_rows() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    let pipeline = Pipeline::new(&server.url())?
        .config("queries = [{ name = \"daily\", sql = \"SELECT count(*) AS n FROM orders\" }]")
        .resource_with("db_pipeline", "write = \"append\"");
    let outcome = pipeline.host(&["run"])?;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("name = \"daily\""), "{outcome:?}");
    Ok(())
}

//! Loads from tursodb's sync server, which supports only `execute` and `batch`
//! of `/v2/pipeline`.

use anyhow::Result;
use connector_tests::duckdb::DuckDb;
use connector_tests::files;
use connector_tests::nasty::PLAIN;
use connector_tests::pipeline::Pipeline;
use connector_tests::source;
use connector_tests::tursodb::Tursodb;

use super::nasty_source::{TYPED, by_tursodb, check_equal};

#[test]
fn every_value_of_every_table_is_stored_exactly() -> Result<()> {
    let served = by_tursodb()?;
    let pipeline = Pipeline::new(&served.server.url())?;
    let report = pipeline.load()?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    check_equal(
        &served,
        &report,
        &PLAIN,
        |table, _| duckdb.table(table),
        TYPED,
    )
}

#[test]
fn rows_that_are_too_large_for_one_response_are_requested_in_parts() -> Result<()> {
    // The first page has 500 rows, which are 100 MB together.
    let server = Tursodb::with_data(|file| {
        Ok(source::create(file)?.execute_batch(
            "CREATE TABLE large(id INTEGER PRIMARY KEY, text TEXT);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
             INSERT INTO large SELECT i, printf('%0200000d', i) FROM n;",
        )?)
    })?;
    let pipeline = Pipeline::new(&server.url())?.into_files("parquet");
    let report = pipeline.load()?;
    assert_eq!(report["resources"][0]["rows_read"], 500, "{report}");
    let stored = files::parquet(&files::table_files(&pipeline.dataset(), "large")?)?;
    let texts = stored.rows.iter().filter_map(|row| row[1].as_text());
    let numbers = texts.filter_map(|text| text.get(199_990..)?.parse::<i64>().ok());
    assert_eq!(numbers.sum::<i64>(), 500 * 501 / 2);
    Ok(())
}

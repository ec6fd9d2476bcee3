//! Loads from tursodb's sync server, which supports only `execute` and `batch`
//! of `/v2/pipeline`.

use anyhow::Result;
use connector_tests::duckdb::DuckDb;
use connector_tests::nasty::PLAIN;
use connector_tests::pipeline::Pipeline;

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

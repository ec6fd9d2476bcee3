//! From tursodb's sync server, which knows `/v2/pipeline` with `execute` and
//! `batch` and nothing else.

use anyhow::Result;
use connector_tests::duckdb::DuckDb;
use connector_tests::nasty::PLAIN;
use connector_tests::pipeline::Pipeline;

use super::nasty_source::{TYPED, by_tursodb, same};

#[test]
fn every_value_of_every_table_is_stored_as_it_is() -> Result<()> {
    let served = by_tursodb()?;
    let pipeline = Pipeline::new(&served.server.url())?;
    let report = pipeline.load()?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    same(
        &served,
        &report,
        &PLAIN,
        |table, _| duckdb.table(table),
        TYPED,
    )
}

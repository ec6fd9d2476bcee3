//! Exactly once, whatever happens: see [`connector_tests::chaos`]. The number
//! of kills is that of `CHAOS_KILLS`, shared by the destinations; `just
//! test-long` sets it to 200. `CHAOS_SEED` repeats a run.

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context, Result};
use connector_tests::chaos::Chaos;
use connector_tests::duckdb::DuckDb;
use connector_tests::files;
use connector_tests::pipeline::Pipeline;
use connector_tests::value::Rows;

/// Kills in a run of all tests.
const KILLS: u32 = 24;
const DESTINATIONS: u32 = 4;

/// Runs a world, and prints what went on; its seed, if something is wrong.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "`just test-long` sets the number of kills, and shows what went on"
)]
fn run(
    shape: impl FnOnce(Pipeline) -> Pipeline,
    read: impl FnMut(&Pipeline, &str) -> Result<Option<Rows>> + 'static,
) -> Result<()> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let kills =
        number("CHAOS_KILLS").map_or(KILLS, |kills: u64| u32::try_from(kills).unwrap_or(KILLS));
    let seed = number("CHAOS_SEED").unwrap_or_else(|| {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        now.as_secs() ^ u64::from(now.subsec_nanos()) << 20
    });
    let world = || Chaos::new(seed, shape, read)?.run(kills.div_ceil(DESTINATIONS));
    let tally = world().with_context(|| format!("CHAOS_SEED={seed}"))?;
    eprintln!("{tally}");
    Ok(())
}

pub(super) fn read_duckdb(pipeline: &Pipeline, table: &str) -> Result<Option<Rows>> {
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    if duckdb.tables()?.iter().any(|known| known == table) {
        return duckdb.table(table).map(Some);
    }
    Ok(None)
}

pub(super) fn read_parquet(pipeline: &Pipeline, table: &str) -> Result<Option<Rows>> {
    stored_files(pipeline, table)?
        .map(|parts| files::parquet(&parts))
        .transpose()
}

pub(super) fn read_jsonl(pipeline: &Pipeline, table: &str) -> Result<Option<Rows>> {
    let Some(parts) = stored_files(pipeline, table)? else {
        return Ok(None);
    };
    files::json_values(&parts).map(Some)
}

/// The files of a table, once it is there.
fn stored_files(pipeline: &Pipeline, table: &str) -> Result<Option<Vec<PathBuf>>> {
    if !pipeline.dataset().join("_loads").is_dir() {
        return Ok(None);
    }
    files::table_files(&pipeline.dataset(), table).map(Some)
}

#[test]
fn parquet_is_equal_to_the_source_after_any_kill() -> Result<()> {
    run(|pipeline| pipeline.into_files("parquet"), read_parquet)
}

#[test]
fn json_lines_are_equal_to_the_source_after_any_kill() -> Result<()> {
    run(|pipeline| pipeline.into_files("jsonl"), read_jsonl)
}

#[test]
fn duckdb_is_equal_to_the_source_after_any_kill() -> Result<()> {
    run(|pipeline| pipeline, read_duckdb)
}

#[test]
fn duckdb_is_equal_to_the_source_after_kills_of_runs_in_parts() -> Result<()> {
    run(
        |pipeline| pipeline.top("consistency = \"resumable\"\ncommit_every = \"1ms\""),
        read_duckdb,
    )
}

//! Exactly-once loads under kills and faults: see [`connector_tests::chaos`].
//! `CHAOS_KILLS` sets the number of kills of all destinations; `just test-long`
//! sets it to 200. `CHAOS_SEED` repeats a run.

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context, Result};
use connector_tests::chaos::Chaos;
use connector_tests::duckdb::DuckDb;
use connector_tests::files;
use connector_tests::pipeline::Pipeline;
use connector_tests::value::Rows;

/// Number of kills of all destinations by default.
const DEFAULT_KILLS: u32 = 24;
const DESTINATIONS: u32 = 4;

/// Runs a test and prints its summary. An error names the seed.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "`just test-long` sets the number of kills, and shows the summary"
)]
fn run(
    shape: impl FnOnce(Pipeline) -> Pipeline,
    read: impl FnMut(&Pipeline, &str) -> Result<Option<Rows>> + 'static,
) -> Result<()> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let kills = number("CHAOS_KILLS")
        .and_then(|kills: u64| u32::try_from(kills).ok())
        .unwrap_or(DEFAULT_KILLS);
    let seed = number("CHAOS_SEED").unwrap_or_else(|| {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        now.as_secs() ^ u64::from(now.subsec_nanos()) << 20
    });
    let summary = Chaos::new(seed, shape, read)
        .and_then(|chaos| chaos.run(kills.div_ceil(DESTINATIONS)))
        .with_context(|| format!("CHAOS_SEED={seed}"))?;
    eprintln!("{summary}");
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

/// Returns the files of a table, if the dataset exists.
fn stored_files(pipeline: &Pipeline, table: &str) -> Result<Option<Vec<PathBuf>>> {
    if !pipeline.dataset().join("_loads").is_dir() {
        return Ok(None);
    }
    files::table_files(&pipeline.dataset(), table).map(Some)
}

#[test]
fn parquet_equals_the_source_after_kills() -> Result<()> {
    run(|pipeline| pipeline.into_files("parquet"), read_parquet)
}

#[test]
fn json_lines_equal_the_source_after_kills() -> Result<()> {
    run(|pipeline| pipeline.into_files("jsonl"), read_jsonl)
}

#[test]
fn duckdb_equals_the_source_after_kills() -> Result<()> {
    run(|pipeline| pipeline, read_duckdb)
}

#[test]
fn duckdb_equals_the_source_after_kills_of_resumable_runs() -> Result<()> {
    run(
        |pipeline| pipeline.top("consistency = \"resumable\"\ncommit_every = \"1ms\""),
        read_duckdb,
    )
}

//! Loads from sqld into files, compared value by value.

use anyhow::{Result, ensure};
use connector_tests::files;
use connector_tests::nasty::{PLAIN, SHAPES};
use connector_tests::pipeline::Pipeline;
use connector_tests::value::Rows;

use super::nasty_source::{TEXT, TYPED, by_sqld, check_equal};

#[test]
fn parquet_holds_every_value() -> Result<()> {
    check_load("parquet", TYPED, |files, _| files::parquet(files))
}

#[test]
fn json_lines_hold_every_value() -> Result<()> {
    check_load("jsonl", TEXT, |files, _| {
        files::jsonl(files, &files::jsonl_columns(files)?)
    })
}

#[test]
fn csv_holds_every_value() -> Result<()> {
    check_load("csv", TEXT, |files, _| files::csv(files))
}

#[test]
fn a_second_load_replaces_the_files_of_the_first() -> Result<()> {
    let served = by_sqld()?;
    let pipeline = Pipeline::new(&served.server.url())?
        .resource("paged")
        .into_files("parquet");
    pipeline.load()?;
    let report = pipeline.load()?;
    check_equal(
        &served,
        &report,
        &["paged"],
        |table, _| files::parquet(&files::table_files(&pipeline.dataset(), table)?),
        TYPED,
    )
}

fn check_load(
    format: &str,
    check: fn(&str, &Rows, &Rows) -> Result<()>,
    read: fn(&[std::path::PathBuf], &Rows) -> Result<Rows>,
) -> Result<()> {
    let served = by_sqld()?;
    let pipeline = Pipeline::new(&served.server.url())?.into_files(format);
    let report = pipeline.load()?;
    let stored = |table: &str, source: &Rows| {
        let files = files::table_files(&pipeline.dataset(), table)?;
        // A format without a schema may write no file for an empty table.
        if files.is_empty() && source.rows.is_empty() {
            return Ok(source.clone());
        }
        ensure!(!files.is_empty(), "{table} has no file");
        let stored = read(&files, source)?;
        if stored.columns.is_empty() && source.rows.is_empty() {
            return Ok(source.clone());
        }
        Ok(stored)
    };
    check_equal(
        &served,
        &report,
        &[&PLAIN[..], &SHAPES[..]].concat(),
        stored,
        check,
    )
}

//! From sqld into files, value by value.

use anyhow::{Result, ensure};
use connector_tests::files;
use connector_tests::nasty::{PLAIN, SHAPES};
use connector_tests::pipeline::Pipeline;
use connector_tests::value::Rows;

use super::nasty_source::{TEXT, TYPED, by_sqld, same};

#[test]
fn parquet_holds_every_value_as_it_is() -> Result<()> {
    loaded_into("parquet", TYPED, |files, _| files::parquet(files))
}

#[test]
fn json_lines_hold_every_value() -> Result<()> {
    loaded_into("jsonl", TEXT, |files, _| {
        files::jsonl(files, &files::jsonl_columns(files)?)
    })
}

#[test]
fn csv_holds_every_value() -> Result<()> {
    loaded_into("csv", TEXT, |files, _| files::csv(files))
}

#[test]
fn a_second_load_leaves_the_files_of_the_second_only() -> Result<()> {
    let served = by_sqld()?;
    let pipeline = Pipeline::new(&served.server.url())?
        .resource("paged")
        .into_files("parquet");
    pipeline.load()?;
    let report = pipeline.load()?;
    same(
        &served,
        &report,
        &["paged"],
        |table, _| files::parquet(&files::table_files(&pipeline.dataset(), table)?),
        TYPED,
    )
}

fn loaded_into(
    format: &str,
    judge: fn(&str, &Rows, &Rows) -> Result<()>,
    read: fn(&[std::path::PathBuf], &Rows) -> Result<Rows>,
) -> Result<()> {
    let served = by_sqld()?;
    let pipeline = Pipeline::new(&served.server.url())?.into_files(format);
    let report = pipeline.load()?;
    let stored = |table: &str, source: &Rows| {
        let files = files::table_files(&pipeline.dataset(), table)?;
        // A format without a schema may leave no file for no rows.
        if files.is_empty() && source.rows.is_empty() {
            return Ok(source.clone());
        }
        ensure!(!files.is_empty(), "no file of {table}");
        let stored = read(&files, source)?;
        if stored.columns.is_empty() && source.rows.is_empty() {
            return Ok(source.clone());
        }
        Ok(stored)
    };
    same(
        &served,
        &report,
        &[&PLAIN[..], &SHAPES[..]].concat(),
        stored,
        judge,
    )
}

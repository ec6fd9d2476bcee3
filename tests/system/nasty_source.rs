//! The nasty source, served and at hand: what the comparisons share.

use std::fs;

use anyhow::{Context, Result, bail};
use connector_tests::nasty;
use connector_tests::sqld::Sqld;
use connector_tests::tursodb::Tursodb;
use connector_tests::value::Rows;
use connector_tests::{compare, source};
use rusqlite::Connection;
use serde_json::Value as Json;
use tempfile::TempDir;

/// The same database twice: behind a server, and in a file of its own that
/// SQLite reads.
pub(super) struct Served<S> {
    pub(super) server: S,
    pub(super) reference: Connection,
    _folder: TempDir,
}

/// All of it behind sqld.
pub(super) fn by_sqld() -> Result<Served<Sqld>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("reference");
    nasty::write(&file)?;
    let server = Sqld::with_data(|to| Ok(fs::copy(&file, to).map(drop)?))?;
    Ok(Served {
        server,
        reference: source::open(&file)?,
        _folder: folder,
    })
}

/// What tursodb can serve, behind it.
pub(super) fn by_tursodb() -> Result<Served<Tursodb>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("reference");
    nasty::write_plain(&file)?;
    let server = Tursodb::with_data(|to| Ok(fs::copy(&file, to).map(drop)?))?;
    Ok(Served {
        server,
        reference: source::open(&file)?,
        _folder: folder,
    })
}

/// Compares resources with what is stored of them, and names all that differ.
pub(super) fn same<S>(
    served: &Served<S>,
    report: &Json,
    resources: &[&str],
    mut stored: impl FnMut(&str, &Rows) -> Result<Rows>,
    judge: fn(&str, &Rows, &Rows) -> Result<()>,
) -> Result<()> {
    let mut differences = Vec::new();
    for resource in resources {
        let rows = source::table(&served.reference, resource)?;
        let table = table_of(report, resource)?;
        let result = stored(&table, &rows).and_then(|stored| judge(resource, &rows, &stored));
        if let Err(error) = result {
            differences.push(format!("{resource}: {error:#}"));
        }
    }
    if differences.is_empty() {
        Ok(())
    } else {
        bail!("{}", differences.join("\n"))
    }
}

/// By the rules of typed tables.
pub(super) const TYPED: fn(&str, &Rows, &Rows) -> Result<()> = compare::check_equal;
/// By those of text files.
pub(super) const TEXT: fn(&str, &Rows, &Rows) -> Result<()> = compare::check_equal_as_text;

/// The table that the report says a resource is in.
pub(super) fn table_of(report: &Json, resource: &str) -> Result<String> {
    let entry = entry(report, resource)?;
    Ok(entry["table"]
        .as_str()
        .with_context(|| format!("{entry} names no table"))?
        .to_owned())
}

/// The report of one resource.
pub(super) fn entry<'a>(report: &'a Json, resource: &str) -> Result<&'a Json> {
    let mut entries = report["resources"].as_array().into_iter().flatten();
    entries
        .find(|entry| entry["resource"] == resource)
        .with_context(|| format!("{resource} is not in {report}"))
}

//! The nasty source behind a server and as a file, shared by the comparisons.

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

/// A database behind a server, and a copy of it in a separate file that SQLite
/// reads.
pub(super) struct Served<S> {
    pub(super) server: S,
    pub(super) reference: Connection,
    _folder: TempDir,
}

/// Serves all tables with sqld.
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

/// Serves the tables that tursodb supports with tursodb.
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

/// Compares resources with their stored rows, and reports all differences.
pub(super) fn check_equal<S>(
    served: &Served<S>,
    report: &Json,
    resources: &[&str],
    mut stored: impl FnMut(&str, &Rows) -> Result<Rows>,
    check: fn(&str, &Rows, &Rows) -> Result<()>,
) -> Result<()> {
    let mut differences = Vec::new();
    for resource in resources {
        let rows = source::table(&served.reference, resource)?;
        let table = table_name(report, resource)?;
        let result = stored(&table, &rows).and_then(|stored| check(resource, &rows, &stored));
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

/// Comparison for destinations with types.
pub(super) const TYPED: fn(&str, &Rows, &Rows) -> Result<()> = compare::check_equal;
/// Comparison for text files.
pub(super) const TEXT: fn(&str, &Rows, &Rows) -> Result<()> = compare::check_equal_as_text;

/// Returns the table of a resource according to the report.
pub(super) fn table_name(report: &Json, resource: &str) -> Result<String> {
    let entry = entry(report, resource)?;
    Ok(entry["table"]
        .as_str()
        .with_context(|| format!("{entry} names no table"))?
        .to_owned())
}

/// Returns the report of one resource.
pub(super) fn entry<'a>(report: &'a Json, resource: &str) -> Result<&'a Json> {
    let mut entries = report["resources"].as_array().into_iter().flatten();
    entries
        .find(|entry| entry["resource"] == resource)
        .with_context(|| format!("{resource} is not in {report}"))
}

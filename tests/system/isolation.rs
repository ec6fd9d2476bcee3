//! The trouble of one resource stays its own: the others are loaded, and its
//! rows and its cursor stay as they were.

mod destination;
mod files;
mod source;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use connector_tests::duckdb::DuckDb;
use connector_tests::files as stored_files;
use connector_tests::pipeline::{Outcome, Pipeline, host};
use connector_tests::sqld::Sqld;
use serde_json::Value as Json;
use tempfile::TempDir;

/// Tables of every case: one that gets into trouble, and one that does not.
const TABLES: [&str; 4] = [
    "CREATE TABLE calm(id INTEGER PRIMARY KEY)",
    "INSERT INTO calm VALUES (1)",
    "CREATE TABLE orders(id INTEGER PRIMARY KEY, total INTEGER, at INTEGER)",
    "INSERT INTO orders VALUES (1, 10, 100), (2, 20, 200)",
];

/// Destination that several pipelines write one after the other.
struct Store {
    folder: TempDir,
    /// Format of its files, if it is a folder of files.
    format: Option<&'static str>,
}

impl Store {
    fn new(format: Option<&'static str>) -> Result<Self> {
        Ok(Self {
            folder: tempfile::tempdir().context("cannot create a folder")?,
            format,
        })
    }

    fn all() -> Result<[Self; 2]> {
        Ok([Self::duckdb()?, Self::files("jsonl")?])
    }

    fn duckdb() -> Result<Self> {
        Self::new(None)
    }

    fn files(format: &'static str) -> Result<Self> {
        Self::new(Some(format))
    }

    /// Creates a pipeline of `orders`, with lines of its own, and `calm`.
    fn pipeline(&self, server: &Sqld, lines: &str) -> Result<Pipeline> {
        self.pipeline_of(server, "orders", lines)
    }

    fn pipeline_of(&self, server: &Sqld, resource: &str, lines: &str) -> Result<Pipeline> {
        let pipeline = Pipeline::new(&server.url())?
            .resource_with(resource, lines)
            .resource("calm");
        let folder = self.folder.path().display();
        Ok(match self.format {
            Some(format) => pipeline.destination(&format!(
                "type = \"files\"\nurl = \"{folder}/out\"\nformat = \"{format}\""
            )),
            None => pipeline.into_database(&self.database()),
        })
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("turso.duckdb")
    }

    /// Returns the folder of the files.
    fn dataset(&self) -> PathBuf {
        self.folder.path().join("out/turso_data")
    }

    /// Returns the tables that a load created for itself and left behind.
    fn leftovers(&self) -> Result<Vec<String>> {
        let mut tables = DuckDb::open(&self.database())?.tables()?;
        tables.retain(|table| table.starts_with("_staged"));
        Ok(tables)
    }

    /// Returns what is stored of a table.
    fn content(&self, table: &str) -> Result<String> {
        if self.format.is_none() {
            let sql = format!("SELECT * FROM turso_data.{table} ORDER BY ALL");
            let mut duckdb = DuckDb::open(&self.database())?;
            return Ok(format!("{:?}", duckdb.query(&sql)?));
        }
        let mut content = String::new();
        for file in stored_files::table_files(&self.dataset(), table)? {
            content += &format!("{}: {:?}\n", file.display(), fs::read(&file)?);
        }
        Ok(content)
    }

    fn rows(&self, table: &str) -> Result<usize> {
        let Some(format) = self.format else {
            let sql = format!("SELECT count(*) FROM turso_data.{table}");
            let mut duckdb = DuckDb::open(&self.database())?;
            return Ok(usize::try_from(duckdb.number(&sql)?)?);
        };
        let files = stored_files::table_files(&self.dataset(), table)?;
        let rows = match format {
            "parquet" => stored_files::parquet(&files)?,
            "jsonl" => stored_files::json_values(&files)?,
            _ => stored_files::csv(&files)?,
        };
        Ok(rows.rows.len())
    }
}

fn serve() -> Result<Sqld> {
    let server = Sqld::start()?;
    server.client().run(&TABLES)?;
    Ok(server)
}

/// Returns the cursors of a pipeline.
fn cursors(pipeline: &Pipeline) -> Result<String> {
    let file = pipeline.write()?.display().to_string();
    Ok(host(&["state", "show", "--config", &file, "--json"])?.stdout)
}

/// Returns the entry of a resource in a report.
fn entry<'a>(report: &'a Json, resource: &str) -> Result<&'a Json> {
    let mut resources = report["resources"].as_array().into_iter().flatten();
    let entry = resources.find(|entry| entry["resource"] == resource);
    entry.with_context(|| format!("no {resource} in {report}"))
}

/// Runs a pipeline in which `resource` fails, and checks that only this one does.
fn check_isolated(
    store: &Store,
    pipeline: &Pipeline,
    resource: &str,
    [reason, remedy]: [&str; 2],
) -> Result<Json> {
    let cursors_before = cursors(pipeline)?;
    let calm = store.rows("calm").unwrap_or(0);
    let outcome = pipeline.host(&["run", "--json"])?;
    ensure!(outcome.code == Some(1), "{outcome:?}");
    let report = outcome.json()?;
    ensure!(report["status"] == "partial", "{report}");
    let failure = &entry(&report, resource)?["failure"];
    let contains = |key: &str, part: &str| {
        failure[key]
            .as_str()
            .is_some_and(|text| text.contains(part))
    };
    ensure!(contains("message", reason), "no {reason:?} in {failure}");
    ensure!(contains("hint", remedy), "no {remedy:?} in {failure}");
    ensure!(entry(&report, "calm")?["failure"].is_null(), "{report}");
    ensure!(store.rows("calm")? == calm + 1, "{report}");
    ensure!(cursors(pipeline)? == cursors_before, "{report}");
    Ok(report)
}

/// Checks that the summary for people names the failure and its remedy.
fn check_summary(outcome: &Outcome, parts: &[&str]) -> Result<()> {
    ensure!(outcome.code == Some(1), "{outcome:?}");
    for part in parts {
        ensure!(outcome.stdout.contains(part), "no {part:?} in {outcome:?}");
    }
    Ok(())
}

//! Loads that are killed at each step in their destination: each statement, and
//! each file that is completed, moved or removed. Afterwards the destination
//! holds all of the load or nothing.

use std::io::{BufRead as _, BufReader};

use anyhow::{Context, Result, ensure};
use connector_tests::pipeline::Pipeline;
use connector_tests::sqld::Sqld;
use connector_tests::value::{Rows, Value};

use super::chaos::{read_duckdb, read_jsonl, read_parquet};

/// Prefix of the log message before each step.
const STEP: &str = "step: ";
const LOG: &str = "warn,connector_host::destination=trace";
/// Smallest plausible number of steps. Fewer mean that the host no longer logs
/// them.
const MIN_STEPS: usize = 10;

type Read = fn(&Pipeline, &str) -> Result<Option<Rows>>;

#[test]
fn a_load_into_duckdb_is_atomic_at_every_step() -> Result<()> {
    killed_at_each_step(|pipeline| pipeline, read_duckdb)
}

#[test]
fn a_load_into_parquet_is_atomic_at_every_step() -> Result<()> {
    killed_at_each_step(|pipeline| pipeline.into_files("parquet"), read_parquet)
}

#[test]
fn a_load_into_json_lines_is_atomic_at_every_step() -> Result<()> {
    killed_at_each_step(|pipeline| pipeline.into_files("jsonl"), read_jsonl)
}

#[expect(
    clippy::print_stderr,
    reason = "the number of steps is shown on request"
)]
fn killed_at_each_step(shape: fn(Pipeline) -> Pipeline, read: Read) -> Result<()> {
    let server = Sqld::start()?;
    server.client().run(&[
        "CREATE TABLE merged(id INTEGER PRIMARY KEY, doc JSON, version INTEGER)",
        "CREATE TABLE replaced(id INTEGER PRIMARY KEY, version INTEGER)",
        "CREATE TABLE appended(id INTEGER PRIMARY KEY, version INTEGER)",
        "CREATE TABLE versions(id INTEGER PRIMARY KEY, version INTEGER)",
    ])?;
    let pipeline = Pipeline::new(&server.url())?
        .resource_with(
            "merged",
            "mode = \"incremental\"\ncursor = \"version\"\ndeletes = \"hard\"\nnested = \"tables\"",
        )
        .resource("replaced")
        .resource_with("appended", "mode = \"incremental\"")
        .resource_with("versions", "write = \"scd2\"");
    let pipeline = shape(pipeline);
    let mut version = 1;
    change(&server, version)?;
    pipeline.load()?;
    let mut stored = 1;
    let mut killed_at = 0;
    loop {
        version += 1;
        change(&server, version)?;
        if !kill_at(&pipeline, killed_at)? {
            break;
        }
        let found = stored_version(&pipeline, read)
            .with_context(|| format!("killed at step {killed_at}"))?;
        ensure!(
            found == stored || found == version,
            "killed at step {killed_at}: version {found} is stored instead of {stored} or {version}"
        );
        stored = found;
        killed_at += 1;
    }
    ensure!(
        killed_at >= MIN_STEPS,
        "the host logged only {killed_at} steps"
    );
    ensure!(
        stored_version(&pipeline, read)? == version,
        "after the last load"
    );
    eprintln!("killed at each of {killed_at} steps");
    Ok(())
}

/// Writes the next version of all tables, in one transaction.
fn change(server: &Sqld, version: i64) -> Result<()> {
    let last = 20 + version;
    server.client().run(&[
        "BEGIN IMMEDIATE",
        &format!(
            "WITH n(i) AS (SELECT {version} UNION ALL SELECT i + 1 FROM n WHERE i < {last}) \
             INSERT OR REPLACE INTO merged \
             SELECT i, json_object('list', json_array({version}, {version})), {version} FROM n"
        ),
        &format!("DELETE FROM merged WHERE id < {version}"),
        &format!("INSERT INTO appended VALUES ({version}, {version})"),
        &format!("INSERT OR REPLACE INTO replaced VALUES (1, {version})"),
        &format!("INSERT OR REPLACE INTO versions VALUES (1, {version})"),
        "COMMIT",
    ])
}

/// Starts a load and kills it at a step, counted from zero. Returns false if the
/// load ended before that step.
fn kill_at(pipeline: &Pipeline, step: usize) -> Result<bool> {
    let mut child = pipeline.spawn_with(&["--log", LOG])?;
    let stderr = BufReader::new(
        child
            .stderr
            .take()
            .context("the standard error is missing")?,
    );
    let (mut steps, mut log) = (0, String::new());
    for line in stderr.lines() {
        let line = line?;
        if line.contains(STEP) {
            if steps == step {
                child.kill()?;
                child.wait()?;
                return Ok(true);
            }
            steps += 1;
        } else {
            log = log + &line + "\n";
        }
    }
    let status = child.wait()?;
    ensure!(status.success(), "the load failed: {log}");
    Ok(false)
}

/// Returns the version that all tables hold.
fn stored_version(pipeline: &Pipeline, read: Read) -> Result<i64> {
    let rows = |table: &str| -> Result<Rows> {
        read(pipeline, table)?.with_context(|| format!("`{table}` is not there"))
    };
    let numbers = |rows: &Rows, column: &str| -> Result<Vec<i64>> {
        let values = rows.column(column).into_iter();
        let numbers: Option<Vec<_>> = values.map(Value::as_integer).collect();
        numbers.with_context(|| format!("{column} holds something else than numbers"))
    };
    let replaced = numbers(&rows("replaced")?, "version")?;
    let [version] = replaced[..] else {
        anyhow::bail!("`replaced` has {replaced:?}");
    };
    let merged = numbers(&rows("merged")?, "version")?;
    ensure!(
        merged.len() == 21 && merged.iter().all(|found| *found == version),
        "`merged` has {merged:?}, and `replaced` {version}"
    );
    let items = numbers(&rows("merged__doc__list")?, "value")?;
    ensure!(
        items.len() == 42 && items.iter().all(|found| *found == version),
        "the lists hold {items:?}, and `replaced` {version}"
    );
    let mut appended = numbers(&rows("appended")?, "id")?;
    appended.sort_unstable();
    ensure!(
        appended == (1..=version).collect::<Vec<_>>(),
        "`appended` has {appended:?}, and `replaced` {version}"
    );
    let versions = rows("versions")?;
    let ends = versions.column("_valid_to");
    let current = numbers(&versions, "version")?.into_iter().zip(ends);
    let current: Vec<_> = current.filter(|(_, end)| **end == Value::Null).collect();
    ensure!(
        matches!(current[..], [(found, _)] if found == version),
        "`versions` has {current:?}, and `replaced` {version}"
    );
    Ok(version)
}

//! Loads that are killed from outside at any time keep the stored rows.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Child;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use connector_tests::duckdb::DuckDb;
use connector_tests::files;
use connector_tests::pipeline::Pipeline;
use connector_tests::source;
use connector_tests::sqld::Sqld;
use rustix::process::{Pid, Signal, kill_process};

const ROWS: i64 = 300_000;
const KILLS: u32 = 8;

#[test]
fn a_killed_load_keeps_all_stored_rows_in_duckdb() -> Result<()> {
    killed(Pipeline::new, |pipeline| {
        let mut duckdb = DuckDb::open(&pipeline.database())?;
        let count = |duckdb: &mut DuckDb, what: &str| {
            duckdb.number(&format!("SELECT {what} FROM turso_data.t"))
        };
        let counts = (
            count(&mut duckdb, "count(*)")?,
            count(&mut duckdb, "min(version)")?,
            count(&mut duckdb, "max(version)")?,
        );
        ensure!(
            duckdb.number("SELECT count(DISTINCT _load_id) FROM turso_data.t")? == 1,
            "rows of two loads"
        );
        ensure!(
            duckdb.number("SELECT count(*) FROM turso_data.t WHERE _load_id NOT IN (SELECT load_id FROM turso_data._loads)")? == 0,
            "rows of a load that is not written down"
        );
        Ok(counts)
    })
}

#[test]
fn a_killed_load_keeps_all_stored_rows_in_files() -> Result<()> {
    killed(
        |url| Ok(Pipeline::new(url)?.into_files("parquet")),
        |pipeline| {
            let rows = files::parquet(&files::table_files(&pipeline.dataset(), "t")?)?;
            let versions = rows.column("version");
            let version = |value: Option<&&connector_tests::value::Value>| {
                value.and_then(|v| v.as_integer()).unwrap_or(-1)
            };
            Ok((
                i64::try_from(versions.len())?,
                version(versions.iter().min()),
                version(versions.iter().max()),
            ))
        },
    )
}

#[test]
fn ctrl_c_ends_cleanly() -> Result<()> {
    let server = versions()?;
    let pipeline = Pipeline::new(&server.url())?;
    let mut child = pipeline.spawn()?;
    let mut stderr = BufReader::new(
        child
            .stderr
            .take()
            .context("the standard error is missing")?,
    );
    let mut line = String::new();
    while !line.contains("reading t") {
        line.clear();
        ensure!(
            stderr.read_line(&mut line)? > 0,
            "the load ended before it read"
        );
    }
    kill_process(Pid::from_child(&child), Signal::INT)?;
    let mut rest = String::new();
    stderr.read_to_string(&mut rest)?;
    assert_eq!(child.wait()?.code(), Some(130), "{rest}");
    assert!(
        rest.contains("interrupted") && rest.contains("hint:"),
        "{rest}"
    );
    pipeline.load()?;
    assert_eq!(
        DuckDb::open(&pipeline.database())?.number("SELECT count(*) FROM turso_data.t")?,
        ROWS
    );
    Ok(())
}

/// Loads version 1, changes the source to version 2, and kills loads of it.
/// `look` returns the number of rows, and the first and last version.
fn killed(
    pipeline: impl FnOnce(&str) -> Result<Pipeline>,
    mut look: impl FnMut(&Pipeline) -> Result<(i64, i64, i64)>,
) -> Result<()> {
    let server = versions()?;
    let pipeline = pipeline(&server.url())?;
    pipeline.load()?;
    server.client().run(&["UPDATE t SET version = 2"])?;
    // Duration of a load that is not killed.
    let start = Instant::now();
    let probe = Pipeline::new(&server.url())?;
    probe.load()?;
    let whole = start.elapsed();
    let mut oldest = 1;
    for kill in 0..KILLS {
        let delay = whole * (2 * kill + 1) / (2 * KILLS) + jitter(whole / (2 * KILLS));
        end_after(pipeline.spawn()?, delay)?;
        let seen =
            look(&pipeline).with_context(|| format!("killed after {delay:?} of {whole:?}"))?;
        ensure!(
            seen == (ROWS, oldest, oldest) || seen == (ROWS, 2, 2),
            "killed after {delay:?} of {whole:?}: {seen:?}"
        );
        oldest = seen.1;
    }
    pipeline.load()?;
    let seen = look(&pipeline)?;
    ensure!(seen == (ROWS, 2, 2), "after the last load: {seen:?}");
    Ok(())
}

fn versions() -> Result<Sqld> {
    Sqld::with_data(|file| {
        Ok(source::create(file)?.execute_batch(&format!(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, version INTEGER, label TEXT);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
             INSERT INTO t SELECT i, 1, 'a label that takes some room, no. ' || i FROM n;"
        ))?)
    })
}

fn end_after(mut child: Child, delay: Duration) -> Result<()> {
    std::thread::sleep(delay);
    // The process may have ended already.
    let _ = child.kill();
    child.wait()?;
    Ok(())
}

/// Returns a random duration below `max`. A failure prints it.
fn jitter(max: Duration) -> Duration {
    let nanos = SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(0, |elapsed| elapsed.subsec_nanos());
    max * (nanos / 1000 % 1000) / 1000
}

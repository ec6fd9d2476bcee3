//! Loads during concurrent writes are a snapshot of the source.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Result, anyhow, ensure};
use connector_tests::duckdb::DuckDb;
use connector_tests::hrana::Client;
use connector_tests::pipeline::Pipeline;
use connector_tests::source;
use connector_tests::sqld::Sqld;
use connector_tests::value::Value;

#[test]
fn tables_are_consistent_despite_two_writers() -> Result<()> {
    let server = Sqld::with_data(|file| {
        Ok(source::create(file)?.execute_batch(
            "CREATE TABLE a_first(id INTEGER PRIMARY KEY, writer INTEGER);
             CREATE TABLE m_between(id INTEGER PRIMARY KEY, filler TEXT);
             CREATE TABLE z_last(id INTEGER PRIMARY KEY, writer INTEGER);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
             INSERT INTO m_between SELECT i, 'something to read, no. ' || i FROM n;",
        )?)
    })?;
    let pipeline = Pipeline::new(&server.url())?;
    let ended = AtomicBool::new(false);
    let report = thread::scope(|scope| {
        let writers: Vec<_> = [1, 2]
            .map(|writer| {
                scope.spawn({
                    let (client, ended) = (server.client(), &ended);
                    move || write(&client, writer, ended)
                })
            })
            .into();
        let report = pipeline.load();
        ended.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.join().map_err(|_| anyhow!("a writer crashed"))??;
        }
        report
    })?;
    assert_eq!(report["point_in_time"], true, "{report}");
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    let first = duckdb.query("SELECT id, writer FROM turso_data.a_first ORDER BY id")?;
    let last = duckdb.query("SELECT id, writer FROM turso_data.z_last ORDER BY id")?;
    assert_eq!(first.rows.len(), last.rows.len());
    assert_eq!(first, last);
    let now = server.client().query("SELECT count(*) FROM z_last", &[])?;
    let now = now.single().and_then(Value::as_integer).unwrap_or_default();
    ensure!(
        usize::try_from(now)? > last.rows.len(),
        "the writers committed nothing during the load"
    );
    Ok(())
}

/// Writes the same row to both tables, in one transaction, until the end.
fn write(client: &Client, writer: i64, ended: &AtomicBool) -> Result<()> {
    while !ended.load(Ordering::Relaxed) {
        let both = "INSERT INTO a_first(writer) VALUES (?1)";
        let result = client.pipeline(
            &serde_json::json!({"requests": [{"type": "batch", "batch": {"steps": [
            {"stmt": {"sql": "BEGIN IMMEDIATE"}},
            {"stmt": {"sql": both, "args": [{"type": "integer", "value": writer.to_string()}]},
             "condition": {"type": "ok", "step": 0}},
            {"stmt": {"sql": "INSERT INTO z_last SELECT * FROM a_first ORDER BY id DESC LIMIT 1"},
             "condition": {"type": "ok", "step": 1}},
            {"stmt": {"sql": "COMMIT"}, "condition": {"type": "ok", "step": 2}}]}},
            {"type": "close"}]}),
        )?;
        // The two writers may lock each other out; the next attempt may succeed.
        ensure!(result["results"].is_array(), "{result}");
    }
    Ok(())
}

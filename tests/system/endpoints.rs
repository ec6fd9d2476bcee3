//! Resources of a database server other than tables.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};
use connector_tests::duckdb::DuckDb;
use connector_tests::faulty::FaultyServer;
use connector_tests::pipeline::Pipeline;
use connector_tests::shop;
use connector_tests::sqld::{Options, Sqld};
use serde_json::json;

#[test]
fn the_probes_show_the_kind_and_the_health_of_the_server() -> Result<()> {
    let server = Sqld::start()?;
    let pipeline = Pipeline::new(&server.url())?
        .resource("db_version")
        .resource("db_health");
    pipeline.load()?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    let sqld =
        "SELECT count(*) FROM turso_data.db_version WHERE version LIKE 'sqld %' AND status = 200";
    assert_eq!(duckdb.number(sqld)?, 1);
    assert_eq!(
        duckdb.number(
            "SELECT count(*) FROM turso_data.db_health WHERE status = 200 AND latency_ms > 0"
        )?,
        1
    );
    Ok(())
}

#[test]
fn the_dump_arrives_statement_by_statement() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    let pipeline = Pipeline::new(&server.url())?.resource("db_dump");
    pipeline.load()?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    let count = |duckdb: &mut DuckDb, of: &str| {
        duckdb.number(&format!(
            "SELECT count(*) FROM turso_data.db_dump WHERE statement ILIKE '{of}'"
        ))
    };
    assert_eq!(count(&mut duckdb, "INSERT INTO orders%")?, 5000);
    assert_eq!(count(&mut duckdb, "COMMIT%")?, 1);
    let ordinals = duckdb.query("SELECT count(*), count(DISTINCT ordinal), max(ordinal) - min(ordinal) + 1 FROM turso_data.db_dump")?;
    assert!(
        ordinals.rows[0]
            .iter()
            .all(|value| *value == ordinals.rows[0][0]),
        "{ordinals:?}"
    );
    Ok(())
}

#[test]
fn pages_of_the_dump_are_not_larger_than_the_limit() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    let pipeline = Pipeline::new(&server.url())?
        .limits("page = \"16KiB\"")
        .resource("db_dump");
    let report = pipeline.load()?;
    let dump = &report["resources"][0];
    assert!(dump["bytes"].as_u64() > Some(500_000), "{report}");
    let orders =
        "SELECT count(*) FROM turso_data.db_dump WHERE statement ILIKE 'INSERT INTO orders%'";
    assert_eq!(DuckDb::open(&pipeline.database())?.number(orders)?, 5000);
    Ok(())
}

#[test]
fn changes_are_recorded_for_the_configured_time() -> Result<()> {
    let server = Sqld::start()?;
    let client = server.client();
    client.run(&["CREATE TABLE t(x)"])?;
    let pipeline = Pipeline::new(&server.url())?
        .config("listen = { table = \"t\", seconds = 20, max_events = 3 }")
        .resource("db_listen");
    let heard = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            // The start of listening cannot be observed from outside.
            while !heard.load(Ordering::Relaxed) {
                client.run(&["INSERT INTO t VALUES (1)"])?;
                thread::sleep(Duration::from_millis(50));
            }
            anyhow::Ok(())
        });
        let loaded = pipeline.load();
        heard.store(true, Ordering::Relaxed);
        writer.join().map_err(|_| anyhow!("the writer crashed"))??;
        loaded
    })?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    let sql = "SELECT count(*) FROM turso_data.db_listen WHERE \"table\" = 't' AND action = 'insert' AND count = 1";
    assert_eq!(duckdb.number(sql)?, 3);
    Ok(())
}

#[test]
fn a_configured_query_becomes_a_table() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    let query = "SELECT country, count(*) AS n, avg(total) AS mean FROM orders JOIN customers ON customers.id = customer_id GROUP BY 1";
    let pipeline = Pipeline::new(&server.url())?
        .config(&format!("queries = [{{ name = \"by_country\", sql = \"{query}\", primary_key = [\"country\"] }}]"))
        .resource("by_country");
    pipeline.load()?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    assert_eq!(
        duckdb.number("SELECT sum(n)::BIGINT FROM turso_data.by_country")?,
        5000
    );
    Ok(())
}

#[test]
fn a_query_that_writes_is_refused_before_it_runs() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    for query in [
        "DELETE FROM orders",
        "INSERT INTO customers(name) VALUES ('x') RETURNING id",
        "SELECT 1; DELETE FROM orders",
    ] {
        let pipeline = Pipeline::new(&server.url())?
            .config(&format!(
                "queries = [{{ name = \"q\", sql = \"{query}\" }}]"
            ))
            .resource("q");
        let outcome = pipeline.host(&["run"])?;
        assert_ne!(outcome.code, Some(0), "{query}: {outcome:?}");
    }
    let left = server.client().query(
        "SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM customers)",
        &[],
    )?;
    assert_eq!(
        left.single()
            .and_then(connector_tests::value::Value::as_integer),
        Some(5400)
    );
    Ok(())
}

#[test]
fn migrations_of_a_schema_database_are_read_with_their_progress() -> Result<()> {
    let server = Sqld::with_options(&Options {
        namespaces: true,
        ..Options::default()
    })?;
    server.create_namespace("parent", &json!({"shared_schema": true}))?;
    server.create_namespace("child", &json!({"shared_schema_name": "parent"}))?;
    let parent = FaultyServer::for_namespace(&server.url(), "parent")?;
    connector_tests::hrana::Client::new(&parent.url()).run(&["CREATE TABLE t(x)"])?;
    let pipeline = Pipeline::new(&parent.url())?
        .resource("platform_jobs")
        .resource("platform_job");
    pipeline.load()?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    assert_eq!(
        duckdb.number("SELECT count(*) FROM turso_data.platform_jobs WHERE job_id = 1")?,
        1
    );
    assert_eq!(
        duckdb.number("SELECT count(*) FROM turso_data.platform_job WHERE namespace = 'child'")?,
        1
    );
    Ok(())
}

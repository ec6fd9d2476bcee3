//! `max_rows_read`: the rows that the server reads, and bills, at most.

use anyhow::Result;
use connector_tests::pipeline::Pipeline;
use connector_tests::sqld::Sqld;
use serde_json::Value as Json;

use super::{notes, only_resource, query, serve};

/// Starts a server with `t(id, at)`, whose rows from one id to another have the
/// value `at` in the cursor column.
fn serve_rows(create: &str, rows: &[(u32, u32, &str)]) -> Result<Sqld> {
    let server = serve(&[create])?;
    rows.iter().try_for_each(|rows| insert(&server, *rows))?;
    Ok(server)
}

fn insert(server: &Sqld, (from, to, at): (u32, u32, &str)) -> Result<()> {
    server.client().run(&[&format!(
        "WITH n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i < {to}) INSERT INTO t(id, at) SELECT i, {at} FROM n"
    )])
}

fn billed(report: &Json) -> u64 {
    only_resource(report)["rows_billed"].as_u64().unwrap_or(0)
}

#[test]
fn a_limited_read_goes_on_in_later_runs() -> Result<()> {
    for (lines, at) in [
        ("", "i"),
        ("cursor = \"at\"", "i"),
        ("cursor = \"at\"\nwrite = \"append\"", "i"),
        // Rows with equal values are read once more by the next page.
        ("cursor = \"at\"", "i / 300"),
        ("cursor = \"at\"\nwrite = \"append\"", "i / 300"),
    ] {
        let server = serve_rows(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, at INTEGER)",
            &[(1, 100, at)],
        )?;
        server.client().run(&["CREATE INDEX t_at ON t(at)"])?;
        let settings = |limit: &str| format!("mode = \"incremental\"\n{lines}\n{limit}");
        let pipeline = Pipeline::new(&server.url())?
            .config("page_rows = 400")
            .resource_with("t", &settings("max_rows_read = 1000"));
        pipeline.load()?;
        insert(&server, (101, 5_000, at))?;
        let mut runs = 0;
        while query(&pipeline, "SELECT count(*) FROM turso_data.t")? != ["5000"] {
            let report = pipeline.load()?;
            assert!(billed(&report) <= 1_000, "{lines} {at}: {report}");
            let rows = only_resource(&report)["rows_read"].as_u64();
            assert!(rows > Some(0), "{lines} {at}: {report}");
            runs += 1;
            assert!(runs < 30, "{lines} {at}: {report}");
        }
        assert!(runs >= 5, "{lines} {at}: {runs}");
        assert_eq!(
            query(&pipeline, "SELECT count(DISTINCT id) FROM turso_data.t")?,
            ["5000"],
            "{lines} {at}"
        );
    }
    Ok(())
}

#[test]
fn a_first_read_above_the_limit_is_refused_before_it_begins() -> Result<()> {
    let server = serve_rows(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, at INTEGER)",
        &[(1, 5_000, "i")],
    )?;
    server.client().run(&[
        "CREATE INDEX t_at ON t(at)",
        "CREATE TABLE u(id INTEGER PRIMARY KEY)",
    ])?;
    for lines in [
        "",
        "mode = \"incremental\"",
        "mode = \"incremental\"\ncursor = \"at\"",
        "mode = \"incremental\"\ncursor = \"at\"\ndeletes = \"hard\"",
    ] {
        let pipeline = Pipeline::new(&server.url())?
            .resource_with("t", &format!("{lines}\nmax_rows_read = 1000"))
            .resource("u");
        let outcome = pipeline.host(&["run", "--json"])?;
        assert_eq!(outcome.code, Some(1), "{lines}: {outcome:?}");
        let report = outcome.json()?;
        assert!(billed(&report) <= 1, "{lines}: {report}");
        let failure = only_resource(&report)["failure"]["message"].to_string();
        assert!(failure.contains("permits 1000"), "{lines}: {report}");
    }
    Ok(())
}

#[test]
fn the_search_for_deleted_rows_is_limited_too() -> Result<()> {
    let server = serve_rows(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, at INTEGER)",
        &[(1, 900, "i")],
    )?;
    server.client().run(&["CREATE INDEX t_at ON t(at)"])?;
    let lines = "mode = \"incremental\"\ncursor = \"at\"\ndeletes = \"hard\"\nmax_rows_read = 1000";
    let pipeline = Pipeline::new(&server.url())?.resource_with("t", lines);
    pipeline.load()?;
    insert(&server, (901, 1_200, "i"))?;
    let outcome = pipeline.host(&["run", "--json"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let report = outcome.json()?;
    assert!(billed(&report) <= 10, "{report}");
    assert!(outcome.stderr.contains("`deletes`"), "{outcome:?}");
    assert_eq!(
        query(&pipeline, "SELECT count(*) FROM turso_data.t")?,
        ["900"]
    );
    Ok(())
}

#[test]
fn a_scan_of_an_unknown_number_of_rows_is_refused() -> Result<()> {
    for option in ["WITHOUT ROWID", "RANDOM ROWID"] {
        let server = serve(&[
            &format!("CREATE TABLE t(id TEXT PRIMARY KEY, at INTEGER) {option}"),
            "INSERT INTO t VALUES ('a', 1), ('b', 2)",
        ])?;
        let lines = "mode = \"incremental\"\ncursor = \"at\"\nmax_rows_read = 1000";
        let pipeline = Pipeline::new(&server.url())?.resource_with("t", lines);
        let report = pipeline.load()?;
        assert_eq!(only_resource(&report)["rows_read"], 2, "{report}");
        assert!(!notes(&report).contains("about"), "{report}");
        let outcome = pipeline.host(&["run"])?;
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert!(
            outcome.stderr.contains("number is not known"),
            "{outcome:?}"
        );
        server.client().run(&["CREATE INDEX t_at ON t(at)"])?;
        pipeline.load()?;
    }
    Ok(())
}

#[test]
fn the_rows_of_a_view_cannot_be_limited() -> Result<()> {
    let server = serve(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY)",
        "CREATE VIEW v AS SELECT id FROM t",
    ])?;
    let pipeline = Pipeline::new(&server.url())?.resource_with("v", "max_rows_read = 1000");
    let outcome = pipeline.host(&["run"])?;
    assert_ne!(outcome.code, Some(0), "{outcome:?}");
    assert!(
        outcome
            .stderr
            .contains("`max_rows_read` cannot limit its rows"),
        "{outcome:?}"
    );
    Ok(())
}

#[test]
fn a_read_above_the_row_limit_is_refused() -> Result<()> {
    let server = serve(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY, at INTEGER)",
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO t SELECT i, i FROM n",
    ])?;
    let limited = |database: &Pipeline| -> Result<Pipeline> {
        Ok(Pipeline::new(&server.url())?
            .resource_with(
                "t",
                "mode = \"incremental\"\ncursor = \"at\"\nmax_rows_read = 1000",
            )
            .into_database(&database.database()))
    };
    let free =
        Pipeline::new(&server.url())?.resource_with("t", "mode = \"incremental\"\ncursor = \"at\"");
    free.load()?;
    let pipeline = limited(&free)?;
    let outcome = pipeline.host(&["run"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(
        outcome.stderr.contains("`max_rows_read` permits 1000"),
        "{outcome:?}"
    );
    assert!(outcome.stderr.contains("CREATE INDEX"), "{outcome:?}");
    server.client().run(&["CREATE INDEX t_at ON t(at)"])?;
    pipeline.load()?;
    Ok(())
}

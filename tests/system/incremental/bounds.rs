//! `start` and `end`: the values of the cursor column that are read.

use anyhow::{Context, Result};
use connector_tests::pipeline::{self, Pipeline};
use serde_json::Value as Json;

use super::{notes, only_resource, query, serve};

const TABLE: &str = "CREATE TABLE t(id INTEGER PRIMARY KEY, what TEXT, at INTEGER)";
const ROWS: &str =
    "INSERT INTO t VALUES (1, 'a', 10), (2, 'b', 20), (3, 'c', 30), (4, 'd', 40), (5, 'e', NULL)";
const INDEXES: [&str; 2] = ["SELECT 1", "CREATE INDEX t_at ON t(at)"];

/// Creates a pipeline into the same database as another one.
fn with(url: &str, lines: &str, other: Option<&Pipeline>) -> Result<Pipeline> {
    let lines = format!("mode = \"incremental\"\n{lines}");
    let pipeline = Pipeline::new(url)?.resource_with("t", &lines);
    Ok(match other {
        Some(other) => pipeline.into_database(&other.database()),
        None => pipeline,
    })
}

fn ids(pipeline: &Pipeline) -> Result<String> {
    let rows = query(pipeline, "SELECT id, what FROM turso_data.t ORDER BY ALL")?;
    Ok(rows.join(", "))
}

/// Returns the positions in the cursor of the only resource.
fn position(pipeline: &Pipeline) -> Result<String> {
    let file = pipeline.write()?.display().to_string();
    let outcome = pipeline::host(&["state", "show", "--json", "--config", &file])?;
    let shown: Json = serde_json::from_str(&outcome.stdout)?;
    let cursor = shown[0]["cursor"].as_str().context("no cursor")?;
    let cursor: Json = serde_json::from_str(cursor)?;
    Ok(cursor["last"].to_string())
}

#[test]
fn a_first_load_is_limited_and_later_runs_continue() -> Result<()> {
    for index in INDEXES {
        for write in ["merge", "append"] {
            let server = serve(&[TABLE, index, ROWS])?;
            let lines = format!("cursor = \"at\"\nwrite = \"{write}\"");
            let bounded = with(
                &server.url(),
                &format!("{lines}\nstart = 20\nend = 40"),
                None,
            )?;
            bounded.load()?;
            assert_eq!(ids(&bounded)?, "2 b, 3 c", "{index} {write}");
            // Without `end`, the next run reads what follows.
            let open = with(
                &server.url(),
                &format!("{lines}\nstart = 20"),
                Some(&bounded),
            )?;
            open.load()?;
            assert_eq!(ids(&bounded)?, "2 b, 3 c, 4 d", "{index} {write}");
            server
                .client()
                .run(&["INSERT INTO t VALUES (6, 'f', 15), (7, 'g', 50)"])?;
            open.load()?;
            assert_eq!(ids(&bounded)?, "2 b, 3 c, 4 d, 7 g", "{index} {write}");
        }
    }
    Ok(())
}

#[test]
fn an_end_alone_is_reached_run_by_run() -> Result<()> {
    for write in ["merge", "append"] {
        let server = serve(&[TABLE, "INSERT INTO t VALUES (1, 'a', 10), (9, 'z', 90)"])?;
        let lines = format!("cursor = \"at\"\nwrite = \"{write}\"\nend = 30");
        let pipeline = with(&server.url(), &lines, None)?;
        pipeline.load()?;
        assert_eq!(ids(&pipeline)?, "1 a", "{write}");
        server
            .client()
            .run(&["INSERT INTO t VALUES (2, 'b', 20), (3, 'c', 30)"])?;
        for _ in 0..2 {
            pipeline.load()?;
            assert_eq!(ids(&pipeline)?, "1 a, 2 b", "{write}");
        }
    }
    Ok(())
}

#[test]
fn a_repair_window_is_read_again_and_the_cursor_stays() -> Result<()> {
    for index in INDEXES {
        let server = serve(&[TABLE, index, ROWS])?;
        let lines = "cursor = \"at\"";
        let pipeline = with(&server.url(), lines, None)?;
        pipeline.load()?;
        let before = position(&pipeline)?;
        server.client().run(&[
            "UPDATE t SET what = 'fixed' WHERE id IN (1, 2, 4)",
            "INSERT INTO t VALUES (6, 'late', 29), (7, 'new', 70), (8, 'newer', 80)",
        ])?;
        let repair = with(
            &server.url(),
            &format!("{lines}\nstart = 20\nend = 75"),
            Some(&pipeline),
        )?;
        for _ in 0..2 {
            let report = repair.load()?;
            assert_eq!(only_resource(&report)["rows_read"], 5, "{index} {report}");
            assert!(notes(&report).contains("the cursor stays"), "{report}");
            assert_eq!(
                ids(&pipeline)?,
                "1 a, 2 fixed, 3 c, 4 fixed, 5 e, 6 late, 7 new",
                "{index}"
            );
            assert_eq!(position(&repair)?, before, "{index}");
        }
        let again = with(&server.url(), lines, Some(&pipeline))?;
        again.load()?;
        assert_eq!(
            ids(&pipeline)?,
            "1 a, 2 fixed, 3 c, 4 fixed, 5 e, 6 late, 7 new, 8 newer"
        );
    }
    Ok(())
}

#[test]
fn a_window_is_never_appended_twice() -> Result<()> {
    let server = serve(&[TABLE, ROWS])?;
    let lines = "cursor = \"at\"\nwrite = \"append\"\nlag = 15\nstart = 15\nend = 35";
    let pipeline = with(&server.url(), lines, None)?;
    pipeline.load()?;
    server
        .client()
        .run(&["INSERT INTO t VALUES (6, 'late', 18), (7, 'early', 12)"])?;
    for _ in 0..2 {
        pipeline.load()?;
        assert_eq!(ids(&pipeline)?, "2 b, 3 c, 6 late");
    }
    Ok(())
}

#[test]
fn keys_are_limited_too() -> Result<()> {
    let server = serve(&[TABLE, ROWS])?;
    let pipeline = with(&server.url(), "start = 2\nend = 4", None)?;
    pipeline.load()?;
    assert_eq!(ids(&pipeline)?, "2 b, 3 c");
    let open = with(&server.url(), "start = 2", Some(&pipeline))?;
    open.load()?;
    assert_eq!(ids(&pipeline)?, "2 b, 3 c, 4 d, 5 e");
    let merging = "write = \"merge\"\nstart = 1\nend = 3";
    let repair = with(&server.url(), merging, Some(&pipeline))?;
    let before = position(&repair)?;
    let report = repair.load()?;
    assert_eq!(only_resource(&report)["rows_read"], 2, "{report}");
    assert_eq!(position(&repair)?, before);
    Ok(())
}

#[test]
fn a_bounded_read_with_an_index_is_billed_for_its_rows() -> Result<()> {
    let server = serve(&[
        TABLE,
        "CREATE INDEX t_at ON t(at)",
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO t SELECT i, 'x', i FROM n",
    ])?;
    let lines = "cursor = \"at\"\nstart = 4000\nend = 4100\nmax_rows_read = 200";
    let pipeline = with(&server.url(), lines, None)?;
    let report = pipeline.load()?;
    assert_eq!(only_resource(&report)["rows_read"], 100, "{report}");
    let billed = only_resource(&report)["rows_billed"].as_u64();
    assert!(billed <= Some(110), "{report}");
    Ok(())
}

#[test]
fn times_limit_texts_and_numbers_whose_unit_is_known() -> Result<()> {
    let server = serve(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY, what TEXT, at TEXT, ms INTEGER)",
        "INSERT INTO t SELECT value, 'x', datetime(value * 86400, 'unixepoch'), value * 86400000 FROM (SELECT 1 AS value UNION ALL SELECT 2 UNION ALL SELECT 3)",
    ])?;
    for lines in [
        "cursor = \"at\"\nstart = \"1970-01-03\"",
        "cursor = \"at\"\nstart = 1970-01-03\nend = 1970-01-04T00:00:00",
        "cursor = \"ms\"\nstart = \"1970-01-03\"\ntypes = { ms = \"timestamp(ms)\" }",
        "cursor = \"ms\"\nstart = 172800000",
    ] {
        let pipeline = with(&server.url(), lines, None)?;
        pipeline.load()?;
        assert_eq!(ids(&pipeline)?, "2 x, 3 x", "{lines}");
    }
    for (lines, message) in [
        ("cursor = \"ms\"\nstart = \"1970-01-03\"", "unknown unit"),
        ("cursor = \"at\"\nend = 5", "is a number"),
        ("start = \"b\"", "unknown unit"),
    ] {
        let outcome = with(&server.url(), lines, None)?.host(&["run"])?;
        assert_ne!(outcome.code, Some(0), "{outcome:?}");
        assert!(outcome.stderr.contains(message), "{lines}: {outcome:?}");
    }
    Ok(())
}

#[test]
fn bounds_that_would_delete_rows_or_have_no_effect_are_refused() -> Result<()> {
    let server = serve(&[TABLE, ROWS])?;
    for (lines, message) in [
        (
            "cursor = \"at\"\ndeletes = \"hard\"\nstart = 1",
            "as deleted",
        ),
        ("cursor = \"at\"\nstart = 5\nend = 5", "not less than `end`"),
    ] {
        let outcome = with(&server.url(), lines, None)?.host(&["run"])?;
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(outcome.stderr.contains(message), "{outcome:?}");
    }
    let full = Pipeline::new(&server.url())?.resource_with("t", "end = 5");
    let outcome = full.host(&["run"])?;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    Ok(())
}

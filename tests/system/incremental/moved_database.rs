//! Pipelines whose URL leads to another database, and databases that have moved
//! to another URL.

use anyhow::{Context, Result};
use connector_tests::pipeline::{self, Pipeline};
use connector_tests::sqld::Sqld;
use serde_json::Value as Json;

use super::{fails, notes, only_resource, query, serve};

const TABLE: &str = "CREATE TABLE t(id INTEGER PRIMARY KEY, what TEXT, at INTEGER)";
const INDEX: &str = "CREATE INDEX t_at ON t(at)";

/// Settings of a resource, each with the rows of one database in the table.
const MODES: [&str; 5] = [
    "mode = \"incremental\"",
    "mode = \"incremental\"\nwrite = \"merge\"\ndeletes = \"hard\"",
    "mode = \"incremental\"\ncursor = \"at\"",
    "mode = \"incremental\"\ncursor = \"at\"\nwrite = \"append\"\nlag = 2",
    "mode = \"incremental\"\ncursor = \"at\"\ndeletes = \"soft\"",
];

fn serve_with(statements: &[&str]) -> Result<Sqld> {
    serve(&[&[TABLE, INDEX], statements].concat())
}

/// Returns the stored rows of `t`, ordered and joined.
fn rows(pipeline: &Pipeline) -> Result<String> {
    let rows = query(
        pipeline,
        "SELECT id, what, \"at\" FROM turso_data.t ORDER BY ALL",
    )?;
    Ok(rows.join(", "))
}

/// Runs a command on the state of a pipeline.
fn state(pipeline: &Pipeline, action: &str, more: &[&str]) -> Result<String> {
    let file = pipeline.write()?.display().to_string();
    let outcome = pipeline::host(&[&["state", action, "--config", &file], more].concat())?;
    anyhow::ensure!(outcome.code == Some(0), "{outcome:?}");
    Ok(outcome.stdout)
}

/// Returns the cursor of the only resource.
fn cursor(pipeline: &Pipeline) -> Result<Json> {
    let shown: Json = serde_json::from_str(&state(pipeline, "show", &["--json"])?)?;
    let cursor = shown[0]["cursor"].as_str().context("no cursor")?;
    Ok(serde_json::from_str(cursor)?)
}

/// Removes the database from the cursor of the resource `t`, as in an earlier
/// release.
pub(super) fn forget_database(pipeline: &Pipeline) -> Result<()> {
    let mut saved = cursor(pipeline)?;
    let saved = saved.as_object_mut().context("no object")?;
    saved.remove("database").context("no database")?;
    let saved = serde_json::to_string(saved)?;
    state(pipeline, "set", &["--resource", "t", &saved])?;
    Ok(())
}

/// Returns the host and port of a server.
fn host(server: &Sqld) -> String {
    server.url().trim_start_matches("http://").to_owned()
}

#[test]
fn the_cursor_of_another_database_is_refused() -> Result<()> {
    for lines in MODES {
        let one = serve_with(&["INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)"])?;
        let other = serve_with(&["INSERT INTO t VALUES (2, 'x', 9), (3, 'y', 9), (7, 'z', 9)"])?;
        other.client().run(&[
            "CREATE TABLE u(id INTEGER PRIMARY KEY)",
            "INSERT INTO u VALUES (1), (2)",
        ])?;
        let pipeline = Pipeline::new(&one.url())?.resource_with("t", lines);
        pipeline.load()?;
        let before = (rows(&pipeline)?, cursor(&pipeline)?);
        let pipeline = pipeline.at(&other.url());
        for _ in 0..2 {
            let outcome = pipeline.host(&["run", "--resource", "t"])?;
            assert_eq!(outcome.code, Some(1), "{lines}: {outcome:?}");
            let message = format!(
                "the cursor of `t` belongs to the database `{}`, but `{}` is read",
                host(&one),
                host(&other)
            );
            assert!(outcome.stderr.contains(&message), "{outcome:?}");
            assert!(
                outcome.stderr.contains("another `name` and `dataset`"),
                "{outcome:?}"
            );
            assert_eq!((rows(&pipeline)?, cursor(&pipeline)?), before, "{lines}");
        }
        // Other resources are loaded.
        let pipeline = pipeline.resource("u");
        let outcome = pipeline.host(&["run", "--json"])?;
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert_eq!(outcome.json()?["status"], "partial", "{outcome:?}");
        assert_eq!(
            query(&pipeline, "SELECT count(*) FROM turso_data.u")?,
            ["2"]
        );
        // The database of the cursor is read on.
        one.client().run(&["INSERT INTO t VALUES (4, 'd', 4)"])?;
        one.client()
            .run(&["CREATE TABLE u(id INTEGER PRIMARY KEY)"])?;
        let pipeline = pipeline.at(&one.url());
        pipeline.load()?;
        assert_eq!(rows(&pipeline)?, "1 a 1, 2 b 2, 3 c 3, 4 d 4", "{lines}");
    }
    Ok(())
}

#[test]
fn a_full_refresh_accepts_another_database() -> Result<()> {
    let one = serve_with(&["INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2)"])?;
    let other = serve_with(&["INSERT INTO t VALUES (5, 'x', 1)"])?;
    let pipeline = Pipeline::new(&one.url())?.resource_with("t", MODES[2]);
    pipeline.load()?;
    let pipeline = pipeline.at(&other.url());
    let outcome = pipeline.host(&["run", "--full-refresh"])?;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(rows(&pipeline)?, "5 x 1");
    assert_eq!(cursor(&pipeline)?["database"]["host"], *host(&other));
    Ok(())
}

#[test]
fn a_database_that_has_moved_is_read_on() -> Result<()> {
    let data = ["INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)"];
    for lines in MODES {
        let one = serve_with(&data)?;
        let moved = serve_with(&data)?;
        moved.client().run(&["INSERT INTO t VALUES (4, 'd', 4)"])?;
        let pipeline = Pipeline::new(&one.url())?.resource_with("t", lines);
        pipeline.load()?;
        assert_eq!(cursor(&pipeline)?["database"]["host"], *host(&one));
        let pipeline = pipeline.at(&moved.url());
        let report = pipeline.load()?;
        let note = format!("the last run has read the database `{}`", host(&one));
        assert!(notes(&report).contains(&note), "{lines}: {report}");
        assert_eq!(rows(&pipeline)?, "1 a 1, 2 b 2, 3 c 3, 4 d 4", "{lines}");
        assert_eq!(cursor(&pipeline)?["database"]["host"], *host(&moved));
        let report = pipeline.load()?;
        assert!(
            !notes(&report).contains("the last run has read"),
            "{report}"
        );
        assert_eq!(rows(&pipeline)?, "1 a 1, 2 b 2, 3 c 3, 4 d 4", "{lines}");
    }
    Ok(())
}

#[test]
fn databases_that_began_with_the_same_rows_are_told_apart() -> Result<()> {
    // Rows of a template are equal, and the last rows of each database are not.
    let template = "INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2)";
    for lines in MODES {
        let one = serve_with(&[template, "INSERT INTO t VALUES (3, 'mine', 3)"])?;
        let other = serve_with(&[
            template,
            "INSERT INTO t VALUES (3, 'yours', 3), (4, 'd', 4)",
        ])?;
        let pipeline = Pipeline::new(&one.url())?.resource_with("t", lines);
        pipeline.load()?;
        let outcome = pipeline.at(&other.url()).host(&["run"])?;
        assert_eq!(outcome.code, Some(1), "{lines}: {outcome:?}");
        assert!(
            outcome
                .stderr
                .contains("its last row is not there unchanged"),
            "{outcome:?}"
        );
    }
    Ok(())
}

#[test]
fn a_database_that_is_known_by_its_keys_only_is_refused() -> Result<()> {
    let key_only = "columns = [\"id\"]";
    let masked = "mask = { what = \"sha256\", at = \"null\" }";
    for lines in [key_only, masked] {
        let one = serve_with(&["INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2)"])?;
        let other = serve_with(&["INSERT INTO t VALUES (1, 'x', 7), (2, 'y', 8), (3, 'z', 9)"])?;
        let lines = format!("mode = \"incremental\"\n{lines}");
        let pipeline = Pipeline::new(&one.url())?.resource_with("t", &lines);
        pipeline.load()?;
        let pipeline = pipeline.at(&other.url());
        fails(&pipeline, "its last rows are known by their keys only")?;
        assert_eq!(
            query(&pipeline, "SELECT count(*) FROM turso_data.t")?,
            ["2"]
        );
    }
    Ok(())
}

#[test]
fn an_empty_database_does_not_continue_another_one() -> Result<()> {
    for lines in MODES {
        let one = serve_with(&["INSERT INTO t VALUES (1, 'a', 1)"])?;
        let empty = serve_with(&[])?;
        let pipeline = Pipeline::new(&one.url())?.resource_with("t", lines);
        pipeline.load()?;
        let pipeline = pipeline.at(&empty.url());
        let outcome = pipeline.host(&["run"])?;
        assert_eq!(outcome.code, Some(1), "{lines}: {outcome:?}");
        assert_eq!(rows(&pipeline)?, "1 a 1", "{lines}");
    }
    Ok(())
}

#[test]
fn a_database_of_which_nothing_was_read_may_be_exchanged() -> Result<()> {
    let empty = serve_with(&[])?;
    let other = serve_with(&["INSERT INTO t VALUES (1, 'a', 1)"])?;
    let pipeline = Pipeline::new(&empty.url())?.resource_with("t", MODES[0]);
    pipeline.load()?;
    let pipeline = pipeline.at(&other.url());
    let report = pipeline.load()?;
    assert_eq!(only_resource(&report)["rows_read"], 1);
    assert_eq!(notes(&report), "[]");
    Ok(())
}

#[test]
fn a_cursor_that_names_no_database_is_completed() -> Result<()> {
    let one = serve_with(&["INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2)"])?;
    let other = serve_with(&["INSERT INTO t VALUES (2, 'x', 2), (3, 'c', 3)"])?;
    let pipeline = Pipeline::new(&one.url())?.resource_with("t", MODES[2]);
    pipeline.load()?;
    forget_database(&pipeline)?;
    let pipeline = pipeline.at(&other.url());
    pipeline.load()?;
    assert_eq!(rows(&pipeline)?, "1 a 1, 2 x 2, 3 c 3");
    assert_eq!(cursor(&pipeline)?["database"]["host"], *host(&other));
    let outcome = pipeline.at(&one.url()).host(&["run"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    Ok(())
}

#[test]
fn another_database_with_the_same_commit_count_is_not_skipped() -> Result<()> {
    let one = serve_with(&["INSERT INTO t VALUES (1, 'a', 1)"])?;
    let other = serve_with(&["INSERT INTO t VALUES (1, 'x', 1)"])?;
    let pipeline = Pipeline::new(&one.url())?
        .config("skip_unchanged = true")
        .resource("t");
    pipeline.load()?;
    let report = pipeline.load()?;
    assert!(notes(&report).contains("was skipped"), "{report}");
    let pipeline = pipeline.at(&other.url());
    let report = pipeline.load()?;
    assert_eq!(only_resource(&report)["rows_read"], 1, "{report}");
    assert_eq!(rows(&pipeline)?, "1 x 1");
    Ok(())
}

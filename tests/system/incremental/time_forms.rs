//! Cursor columns whose text holds times in several forms.

use anyhow::Result;
use connector_tests::pipeline::Pipeline;

use super::{notes, only_resource, query, serve};

const TABLE: &str = "CREATE TABLE t(id INTEGER PRIMARY KEY, at TEXT)";
const MIXED: &str = "INSERT INTO t VALUES (1, '2026-03-01T09:00:00Z'), (2, '2026-03-01 10:00:00'), (3, '2026-03-01T12:00:00+02:00')";
const TYPES: &str = "types = { at = \"timestamptz\" }";

fn by_time(url: &str, lines: &str) -> Result<Pipeline> {
    let lines = format!("mode = \"incremental\"\ncursor = \"at\"\n{lines}");
    Ok(Pipeline::new(url)?.resource_with("t", &lines))
}

#[test]
fn times_in_several_forms_are_named() -> Result<()> {
    for index in ["SELECT 1", "CREATE INDEX t_at ON t(at)"] {
        for write in ["merge", "append"] {
            let server = serve(&[TABLE, index, MIXED])?;
            let pipeline = by_time(&server.url(), &format!("write = \"{write}\""))?;
            let report = pipeline.load()?;
            assert_eq!(only_resource(&report)["rows_written"], 3);
            let notes = notes(&report);
            assert!(
                notes.contains("times in several forms, such as `2026-03-01T09:00:00Z` and `2026-03-01 10:00:00`")
                    || notes.contains("times in several forms, such as `2026-03-01 10:00:00` and `2026-03-01T09:00:00Z`"),
                "{report}"
            );
            assert!(notes.contains("`lag` of"), "{report}");
        }
    }
    Ok(())
}

#[test]
fn times_in_several_forms_are_refused_if_the_type_says_that_they_are_times() -> Result<()> {
    let server = serve(&[TABLE, MIXED])?;
    let pipeline = by_time(&server.url(), TYPES)?;
    let outcome = pipeline.host(&["run"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(
        outcome.stderr.contains("times in several forms"),
        "{outcome:?}"
    );
    assert!(outcome.stderr.contains("unixepoch(at)"), "{outcome:?}");
    Ok(())
}

#[test]
fn a_lag_of_days_reads_times_in_several_forms() -> Result<()> {
    for index in ["SELECT 1", "CREATE INDEX t_at ON t(at)"] {
        for write in ["merge", "append"] {
            let server = serve(&[TABLE, index, MIXED])?;
            let lines = format!("write = \"{write}\"\nlag = \"3d\"\n{TYPES}");
            let pipeline = by_time(&server.url(), &lines)?;
            let report = pipeline.load()?;
            assert!(!notes(&report).contains("several forms"), "{report}");
            // Later than all others, and before them in the order of text.
            server.client().run(&[
                "INSERT INTO t VALUES (4, '2026-03-01 23:00:00'), (5, '2026-03-01T06:00:00-12:00')",
            ])?;
            pipeline.load()?;
            pipeline.load()?;
            assert_eq!(
                query(
                    &pipeline,
                    "SELECT count(*), count(DISTINCT id) FROM turso_data.t"
                )?,
                ["5 5"],
                "{index} {write}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_form_that_appears_later_is_noticed() -> Result<()> {
    let later = "INSERT INTO t VALUES (2, '2026-03-01 10:00:00')";
    for (types, fails) in [("", false), (TYPES, true)] {
        let server = serve(&[
            TABLE,
            "CREATE INDEX t_at ON t(at)",
            "INSERT INTO t VALUES (1, '2026-03-01T09:00:00Z')",
        ])?;
        let pipeline = by_time(&server.url(), types)?;
        let report = pipeline.load()?;
        assert_eq!(notes(&report), "[]");
        let report = pipeline.load()?;
        assert_eq!(notes(&report), "[]");
        server.client().run(&[later])?;
        let outcome = pipeline.host(&["run", "--json"])?;
        assert_eq!(outcome.code, Some(i32::from(fails)), "{outcome:?}");
        let found = "such as `2026-03-01T09:00:00Z` and `2026-03-01 10:00:00`";
        assert!(outcome.stdout.contains(found), "{outcome:?}");
    }
    Ok(())
}

#[test]
fn days_and_texts_that_are_no_times_have_no_form() -> Result<()> {
    let server = serve(&[
        TABLE,
        "INSERT INTO t VALUES (1, '2026-03-01'), (2, '2026-03-01T09:00:00Z'), (3, 'never'), (4, ''), (5, '2026-02-28T09:00:00.5Z')",
    ])?;
    let pipeline = by_time(&server.url(), "")?;
    assert_eq!(notes(&pipeline.load()?), "[]");
    Ok(())
}

#[test]
fn numbers_and_texts_in_a_cursor_column_have_their_own_last_values() -> Result<()> {
    let server = serve(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY, at)",
        "INSERT INTO t VALUES (1, 100), (2, '2026-03-01T09:00:00Z')",
    ])?;
    let pipeline = by_time(&server.url(), "")?;
    let report = pipeline.load()?;
    assert!(
        notes(&report).contains("values of several types"),
        "{report}"
    );
    server
        .client()
        .run(&["INSERT INTO t VALUES (3, 101), (4, '2026-03-01T09:00:01Z')"])?;
    pipeline.load()?;
    assert_eq!(
        query(&pipeline, "SELECT count(*) FROM turso_data.t")?,
        ["4"]
    );
    Ok(())
}

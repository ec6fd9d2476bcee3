//! The commands `state` and `diff`: cursors, and the changes of the next load.

use anyhow::Result;
use connector_tests::duckdb::DuckDb;
use connector_tests::pipeline::Pipeline;
use connector_tests::sqld::Sqld;

const EVENTS: [&str; 2] = [
    "CREATE TABLE events(id INTEGER PRIMARY KEY, what TEXT)",
    "INSERT INTO events VALUES (1, 'a'), (2, 'b'), (3, 'c')",
];

fn events(pipeline: &Pipeline) -> Result<i64> {
    DuckDb::open(&pipeline.database())?.number("SELECT count(*) FROM turso_data.events")
}

#[test]
fn a_cursor_can_be_shown_set_and_reset() -> Result<()> {
    for files in [false, true] {
        let server = Sqld::start()?;
        server.client().run(&EVENTS)?;
        let mut pipeline =
            Pipeline::new(&server.url())?.resource_with("events", "mode = \"incremental\"");
        if files {
            pipeline = pipeline.into_files("jsonl");
        }
        let state = |arguments: &[&str]| -> Result<String> {
            let outcome = pipeline.host(arguments)?;
            anyhow::ensure!(outcome.code == Some(0), "{outcome:?}");
            Ok(outcome.stdout)
        };
        // `Pipeline::host` inserts `--config` after the first word; `state` has
        // two.
        let file = pipeline.write()?.display().to_string();
        let state_of = |action: &str, more: &[&str]| -> Result<String> {
            let outcome = connector_tests::pipeline::host(
                &[&["state", action, "--config", &file], more].concat(),
            )?;
            anyhow::ensure!(outcome.code == Some(0), "{outcome:?}");
            Ok(outcome.stdout)
        };
        assert_eq!(state_of("show", &[])?, "no resource has a cursor\n");
        pipeline.load()?;
        let shown = || -> Result<String> {
            let shown = state_of("show", &["--json"])?;
            let shown: serde_json::Value = serde_json::from_str(&shown)?;
            Ok(shown[0]["cursor"].as_str().unwrap_or_default().to_owned())
        };
        let cursor = shown()?;
        let position = r#"{"key":["id"],"last":[{"key":[{"integer":3}]}],"#;
        assert!(cursor.starts_with(position), "{cursor}");
        let earlier = r#"{"key":["id"],"last":[{"key":[{"integer":2}]}]}"#;
        let output = state_of("set", &["--resource", "events", earlier])?;
        assert_eq!(
            output,
            format!(
                "events: the previous cursor was {cursor}\n\
                 events: the next load appends the rows after the new cursor, even if they are stored already\n"
            )
        );
        let report = pipeline.load()?;
        assert_eq!(report["resources"][0]["rows_read"], 1, "{report}");
        let cursor = shown()?;
        let output = state_of("reset", &["--resource", "events"])?;
        assert_eq!(
            output,
            format!(
                "events: the previous cursor was {cursor}\n\
                 events: the next load reads all rows, and appends those that are stored already once more\n\
                 hint: to replace the stored rows, run again with `--full-refresh --resource events`\n"
            )
        );
        let report = pipeline.load()?;
        assert_eq!(report["resources"][0]["rows_read"], 3, "{report}");
        let note = report["resources"][0]["notes"][0].as_str();
        assert!(
            note.is_some_and(|note| note.contains("the read had no saved cursor")),
            "{report}"
        );
        let error = state_of("set", &["--resource", "events", "nonsense"]).unwrap_err();
        let refusal = "the cursor of `events` cannot be parsed";
        assert!(error.to_string().contains(refusal), "{error}");
        state_of("reset", &[])?;
        state(&["check"])?;
        if !files {
            // Each change of a cursor is recorded as a load without rows.
            let mut duckdb = DuckDb::open(&pipeline.database())?;
            let changes = "SELECT count(*) FROM turso_data._loads WHERE connector_name = 'state'";
            assert_eq!(duckdb.number(changes)?, 3);
            assert_eq!(events(&pipeline)?, 7);
        }
    }
    Ok(())
}

#[test]
fn a_missing_cursor_cannot_be_reset() -> Result<()> {
    let server = Sqld::start()?;
    server.client().run(&EVENTS)?;
    let pipeline = Pipeline::new(&server.url())?.resource("events");
    let file = pipeline.write()?.display().to_string();
    let arguments = ["state", "reset", "--config", &file, "--resource", "event"];
    let outcome = connector_tests::pipeline::host(&arguments)?;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(
        outcome.stderr.contains("`event` has no cursor"),
        "{outcome:?}"
    );
    let hint = "hint: no resource of this pipeline has a cursor; an incremental load saves one\n";
    assert!(outcome.stderr.contains(hint), "{outcome:?}");
    let pipeline = Pipeline::new(&server.url())?
        .resource_with("events", "mode = \"incremental\"")
        .into_database(&pipeline.database());
    pipeline.load()?;
    let file = pipeline.write()?.display().to_string();
    let arguments = ["state", "reset", "--config", &file, "--resource", "event"];
    let outcome = connector_tests::pipeline::host(&arguments)?;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    let hint = "hint: resources with a cursor: events\n";
    assert!(outcome.stderr.contains(hint), "{outcome:?}");
    Ok(())
}

#[test]
fn a_diff_shows_changes_and_applies_none() -> Result<()> {
    let server = Sqld::start()?;
    server.client().run(&EVENTS)?;
    let pipeline = |schema: &str| -> Result<Pipeline> {
        Ok(Pipeline::new(&server.url())?.resource_with(
            "events",
            &format!("mode = \"incremental\"\nschema = \"{schema}\""),
        ))
    };
    let evolve = pipeline("evolve")?;
    let outcome = evolve.host(&["diff"])?;
    assert_eq!(outcome.stdout, "events: + the table\n", "{outcome:?}");
    evolve.load()?;
    let outcome = evolve.host(&["diff"])?;
    assert_eq!(outcome.stdout, "nothing would change\n", "{outcome:?}");
    server.client().run(&[
        "ALTER TABLE events ADD COLUMN size INTEGER",
        "ALTER TABLE events ADD COLUMN free",
        "ALTER TABLE events DROP COLUMN what",
    ])?;
    let outcome = evolve.host(&["diff"])?;
    assert_eq!(
        outcome.stdout,
        "events: + column `size`, an integer\n\
         events: + column `free`\n\
         events: - column `what` is no longer in the source\n",
        "{outcome:?}"
    );
    let freeze = pipeline("freeze")?.into_database(&evolve.database());
    let outcome = freeze.host(&["diff"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let refusal = "the columns of `events` have changed, and its schema is frozen: column `size` (an integer) is new, column `free` is new";
    assert!(outcome.stdout.contains(refusal), "{outcome:?}");
    server
        .client()
        .run(&["INSERT INTO events(size, free) VALUES (1, 2)"])?;
    let outcome = freeze.host(&["run"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("have changed"), "{outcome:?}");
    assert_eq!(events(&evolve)?, 3);
    evolve.load()?;
    let mut duckdb = DuckDb::open(&evolve.database())?;
    let row = duckdb.query("SELECT id, what, size, free FROM turso_data.events WHERE id > 3")?;
    assert_eq!(format!("{:?}", row.rows), "[[4, NULL, 1, 2]]");
    Ok(())
}

#[test]
fn new_columns_are_discarded_as_values_or_with_their_rows() -> Result<()> {
    let server = Sqld::start()?;
    server.client().run(&EVENTS)?;
    for (policy, rows, rejected) in [("discard_value", 5, 0), ("discard_row", 4, 1)] {
        let pipeline = Pipeline::new(&server.url())?.resource_with(
            "events",
            &format!("mode = \"incremental\"\nschema = \"{policy}\""),
        );
        pipeline.load()?;
        server.client().run(&[
            "ALTER TABLE events ADD COLUMN size INTEGER",
            "INSERT INTO events VALUES (4, 'd', NULL), (5, 'e', 5)",
        ])?;
        let report = pipeline.load()?;
        assert_eq!(
            report["resources"][0]["rows_rejected"], rejected,
            "{report}"
        );
        assert_eq!(events(&pipeline)?, rows, "{policy}");
        let mut duckdb = DuckDb::open(&pipeline.database())?;
        let kept = duckdb.query("SELECT record FROM turso_data._rejected")?;
        assert_eq!(kept.rows.len(), usize::from(rejected > 0));
        if let Some(record) = kept.rows.first().and_then(|row| row[0].as_text()) {
            assert!(record.contains(r#""what":"e""#), "{record}");
        }
        assert!(!duckdb.table("events")?.columns.contains(&"size".to_owned()));
        server.client().run(&[
            "DELETE FROM events WHERE id > 3",
            "ALTER TABLE events DROP COLUMN size",
        ])?;
    }
    Ok(())
}

#[test]
fn a_diff_shows_a_dropped_column_with_two_underscores_in_its_name() -> Result<()> {
    let server = Sqld::start()?;
    server.client().run(&[
        "CREATE TABLE visits(id INTEGER PRIMARY KEY, price INTEGER, utm__source TEXT)",
        "INSERT INTO visits VALUES (1, 5, 'mail'), (2, 'much', 'feed')",
    ])?;
    let pipeline = Pipeline::new(&server.url())?.resource("visits");
    pipeline.load()?;
    let outcome = pipeline.host(&["diff"])?;
    assert_eq!(outcome.stdout, "nothing would change\n", "{outcome:?}");
    server
        .client()
        .run(&["ALTER TABLE visits DROP COLUMN utm__source"])?;
    let outcome = pipeline.host(&["diff"])?;
    assert!(
        outcome.stdout.contains("- column `utm__source`"),
        "{outcome:?}"
    );
    assert!(!outcome.stdout.contains("price"), "{outcome:?}");
    Ok(())
}

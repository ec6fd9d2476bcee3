//! Merges by a key that several rows of the source share: the row with the
//! largest value in the cursor column is stored, in every destination.

use anyhow::Result;
use connector_tests::duckdb::DuckDb;
use connector_tests::pipeline::Pipeline;
use connector_tests::sqld::Sqld;
use connector_tests::value::{Rows, Value};
use connector_tests::{compare, files};

/// Rates of which the newest is not the last one by its id.
const RATES: [&str; 2] = [
    "CREATE TABLE rates(id INTEGER PRIMARY KEY, pair TEXT, rate, seen INTEGER)",
    "INSERT INTO rates VALUES (1, 'EURUSD', 15, 100), (2, 'EURUSD', 12, 50), \
     (3, 'EURCHF', 5, 70), (4, 'EURCHF', 7, 70), (5, 'USDCHF', 'n/a', NULL), (6, 'USDCHF', 2, 1)",
];
const INDEX: &str = "CREATE INDEX rates_seen ON rates(seen)";
const LINES: &str = "mode = \"incremental\"\ncursor = \"seen\"\nprimary_key = [\"pair\"]";
const DESTINATIONS: [&str; 4] = ["duckdb", "parquet", "jsonl", "csv"];

fn rates(index: bool) -> Result<Sqld> {
    let server = Sqld::start()?;
    server.client().run(&RATES)?;
    if index {
        server.client().run(&[INDEX])?;
    }
    Ok(server)
}

fn pipeline(server: &Sqld, destination: &str, lines: &str) -> Result<Pipeline> {
    let pipeline = Pipeline::new(&server.url())?.resource_with("rates", lines);
    Ok(match destination {
        "duckdb" => pipeline,
        format => pipeline.into_files(format),
    })
}

fn stored(pipeline: &Pipeline, destination: &str, table: &str) -> Result<Rows> {
    if destination == "duckdb" {
        return DuckDb::open(&pipeline.database())?.table(table);
    }
    let files = files::table_files(&pipeline.dataset(), table)?;
    match destination {
        "parquet" => files::parquet(&files),
        "jsonl" => files::jsonl(&files, &files::jsonl_columns(&files)?),
        _ => files::csv(&files),
    }
}

/// Compares the stored rows with those that a query selects in the source.
fn check(server: &Sqld, pipeline: &Pipeline, destination: &str, sql: &str) -> Result<()> {
    check_table(server, pipeline, destination, "rates", sql)
}

fn check_table(
    server: &Sqld,
    pipeline: &Pipeline,
    destination: &str,
    table: &str,
    sql: &str,
) -> Result<()> {
    let source = server.client().query(sql, &[])?;
    let stored = stored(pipeline, destination, table)?;
    let what = format!("{destination}: {sql}");
    match destination {
        "duckdb" | "parquet" => compare::check_equal(&what, &source, &stored),
        _ => compare::check_equal_as_text(&what, &source, &stored),
    }
}

#[test]
fn the_newest_row_of_a_key_wins_in_every_destination() -> Result<()> {
    for destination in DESTINATIONS {
        for index in [true, false] {
            let server = rates(index)?;
            let pipeline = pipeline(&server, destination, &format!("{LINES}\nlag = 40"))?;
            pipeline.load()?;
            let newest = "SELECT * FROM rates WHERE id IN (1, 4, 6)";
            check(&server, &pipeline, destination, newest)?;
            // The rows of the lag and those without a value are read again.
            pipeline.load()?;
            check(&server, &pipeline, destination, newest)?;
            // A late row, a tie, a newer row of which an older one has a larger
            // id, and a row without a value.
            server.client().run(&[
                "INSERT INTO rates VALUES (7, 'EURUSD', 9, 99), (8, 'EURCHF', 8, 70), \
                 (9, 'USDCHF', 3, 120), (10, 'USDCHF', 4, 110), (11, 'EURUSD', 9, NULL), (12, 'new', 1, NULL)",
            ])?;
            pipeline.load()?;
            let newest = "SELECT * FROM rates WHERE id IN (1, 8, 9, 12)";
            check(&server, &pipeline, destination, newest)?;
        }
    }
    Ok(())
}

#[test]
fn all_rows_of_a_key_are_appended() -> Result<()> {
    for destination in DESTINATIONS {
        let server = rates(true)?;
        let pipeline = pipeline(
            &server,
            destination,
            &format!("{LINES}\nwrite = \"append\""),
        )?;
        pipeline.load()?;
        server
            .client()
            .run(&["INSERT INTO rates VALUES (7, 'EURUSD', 9, 101), (8, 'EURUSD', 8, 100)"])?;
        pipeline.load()?;
        check(&server, &pipeline, destination, "SELECT * FROM rates")?;
    }
    Ok(())
}

#[test]
fn an_older_row_makes_no_version() -> Result<()> {
    for destination in DESTINATIONS {
        let server = rates(false)?;
        let lines = format!("{LINES}\nlag = 40\nwrite = \"scd2\"");
        let pipeline = pipeline(&server, destination, &lines)?;
        pipeline.load()?;
        server.client().run(&[
            "INSERT INTO rates VALUES (7, 'EURUSD', 9, 99), (8, 'EURCHF', 9, 80), (9, 'EURCHF', 8, 75)",
        ])?;
        pipeline.load()?;
        let stored = stored(&pipeline, destination, "rates")?;
        let id = stored.columns.iter().position(|column| column == "id");
        let Some(id) = id else {
            anyhow::bail!("{:?}", stored.columns)
        };
        let text = |row: &Vec<Value>| match &row[id] {
            Value::Integer(id) => id.to_string(),
            other => other.as_text().unwrap_or_default().to_owned(),
        };
        let mut ids: Vec<_> = stored.rows.iter().map(text).collect();
        ids.sort();
        assert_eq!(ids, ["1", "4", "6", "8"], "{destination}");
    }
    Ok(())
}

#[test]
fn items_belong_to_the_newest_row_of_a_key() -> Result<()> {
    for destination in DESTINATIONS {
        let server = Sqld::start()?;
        server.client().run(&[
            "CREATE TABLE rates(id INTEGER PRIMARY KEY, pair TEXT, seen INTEGER, doc JSON)",
            r#"INSERT INTO rates VALUES (1, 'a', 100, '{"items":[{"n":1},{"n":2}]}'), (2, 'a', 50, '{"items":[{"n":3}]}'),
                (3, 'b', 10, '{"items":[{"n":4}]}'), (4, 'b', 20, '{"items":[]}'), (5, 'c', 30, '{"items":[{"n":5}]}')"#,
        ])?;
        let lines = format!("{LINES}\nlag = 90\nnested = \"tables\"");
        let pipeline = pipeline(&server, destination, &lines)?;
        let items = |ids: &str| {
            format!(
                "SELECT pair AS _root_pair, i.key AS _index, json_extract(i.value, '$.n') AS n \
                 FROM rates, json_each(doc, '$.items') i WHERE rates.id IN ({ids})"
            )
        };
        pipeline.load()?;
        let table = "rates__doc__items";
        check_table(&server, &pipeline, destination, table, &items("1, 4, 5"))?;
        server.client().run(&[
            r#"INSERT INTO rates VALUES (6, 'a', 99, '{"items":[{"n":6}]}'), (7, 'b', 15, '{"items":[{"n":7}]}'),
                (8, 'c', 40, '{"items":[{"n":8},{"n":9}]}'), (9, 'c', 35, '{"items":[{"n":10}]}')"#,
        ])?;
        pipeline.load()?;
        check_table(&server, &pipeline, destination, table, &items("1, 4, 8"))?;
    }
    Ok(())
}

#[test]
fn the_newest_row_wins_over_the_parts_of_a_resumable_run() -> Result<()> {
    let server = Sqld::start()?;
    server.client().run(&[
        RATES[0],
        INDEX,
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000) \
         INSERT INTO rates SELECT 40000 - i, 'p' || (i % 500), i, i FROM n",
    ])?;
    let newest = "SELECT id, pair, rate, max(seen) AS seen FROM rates GROUP BY pair";
    for destination in ["duckdb", "parquet"] {
        let pipeline = pipeline(&server, destination, &format!("{LINES}\nlag = 20000"))?
            .config("page_rows = 500")
            .top("consistency = \"resumable\"\ncommit_every = \"1ms\"");
        let report = pipeline.load()?;
        assert!(report["loads"].as_u64() > Some(1), "{report}");
        check(&server, &pipeline, destination, newest)?;
        // The parts of the second run begin with rows that are older than stored
        // ones.
        let report = pipeline.load()?;
        assert_eq!(report["resources"][0]["rows_read"], 20_001, "{report}");
        check(&server, &pipeline, destination, newest)?;
    }
    Ok(())
}

#[test]
fn a_row_of_the_source_may_become_older() -> Result<()> {
    for destination in DESTINATIONS {
        let server = rates(true)?;
        let lines = "mode = \"incremental\"\ncursor = \"seen\"\nlag = 90";
        let pipeline = pipeline(&server, destination, lines)?;
        pipeline.load()?;
        // The key of the table identifies one row, whose last state counts.
        server.client().run(&[
            "UPDATE rates SET rate = 0, seen = 99 WHERE id = 1",
            "UPDATE rates SET rate = 0, seen = NULL WHERE id = 3",
        ])?;
        pipeline.load()?;
        check(&server, &pipeline, destination, "SELECT * FROM rates")?;
    }
    Ok(())
}

#[test]
fn a_cursor_column_that_is_not_stored_orders_nothing() -> Result<()> {
    let server = rates(true)?;
    let lines = format!("{LINES}\ncolumns = [\"id\", \"pair\"]\nlag = 40");
    let pipeline = pipeline(&server, "duckdb", &lines)?;
    pipeline.load()?;
    server
        .client()
        .run(&["INSERT INTO rates VALUES (7, 'EURUSD', 9, 99)"])?;
    pipeline.load()?;
    // Rows are read in the order of the cursor column, and first of all those
    // without a value in it.
    let last = "SELECT id, pair FROM rates WHERE id IN (1, 4, 5)";
    check(&server, &pipeline, "duckdb", last)
}

#[test]
fn a_column_called_rowid_does_not_decide_which_row_is_the_last() -> Result<()> {
    for destination in DESTINATIONS {
        let server = Sqld::start()?;
        server.client().run(&[
            "CREATE TABLE rates(id INTEGER PRIMARY KEY, pair TEXT, rowid INTEGER, seen INTEGER)",
            "INSERT INTO rates VALUES (1, 'a', 9, 1), (2, 'a', 5, 1), (3, 'a', 1, 1), (4, 'b', 7, 1)",
        ])?;
        let pipeline = pipeline(&server, destination, LINES)?;
        pipeline.load()?;
        let last = "SELECT * FROM rates WHERE id IN (3, 4)";
        check(&server, &pipeline, destination, last)?;
        server
            .client()
            .run(&["INSERT INTO rates VALUES (5, 'b', 6, 1), (6, 'b', 0, 1)"])?;
        pipeline.load()?;
        let last = "SELECT * FROM rates WHERE id IN (3, 6)";
        check(&server, &pipeline, destination, last)?;
    }
    Ok(())
}

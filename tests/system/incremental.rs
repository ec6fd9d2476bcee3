//! Incremental reads: the rows that are read, and the rows that are billed.

mod bounds;
mod deleted_rows;
mod last_rows;
mod moved_database;
mod row_limit;
mod ties;
mod time_forms;

use anyhow::Result;
use connector_tests::duckdb::DuckDb;
use connector_tests::pipeline::{Outcome, Pipeline};
use connector_tests::source;
use connector_tests::sqld::Sqld;
use connector_tests::value::Value;
use serde_json::Value as Json;

/// Starts a server and runs statements.
fn serve(statements: &[&str]) -> Result<Sqld> {
    let server = Sqld::start()?;
    server.client().run(statements)?;
    Ok(server)
}

/// Returns the report of the only resource.
fn only_resource(report: &Json) -> &Json {
    &report["resources"][0]
}

/// Returns the notes of the only resource.
fn notes(report: &Json) -> String {
    only_resource(report)["notes"].to_string()
}

/// Returns the rows of a query of the destination as text.
fn query(pipeline: &Pipeline, sql: &str) -> Result<Vec<String>> {
    let rows = DuckDb::open(&pipeline.database())?.query(sql)?;
    let text = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::Integer(number) => number.to_string(),
        other => other
            .as_text()
            .map_or_else(|| format!("{other:?}"), str::to_owned),
    };
    let row = |row: &Vec<Value>| row.iter().map(text).collect::<Vec<_>>().join(" ");
    Ok(rows.rows.iter().map(row).collect())
}

/// Runs a pipeline that fails with a message.
fn fails(pipeline: &Pipeline, message: &str) -> Result<Outcome> {
    let outcome = pipeline.host(&["run"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains(message), "{outcome:?}");
    Ok(outcome)
}

#[test]
fn an_append_only_table_needs_only_the_mode() -> Result<()> {
    let server = serve(&[
        "CREATE TABLE events(id INTEGER PRIMARY KEY, what TEXT)",
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000) INSERT INTO events SELECT i, 'e' || i FROM n",
    ])?;
    let pipeline = Pipeline::new(&server.url())?.resource_with("events", "mode = \"incremental\"");
    let report = pipeline.load()?;
    assert_eq!(only_resource(&report)["rows_written"], 25_000);
    let report = pipeline.load()?;
    assert_eq!(only_resource(&report)["rows_read"], 0);
    // Only the last row, for its digest and as the largest one.
    assert_eq!(only_resource(&report)["rows_billed"], 2);
    server
        .client()
        .run(&["INSERT INTO events(what) VALUES ('new'), ('newer')"])?;
    let report = pipeline.load()?;
    assert_eq!(only_resource(&report)["rows_read"], 2);
    assert!(
        only_resource(&report)["rows_billed"].as_u64() < Some(5),
        "{report}"
    );
    assert_eq!(
        query(
            &pipeline,
            "SELECT count(*), count(DISTINCT id), max(what) FROM turso_data.events"
        )?,
        ["25002 25002 newer"]
    );
    assert_eq!(
        query(
            &pipeline,
            "SELECT resource, regexp_replace(decode(value), ',\"tail\".*', '') FROM turso_data._cursors"
        )?,
        [r#"events {"key":["id"],"last":[{"key":[{"integer":25002}]}]"#]
    );
    Ok(())
}

#[test]
fn rows_with_the_last_float_are_read_once() -> Result<()> {
    const TABLES: u32 = 40;
    let time = |table: u32| 1_732_802_520.0 + f64::from(table) * 0.123_456_7;
    let create = |table: u32| {
        format!(
            "CREATE TABLE t{table}(id INTEGER PRIMARY KEY, at REAL);
             CREATE INDEX i{table} ON t{table}(at);
             INSERT INTO t{table} VALUES (1, 0.5), (2, {0:?}), (3, {0:?});",
            time(table)
        )
    };
    let tables: String = (0..TABLES).map(create).collect();
    let server = Sqld::with_data(|file| Ok(source::create(file)?.execute_batch(&tables)?))?;
    let lines = "mode = \"incremental\"\ncursor = \"at\"\nwrite = \"append\"";
    let pipeline = (0..TABLES).fold(Pipeline::new(&server.url())?, |pipeline, table| {
        pipeline.resource_with(&format!("t{table}"), lines)
    });
    pipeline.load()?;
    for _ in 0..2 {
        let report = pipeline.load()?;
        for resource in report["resources"].as_array().into_iter().flatten() {
            assert_eq!(resource["rows_read"], 0, "{resource}");
        }
    }
    // A float that is not sent: the server copies it.
    let insert = |table| format!("INSERT INTO t{table} SELECT 4, max(at) FROM t{table}");
    let inserts: Vec<_> = (0..TABLES).map(insert).collect();
    let inserts: Vec<_> = inserts.iter().map(String::as_str).collect();
    server.client().run(&inserts)?;
    let report = pipeline.load()?;
    for resource in report["resources"].as_array().into_iter().flatten() {
        assert_eq!(resource["rows_read"], 1, "{resource}");
    }
    Ok(())
}

/// Orders with equal times of change.
const ORDERS: [&str; 2] = [
    "CREATE TABLE orders(id INTEGER PRIMARY KEY, total REAL, updated_at TEXT)",
    "INSERT INTO orders VALUES (1, 10, '2024-01-01'), (2, 20, '2024-01-02'), (3, 30, '2024-01-02'), (4, 40, NULL)",
];
const INDEX: &str = "CREATE INDEX orders_updated ON orders(updated_at)";

#[test]
fn changed_rows_are_merged_by_key_with_an_index_and_without() -> Result<()> {
    for index in [true, false] {
        let server = serve(&ORDERS)?;
        if index {
            server.client().run(&[INDEX])?;
        }
        let pipeline = Pipeline::new(&server.url())?
            .resource_with("orders", "mode = \"incremental\"\ncursor = \"updated_at\"");
        let report = pipeline.load()?;
        assert_eq!(only_resource(&report)["rows_written"], 4, "{report}");
        // A row with the last value, a new row, a row without a value, and a
        // changed row.
        server.client().run(&[
            "INSERT INTO orders VALUES (5, 50, '2024-01-02'), (0, 5, '2024-01-03'), (6, 60, NULL)",
            "UPDATE orders SET total = 21, updated_at = '2024-01-04' WHERE id = 2",
        ])?;
        let report = pipeline.load()?;
        let note = only_resource(&report)["notes"].to_string();
        assert_eq!(note.contains("no index has `updated_at`"), !index, "{note}");
        assert!(
            note.contains("rows without a value in `updated_at`"),
            "{note}"
        );
        // Every load reads the rows of the last value, and those without a value,
        // again.
        assert_eq!(only_resource(&report)["rows_read"], 6, "{report}");
        assert_eq!(
            query(
                &pipeline,
                "SELECT id, total::INT, updated_at FROM turso_data.orders ORDER BY id"
            )?,
            [
                "0 5 2024-01-03",
                "1 10 2024-01-01",
                "2 21 2024-01-04",
                "3 30 2024-01-02",
                "4 40 -",
                "5 50 2024-01-02",
                "6 60 -"
            ],
            "index: {index}"
        );
        server
            .client()
            .run(&["DELETE FROM orders WHERE updated_at IS NULL"])?;
        let report = pipeline.load()?;
        assert_eq!(only_resource(&report)["rows_read"], 1, "{report}");
        let billed = only_resource(&report)["rows_billed"].as_u64().unwrap_or(0);
        // With an index, only the row that was read last, and the queries for it.
        assert!(if index { billed <= 4 } else { billed >= 5 }, "{report}");
    }
    Ok(())
}

#[test]
fn rows_with_equal_cursor_values_are_appended_once() -> Result<()> {
    for index in [true, false] {
        let server = serve(&ORDERS)?;
        if index {
            server.client().run(&[INDEX])?;
        }
        let pipeline = Pipeline::new(&server.url())?.resource_with(
            "orders",
            "mode = \"incremental\"\ncursor = \"updated_at\"\nwrite = \"append\"",
        );
        for (insert, expected) in [
            ("SELECT 1", 4),
            ("SELECT 1", 4),
            (
                "INSERT INTO orders VALUES (8, 1, '2024-01-02'), (9, 1, NULL)",
                6,
            ),
            (
                "UPDATE orders SET updated_at = '2024-02-01' WHERE id = 1",
                7,
            ),
        ] {
            server.client().run(&[insert])?;
            pipeline.load()?;
            assert_eq!(
                query(&pipeline, "SELECT count(*) FROM turso_data.orders")?,
                [expected.to_string()],
                "{insert}, index: {index}"
            );
        }
    }
    Ok(())
}

#[test]
fn each_type_of_cursor_values_is_followed() -> Result<()> {
    for index in [true, false] {
        let server = serve(&["CREATE TABLE t(id INTEGER PRIMARY KEY, at DATETIME)"])?;
        if index {
            server.client().run(&["CREATE INDEX t_at ON t(at)"])?;
        }
        let pipeline = Pipeline::new(&server.url())?
            .resource_with("t", "mode = \"incremental\"\ncursor = \"at\"");
        let mut notes = String::new();
        for (insert, expected) in [
            ("INSERT INTO t VALUES (1, '2024-01-01')", 1),
            ("INSERT INTO t VALUES (2, 1700000000)", 2),
            (
                "INSERT INTO t VALUES (3, 1700000001.5), (4, '2024-01-02')",
                4,
            ),
            ("INSERT INTO t VALUES (5, x'00'), (6, 1700000001.75)", 6),
            (
                "INSERT INTO t VALUES (7, 1700000002), (8, '2024-01-03'), (9, x'01')",
                9,
            ),
        ] {
            server.client().run(&[insert])?;
            let report = pipeline.load()?;
            notes.push_str(&only_resource(&report)["notes"].to_string());
            assert_eq!(
                query(&pipeline, "SELECT count(*) FROM turso_data.t")?,
                [expected.to_string()],
                "{insert}, index: {index}"
            );
        }
        assert!(
            notes.contains("contains values of several types"),
            "{notes}"
        );
    }
    Ok(())
}

#[test]
fn a_lag_includes_late_rows() -> Result<()> {
    let server = serve(&ORDERS)?;
    server.client().run(&[INDEX])?;
    let pipeline = Pipeline::new(&server.url())?.resource_with(
        "orders",
        "mode = \"incremental\"\ncursor = \"updated_at\"\nlag = \"1d\"",
    );
    pipeline.load()?;
    server
        .client()
        .run(&["INSERT INTO orders VALUES (7, 70, '2024-01-01'), (8, 80, '2023-12-31')"])?;
    pipeline.load()?;
    assert_eq!(
        query(&pipeline, "SELECT id FROM turso_data.orders ORDER BY id")?,
        ["1", "2", "3", "4", "7"]
    );
    Ok(())
}

#[test]
fn a_cursor_is_refused_after_a_change_of_the_condition() -> Result<()> {
    let server = serve(&ORDERS)?;
    let with = |filter: &str| -> Result<Pipeline> {
        Ok(Pipeline::new(&server.url())?.resource_with(
            "orders",
            &format!("mode = \"incremental\"\ncursor = \"updated_at\"\nwhere = \"{filter}\""),
        ))
    };
    let pipeline = with("total > 15 -- only large ones")?;
    let report = pipeline.load()?;
    assert_eq!(only_resource(&report)["rows_read"], 3, "{report}");
    let other = with("total > 5")?.into_database(&pipeline.database());
    let outcome = other.host(&["run"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(
        outcome
            .stderr
            .contains("the cursor of `orders` was saved with another `where`"),
        "{outcome:?}"
    );
    Ok(())
}

#[test]
fn rows_are_merged_by_composite_keys_with_and_without_row_ids() -> Result<()> {
    let server = serve(&[
        "CREATE TABLE pairs(a TEXT, b INT, v TEXT, at INTEGER, PRIMARY KEY (b, a)) WITHOUT ROWID",
        "CREATE INDEX pairs_at ON pairs(at)",
        "CREATE TABLE by_rowid(a TEXT, b INT, v TEXT, at INTEGER, PRIMARY KEY (b, a))",
        "CREATE INDEX by_rowid_at ON by_rowid(at)",
        "INSERT INTO pairs VALUES ('x', 1, 'old', 1), ('y', 1, 'old', 1), ('x', 2, 'old', 2)",
        "INSERT INTO by_rowid SELECT * FROM pairs",
    ])?;
    let lines = "mode = \"incremental\"\ncursor = \"at\"";
    let pipeline = Pipeline::new(&server.url())?
        .resource_with("pairs", lines)
        .resource_with("by_rowid", lines);
    pipeline.load()?;
    for table in ["pairs", "by_rowid"] {
        server.client().run(&[
            &format!("UPDATE {table} SET v = 'new', at = 3 WHERE a = 'x'"),
            &format!("INSERT INTO {table} VALUES ('z', 3, 'new', 2)"),
        ])?;
    }
    pipeline.load()?;
    for table in ["pairs", "by_rowid"] {
        assert_eq!(
            query(
                &pipeline,
                &format!("SELECT a, b, v, \"at\" FROM turso_data.{table} ORDER BY b, a")
            )?,
            ["x 1 new 3", "y 1 old 1", "x 2 new 3", "z 3 new 2"],
            "{table}"
        );
    }
    Ok(())
}

#[test]
fn a_killed_resumable_run_continues_after_its_last_commit() -> Result<()> {
    let server = serve(&[
        "CREATE TABLE events(id INTEGER PRIMARY KEY, what TEXT, at INTEGER)",
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) INSERT INTO events SELECT i, 'e' || i, i / 7 FROM n",
        "CREATE INDEX events_at ON events(at)",
    ])?;
    for lines in [
        "",
        "cursor = \"id\"",
        "cursor = \"at\"",
        "cursor = \"at\"\nwrite = \"append\"",
    ] {
        let pipeline = Pipeline::new(&server.url())?
            .config("page_rows = 500")
            .top("consistency = \"resumable\"\ncommit_every = \"1ms\"")
            .resource_with("events", &format!("mode = \"incremental\"\n{lines}"));
        let mut child = pipeline.spawn()?;
        let stored = || -> i64 {
            let rows = DuckDb::open(&pipeline.database())
                .and_then(|mut duckdb| duckdb.number("SELECT count(*) FROM turso_data.events"));
            rows.unwrap_or(0)
        };
        // DuckDB locks the file during the run, so the size of its log shows
        // that a part is committed.
        let wal = pipeline.database().with_extension("duckdb.wal");
        while child.try_wait()?.is_none() && wal.metadata().map_or(0, |file| file.len()) < 400_000 {
            std::thread::yield_now();
        }
        child.kill()?;
        child.wait()?;
        let before = stored();
        assert!((500..60_000).contains(&before), "{before} rows, {lines}");
        let report = pipeline.load()?;
        let read = only_resource(&report)["rows_read"].as_i64().unwrap_or(0);
        // A merge reads the rows of its last value again, of which there are
        // seven.
        let ties = if lines == "cursor = \"at\"" { 7 } else { 0 };
        assert!(
            (0..=ties).contains(&(read + before - 60_000)),
            "{lines}: {report}"
        );
        assert!(report["loads"].as_u64() > Some(1), "{report}");
        assert_eq!(
            query(
                &pipeline,
                "SELECT count(*), count(DISTINCT id), sum(id) FROM turso_data.events"
            )?,
            ["60000 60000 1800030000"],
            "{lines}"
        );
    }
    Ok(())
}

#[test]
fn an_unchanged_database_is_not_read() -> Result<()> {
    let server = serve(&ORDERS)?;
    server.client().run(&[
        INDEX,
        "CREATE TABLE stock(id INTEGER PRIMARY KEY, n)",
        "INSERT INTO stock VALUES (1, 1), (2, 2)",
    ])?;
    let with = |stock: &str| -> Result<Pipeline> {
        Ok(Pipeline::new(&server.url())?
            .config("skip_unchanged = true")
            .resource_with(
                "orders",
                "mode = \"incremental\"\ncursor = \"updated_at\"\ndeletes = \"hard\"",
            )
            .resource_with("stock", stock))
    };
    let pipeline = with("write = \"merge\"\ndeletes = \"soft\"")?;
    let billed = |report: &Json| {
        let resources = report["resources"].as_array().into_iter().flatten();
        let billed = resources.map(|resource| resource["rows_billed"].as_u64().unwrap_or(0));
        billed.sum::<u64>()
    };
    assert!(billed(&pipeline.load()?) > 0);
    for _ in 0..2 {
        let report = pipeline.load()?;
        assert_eq!(billed(&report), 0, "{report}");
        assert_eq!(report["resources"].as_array().map(Vec::len), Some(2));
        let note = only_resource(&report)["notes"].to_string();
        assert!(
            note.contains("nothing was committed since the last run"),
            "{note}"
        );
    }
    let all = "SELECT (SELECT count(*) FROM turso_data.orders), (SELECT count(_deleted_at) FROM turso_data.stock)";
    assert_eq!(query(&pipeline, all)?, ["4 0"]);
    // Any commit counts as a change, and deleted rows are detected.
    server.client().run(&[
        "DELETE FROM orders WHERE id = 1",
        "DELETE FROM stock WHERE id = 2",
    ])?;
    assert!(billed(&pipeline.load()?) > 0);
    assert_eq!(query(&pipeline, all)?, ["3 1"]);
    assert_eq!(billed(&pipeline.load()?), 0);
    // A changed condition causes a read.
    let other = with("write = \"merge\"\ndeletes = \"soft\"\nwhere = \"id < 9\"")?
        .into_database(&pipeline.database());
    let report = other.load()?;
    assert!(billed(&report) > 0, "{report}");
    Ok(())
}

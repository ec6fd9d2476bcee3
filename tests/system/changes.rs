//! Tables that are read by the change feed of Turso's new engine. After
//! every load the destination equals the source. If the feed is incomplete, the
//! load fails.

use anyhow::{Result, ensure};
use connector_tests::compare;
use connector_tests::duckdb::DuckDb;
use connector_tests::pipeline::{Outcome, Pipeline};
use connector_tests::source::{self, quoted};
use connector_tests::tursodb::Tursodb;
use connector_tests::value::Value;
use serde_json::Value as Json;

/// Statement that records changes. All clients of the server share one
/// connection, so it affects all of them.
const CAPTURE: &str = "PRAGMA capture_data_changes_conn('full')";

/// Starts a server that records changes after these statements.
fn serve(before: &[&str]) -> Result<Tursodb> {
    let server = Tursodb::with_data(|file| source::create(file).map(drop))?;
    server.client().run(before)?;
    server.client().run(&[CAPTURE])?;
    Ok(server)
}

/// Creates a pipeline that follows these tables.
fn follow(server: &Tursodb, tables: &[&str]) -> Result<Pipeline> {
    let pipeline = Pipeline::new(&server.url())?;
    let follow = |pipeline: Pipeline, table: &&str| {
        let key = if *table == "keyless" {
            "\nprimary_key = [\"a\"]"
        } else {
            ""
        };
        pipeline.resource_with(table, &format!("mode = \"changes\"{key}"))
    };
    Ok(tables.iter().fold(pipeline, follow))
}

/// Compares tables with the source.
fn check_equal(server: &Tursodb, pipeline: &Pipeline, tables: &[&str]) -> Result<()> {
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    for table in tables {
        let sql = format!("SELECT * FROM {}", quoted(table));
        let rows = server.client().query(&sql, &[])?;
        compare::check_equal(table, &rows, &duckdb.table(table)?)?;
    }
    Ok(())
}

fn resource<'a>(report: &'a Json, resource: &str) -> &'a Json {
    let resources = report["resources"].as_array().into_iter().flatten();
    let mut resources = resources.filter(|found| found["resource"] == resource);
    resources.next().unwrap_or(&Json::Null)
}

/// Fails unless a load failed with a message that contains these parts.
fn check_refused(outcome: &Outcome, parts: &[&str]) -> Result<()> {
    ensure!(outcome.code == Some(1), "{outcome:?}");
    for part in parts {
        ensure!(outcome.stderr.contains(part), "no {part:?} in {outcome:?}");
    }
    Ok(())
}

/// Changes of four tables before each load.
const ROUNDS: [&[&str]; 9] = [
    &[],
    &[],
    // Interleaved inserts.
    &[
        "INSERT INTO orders VALUES (3, 'ä表🙂', 1e300, x'', 3.25), (4, '', 0.1, x'00', NULL)",
        "INSERT INTO words VALUES ('a', 1), ('b', 'x'), ('Ä', x'01'), ('', NULL)",
        "INSERT INTO orders VALUES (-9223372036854775808, 'first', NULL, NULL, 9223372036854775807)",
        "INSERT INTO pairs VALUES (1, 'x', 1), (1, 'y', 2), (2, 'x', 2.5)",
        "INSERT INTO keyless VALUES (1, 'x'), (2, 'y')",
    ],
    // Changed values, changed keys and deleted rows, with names in any case.
    &[
        "UPDATE ORDERS SET name = 'new', anything = x'0102' WHERE id = 1",
        "UPDATE orders SET id = 30, name = 'moved' WHERE id = 3",
        "DELETE FROM orders WHERE id = 2",
        "UPDATE Words SET word = 'c' WHERE word = 'a'",
        "DELETE FROM words WHERE word = 'old'",
        "UPDATE pairs SET a = a + 10",
        "UPDATE keyless SET a = a + 10 WHERE a = 1",
    ],
    // Rows that are inserted again, and keys that are reused.
    &[
        "DELETE FROM orders WHERE id = 1",
        "INSERT INTO orders(id, name) VALUES (1, 'again'), (2, 'again')",
        "UPDATE orders SET id = 5 WHERE id = 2",
        "UPDATE orders SET id = 2 WHERE id = 4",
        "INSERT OR REPLACE INTO words VALUES ('b', 9)",
        "INSERT INTO words VALUES ('b', 1) ON CONFLICT(word) DO UPDATE SET meaning = 'upserted'",
        "INSERT INTO orders(id, name) VALUES (5, '') ON CONFLICT(id) DO UPDATE SET id = 6, name = 'up'",
    ],
    &[
        "BEGIN",
        "INSERT INTO orders(id) VALUES (100)",
        "ROLLBACK",
        "BEGIN",
        "INSERT INTO orders(id) VALUES (101)",
        "DELETE FROM keyless",
        "COMMIT",
    ],
    // New columns.
    &[
        "UPDATE orders SET total = 7 WHERE id = 1",
        "ALTER TABLE orders ADD COLUMN added TEXT",
        "alter table words add more default null",
        "UPDATE orders SET added = 'value' WHERE id = 6",
        "INSERT INTO words VALUES ('wide', 1, 2)",
    ],
    // More rows than a page.
    &[
        "WITH n(i) AS (SELECT value FROM generate_series(1000, 2500)) \
             INSERT INTO orders(id, name, data) SELECT i, 'row ' || i, zeroblob(i) FROM n",
        "DELETE FROM orders WHERE id % 7 = 0",
    ],
    &[
        "DELETE FROM orders",
        "DELETE FROM words",
        "DELETE FROM pairs",
    ],
];

#[test]
fn after_every_load_the_destination_equals_the_source() -> Result<()> {
    let server = serve(&[
        "CREATE TABLE orders(id INTEGER PRIMARY KEY, name TEXT, total REAL, data BLOB, anything)",
        "CREATE TABLE words(word TEXT PRIMARY KEY, meaning)",
        "CREATE TABLE pairs(a INTEGER, b TEXT, c REAL, PRIMARY KEY (b, a))",
        "CREATE TABLE keyless(a INTEGER, b TEXT)",
        "INSERT INTO orders VALUES (1, 'one', 1.5, x'00ff', 1), (2, NULL, 2.0, NULL, 'two')",
        "INSERT INTO words VALUES ('old', 1)",
    ])?;
    let tables = ["orders", "words", "pairs", "keyless"];
    let pipeline = follow(&server, &tables)?;
    let client = server.client();
    for (round, statements) in ROUNDS.iter().enumerate() {
        client.run(statements)?;
        let report = pipeline.load()?;
        check_equal(&server, &pipeline, &tables).map_err(|error| error.context(round))?;
        let orders = resource(&report, "orders");
        match round {
            0 => assert_eq!(orders["rows_read"], 2),
            1 | 5 => assert_eq!(orders["rows_deleted"], 0),
            3 => assert_eq!(orders["rows_deleted"], 2),
            _ => {}
        }
        if statements.is_empty() && round > 0 {
            assert_eq!(orders["rows_read"], 0);
        }
    }
    Ok(())
}

#[test]
fn uncommitted_changes_are_not_read() -> Result<()> {
    let server = serve(&["CREATE TABLE t(id INTEGER PRIMARY KEY, a)"])?;
    let client = server.client();
    let pipeline = follow(&server, &["t"])?;
    client.run(&["BEGIN", "INSERT INTO t VALUES (1, 'undone')"])?;
    let outcome = pipeline.host(&["run"])?;
    check_refused(&outcome, &["a transaction is open on the only connection"])?;
    client.run(&["ROLLBACK", "INSERT INTO t VALUES (1, 'kept')"])?;
    pipeline.load()?;
    client.run(&["BEGIN", "UPDATE t SET a = 'undone'"])?;
    assert_eq!(resource(&pipeline.load()?, "t")["rows_read"], 0);
    client.run(&["ROLLBACK", "UPDATE t SET a = 'new'"])?;
    assert_eq!(resource(&pipeline.load()?, "t")["rows_read"], 1);
    check_equal(&server, &pipeline, &["t"])
}

#[test]
fn the_cursor_is_readable() -> Result<()> {
    let server = serve(&["CREATE TABLE t(id INTEGER PRIMARY KEY, a)"])?;
    server.client().run(&["INSERT INTO t VALUES (1, 'x')"])?;
    let pipeline = follow(&server, &["t"])?;
    pipeline.load()?;
    let sql = "SELECT regexp_replace(regexp_replace(regexp_replace(decode(value), \
         'time\":\\d+', 'time\":0'), '127.0.0.1:\\d+', 'host'), 'digest\":\"\\w+', 'digest\":\"0', 'g') \
         FROM turso_data._cursors";
    let rows = DuckDb::open(&pipeline.database())?.query(sql)?;
    assert_eq!(
        rows.single().and_then(Value::as_text),
        Some(concat!(
            r#"{"by":"turso_cdc","key":["id"],"last":[],"database":{"host":"host"},"#,
            r#""change":{"id":2,"time":0,"entry":1,"columns":["id","a"],"#,
            r#""tail":[{"key":[{"integer":1}],"digest":"0"},{"key":[{"integer":2}],"digest":"0"}]}}"#
        ))
    );
    Ok(())
}

#[test]
fn a_recreated_or_altered_table_is_refused_until_a_full_refresh() -> Result<()> {
    let create = "CREATE TABLE t(id INTEGER PRIMARY KEY, a, b)";
    let cases: [(&[&str], &str); 5] = [
        (
            &["ALTER TABLE t RENAME COLUMN a TO c"],
            "its columns were id, a, b",
        ),
        (&["ALTER TABLE t DROP COLUMN a"], "altered in another way"),
        (
            &["ALTER TABLE t ADD COLUMN c DEFAULT 7"],
            "was added with a default",
        ),
        (&["DROP TABLE t", create], "was recreated or renamed"),
        (
            &["ALTER TABLE t RENAME TO other", create],
            "was recreated or renamed",
        ),
    ];
    for (statements, reason) in cases {
        let server = serve(&[create, "INSERT INTO t VALUES (1, 2, 3), (2, 3, 4)"])?;
        let pipeline = follow(&server, &["t"])?;
        pipeline.load()?;
        server.client().run(&["UPDATE t SET b = 5 WHERE id = 1"])?;
        server.client().run(statements)?;
        let outcome = pipeline.host(&["run"])?;
        check_refused(&outcome, &[reason, "full refresh of `t`"])?;
        let outcome = pipeline.host(&["run", "--full-refresh"])?;
        ensure!(outcome.code == Some(0), "{outcome:?}");
        check_equal(&server, &pipeline, &["t"])?;
        server.client().run(&["INSERT INTO t(id) VALUES (3)"])?;
        pipeline.load()?;
        check_equal(&server, &pipeline, &["t"])?;
    }
    Ok(())
}

#[test]
fn missing_changes_are_refused() -> Result<()> {
    let server = serve(&["CREATE TABLE t(id INTEGER PRIMARY KEY, a)"])?;
    let client = server.client();
    let pipeline = follow(&server, &["t"])?;
    client.run(&["INSERT INTO t VALUES (1, 1)", "UPDATE t SET a = 2"])?;
    pipeline.load()?;
    // Changes that were read may be deleted.
    client.run(&[
        "DELETE FROM turso_cdc WHERE change_id < 4",
        "UPDATE t SET a = 3",
    ])?;
    pipeline.load()?;
    check_equal(&server, &pipeline, &["t"])?;
    client.run(&[
        "UPDATE t SET a = 4",
        "DELETE FROM turso_cdc WHERE change_id < 8",
    ])?;
    let outcome = pipeline.host(&["run"])?;
    check_refused(
        &outcome,
        &["read up to change 6, and it begins at change 8 now"],
    )?;
    client.run(&["DELETE FROM turso_cdc"])?;
    check_refused(&pipeline.host(&["run"])?, &["it is empty now"])?;
    client.run(&["UPDATE t SET a = 5", "UPDATE t SET a = 6"])?;
    check_refused(&pipeline.host(&["run"])?, &["it was restarted since"])
}

#[test]
fn a_feed_without_the_rows_is_refused_with_a_hint() -> Result<()> {
    let server = Tursodb::with_data(|file| source::create(file).map(drop))?;
    let client = server.client();
    client.run(&["CREATE TABLE t(k TEXT PRIMARY KEY)"])?;
    let pipeline = follow(&server, &["t"])?;
    let outcome = pipeline.host(&["run"])?;
    ensure!(outcome.code == Some(2), "{outcome:?}");
    for part in [
        "the database has no change feed (the table `turso_cdc`)",
        "set `mode` to `incremental`",
        "PRAGMA capture_data_changes_conn('full')",
    ] {
        ensure!(outcome.stderr.contains(part), "{outcome:?}");
    }
    for (mode, statement) in [
        ("id", "INSERT INTO t VALUES ('a')"),
        ("before", "INSERT INTO t VALUES ('b')"),
        ("after", "UPDATE t SET k = k || k"),
    ] {
        client.run(&[CAPTURE])?;
        let outcome = pipeline.host(&["run", "--full-refresh"])?;
        ensure!(outcome.code == Some(0), "{outcome:?}");
        client.run(&[
            &format!("PRAGMA capture_data_changes_conn('{mode}')"),
            statement,
        ])?;
        let outcome = pipeline.host(&["run"])?;
        check_refused(
            &outcome,
            &[
                "was recorded without the row",
                "capture_data_changes_conn('full')",
            ],
        )?;
    }
    client.run(&["PRAGMA capture_data_changes_conn('off')"])?;
    let outcome = pipeline.host(&["run", "--full-refresh", "--json"])?;
    let notes = resource(&outcome.json()?, "t")["notes"].to_string();
    ensure!(notes.contains("records no changes now"), "{notes}");
    Ok(())
}

#[test]
fn the_list_shows_the_modes_of_each_resource() -> Result<()> {
    let server = serve(&["CREATE TABLE t(a)", "CREATE VIEW v AS SELECT * FROM t"])?;
    let pipeline = Pipeline::new(&server.url())?;
    let list = pipeline.host(&["list", "--json"])?.json()?;
    let modes = |name: &str| {
        let resources = list.as_array().or_else(|| list["resources"].as_array());
        let mut resources = resources.into_iter().flatten();
        let found = resources.find(|resource| resource["name"] == name);
        found.map(|found| found["modes"].to_string())
    };
    let all = r#"["full","incremental","changes"]"#;
    assert_eq!(modes("t").as_deref(), Some(all));
    assert_eq!(modes("v").as_deref(), Some(r#"["full"]"#));
    assert_eq!(modes("turso_cdc"), None);
    Ok(())
}

#[test]
fn the_change_feed_of_another_database_is_refused() -> Result<()> {
    let one = serve(&["CREATE TABLE t(id INTEGER PRIMARY KEY, what TEXT)"])?;
    one.client().run(&["INSERT INTO t VALUES (1, 'a')"])?;
    let other = serve(&["CREATE TABLE t(id INTEGER PRIMARY KEY, what TEXT)"])?;
    other.client().run(&["INSERT INTO t VALUES (1, 'x')"])?;
    let pipeline = follow(&one, &["t"])?;
    pipeline.load()?;
    let pipeline = pipeline.at(&other.url());
    let outcome = pipeline.host(&["run"])?;
    let host = |server: &Tursodb| server.url().trim_start_matches("http://").to_owned();
    check_refused(
        &outcome,
        &[
            &format!("belongs to the database `{}`", host(&one)),
            "the last changes that were read are not in its change feed",
        ],
    )?;
    // A copy of the database continues at the new URL.
    let copy = Tursodb::with_data(|file| one.copy_to(file))?;
    copy.client().run(&[CAPTURE])?;
    copy.client().run(&["INSERT INTO t VALUES (2, 'b')"])?;
    let pipeline = pipeline.at(&copy.url());
    let report = pipeline.load()?;
    assert_eq!(resource(&report, "t")["rows_read"], 1, "{report}");
    check_equal(&copy, &pipeline, &["t"])
}

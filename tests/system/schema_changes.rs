//! Sources whose columns, keys and tables change between loads.

use anyhow::Result;
use connector_tests::duckdb::DuckDb;
use connector_tests::pipeline::Pipeline;
use connector_tests::sqld::Sqld;

const ITEMS: [&str; 2] = [
    "CREATE TABLE items(id INTEGER PRIMARY KEY, name TEXT, size INTEGER, at INTEGER)",
    "INSERT INTO items VALUES (1, 'a', 10, 1), (2, 'b', 20, 2)",
];
const MERGED: &str = "mode = \"incremental\"\ncursor = \"at\"";

/// Loads, changes the source, and loads again.
fn load_twice(changes: &[&str], lines: &str) -> Result<(Sqld, Pipeline)> {
    let server = Sqld::start()?;
    server.client().run(&ITEMS)?;
    let pipeline = Pipeline::new(&server.url())?.resource_with("items", lines);
    pipeline.load()?;
    server.client().run(changes)?;
    Ok((server, pipeline))
}

fn shown(pipeline: &Pipeline, columns: &str) -> Result<String> {
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    let sql = format!("SELECT {columns} FROM turso_data.items ORDER BY id, \"at\"");
    Ok(format!("{:?}", duckdb.query(&sql)?.rows))
}

#[test]
fn an_added_column_is_null_in_older_rows() -> Result<()> {
    let changes = [
        "ALTER TABLE items ADD COLUMN colour TEXT",
        "INSERT INTO items VALUES (3, 'c', 30, 3, 'red')",
    ];
    let (_server, pipeline) = load_twice(&changes, MERGED)?;
    pipeline.load()?;
    assert_eq!(
        shown(&pipeline, "id, colour")?,
        "[[1, NULL], [2, NULL], [3, 'red']]"
    );
    Ok(())
}

#[test]
fn a_dropped_column_stays_and_is_null_in_new_rows() -> Result<()> {
    let changes = [
        "ALTER TABLE items DROP COLUMN size",
        "INSERT INTO items VALUES (3, 'c', 3)",
        "UPDATE items SET name = 'B', at = 4 WHERE id = 2",
    ];
    let (_server, pipeline) = load_twice(&changes, MERGED)?;
    pipeline.load()?;
    assert_eq!(
        shown(&pipeline, "id, name, size")?,
        "[[1, 'a', 10], [2, 'B', NULL], [3, 'c', NULL]]"
    );
    Ok(())
}

#[test]
fn a_renamed_column_is_a_new_column() -> Result<()> {
    let changes = [
        "ALTER TABLE items RENAME COLUMN name TO title",
        "INSERT INTO items VALUES (3, 'c', 30, 3)",
    ];
    let (_server, pipeline) = load_twice(&changes, MERGED)?;
    pipeline.load()?;
    // Row 2 has the last value of the cursor column, so it is read again.
    assert_eq!(
        shown(&pipeline, "id, name, title")?,
        "[[1, 'a', NULL], [2, NULL, 'b'], [3, NULL, 'c']]"
    );
    Ok(())
}

/// Recreates the table with another type: SQLite cannot change the type of a
/// column.
const RETYPED: [&str; 4] = [
    "CREATE TABLE other(id INTEGER PRIMARY KEY, name TEXT, size TEXT, at INTEGER)",
    "INSERT INTO other SELECT * FROM items",
    "DROP TABLE items",
    "ALTER TABLE other RENAME TO items",
];

#[test]
fn values_of_another_type_go_to_a_sibling_column() -> Result<()> {
    let changes = [
        &RETYPED[..],
        &["INSERT INTO items VALUES (3, 'c', 'large', 3)"],
    ]
    .concat();
    let (server, pipeline) = load_twice(&changes, MERGED)?;
    pipeline.load()?;
    server
        .client()
        .run(&["INSERT INTO items VALUES (4, 'd', x'00', 4)"])?;
    pipeline.load()?;
    // Row 2 has the last value of the cursor column, so it is read again.
    assert_eq!(
        shown(&pipeline, "id, size, size__text, size__blob")?,
        "[[1, 10, NULL, NULL], [2, NULL, '20', NULL], [3, NULL, 'large', NULL], [4, NULL, NULL, x'\\x00']]"
    );
    Ok(())
}

#[test]
fn a_replaced_table_has_the_types_of_the_source() -> Result<()> {
    let (_server, pipeline) = load_twice(&RETYPED, "")?;
    pipeline.load()?;
    assert_eq!(shown(&pipeline, "id, size")?, "[[1, '10'], [2, '20']]");
    Ok(())
}

#[test]
fn a_frozen_replaced_table_keeps_its_types() -> Result<()> {
    let (_server, pipeline) = load_twice(&RETYPED, "schema = \"freeze\"")?;
    let outcome = pipeline.host(&["run"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(
        outcome
            .stderr
            .contains("column `size` was an integer and is text"),
        "{outcome:?}"
    );
    assert_eq!(shown(&pipeline, "id, size")?, "[[1, 10], [2, 20]]");
    Ok(())
}

#[test]
fn a_dropped_table_fails_and_keeps_its_rows() -> Result<()> {
    let (server, pipeline) = load_twice(&["DROP TABLE items"], MERGED)?;
    let outcome = pipeline.host(&["run"])?;
    assert_ne!(outcome.code, Some(0), "{outcome:?}");
    assert!(
        outcome.stderr.contains("the database has no table"),
        "{outcome:?}"
    );
    assert_eq!(shown(&pipeline, "id")?, "[[1], [2]]");
    // If the table is created again, the read continues from its cursor.
    server.client().run(&[
        ITEMS[0],
        "INSERT INTO items VALUES (1, 'old', 1, 1), (2, 'new', 2, 9)",
    ])?;
    pipeline.load()?;
    assert_eq!(shown(&pipeline, "id, name")?, "[[1, 'a'], [2, 'new']]");
    Ok(())
}

#[test]
fn a_changed_key_is_refused_until_a_full_refresh() -> Result<()> {
    let changes = [
        "DROP TABLE items",
        "CREATE TABLE items(id INTEGER, name TEXT, size INTEGER, at INTEGER, PRIMARY KEY(id, name)) WITHOUT ROWID",
        "INSERT INTO items VALUES (1, 'a', 10, 1), (1, 'b', 20, 5)",
    ];
    let (_server, pipeline) = load_twice(&changes, MERGED)?;
    let outcome = pipeline.host(&["run"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(
        outcome
            .stderr
            .contains("the cursor of `items` has another key"),
        "{outcome:?}"
    );
    let outcome = pipeline.host(&["run", "--full-refresh", "--resource", "items"])?;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(shown(&pipeline, "id, name")?, "[[1, 'a'], [1, 'b']]");
    pipeline.load()?;
    Ok(())
}

#[test]
fn rows_without_a_key_cannot_be_merged() -> Result<()> {
    let server = Sqld::start()?;
    server.client().run(&[
        "CREATE TABLE items(id TEXT PRIMARY KEY, at INTEGER)",
        "INSERT INTO items VALUES ('a', 1), (NULL, 2), (NULL, 3)",
    ])?;
    let merged = Pipeline::new(&server.url())?.resource_with("items", MERGED);
    let outcome = merged.host(&["run"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(
        outcome
            .stderr
            .contains("a key column of `items` (id) has no value in 2 of its rows"),
        "{outcome:?}"
    );
    assert!(
        outcome.stderr.contains("`write` to `append`"),
        "{outcome:?}"
    );
    Ok(())
}

#[test]
fn a_second_run_is_refused_while_the_first_is_active() -> Result<()> {
    let server = Sqld::start()?;
    server.client().run(&[
        "CREATE TABLE items(id INTEGER PRIMARY KEY, name TEXT)",
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) INSERT INTO items SELECT i, 'x' || i FROM n",
    ])?;
    let pipeline = Pipeline::new(&server.url())?.config("page_rows = 100");
    let mut first = pipeline.spawn()?;
    let lock = pipeline.folder().join(".turso.duckdb.lock");
    while !lock.exists() {
        std::thread::yield_now();
    }
    let second = loop {
        let outcome = pipeline.host(&["run"])?;
        // The file exists shortly before it is locked.
        if outcome.code != Some(0) || first.try_wait()?.is_some() {
            break outcome;
        }
    };
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(second.stderr.contains("is in use"), "{second:?}");
    assert!(second.stderr.contains("another run"), "{second:?}");
    first.kill()?;
    first.wait()?;
    Ok(())
}

#[test]
fn a_column_without_values_changes_no_type() -> Result<()> {
    // The first value decides about the type of a column without a declared one.
    let server = Sqld::start()?;
    server.client().run(&[
        "CREATE TABLE items(id PRIMARY KEY, free, at DATETIME)",
        "CREATE INDEX items_at ON items(at)",
        "INSERT INTO items VALUES (1, 10, 1700000000)",
    ])?;
    let lines = format!("{MERGED}\ndeletes = \"hard\"\nschema = \"freeze\"");
    let pipeline = Pipeline::new(&server.url())?.resource_with("items", &lines);
    pipeline.load()?;
    pipeline.load()?;
    server
        .client()
        .run(&["INSERT INTO items VALUES (2, NULL, 1700000001)"])?;
    pipeline.load()?;
    assert_eq!(
        shown(&pipeline, "* EXCLUDE (_load_id)")?,
        "[[1, 10, 1700000000], [2, NULL, 1700000001]]"
    );
    server
        .client()
        .run(&["INSERT INTO items VALUES (3, 'text', 1700000002)"])?;
    let outcome = pipeline.host(&["run"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(
        outcome
            .stderr
            .contains("column `free` was an integer and is text"),
        "{outcome:?}"
    );
    Ok(())
}

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
fn after(changes: &[&str], lines: &str) -> Result<(Sqld, Pipeline)> {
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
fn a_column_that_is_added_is_null_in_older_rows() -> Result<()> {
    let changes = [
        "ALTER TABLE items ADD COLUMN colour TEXT",
        "INSERT INTO items VALUES (3, 'c', 30, 3, 'red')",
    ];
    let (_server, pipeline) = after(&changes, MERGED)?;
    pipeline.load()?;
    assert_eq!(
        shown(&pipeline, "id, colour")?,
        "[[1, NULL], [2, NULL], [3, 'red']]"
    );
    Ok(())
}

#[test]
fn a_column_that_is_dropped_stays_and_is_null_in_new_rows() -> Result<()> {
    let changes = [
        "ALTER TABLE items DROP COLUMN size",
        "INSERT INTO items VALUES (3, 'c', 3)",
        "UPDATE items SET name = 'A', at = 4 WHERE id = 1",
    ];
    let (_server, pipeline) = after(&changes, MERGED)?;
    pipeline.load()?;
    assert_eq!(
        shown(&pipeline, "id, name, size")?,
        "[[1, 'A', NULL], [2, 'b', 20], [3, 'c', NULL]]"
    );
    Ok(())
}

#[test]
fn a_column_that_is_renamed_is_a_new_one() -> Result<()> {
    let changes = [
        "ALTER TABLE items RENAME COLUMN name TO title",
        "INSERT INTO items VALUES (3, 'c', 30, 3)",
    ];
    let (_server, pipeline) = after(&changes, MERGED)?;
    pipeline.load()?;
    assert_eq!(
        shown(&pipeline, "id, name, title")?,
        "[[1, 'a', NULL], [2, 'b', NULL], [3, NULL, 'c']]"
    );
    Ok(())
}

/// SQLite cannot change a type; who wants another makes the table anew.
const RETYPED: [&str; 4] = [
    "CREATE TABLE other(id INTEGER PRIMARY KEY, name TEXT, size TEXT, at INTEGER)",
    "INSERT INTO other SELECT * FROM items",
    "DROP TABLE items",
    "ALTER TABLE other RENAME TO items",
];

#[test]
fn values_of_another_type_go_to_a_column_of_their_own() -> Result<()> {
    let changes = [
        &RETYPED[..],
        &["INSERT INTO items VALUES (3, 'c', 'large', 3)"],
    ]
    .concat();
    let (server, pipeline) = after(&changes, MERGED)?;
    pipeline.load()?;
    server
        .client()
        .run(&["INSERT INTO items VALUES (4, 'd', x'00', 4)"])?;
    pipeline.load()?;
    assert_eq!(
        shown(&pipeline, "id, size, size__text, size__blob")?,
        "[[1, 10, NULL, NULL], [2, 20, NULL, NULL], [3, NULL, 'large', NULL], [4, NULL, NULL, x'\\x00']]"
    );
    Ok(())
}

#[test]
fn a_table_that_is_replaced_has_the_types_of_the_source() -> Result<()> {
    let (_server, pipeline) = after(&RETYPED, "")?;
    pipeline.load()?;
    assert_eq!(shown(&pipeline, "id, size")?, "[[1, '10'], [2, '20']]");
    Ok(())
}

#[test]
fn a_frozen_table_that_is_replaced_keeps_its_types() -> Result<()> {
    let (_server, pipeline) = after(&RETYPED, "schema = \"freeze\"")?;
    let outcome = pipeline.host(&["run"])?;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
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
fn a_table_that_is_dropped_fails_and_its_rows_stay() -> Result<()> {
    let (server, pipeline) = after(&["DROP TABLE items"], MERGED)?;
    let outcome = pipeline.host(&["run"])?;
    assert_ne!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stderr.contains("there is no table"), "{outcome:?}");
    assert_eq!(shown(&pipeline, "id")?, "[[1], [2]]");
    // Made anew, it goes on by its cursor.
    server.client().run(&[
        ITEMS[0],
        "INSERT INTO items VALUES (1, 'old', 1, 1), (2, 'new', 2, 9)",
    ])?;
    pipeline.load()?;
    assert_eq!(shown(&pipeline, "id, name")?, "[[1, 'a'], [2, 'new']]");
    Ok(())
}

#[test]
fn a_key_that_changes_is_refused_until_the_table_is_loaded_anew() -> Result<()> {
    let changes = [
        "DROP TABLE items",
        "CREATE TABLE items(id INTEGER, name TEXT, size INTEGER, at INTEGER, PRIMARY KEY(id, name)) WITHOUT ROWID",
        "INSERT INTO items VALUES (1, 'a', 10, 1), (1, 'b', 20, 5)",
    ];
    let (_server, pipeline) = after(&changes, MERGED)?;
    let outcome = pipeline.host(&["run"])?;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(
        outcome
            .stderr
            .contains("the cursor of `items` is of another key"),
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
            .contains("2 rows of `items` have no value in a column of their key (id)"),
        "{outcome:?}"
    );
    assert!(outcome.stderr.contains("write = \"append\""), "{outcome:?}");
    Ok(())
}

#[test]
fn a_second_run_of_a_pipeline_says_that_the_first_is_under_way() -> Result<()> {
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
        // The file is there a moment before it is locked.
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
fn a_type_that_no_value_has_shown_changes_nothing() -> Result<()> {
    // Without a type, the first value decides; without a value, nothing.
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
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(
        outcome
            .stderr
            .contains("column `free` was an integer and is text"),
        "{outcome:?}"
    );
    Ok(())
}

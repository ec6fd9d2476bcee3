//! Trouble in the destination: what a user did to a table, rows without a key,
//! and columns that do not suit the settings.

use anyhow::{Result, ensure};
use connector_tests::duckdb;
use serde_json::Value as Json;

use super::{Store, check_isolated, entry, serve};

const APPEND: &str = "mode = \"incremental\"\nwrite = \"append\"";
const MERGE: &str = "mode = \"incremental\"\ncursor = \"at\"";

/// Trouble of the stored table `orders` between two runs.
struct Trouble {
    lines: &'static str,
    /// Changes of the destination after the first run.
    stored: &'static [&'static str],
    /// Changes of the source after the first run.
    source: &'static [&'static str],
    /// Parts of the message and of the remedy.
    expected: [&'static str; 2],
}

const TROUBLES: [Trouble; 14] = [
    Trouble {
        lines: "",
        stored: &[
            "ALTER TABLE turso_data.orders RENAME TO kept",
            "CREATE VIEW turso_data.orders AS SELECT * FROM turso_data.kept",
        ],
        source: &[],
        expected: ["a view has its name", "rename or remove it"],
    },
    Trouble {
        lines: MERGE,
        stored: &[
            "ALTER TABLE turso_data.orders RENAME TO kept",
            "CREATE VIEW turso_data.orders AS SELECT * FROM turso_data.kept",
        ],
        source: &[],
        expected: ["a view has its name", "rename or remove it"],
    },
    Trouble {
        lines: "",
        stored: &[
            "ALTER TABLE turso_data.orders ADD PRIMARY KEY (id)",
            "CREATE TABLE turso_data.notes(o BIGINT REFERENCES turso_data.orders(id))",
            "INSERT INTO turso_data.notes VALUES (1)",
        ],
        source: &[],
        expected: [
            "the table `notes` refers to it by a foreign key",
            "rename or remove it",
        ],
    },
    Trouble {
        lines: MERGE,
        stored: &[
            "ALTER TABLE turso_data.orders ADD PRIMARY KEY (id)",
            "CREATE TABLE turso_data.notes(o BIGINT REFERENCES turso_data.orders(id))",
            "INSERT INTO turso_data.notes VALUES (1)",
        ],
        source: &["UPDATE orders SET total = 11, at = 300 WHERE id = 1"],
        expected: ["foreign key", "remove the constraint"],
    },
    Trouble {
        lines: APPEND,
        stored: &["CREATE UNIQUE INDEX totals ON turso_data.orders(total)"],
        source: &["INSERT INTO orders VALUES (3, 10, 300)"],
        expected: ["append rows to `orders`", "remove the constraint or index"],
    },
    Trouble {
        lines: APPEND,
        stored: &[
            "ALTER TABLE turso_data.orders ADD COLUMN note VARCHAR DEFAULT 'x'",
            "ALTER TABLE turso_data.orders ALTER COLUMN note SET NOT NULL",
        ],
        source: &["INSERT INTO orders VALUES (3, 30, 300)"],
        expected: [
            "NOT NULL constraint failed: orders.note",
            "remove the constraint or index",
        ],
    },
    Trouble {
        lines: APPEND,
        stored: &["ALTER TABLE turso_data.orders ALTER COLUMN total SET NOT NULL"],
        source: &["INSERT INTO orders VALUES (3, NULL, 300)"],
        expected: [
            "NOT NULL constraint failed: orders.total",
            "remove the constraint or index",
        ],
    },
    Trouble {
        lines: APPEND,
        stored: &["CREATE UNIQUE INDEX totals ON turso_data.orders(total)"],
        source: &["INSERT INTO orders VALUES (3, 10, 300)"],
        expected: ["Duplicate key", "remove the constraint or index"],
    },
    Trouble {
        lines: APPEND,
        stored: &[
            "CREATE TABLE turso_data.checked(id BIGINT, total BIGINT CHECK (total < 25), \
             \"at\" BIGINT, _load_id VARCHAR)",
            "INSERT INTO turso_data.checked SELECT id, total, \"at\", _load_id FROM turso_data.orders",
            "DROP TABLE turso_data.orders",
            "ALTER TABLE turso_data.checked RENAME TO orders",
        ],
        source: &["INSERT INTO orders VALUES (3, 30, 300)"],
        expected: ["CHECK constraint failed", "remove the constraint or index"],
    },
    Trouble {
        lines: APPEND,
        stored: &[
            "CREATE TABLE turso_data.known(id BIGINT PRIMARY KEY)",
            "INSERT INTO turso_data.known VALUES (1), (2)",
            "CREATE TABLE turso_data.linked(id BIGINT REFERENCES turso_data.known(id), \
             total BIGINT, \"at\" BIGINT, _load_id VARCHAR)",
            "INSERT INTO turso_data.linked SELECT id, total, \"at\", _load_id FROM turso_data.orders",
            "DROP TABLE turso_data.orders",
            "ALTER TABLE turso_data.linked RENAME TO orders",
        ],
        source: &["INSERT INTO orders VALUES (3, 30, 300)"],
        expected: ["foreign key constraint", "remove the constraint or index"],
    },
    Trouble {
        lines: APPEND,
        stored: &["ALTER TABLE turso_data.orders ADD COLUMN tags VARCHAR[]"],
        source: &["INSERT INTO orders VALUES (3, 30, 300)"],
        expected: ["column `tags` has the type List", "rename or remove it"],
    },
    Trouble {
        lines: MERGE,
        stored: &["ALTER TABLE turso_data.orders ALTER COLUMN total TYPE TINYINT"],
        source: &["INSERT INTO orders VALUES (3, 30, 300)"],
        expected: ["column `total` has the type Int8", "rename or remove it"],
    },
    // No constraint, so the remedy is another one.
    Trouble {
        lines: APPEND,
        stored: &[
            "CREATE TABLE turso_data.computed(id BIGINT, total BIGINT, \"at\" BIGINT, \
             _load_id VARCHAR, twice BIGINT GENERATED ALWAYS AS (total * 2))",
            "INSERT INTO turso_data.computed SELECT id, total, \"at\", _load_id FROM turso_data.orders",
            "DROP TABLE turso_data.orders",
            "ALTER TABLE turso_data.computed RENAME TO orders",
        ],
        source: &["INSERT INTO orders VALUES (3, 30, 300)"],
        expected: ["orders", "replace it with a full refresh"],
    },
    Trouble {
        lines: MERGE,
        stored: &[
            "ALTER TABLE turso_data.orders ADD COLUMN note VARCHAR DEFAULT 'x'",
            "ALTER TABLE turso_data.orders ALTER COLUMN note SET NOT NULL",
        ],
        source: &["INSERT INTO orders VALUES (3, 30, 300)"],
        expected: ["orders", "remove the constraint"],
    },
];

/// Changes the source of `orders` after a first load, and checks that only this
/// table fails and keeps its rows.
fn check_source_trouble(
    store: &Store,
    lines: &str,
    source: &str,
    expected: [&str; 2],
) -> Result<Json> {
    let server = serve()?;
    let pipeline = store.pipeline(&server, lines)?;
    pipeline.load()?;
    let before = store.content("orders")?;
    server
        .client()
        .run(&[source, "INSERT INTO calm VALUES (2)"])?;
    let report = check_isolated(store, &pipeline, "orders", expected)?;
    ensure!(
        store.content("orders")? == before,
        "{lines}: it was changed"
    );
    Ok(report)
}

#[test]
fn what_a_user_did_to_one_table_leaves_its_rows_and_loads_the_others() -> Result<()> {
    for trouble in &TROUBLES {
        let (server, store) = (serve()?, Store::duckdb()?);
        let pipeline = store.pipeline(&server, trouble.lines)?;
        pipeline.load()?;
        duckdb::change(&store.database(), trouble.stored)?;
        let before = store.content("orders")?;
        server.client().run(trouble.source)?;
        server.client().run(&["INSERT INTO calm VALUES (2)"])?;
        let report = check_isolated(&store, &pipeline, "orders", trouble.expected)?;
        let failure = &entry(&report, "orders")?["failure"];
        ensure!(!failure.to_string().contains("aborted"), "{failure}");
        ensure!(store.content("orders")? == before, "{:?}", trouble.expected);
        ensure!(store.leftovers()?.is_empty(), "{:?}", store.leftovers()?);
    }
    Ok(())
}

#[test]
fn constraints_that_the_rows_satisfy_do_not_disturb_an_append() -> Result<()> {
    let (server, store) = (serve()?, Store::duckdb()?);
    let pipeline = store.pipeline(&server, APPEND)?;
    pipeline.load()?;
    let stored = [
        "ALTER TABLE turso_data.orders ALTER COLUMN total SET NOT NULL",
        "CREATE UNIQUE INDEX ids ON turso_data.orders(id)",
    ];
    duckdb::change(&store.database(), &stored)?;
    server
        .client()
        .run(&["INSERT INTO orders VALUES (3, 30, 300), (4, 40, 400)"])?;
    let report = pipeline.load()?;
    let orders = entry(&report, "orders")?;
    ensure!(orders["rows_written"] == 2, "{report}");
    ensure!(store.rows("orders")? == 4, "{report}");
    ensure!(store.leftovers()?.is_empty(), "{:?}", store.leftovers()?);
    Ok(())
}

#[test]
fn a_column_with_an_index_that_cannot_be_converted_fails_its_table_only() -> Result<()> {
    let (server, store) = (serve()?, Store::duckdb()?);
    store.pipeline(&server, APPEND)?.load()?;
    let stored = ["CREATE INDEX totals ON turso_data.orders(total)"];
    duckdb::change(&store.database(), &stored)?;
    server.client().run(&["INSERT INTO calm VALUES (2)"])?;
    let lines = format!("{APPEND}\ntypes = {{ total = \"double\" }}");
    let pipeline = store.pipeline(&server, &lines)?;
    let expected = [
        "convert `total` of `orders`",
        "remove the constraint or index",
    ];
    check_isolated(&store, &pipeline, "orders", expected)?;
    Ok(())
}

#[test]
fn a_table_that_no_load_made_is_not_replaced() -> Result<()> {
    for lines in ["", MERGE, APPEND] {
        let (server, store) = (serve()?, Store::duckdb()?);
        duckdb::change(
            &store.database(),
            &[
                "CREATE SCHEMA turso_data",
                "CREATE TABLE turso_data.orders AS SELECT 42::BIGINT AS id",
                "CREATE TABLE turso_data.calm(id BIGINT, _load_id VARCHAR)",
            ],
        )?;
        let before = store.content("orders")?;
        let pipeline = store.pipeline(&server, lines)?;
        check_isolated(
            &store,
            &pipeline,
            "orders",
            ["no load made", "choose another `dataset`"],
        )?;
        ensure!(
            store.content("orders")? == before,
            "{lines}: it was changed"
        );
    }
    Ok(())
}

#[test]
fn a_row_without_a_value_in_its_key_fails_its_table_only() -> Result<()> {
    for write in ["merge", "scd2"] {
        for store in Store::all()? {
            let lines = format!("write = \"{write}\"\nprimary_key = [\"id\", \"total\"]");
            let source = "INSERT INTO orders VALUES (3, NULL, 300)";
            let expected = [
                "a key column of `orders` (id, total) has no value in 1 of its rows",
                "choose another `primary_key`",
            ];
            let report = check_source_trouble(&store, &lines, source, expected)?;
            ensure!(report["point_in_time"] == true, "{report}");
        }
    }
    Ok(())
}

#[test]
fn a_frozen_table_with_a_new_column_fails_alone() -> Result<()> {
    for store in Store::all()? {
        let source = "ALTER TABLE orders ADD COLUMN note TEXT";
        let expected = ["its schema is frozen: column `note`", ""];
        check_source_trouble(&store, "schema = \"freeze\"", source, expected)?;
    }
    Ok(())
}

#[test]
fn a_table_with_a_nameless_column_leaves_the_others_alone() -> Result<()> {
    for store in Store::all()? {
        let server = serve()?;
        server.client().run(&[
            "CREATE TABLE odd(id INTEGER PRIMARY KEY, \"\" TEXT)",
            "INSERT INTO odd VALUES (1, 'x')",
        ])?;
        let pipeline = store.pipeline_of(&server, "odd", "")?;
        let outcome = pipeline.host(&["run", "--json"])?;
        let report = outcome.json()?;
        let failure = &entry(&report, "odd")?["failure"];
        let code = i32::from(!failure.is_null());
        ensure!(outcome.code == Some(code), "{outcome:?}");
        ensure!(store.rows("calm")? == 1, "{report}");
        if failure.is_null() {
            ensure!(store.rows("odd")? == 1, "{report}");
        } else {
            ensure!(failure.to_string().contains("odd"), "{report}");
            ensure!(store.rows("odd").unwrap_or(0) == 0, "{report}");
        }
    }
    Ok(())
}

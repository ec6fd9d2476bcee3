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

const TROUBLES: [Trouble; 6] = [
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
        check_isolated(&store, &pipeline, "orders", trouble.expected)?;
        ensure!(store.content("orders")? == before, "{:?}", trouble.expected);
        ensure!(store.leftovers()?.is_empty(), "{:?}", store.leftovers()?);
    }
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

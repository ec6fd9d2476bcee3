//! Trouble in the source, in the selection of a resource, and in its cursor.

use anyhow::{Result, ensure};
use connector_tests::duckdb;
use connector_tests::pipeline::Pipeline;
use connector_tests::sqld::Sqld;

use super::{Store, check_isolated, check_summary, entry, serve};

const INCREMENTAL: &str = "mode = \"incremental\"\ncursor = \"at\"";

/// Trouble of the table `orders` between two runs.
struct Trouble {
    /// Settings of the first run.
    lines: &'static str,
    /// Changes of the source after it.
    changes: &'static [&'static str],
    /// Settings of the second run.
    later_lines: &'static str,
    /// Parts of the message and of the remedy.
    expected: [&'static str; 2],
}

const TROUBLES: [Trouble; 10] = [
    Trouble {
        lines: "",
        changes: &["DROP TABLE orders"],
        later_lines: "",
        expected: ["no table, view or query `orders`", "the database has calm"],
    },
    Trouble {
        lines: "columns = [\"id\", \"total\"]",
        changes: &["ALTER TABLE orders RENAME COLUMN total TO sum"],
        later_lines: "columns = [\"id\", \"total\"]",
        expected: [
            "`orders` has no column `total`",
            "the columns are id, sum, at",
        ],
    },
    Trouble {
        lines: INCREMENTAL,
        changes: &[
            "DROP TABLE orders",
            "CREATE TABLE orders(id INTEGER, total INTEGER, at INTEGER, PRIMARY KEY(total, id)) WITHOUT ROWID",
        ],
        later_lines: INCREMENTAL,
        expected: [
            "the cursor of `orders` has another key",
            "full refresh of `orders`",
        ],
    },
    Trouble {
        lines: INCREMENTAL,
        changes: &["ALTER TABLE orders RENAME COLUMN at TO changed"],
        later_lines: INCREMENTAL,
        expected: [
            "no cursor column `at`",
            "the columns are id, total, changed",
        ],
    },
    Trouble {
        lines: INCREMENTAL,
        changes: &[],
        later_lines: "mode = \"incremental\"\ncursor = \"total\"",
        expected: ["has another cursor column", "full refresh of `orders`"],
    },
    Trouble {
        lines: "mode = \"incremental\"",
        changes: &[
            "DELETE FROM orders",
            "INSERT INTO orders VALUES (1, 11, 300)",
        ],
        later_lines: "mode = \"incremental\"",
        expected: ["recreated or restored", "full refresh of `orders`"],
    },
    Trouble {
        lines: "",
        changes: &[],
        later_lines: "where = \"total >\"",
        expected: ["the server rejected the statement", ""],
    },
    Trouble {
        lines: "",
        changes: &[],
        later_lines: "types = { total = \"money\" }",
        expected: ["\"money\" for `total`", "use one of"],
    },
    Trouble {
        lines: "",
        changes: &[],
        later_lines: "types = { sum = \"double\" }",
        expected: ["`types` names `sum`", "the columns are id, total, at"],
    },
    Trouble {
        lines: INCREMENTAL,
        changes: &["INSERT INTO orders VALUES (3, 30, 'today')"],
        later_lines: "mode = \"incremental\"\ncursor = \"at\"\nmax_rows_read = 1",
        expected: ["`max_rows_read` permits 1", "create an index"],
    },
];

#[test]
fn trouble_of_one_table_leaves_its_rows_and_loads_the_others() -> Result<()> {
    for trouble in &TROUBLES {
        for store in Store::all()? {
            let server = serve()?;
            store.pipeline(&server, trouble.lines)?.load()?;
            let before = store.content("orders")?;
            server.client().run(trouble.changes)?;
            server.client().run(&["INSERT INTO calm VALUES (2)"])?;
            let pipeline = store.pipeline(&server, trouble.later_lines)?;
            check_isolated(&store, &pipeline, "orders", trouble.expected)?;
            ensure!(store.content("orders")? == before, "{:?}", trouble.expected);
        }
    }
    Ok(())
}

#[test]
fn the_summary_names_the_table_the_reason_and_the_remedy() -> Result<()> {
    let (server, store) = (serve()?, Store::duckdb()?);
    let pipeline = store.pipeline(&server, INCREMENTAL)?;
    pipeline.load()?;
    server
        .client()
        .run(&["ALTER TABLE orders RENAME COLUMN at TO changed"])?;
    check_summary(
        &pipeline.host(&["run"])?,
        &[
            "orders failed: `orders` has no cursor column `at`",
            "hint: the columns are id, total, changed",
            "partial: 1 row of 1 resource",
        ],
    )
}

#[test]
fn a_broken_view_fails_alone_when_it_is_selected() -> Result<()> {
    for store in Store::all()? {
        let server = serve()?;
        let client = server.client();
        client.run(&["CREATE VIEW sums AS SELECT sum(total) AS total FROM orders"])?;
        let pipeline = store.pipeline_of(&server, "sums", "")?;
        pipeline.load()?;
        let before = store.content("sums")?;
        client.run(&["DROP TABLE orders", "INSERT INTO calm VALUES (2)"])?;
        let expected = [
            "the view `sums`: the table does not exist",
            "dropped or renamed",
        ];
        check_isolated(&store, &pipeline, "sums", expected)?;
        ensure!(store.content("sums")? == before, "the view was replaced");
    }
    Ok(())
}

#[test]
fn a_cursor_that_cannot_be_parsed_fails_its_table_only() -> Result<()> {
    let (server, store) = (serve()?, Store::duckdb()?);
    let pipeline = store.pipeline(&server, INCREMENTAL)?;
    pipeline.load()?;
    duckdb::change(
        &store.database(),
        &["UPDATE turso_data._cursors SET value = 'nonsense'::BLOB"],
    )?;
    server.client().run(&["INSERT INTO calm VALUES (2)"])?;
    let expected = ["the cursor of `orders` cannot be parsed", "orders"];
    check_isolated(&store, &pipeline, "orders", expected)?;
    Ok(())
}

#[test]
fn a_query_with_the_name_of_a_table_fails_alone() -> Result<()> {
    let server = serve()?;
    let pipeline = Pipeline::new(&server.url())?
        .config("queries = [{ name = \"orders\", sql = \"SELECT 1 AS one\" }]");
    let outcome = pipeline.host(&["run", "--json"])?;
    ensure!(outcome.code == Some(1), "{outcome:?}");
    let report = outcome.json()?;
    let failure = &entry(&report, "orders")?["failure"];
    ensure!(failure["hint"] == "rename the query", "{report}");
    ensure!(entry(&report, "calm")?["rows_written"] == 1, "{report}");
    Ok(())
}

#[test]
fn tables_without_trouble_are_from_one_point_in_time() -> Result<()> {
    let (server, store) = (serve()?, Store::duckdb()?);
    let pipeline = store.pipeline(&server, INCREMENTAL)?.resource("missing");
    pipeline.load().unwrap_err();
    server.client().run(&["INSERT INTO calm VALUES (2)"])?;
    let expected = [
        "no table, view or query `missing`",
        "the database has calm, orders",
    ];
    let report = check_isolated(&store, &pipeline, "missing", expected)?;
    ensure!(report["point_in_time"] == true, "{report}");
    ensure!(entry(&report, "orders")?["failure"].is_null(), "{report}");
    Ok(())
}

#[test]
fn a_run_in_which_every_table_fails_has_the_exit_code_of_their_cause() -> Result<()> {
    let (server, store) = (serve()?, Store::duckdb()?);
    let code = |pipeline: &Pipeline| -> Result<Option<i32>> { Ok(pipeline.host(&["run"])?.code) };
    let only = |server: &Sqld| -> Result<Pipeline> {
        let file = store.folder.path().join("turso.duckdb");
        Ok(Pipeline::new(&server.url())?
            .resource("orders")
            .into_database(&file))
    };
    // It never worked: the file is wrong.
    let empty = Sqld::start()?;
    ensure!(
        code(&only(&empty)?)? == Some(2),
        "unknown from the first run on"
    );
    // It worked before: the source has changed.
    only(&server)?.load()?;
    server.client().run(&["DROP TABLE orders"])?;
    ensure!(
        code(&only(&server)?)? == Some(1),
        "dropped after the first run"
    );
    Ok(())
}

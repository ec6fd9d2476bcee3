//! All databases of an organization as one source: listed by the Platform API,
//! and read from sqld, each in its own namespace.

mod large;
mod waits;

use anyhow::Result;
use connector_tests::duckdb::DuckDb;
use connector_tests::fleet::{Fleet, world, world_of};
use connector_tests::pipeline::Pipeline;
use connector_tests::platform::Database;
use serde_json::{Value as Json, json};

fn number(pipeline: &Pipeline, sql: &str) -> Result<i64> {
    DuckDb::open(&pipeline.database())?.number(&sql.replace("FROM ", "FROM turso_data."))
}

/// Runs a pipeline of which some databases fail, and returns the report, in which
/// the notes of the first resource have these texts.
fn run_partly(pipeline: &Pipeline, notes: &[&str]) -> Result<Json> {
    let outcome = pipeline.host(&["run", "--json"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let report = outcome.json()?;
    assert_eq!(report["status"], "partial", "{report}");
    let found = report["resources"][0]["notes"].to_string();
    for note in notes {
        assert!(found.contains(note), "no {note:?} in {report}");
    }
    Ok(report)
}

#[test]
fn two_hundred_databases_of_twenty_tables_are_twenty_tables() -> Result<()> {
    let names: Vec<_> = (0..200).map(|number| format!("shop{number:03}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let fleet = Fleet::new(&names)?;
    for (number, name) in names.iter().enumerate() {
        let tables: Vec<_> = (0..20)
            .map(|table| format!("CREATE TABLE t{table}(id INTEGER PRIMARY KEY, of TEXT)"))
            .collect();
        let rows = (0..20).map(|table| {
            format!(
                "INSERT INTO t{table} VALUES (1, '{name}'), (2, '{name}'), ({number} + 3, '{name}')"
            )
        });
        let statements: Vec<_> = tables.into_iter().chain(rows).collect();
        let statements: Vec<_> = statements.iter().map(String::as_str).collect();
        fleet.run(name, &statements)?;
    }
    let pipeline = fleet.pipeline()?.config("concurrency = 8");
    let report = pipeline.load()?;
    assert_eq!(report["status"], "loaded");
    assert_eq!(report["resources"].as_array().map(Vec::len), Some(20));
    for table in ["t0", "t19"] {
        for (sql, expected) in [
            (format!("SELECT count(*) FROM {table}"), 600),
            (
                format!("SELECT count(DISTINCT _database) FROM {table}"),
                200,
            ),
            (
                format!("SELECT count(*) FROM {table} WHERE _database != of"),
                0,
            ),
            (format!("SELECT max(id) FROM {table}"), 202),
        ] {
            assert_eq!(number(&pipeline, &sql)?, expected, "{sql}");
        }
    }
    // The list has several pages, and no database is requested separately.
    let list = "/v1/organizations/acme/databases";
    assert_eq!(fleet.platform.count("GET", list), 4);
    assert_eq!(fleet.platform.requests().len(), 4);
    fleet.platform.finish()
}

fn shops() -> Result<Fleet> {
    let fleet = Fleet::new(&["a", "b", "c"])?;
    for name in ["a", "b", "c"] {
        fleet.run(
            name,
            &[
                "CREATE TABLE orders(id INTEGER PRIMARY KEY, total INTEGER, updated_at INTEGER)",
                "CREATE TABLE stock(sku TEXT PRIMARY KEY, qty INTEGER)",
                "INSERT INTO orders VALUES (1, 10, 1), (2, 20, 1)",
                "INSERT INTO stock VALUES ('x', 1)",
            ],
        )?;
    }
    Ok(fleet)
}

const ORDERS: &str = "mode = \"incremental\"\ncursor = \"updated_at\"\ndeletes = \"hard\"";

/// Returns the row counts as `database:rows`.
fn counts(pipeline: &Pipeline, table: &str) -> Result<String> {
    let sql = format!(
        "SELECT string_agg(of, ' ' ORDER BY of) AS of FROM \
         (SELECT _database || ':' || count(*) AS of FROM turso_data.{table} GROUP BY _database)"
    );
    let rows = DuckDb::open(&pipeline.database())?.query(&sql)?;
    let text = rows.rows.first().and_then(|row| row[0].as_text());
    Ok(text.unwrap_or_default().to_owned())
}

#[test]
fn an_unreachable_database_keeps_its_rows_and_the_others_are_loaded() -> Result<()> {
    let fleet = shops()?;
    let pipeline = fleet
        .pipeline()?
        .resource_with("orders", ORDERS)
        .resource("stock");
    pipeline.load()?;
    assert_eq!(counts(&pipeline, "orders")?, "a:2 b:2 c:2");
    fleet.run(
        "a",
        &["DELETE FROM orders WHERE id = 1", "DELETE FROM stock"],
    )?;
    fleet.run(
        "c",
        &[
            "INSERT INTO orders VALUES (3, 30, 2)",
            "INSERT INTO stock VALUES ('y', 2)",
        ],
    )?;
    // No server listens on this port.
    let nowhere = "127.0.0.1:9";
    let at = |name: &str| match name {
        "b" => nowhere.to_owned(),
        name => fleet.hostname(name),
    };
    fleet.platform.change(world(&["a", "b", "c"], at));
    run_partly(&pipeline, &["`b`", "their stored rows are kept"])?;
    assert_eq!(counts(&pipeline, "orders")?, "a:1 b:2 c:3");
    assert_eq!(counts(&pipeline, "stock")?, "b:1 c:2");
    // The database is available again, and its read continues.
    fleet.run(
        "b",
        &["UPDATE orders SET total = 21, updated_at = 3 WHERE id = 2"],
    )?;
    fleet
        .platform
        .change(world(&["a", "b", "c"], |name| fleet.hostname(name)));
    let report = pipeline.load()?;
    // Rows with the last value of a cursor are read again.
    assert_eq!(report["resources"][0]["rows_read"], 4, "{report}");
    assert_eq!(
        number(
            &pipeline,
            "SELECT total FROM orders WHERE _database = 'b' AND id = 2"
        )?,
        21
    );
    Ok(())
}

#[test]
fn each_database_has_its_own_cursor() -> Result<()> {
    let fleet = shops()?;
    let pipeline = fleet.pipeline()?.resource_with("orders", ORDERS);
    pipeline.load()?;
    // Rows with the last value of a cursor are read again.
    assert_eq!(pipeline.load()?["resources"][0]["rows_read"], 6);
    fleet.run("b", &["INSERT INTO orders VALUES (3, 30, 5)"])?;
    assert_eq!(pipeline.load()?["resources"][0]["rows_read"], 7);
    // This value is new in another database.
    fleet.run("a", &["INSERT INTO orders VALUES (3, 30, 2)"])?;
    assert_eq!(pipeline.load()?["resources"][0]["rows_read"], 6);
    assert_eq!(counts(&pipeline, "orders")?, "a:3 b:3 c:2");
    // One database is new. Another was deleted, and its rows are deleted too.
    fleet.server.create_namespace("d", &json!({}))?;
    fleet.run(
        "d",
        &[
            "CREATE TABLE orders(id INTEGER PRIMARY KEY, total TEXT, updated_at INTEGER)",
            "INSERT INTO orders VALUES (1, 'ten', 1)",
        ],
    )?;
    fleet
        .platform
        .change(world(&["a", "b", "d"], |name| fleet.hostname(name)));
    assert_eq!(pipeline.load()?["resources"][0]["rows_read"], 3);
    assert_eq!(counts(&pipeline, "orders")?, "a:3 b:3 d:1");
    // A value of another type goes to a sibling column.
    let sql = "SELECT count(*) FROM orders WHERE _database = 'd' AND total IS NULL AND total__text = 'ten'";
    assert_eq!(number(&pipeline, sql)?, 1);
    Ok(())
}

#[test]
fn an_unchanged_database_keeps_its_rows_while_others_are_replaced() -> Result<()> {
    let fleet = shops()?;
    let pipeline = fleet
        .pipeline()?
        .config("skip_unchanged = true")
        .resource("stock");
    pipeline.load()?;
    let report = pipeline.load()?;
    assert_eq!(report["resources"][0]["rows_read"], 0, "{report}");
    fleet.run("b", &["INSERT INTO stock VALUES ('y', 2)"])?;
    let report = pipeline.load()?;
    assert_eq!(report["status"], "loaded");
    assert_eq!(report["resources"][0]["rows_read"], 2, "{report}");
    assert_eq!(counts(&pipeline, "stock")?, "a:1 b:2 c:1");
    Ok(())
}

#[test]
fn databases_are_selected_by_name_and_may_lack_a_table() -> Result<()> {
    let fleet = shops()?;
    fleet.run(
        "c",
        &[
            "CREATE TABLE only(id INTEGER PRIMARY KEY)",
            "INSERT INTO only VALUES (7)",
        ],
    )?;
    let pipeline = fleet
        .pipeline_for("[\"a\", \"?\"]")?
        .resource("only")
        .resource("stock")
        .resource_with("platform_databases", "columns = [\"Name\"]");
    pipeline.load()?;
    assert_eq!(counts(&pipeline, "only")?, "c:1");
    assert_eq!(
        number(&pipeline, "SELECT count(*) FROM platform_databases")?,
        3
    );
    let two = fleet.pipeline_for("[\"a\", \"b*\"]")?;
    two.load()?;
    assert_eq!(counts(&two, "stock")?, "a:1 b:1");
    let list = two.host(&["list"])?;
    assert!(list.stdout.contains("_database, sku"), "{list:?}");
    let check = two.host(&["check"])?;
    assert_eq!(check.code, Some(0), "{check:?}");
    assert!(check.stdout.contains("2 selected: a, b"), "{check:?}");
    let preview = two.host(&["preview", "stock", "--limit", "1"])?;
    assert!(preview.stdout.contains("_database"), "{preview:?}");
    for (databases, resource, code, expected) in [
        ("[\"z\"]", "stock", 1, "no database `z`"),
        (
            "[\"*\"]",
            "nowhere",
            2,
            "no database has a table, view or query `nowhere`",
        ),
    ] {
        let outcome = fleet
            .pipeline_for(databases)?
            .resource(resource)
            .host(&["run"])?;
        assert_eq!(outcome.code, Some(code), "{outcome:?}");
        assert!(outcome.stderr.contains(expected), "{outcome:?}");
    }
    Ok(())
}

#[test]
fn a_database_that_is_deselected_for_some_time_is_not_appended_twice() -> Result<()> {
    let fleet = shops()?;
    let lines = "mode = \"incremental\"";
    let all = fleet.pipeline()?.resource_with("orders", lines);
    all.load()?;
    let some = fleet
        .pipeline_for("[\"a\"]")?
        .into_database(&all.database())
        .resource_with("orders", lines);
    some.load()?;
    fleet.run("b", &["INSERT INTO orders VALUES (3, 30, 2)"])?;
    all.load()?;
    assert_eq!(counts(&all, "orders")?, "a:2 b:3 c:2");
    // A database by its URL is another pipeline.
    let one = Pipeline::new(&format!("{}/dev/a", fleet.server.url()))?
        .into_database(&all.database())
        .allow(&format!(
            "[[connector.allow]]\norigin = \"{}\"\nmethods = [\"POST\"]\nprivate = true\nsecrets = []\n",
            fleet.server.url()
        ))
        .resource_with("orders", lines);
    let outcome = one.host(&["run"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("separate pipelines"), "{outcome:?}");
    Ok(())
}

#[test]
fn databases_may_have_different_tables() -> Result<()> {
    let fleet = shops()?;
    fleet.run(
        "a",
        &[
            "CREATE TABLE Notes(id INTEGER PRIMARY KEY, at DATETIME)",
            "CREATE TABLE keyed(id INTEGER PRIMARY KEY, v TEXT)",
            "INSERT INTO keyed VALUES (1, 'a')",
        ],
    )?;
    fleet.run(
        "b",
        &[
            "CREATE TABLE notes(id INTEGER PRIMARY KEY, at DATETIME)",
            "INSERT INTO notes VALUES (1, 1700000000)",
            "CREATE TABLE keyed(id INTEGER, v TEXT)",
            "INSERT INTO keyed VALUES (1, 'b'), (1, 'c')",
        ],
    )?;
    let pipeline = fleet
        .pipeline()?
        .resource("notes")
        .resource_with("keyed", "write = \"merge\"\ndeletes = \"hard\"")
        .resource("stock");
    for _ in 0..2 {
        let outcome = pipeline.host(&["run", "--json"])?;
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert!(
            outcome.stdout.contains("the primary key of `keyed`"),
            "{outcome:?}"
        );
        assert_eq!(counts(&pipeline, "keyed")?, "a:1");
        assert_eq!(counts(&pipeline, "stock")?, "a:1 b:1 c:1");
    }
    // An empty table has no types, and names that differ in case are one table.
    let sql = "SELECT count(*) FROM notes WHERE _database = 'b' AND \"at\" = 1700000000";
    assert_eq!(number(&pipeline, sql)?, 1);
    let tables = DuckDb::open(&pipeline.database())?.tables()?;
    assert!(tables.contains(&"notes".to_owned()), "{tables:?}");
    Ok(())
}

/// Loads, makes `b` unreachable, and loads again with further arguments.
fn lose_b(fleet: &Fleet, pipeline: &Pipeline, arguments: &[&str]) -> Result<()> {
    pipeline.load()?;
    let at = |name: &str| match name {
        "b" => "127.0.0.1:9".to_owned(),
        name => fleet.hostname(name),
    };
    fleet.platform.change(world(&["a", "b", "c"], at));
    let outcome = pipeline.host(&[&["run", "--json"], arguments].concat())?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert_eq!(outcome.json()?["status"], "partial");
    Ok(())
}

#[test]
fn an_unreachable_database_with_a_masked_name_keeps_its_rows() -> Result<()> {
    let fleet = shops()?;
    let mask = "mask = { _database = \"sha256\" }";
    let pipeline = fleet.pipeline()?.resource_with("stock", mask);
    lose_b(&fleet, &pipeline, &[])?;
    for name in ["a", "b", "c"] {
        let sql = format!("SELECT count(*) FROM stock WHERE _database = sha256('{name}')");
        assert_eq!(number(&pipeline, &sql)?, 1, "{name}");
    }
    Ok(())
}

#[test]
fn an_unreachable_database_keeps_all_versions_of_its_rows() -> Result<()> {
    let fleet = shops()?;
    let pipeline = fleet.pipeline()?.resource_with("stock", "write = \"scd2\"");
    pipeline.load()?;
    fleet.run("b", &["UPDATE stock SET qty = 2"])?;
    lose_b(&fleet, &pipeline, &["--full-refresh"])?;
    assert_eq!(counts(&pipeline, "stock")?, "a:1 b:2 c:1");
    let sql = "SELECT count(*) FROM stock WHERE _database = 'b' AND _valid_to IS NULL AND qty = 2";
    assert_eq!(number(&pipeline, sql)?, 1);
    Ok(())
}

#[test]
fn a_table_with_an_incompatible_schema_fails_alone() -> Result<()> {
    let fleet = shops()?;
    fleet.run("b", &["ALTER TABLE orders DROP COLUMN updated_at"])?;
    let pipeline = fleet
        .pipeline()?
        .resource_with("orders", ORDERS)
        .resource("stock");
    let outcome = pipeline.host(&["run", "--json"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(
        outcome.stdout.contains("no cursor column `updated_at`"),
        "{outcome:?}"
    );
    assert_eq!(counts(&pipeline, "orders")?, "a:2 c:2");
    assert_eq!(counts(&pipeline, "stock")?, "a:1 b:1 c:1");
    Ok(())
}

#[test]
fn a_host_without_a_rule_ends_the_run() -> Result<()> {
    let fleet = shops()?;
    let rules = format!(
        "[[connector.allow]]\norigin = \"{}\"\nprivate = true\nsecrets = [\"platform_token\"]\n",
        fleet.platform.url()
    );
    let outcome = fleet.pipeline()?.allow(&rules).host(&["run"])?;
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    assert!(
        outcome.stderr.contains("[[connector.allow]]"),
        "{outcome:?}"
    );
    Ok(())
}

#[test]
fn a_database_that_was_created_again_is_not_continued() -> Result<()> {
    let fleet = shops()?;
    let of = |id: &'static str, at: &str| {
        let database = |name: &str| Database::named(name).at(&fleet.hostname(name));
        let changed = Database::named("b").at(&fleet.hostname(at)).with_id(id);
        world_of([database("a"), changed, database("c")])
    };
    fleet.platform.change(of("first", "b"));
    let pipeline = fleet.pipeline()?.resource_with("orders", ORDERS);
    pipeline.load()?;
    assert_eq!(counts(&pipeline, "orders")?, "a:2 b:2 c:2");
    // The host is the same, but not the database.
    fleet.run("a", &["INSERT INTO orders VALUES (3, 30, 2)"])?;
    fleet.run(
        "b",
        &[
            "DELETE FROM orders",
            "INSERT INTO orders VALUES (2, 99, 5), (7, 99, 5)",
        ],
    )?;
    fleet.platform.change(of("second", "b"));
    run_partly(
        &pipeline,
        &["belongs to the database", "with the id `first`"],
    )?;
    assert_eq!(counts(&pipeline, "orders")?, "a:3 b:2 c:2");
    assert_eq!(
        number(&pipeline, "SELECT count(*) FROM orders WHERE total = 99")?,
        0
    );
    // A database that has moved keeps its id.
    fleet.platform.change(of("first", "c"));
    fleet.run("c", &["INSERT INTO orders VALUES (3, 30, 2)"])?;
    let report = pipeline.load()?;
    assert_eq!(report["status"], "loaded", "{report}");
    assert_eq!(counts(&pipeline, "orders")?, "a:3 b:3 c:3");
    Ok(())
}

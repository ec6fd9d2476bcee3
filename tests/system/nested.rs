//! JSON columns: kept as text, stored as JSON, or split into columns and child
//! tables. The expected rows are computed by SQLite.

use anyhow::Result;
use connector_tests::compare;
use connector_tests::duckdb::DuckDb;
use connector_tests::files;
use connector_tests::pipeline::Pipeline;
use connector_tests::sqld::Sqld;

const CARTS: [&str; 3] = [
    "CREATE TABLE carts(id INTEGER PRIMARY KEY, cart JSON, updated_at INTEGER)",
    "CREATE INDEX carts_updated ON carts(updated_at)",
    r#"INSERT INTO carts VALUES
        (1, '{"customer":{"name":"Ada","vip":true},"items":[{"sku":"a","qty":2,"tags":["x","y"]},{"sku":"b","qty":1}]}', 1),
        (2, '{"customer":{"name":"Ben"},"items":[],"note":"line one\nline two"}', 1),
        (3, '{"items":[{"sku":"c","qty":3}],"total":12.5}', 1),
        (4, 'not json', 1),
        (5, NULL, 1)"#,
];

/// Items of all carts, as SQLite extracts them.
const ITEMS: &str = "SELECT carts.id AS _root_id, i.key AS _index, \
     json_extract(i.value, '$.sku') AS sku, json_extract(i.value, '$.qty') AS qty \
     FROM carts, json_each(carts.cart, '$.items') i WHERE json_valid(cart)";
const TAGS: &str = "SELECT carts.id AS _root_id, i.key AS _index, t.key AS _index_2, t.value AS value \
     FROM carts, json_each(carts.cart, '$.items') i, json_each(i.value, '$.tags') t WHERE json_valid(cart)";

fn carts() -> Result<Sqld> {
    let server = Sqld::start()?;
    server.client().run(&CARTS)?;
    Ok(server)
}

/// Compares the child tables with the rows that SQLite extracts.
fn check_child_tables(server: &Sqld, pipeline: &Pipeline) -> Result<()> {
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    for (table, sql) in [
        ("carts__cart__items", ITEMS),
        ("carts__cart__items__tags", TAGS),
    ] {
        let source = server.client().query(sql, &[])?;
        compare::check_equal(table, &source, &duckdb.table(table)?)?;
    }
    Ok(())
}

#[test]
fn json_is_kept_as_text_by_default() -> Result<()> {
    let server = carts()?;
    let pipeline = Pipeline::new(&server.url())?.resource("carts");
    pipeline.load()?;
    let stored = DuckDb::open(&pipeline.database())?.table("carts")?;
    compare::check_equal(
        "carts",
        &server.client().query("SELECT * FROM carts", &[])?,
        &stored,
    )
}

#[test]
fn json_is_stored_as_json() -> Result<()> {
    let server = carts()?;
    let pipeline = Pipeline::new(&server.url())?.resource_with("carts", "nested = \"json\"");
    let report = pipeline.load()?;
    assert_eq!(report["resources"][0]["misfits"], 1);
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    for (sql, expected) in [
        (
            "SELECT count(*) FROM duckdb_columns() WHERE column_name = 'cart' AND data_type = 'JSON'",
            1,
        ),
        (
            "SELECT count(*) FROM turso_data.carts WHERE cart->>'$.customer.name' = 'Ada'",
            1,
        ),
        (
            "SELECT count(*) FROM turso_data.carts WHERE cart IS NULL AND cart__text = 'not json'",
            1,
        ),
        ("SELECT count(cart) FROM turso_data.carts", 3),
    ] {
        assert_eq!(duckdb.number(sql)?, expected, "{sql}");
    }
    drop(duckdb);
    let pipeline = pipeline.into_files("jsonl");
    pipeline.load()?;
    let lines = std::fs::read_to_string(&files::table_files(&pipeline.dataset(), "carts")?[0])?;
    assert!(
        lines.contains(r#""cart":{"items":[{"sku":"c","qty":3}],"total":12.5}"#),
        "{lines}"
    );
    Ok(())
}

#[test]
fn a_text_column_with_the_type_json_holds_json() -> Result<()> {
    let server = Sqld::start()?;
    server.client().run(&[
        "CREATE TABLE logs(id INTEGER PRIMARY KEY, line TEXT)",
        r#"INSERT INTO logs VALUES (1, '{"level":"info","at":[1,2]}'), (2, '7'), (3, '"x"')"#,
    ])?;
    let pipeline =
        Pipeline::new(&server.url())?.resource_with("logs", "types = { line = \"json\" }");
    pipeline.load()?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    let sql = "SELECT count(*) FROM turso_data.logs WHERE line->>'$.level' = 'info' AND typeof(line) = 'JSON'";
    assert_eq!(duckdb.number(sql)?, 1);
    drop(duckdb);
    let pipeline = Pipeline::new(&server.url())?
        .resource_with("logs", "nested = \"tables\"\ntypes = { line = \"json\" }");
    pipeline.load()?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    let sql = "SELECT count(*) FROM turso_data.logs l JOIN turso_data.logs__line__at a ON a._root_id = l.id \
               WHERE l.line__level = 'info' AND a.value = a._index + 1";
    assert_eq!(duckdb.number(sql)?, 2);
    // A scalar is stored in the column itself.
    let sql = "SELECT count(*) FROM turso_data.logs WHERE (id = 2 AND line = 7) OR (id = 3 AND line__text = 'x')";
    assert_eq!(duckdb.number(sql)?, 2);
    Ok(())
}

#[test]
fn objects_become_columns_and_lists_become_tables() -> Result<()> {
    let server = carts()?;
    let pipeline = Pipeline::new(&server.url())?.resource_with("carts", "nested = \"tables\"");
    let report = pipeline.load()?;
    let resources: Vec<_> = report["resources"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    let named: Vec<_> = resources
        .iter()
        .map(|resource| resource["resource"].as_str())
        .collect();
    let expected = ["carts", "carts__cart__items", "carts__cart__items__tags"];
    assert_eq!(named, expected.map(Some));
    assert_eq!(resources[1]["rows_written"], 3);
    check_child_tables(&server, &pipeline)?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    for (sql, expected) in [
        (
            "SELECT count(*) FROM turso_data.carts WHERE id = 1 AND cart__customer__name = 'Ada' AND cart__customer__vip",
            1,
        ),
        (
            "SELECT count(*) FROM turso_data.carts WHERE id = 2 AND contains(cart__note, chr(10))",
            1,
        ),
        (
            "SELECT count(*) FROM turso_data.carts WHERE id = 4 AND cart__text = 'not json'",
            1,
        ),
        (
            "SELECT count(*) FROM duckdb_columns() WHERE table_name = 'carts' AND column_name = 'cart'",
            0,
        ),
    ] {
        assert_eq!(duckdb.number(sql)?, expected, "{sql}");
    }
    drop(duckdb);
    // Child tables are replaced with their table, even if they become empty.
    server.client().run(&["DELETE FROM carts WHERE id = 1"])?;
    pipeline.load()?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    assert_eq!(
        duckdb.number("SELECT count(*) FROM turso_data.carts__cart__items")?,
        1
    );
    assert_eq!(
        duckdb.number("SELECT count(*) FROM turso_data.carts__cart__items__tags")?,
        0
    );
    Ok(())
}

#[test]
fn the_items_of_a_merged_row_are_replaced_together() -> Result<()> {
    let server = carts()?;
    let pipeline = Pipeline::new(&server.url())?.resource_with(
        "carts",
        "mode = \"incremental\"\ncursor = \"updated_at\"\ndeletes = \"hard\"\nnested = \"tables\"",
    );
    pipeline.load()?;
    check_child_tables(&server, &pipeline)?;
    for statements in [
        // Fewer items, no items, and items in a row that had none.
        &[
            "UPDATE carts SET cart = json_remove(cart, '$.items[0]'), updated_at = 2 WHERE id = 1",
            "UPDATE carts SET cart = '{}', updated_at = 2 WHERE id = 3",
            r#"UPDATE carts SET cart = '{"items":[{"sku":"d","qty":"two"},{"sku":5}]}', updated_at = 2 WHERE id = 5"#,
        ][..],
        // Items are deleted with their rows.
        &["DELETE FROM carts WHERE id = 5"],
        &[r#"INSERT INTO carts VALUES (6, '{"items":[{"sku":"e","tags":[1]}]}', 3)"#],
        &[],
    ] {
        server.client().run(statements)?;
        pipeline.load()?;
        check_child_tables(&server, &pipeline)?;
    }
    // Only the row with the last value of the cursor column is read again.
    let report = pipeline.load()?;
    assert_eq!(report["resources"][1]["rows_written"], 1);
    Ok(())
}

#[test]
fn items_are_appended_with_their_rows() -> Result<()> {
    let server = carts()?;
    let pipeline = Pipeline::new(&server.url())?
        .resource_with("carts", "write = \"append\"\nnested = \"tables\"")
        .into_files("parquet");
    pipeline.load()?;
    pipeline.load()?;
    let items = files::parquet(&files::table_files(
        &pipeline.dataset(),
        "carts__cart__items",
    )?)?;
    assert_eq!(items.rows.len(), 6);
    let carts = files::parquet(&files::table_files(&pipeline.dataset(), "carts")?)?;
    assert_eq!(carts.rows.len(), 10);
    Ok(())
}

#[test]
fn resources_that_cannot_have_child_tables_are_refused() -> Result<()> {
    let server = carts()?;
    server.client().run(&[
        "CREATE TABLE keyless(doc JSON)",
        "INSERT INTO keyless VALUES ('[1]')",
        "CREATE TABLE carts__cart__items(id INTEGER PRIMARY KEY)",
    ])?;
    for (resources, expected) in [
        (&[("keyless", "nested = \"tables\"")][..], "primary_key"),
        (
            &[("carts", "nested = \"tables\"\nwrite = \"scd2\"")],
            "set `nested` to `json`",
        ),
        (
            &[("carts", "nested = \"table\"")],
            "did you mean \"tables\"?",
        ),
        (
            &[("carts", "nested = \"tables\""), ("carts__cart__items", "")],
            "also the name of a child table of `carts`",
        ),
        (
            &[("carts__cart__items", ""), ("carts", "nested = \"tables\"")],
            "also the name of a child table of `carts`",
        ),
    ] {
        let mut pipeline = Pipeline::new(&server.url())?;
        for (name, lines) in resources {
            pipeline = pipeline.resource_with(name, lines);
        }
        let outcome = pipeline.host(&["run"])?;
        // Of two resources, the other is loaded.
        let code = if resources.len() > 1 { 1 } else { 2 };
        assert_eq!(outcome.code, Some(code), "{outcome:?}");
        assert!(outcome.stderr.contains(expected), "{outcome:?}");
    }
    Ok(())
}

#[test]
fn a_frozen_table_gets_no_new_child_tables() -> Result<()> {
    let server = carts()?;
    let lines = "write = \"merge\"\nnested = \"tables\"";
    let pipeline = Pipeline::new(&server.url())?.resource_with("carts", lines);
    pipeline.load()?;
    let diff = pipeline.host(&["diff"])?;
    assert_eq!(diff.code, Some(0), "{diff:?}");
    assert!(!diff.stdout.contains("cart"), "{diff:?}");
    server
        .client()
        .run(&[r#"INSERT INTO carts VALUES (7, '{"coupons":["x"],"pin":1}', 9)"#])?;
    let frozen = Pipeline::new(&server.url())?
        .into_database(&pipeline.database())
        .resource_with("carts", &format!("{lines}\nschema = \"freeze\""));
    let outcome = frozen.host(&["run"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(
        outcome.stderr.contains("carts__cart__coupons"),
        "{outcome:?}"
    );
    let discarding = Pipeline::new(&server.url())?
        .into_database(&pipeline.database())
        .resource_with("carts", &format!("{lines}\nschema = \"discard_value\""));
    discarding.load()?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    assert_eq!(
        duckdb.number("SELECT count(*) FROM turso_data.carts WHERE id = 7")?,
        1
    );
    assert!(
        !duckdb
            .tables()?
            .iter()
            .any(|table| table.contains("coupons"))
    );
    Ok(())
}

#[test]
fn child_tables_belong_to_their_own_table() -> Result<()> {
    let server = carts()?;
    server.client().run(&[
        "CREATE TABLE carts__archive(id INTEGER PRIMARY KEY, cart JSON)",
        "INSERT INTO carts__archive SELECT id, cart FROM carts WHERE json_valid(cart)",
    ])?;
    let lines = "write = \"merge\"\ndeletes = \"hard\"\nnested = \"tables\"";
    let both = Pipeline::new(&server.url())?
        .resource_with("carts", lines)
        .resource_with("carts__archive", lines);
    both.load()?;
    server.client().run(&["DELETE FROM carts"])?;
    both.load()?;
    let one = Pipeline::new(&server.url())?
        .into_database(&both.database())
        .resource_with("carts", "nested = \"tables\"");
    one.load()?;
    let mut duckdb = DuckDb::open(&both.database())?;
    for (table, expected) in [
        ("carts__cart__items", 0),
        ("carts__archive__cart__items", 3),
    ] {
        let sql = format!("SELECT count(*) FROM turso_data.{table}");
        assert_eq!(duckdb.number(&sql)?, expected, "{table}");
    }
    Ok(())
}

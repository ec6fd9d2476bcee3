//! Configured types and masks of columns.

use anyhow::Result;
use connector_tests::duckdb::DuckDb;
use connector_tests::pipeline::Pipeline;
use connector_tests::shop;
use connector_tests::sqld::Sqld;

#[test]
fn a_column_gets_its_configured_type() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    let pipeline = Pipeline::new(&server.url())?
        .config("queries = [{ name = \"days\", sql = \"SELECT id, substr(ordered_at, 1, 10) AS day FROM orders\" }]")
        .resource_with(
            "orders",
            "types = { ORDERED_AT = \"timestamptz\", total = \"decimal(10,2)\", qty = \"text\" }",
        )
        .resource_with("days", "types = { day = \"date\" }");
    pipeline.load()?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    for (table, column, data_type) in [
        ("orders", "ordered_at", "TIMESTAMP WITH TIME ZONE"),
        ("orders", "total", "DECIMAL(10,2)"),
        ("orders", "qty", "VARCHAR"),
        ("days", "day", "DATE"),
    ] {
        let sql = format!(
            "SELECT count(*) FROM duckdb_columns() WHERE table_name = '{table}' AND column_name = '{column}' AND data_type = '{data_type}'"
        );
        assert_eq!(duckdb.number(&sql)?, 1, "{column}");
    }
    // All values have the configured types.
    let sql = "SELECT count(*) FROM duckdb_columns() WHERE contains(column_name, '__')";
    assert_eq!(duckdb.number(sql)?, 0);
    let first = "SELECT count(*) FROM turso_data.orders WHERE id = 1 AND total = 10.98 AND qty = '2' \
                 AND epoch_us(ordered_at) = epoch_us(TIMESTAMP '2024-12-24 01:26:47')";
    assert_eq!(duckdb.number(first)?, 1);
    let preview = pipeline.host(&["preview", "orders", "--limit", "1"])?;
    assert!(
        preview.stdout.contains("| 2024-12-24T01:26:47.000000Z "),
        "{preview:?}"
    );
    Ok(())
}

#[test]
fn a_value_of_another_type_goes_to_a_sibling_column() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    let pipeline = Pipeline::new(&server.url())?.resource_with(
        "products",
        "types = { title = \"boolean\", price = \"decimal(8,1)\" }",
    );
    pipeline.load()?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    let sql = "SELECT count(title__text) FROM turso_data.products WHERE title IS NULL";
    assert_eq!(duckdb.number(sql)?, 60);
    let sql =
        "SELECT count(*) FROM turso_data.products WHERE sku = 'SKU-0056' AND price__real = 97.99";
    assert_eq!(duckdb.number(sql)?, 1);
    let sql = "SELECT count(*) FROM turso_data.products WHERE price IS NOT NULL AND price__real IS NOT NULL";
    assert_eq!(duckdb.number(sql)?, 0);
    Ok(())
}

#[test]
fn an_unknown_type_or_column_is_refused() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    for (types, expected) in [
        ("types = { total = \"money\" }", "decimal(precision,scale)"),
        ("types = { totl = \"double\" }", "ordered_at"),
    ] {
        let pipeline = Pipeline::new(&server.url())?.resource_with("orders", types);
        let outcome = pipeline.host(&["run"])?;
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(outcome.stderr.contains(expected), "{outcome:?}");
    }
    Ok(())
}

#[test]
fn a_masked_value_is_never_stored_or_shown() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    let pipeline = Pipeline::new(&server.url())?.resource_with(
        "customers",
        "mask = { Email = \"sha256\", name = \"partial\", country = \"null\" }",
    );
    pipeline.load()?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    let sql = "SELECT count(*) FROM turso_data.customers WHERE id = 1 \
               AND email = sha256('customer1@example.com') AND name = 'B***' AND country IS NULL";
    assert_eq!(duckdb.number(sql)?, 1);
    let preview = pipeline.host(&["preview", "customers"])?;
    assert_eq!(preview.code, Some(0), "{preview:?}");
    assert!(preview.stdout.contains("B***"), "{preview:?}");
    assert!(!preview.stdout.contains("customer1@"), "{preview:?}");
    Ok(())
}

#[test]
fn an_impossible_mask_is_refused() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    for (mask, expected) in [
        ("mask = { emails = \"null\" }", "did you mean `email`?"),
        (
            "primary_key = [\"id\"]\nwrite = \"merge\"\nmask = { id = \"partial\" }",
            "sha256",
        ),
        (
            "mode = \"incremental\"\ncursor = \"joined\"\nmask = { joined = \"sha256\" }",
            "cursor",
        ),
    ] {
        let pipeline = Pipeline::new(&server.url())?.resource_with("customers", mask);
        let outcome = pipeline.host(&["run"])?;
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(outcome.stderr.contains(expected), "{outcome:?}");
    }
    Ok(())
}

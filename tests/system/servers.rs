//! Tests of the test servers: two independent clients read the same source. All
//! comparisons depend on it.

use anyhow::Result;
use connector_tests::keys;
use connector_tests::sqld::{Options, Sqld};
use connector_tests::value::Value;
use connector_tests::{compare, shop, source};
use serde_json::json;

use super::nasty_source::{by_sqld, by_tursodb};

/// Tables whose values the wire protocol represents exactly.
const EXACT: [&str; 7] = [
    "integers",
    "blobs",
    "no_key",
    "null_key",
    "altered",
    "select",
    "with \"quotes\" and spaces",
];

#[test]
fn sqld_serves_the_file_as_sqlite_reads_it() -> Result<()> {
    let served = by_sqld()?;
    for table in EXACT
        .into_iter()
        .chain(["without_rowid", "strict_types", "generated", "notes"])
    {
        let sql = format!("SELECT * FROM {} LIMIT 5000", source::quoted(table));
        compare::check_equal(
            table,
            &source::query(&served.reference, &sql)?,
            &served.server.client().query(&sql, &[])?,
        )?;
    }
    Ok(())
}

#[test]
fn tursodb_serves_the_file_as_sqlite_reads_it() -> Result<()> {
    let served = by_tursodb()?;
    for table in EXACT {
        let sql = format!("SELECT * FROM {}", source::quoted(table));
        compare::check_equal(
            table,
            &source::table(&served.reference, table)?,
            &served.server.client().query(&sql, &[])?,
        )?;
    }
    Ok(())
}

#[test]
fn sqld_checks_tokens() -> Result<()> {
    let server = Sqld::with_options(&Options {
        jwt_key: Some(keys::public()?),
        ..Options::default()
    })?;
    let count = "SELECT count(*) FROM sqlite_schema";
    assert!(server.client().query(count, &[]).is_err());
    assert!(
        server
            .client()
            .with_token(&keys::foreign_token()?)
            .query(count, &[])
            .is_err()
    );
    let reader = server
        .client()
        .with_token(&keys::token(&json!({"a": "ro"}))?);
    assert_eq!(reader.query(count, &[])?.single(), Some(&Value::Integer(0)));
    assert!(reader.run(&["CREATE TABLE t(x)"]).is_err());
    Ok(())
}

#[test]
fn arguments_arrive_unchanged() -> Result<()> {
    let server = Sqld::start()?;
    let client = server.client();
    client.run(&["CREATE TABLE t(a, b, c, d, e)"])?;
    let row = vec![
        Value::Null,
        Value::Integer(i64::MIN),
        Value::real(0.1),
        Value::text("\u{0}\"é"),
        Value::Blob(vec![0, 255, 254]),
    ];
    client.insert(
        "INSERT INTO t VALUES (?, ?, ?, ?, ?)",
        std::slice::from_ref(&row),
    )?;
    assert_eq!(client.query("SELECT * FROM t", &[])?.rows, [row]);
    Ok(())
}

#[test]
fn the_sample_shop_has_irregular_data() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    let count = |sql: &str| {
        Ok::<_, anyhow::Error>(
            server
                .client()
                .query(sql, &[])?
                .single()
                .and_then(Value::as_integer),
        )
    };
    assert_eq!(count("SELECT count(*) FROM orders")?, Some(5000));
    assert_eq!(
        count("SELECT count(DISTINCT sku) FROM orders JOIN products USING (sku)")?,
        Some(60)
    );
    assert!(count("SELECT count(*) FROM products WHERE typeof(stock) = 'text'")? > Some(0));
    assert!(count("SELECT count(*) FROM orders WHERE total IS NULL")? > Some(0));
    assert!(count("SELECT count(*) FROM products WHERE picture IS NOT NULL")? > Some(0));
    Ok(())
}

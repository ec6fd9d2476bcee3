//! Loads from sqld into DuckDB, compared value by value.

use anyhow::Result;
use connector_tests::duckdb::DuckDb;
use connector_tests::nasty::{ON_REQUEST, PLAIN, SHAPES};
use connector_tests::pipeline::Pipeline;
use connector_tests::shop;
use connector_tests::source;
use connector_tests::sqld::Sqld;

use super::nasty_source::{TYPED, by_sqld, check_equal, entry};

#[test]
fn every_value_of_every_table_is_stored_exactly() -> Result<()> {
    let served = by_sqld()?;
    let pipeline = Pipeline::new(&served.server.url())?;
    let report = pipeline.load()?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    check_equal(
        &served,
        &report,
        &[&PLAIN[..], &SHAPES[..]].concat(),
        |table, _| duckdb.table(table),
        TYPED,
    )
}

#[test]
fn views_and_virtual_tables_are_read_on_request_and_internal_tables_never() -> Result<()> {
    let served = by_sqld()?;
    let by_default = Pipeline::new(&served.server.url())?;
    let report = by_default.load()?;
    for resource in report["resources"].as_array().into_iter().flatten() {
        let name = resource["resource"].as_str().unwrap_or_default();
        assert!(
            PLAIN.contains(&name) || SHAPES.contains(&name),
            "{name} was read by default"
        );
    }
    let mut pipeline = Pipeline::new(&served.server.url())?;
    for resource in ON_REQUEST {
        pipeline = pipeline.resource(resource);
    }
    let report = pipeline.load()?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    check_equal(
        &served,
        &report,
        &ON_REQUEST,
        |table, _| duckdb.table(table),
        TYPED,
    )
}

#[test]
fn tables_of_a_virtual_table_without_its_module_are_not_read() -> Result<()> {
    let server = Sqld::with_data(|file| {
        Ok(source::create(file)?.execute_batch(
            "CREATE TABLE films_chunks(chunk_id INTEGER PRIMARY KEY, size INTEGER);
             CREATE TABLE films_vector_chunks00(rowid INTEGER PRIMARY KEY, vectors BLOB);
             CREATE TABLE films_actors(id INTEGER PRIMARY KEY);
             INSERT INTO films_chunks VALUES (1, 2);
             INSERT INTO films_actors VALUES (1);
             PRAGMA writable_schema = ON;
             INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES
                 ('table', 'films', 'films', 0, 'CREATE VIRTUAL TABLE films USING vec0(v float[4])');
             PRAGMA writable_schema = RESET;",
        )?)
    })?;
    let pipeline = Pipeline::new(&server.url())?;
    pipeline.load()?;
    let mut tables = DuckDb::open(&pipeline.database())?.tables()?;
    tables.retain(|table| table.starts_with("films"));
    assert_eq!(tables, ["films_actors"]);
    Ok(())
}

#[test]
fn tables_of_a_vector_index_are_not_read() -> Result<()> {
    let server = Sqld::start()?;
    server.client().run(&[
        "CREATE TABLE films(id INTEGER PRIMARY KEY, title TEXT, embedding F32_BLOB(4))",
        "CREATE INDEX films_index ON films(libsql_vector_idx(embedding))",
        "INSERT INTO films VALUES (1, 'one', vector('[1, 2, 3, 4]')), (2, 'two', NULL)",
    ])?;
    let pipeline = Pipeline::new(&server.url())?;
    let report = pipeline.load()?;
    assert_eq!(
        report["resources"].as_array().map(Vec::len),
        Some(1),
        "{report}"
    );
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    let hex = duckdb.query("SELECT hex(embedding) FROM turso_data.films WHERE id = 1")?;
    assert_eq!(
        hex.rows[0][0].as_text(),
        Some("0000803F000000400000404000008040")
    );
    Ok(())
}

#[test]
fn the_report_the_records_and_the_rows_agree() -> Result<()> {
    let served = by_sqld()?;
    let pipeline = Pipeline::new(&served.server.url())?;
    let report = pipeline.load()?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    let load_id = report["load_id"].as_str().unwrap_or_default();
    let records =
        duckdb.query("SELECT resource, rows_read, rows_written FROM turso_data._load_resources")?;
    assert_eq!(
        Some(records.rows.len()),
        report["resources"].as_array().map(Vec::len)
    );
    for record in &records.rows {
        let entry = entry(&report, record[0].as_text().unwrap_or_default())?;
        assert_eq!(
            entry["rows_read"].as_i64(),
            record[1].as_integer(),
            "{entry}"
        );
        assert_eq!(
            entry["rows_written"].as_i64(),
            record[2].as_integer(),
            "{entry}"
        );
        let table = entry["table"].as_str().unwrap_or_default();
        let stored = duckdb.table(table)?;
        assert_eq!(
            entry["rows_written"].as_u64(),
            u64::try_from(stored.rows.len()).ok(),
            "{entry}"
        );
        assert!(
            stored
                .column("_load_id")
                .iter()
                .all(|id| id.as_text() == Some(load_id)),
            "{entry}"
        );
    }
    let loads = duckdb.query("SELECT load_id, pipeline, status FROM turso_data._loads")?;
    let load: Vec<_> = loads
        .rows
        .iter()
        .flatten()
        .map(|value| value.as_text().unwrap_or_default())
        .collect();
    assert_eq!(load, [load_id, "test", "loaded"]);
    Ok(())
}

#[test]
fn values_that_do_not_fit_their_column_are_counted() -> Result<()> {
    let server = Sqld::start()?;
    server.client().run(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER)",
        "INSERT INTO t(n) VALUES (1), ('two'), (3), ('four'), (x'05'), (NULL)",
    ])?;
    let pipeline = Pipeline::new(&server.url())?;
    let report = pipeline.load()?;
    assert_eq!(entry(&report, "t")?["misfits"], 3, "{report}");
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    assert_eq!(
        duckdb.number(
            "SELECT count(*) FROM turso_data.t WHERE n__text IN ('two', 'four') AND n IS NULL"
        )?,
        2
    );
    Ok(())
}

#[test]
fn a_second_load_replaces_the_rows_and_keeps_the_records() -> Result<()> {
    let server = Sqld::start()?;
    let client = server.client();
    client.run(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT)",
        "INSERT INTO t VALUES (1, 'old'), (2, 'old')",
    ])?;
    let pipeline = Pipeline::new(&server.url())?;
    pipeline.load()?;
    client.run(&[
        "DELETE FROM t",
        "ALTER TABLE t ADD COLUMN y REAL",
        "INSERT INTO t VALUES (3, 'new', 1.5)",
    ])?;
    pipeline.load()?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    assert_eq!(duckdb.number("SELECT count(*) FROM turso_data.t")?, 1);
    assert_eq!(
        duckdb.number("SELECT count(*) FROM turso_data.t WHERE x = 'new' AND y = 1.5")?,
        1
    );
    assert_eq!(duckdb.number("SELECT count(*) FROM turso_data._loads")?, 2);
    Ok(())
}

#[test]
fn an_append_keeps_the_rows_of_earlier_loads_until_a_full_refresh() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    let pipeline = Pipeline::new(&server.url())?.resource_with("products", "write = \"append\"");
    let rows = |pipeline: &Pipeline| {
        DuckDb::open(&pipeline.database())?.number("SELECT count(*) FROM turso_data.products")
    };
    pipeline.load()?;
    pipeline.load()?;
    assert_eq!(rows(&pipeline)?, 120);
    let outcome = pipeline.host(&["run", "--full-refresh"])?;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(rows(&pipeline)?, 60);
    Ok(())
}

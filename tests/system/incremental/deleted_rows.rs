//! Rows that are deleted in the source or get another version, and their keys.

use anyhow::Result;
use connector_tests::compare;
use connector_tests::duckdb::DuckDb;
use connector_tests::pipeline::Pipeline;
use connector_tests::sqld::Sqld;

use super::{INDEX, ORDERS, only_resource, query, serve};

#[test]
fn deleted_rows_are_deleted_marked_or_kept() -> Result<()> {
    for (deletes, left, marked) in [
        ("hard", "2 4", 0),
        ("soft", "1 2 3 4", 2),
        ("ignore", "1 2 3 4", 0),
    ] {
        let server = serve(&ORDERS)?;
        server.client().run(&[INDEX])?;
        let pipeline = Pipeline::new(&server.url())?.resource_with(
            "orders",
            &format!("mode = \"incremental\"\ncursor = \"updated_at\"\ndeletes = \"{deletes}\""),
        );
        pipeline.load()?;
        server
            .client()
            .run(&["DELETE FROM orders WHERE id IN (1, 3)"])?;
        let report = pipeline.load()?;
        let deleted = if deletes == "ignore" { 0 } else { 2 };
        assert_eq!(only_resource(&report)["rows_deleted"], deleted, "{report}");
        assert_eq!(
            query(
                &pipeline,
                "SELECT string_agg(id, ' ' ORDER BY id) FROM turso_data.orders"
            )?,
            [left],
            "{deletes}"
        );
        if deletes == "soft" {
            let count = "SELECT count(_deleted_at) FROM turso_data.orders";
            assert_eq!(query(&pipeline, count)?, [marked.to_string()]);
            // The row is inserted again.
            server
                .client()
                .run(&["INSERT INTO orders VALUES (3, 33, '2024-05-01')"])?;
            pipeline.load()?;
            assert_eq!(query(&pipeline, count)?, ["1"]);
        }
    }
    Ok(())
}

#[test]
fn a_merged_full_read_detects_deleted_rows() -> Result<()> {
    let server = serve(&ORDERS)?;
    let pipeline = Pipeline::new(&server.url())?
        .resource_with("orders", "write = \"merge\"\ndeletes = \"soft\"");
    pipeline.load()?;
    server.client().run(&[
        "DELETE FROM orders WHERE id = 1",
        "UPDATE orders SET total = 99 WHERE id = 4",
    ])?;
    let report = pipeline.load()?;
    assert_eq!(only_resource(&report)["rows_deleted"], 1, "{report}");
    assert_eq!(
        query(
            &pipeline,
            "SELECT id, total::INT, _deleted_at IS NOT NULL FROM turso_data.orders ORDER BY id"
        )?,
        ["1 10 1", "2 20 0", "3 30 0", "4 99 0"]
    );
    Ok(())
}

#[test]
fn every_version_of_a_row_is_kept_with_its_time() -> Result<()> {
    let server = serve(&ORDERS)?;
    let pipeline = Pipeline::new(&server.url())?.resource_with("orders", "write = \"scd2\"");
    pipeline.load()?;
    server.client().run(&[
        "DELETE FROM orders WHERE id = 1",
        "UPDATE orders SET total = 22 WHERE id = 2",
        "INSERT INTO orders VALUES (5, 50, NULL)",
    ])?;
    let report = pipeline.load()?;
    assert_eq!(only_resource(&report)["rows_written"], 2, "{report}");
    assert_eq!(only_resource(&report)["rows_deleted"], 1, "{report}");
    pipeline.load()?;
    assert_eq!(
        query(
            &pipeline,
            "SELECT id, total::INT, dense_rank() OVER (ORDER BY _valid_from), _valid_to IS NULL \
             FROM turso_data.orders ORDER BY id, _valid_from"
        )?,
        [
            "1 10 1 0", "2 20 1 0", "2 22 2 1", "3 30 1 1", "4 40 1 1", "5 50 2 1"
        ]
    );
    assert_eq!(
        query(
            &pipeline,
            "SELECT count(*) FROM turso_data.orders a JOIN turso_data.orders b \
             ON a.id = b.id AND a._valid_to = b._valid_from"
        )?,
        ["1"]
    );
    Ok(())
}

#[test]
fn keys_of_several_types_are_deleted_although_no_new_row_has_them() -> Result<()> {
    let server = serve(&[
        "CREATE TABLE t(id INT PRIMARY KEY, at INTEGER)",
        "INSERT INTO t VALUES (1, 1), ('one', 1), (x'01', 1), (1.5, 1), (2, 1)",
    ])?;
    for format in ["duckdb", "parquet", "jsonl", "csv"] {
        let lines = "mode = \"incremental\"\ncursor = \"at\"\ndeletes = \"hard\"";
        let mut pipeline = Pipeline::new(&server.url())?.resource_with("t", lines);
        if format != "duckdb" {
            pipeline = pipeline.into_files(format);
        }
        pipeline.load()?;
        server.client().run(&[
            "DELETE FROM t WHERE id = 1 OR id = x'01'",
            "INSERT INTO t VALUES (3, 2)",
        ])?;
        let report = pipeline.load()?;
        assert_eq!(
            only_resource(&report)["rows_deleted"],
            2,
            "{format}: {report}"
        );
        if format == "duckdb" {
            assert_eq!(
                query(
                    &pipeline,
                    "SELECT id, id__text, id__real::INT FROM turso_data.t ORDER BY 1, 2, 3"
                )?,
                ["2 - -", "3 - -", "- one -", "- - 2"]
            );
        }
        server.client().run(&[
            "DELETE FROM t WHERE id = 3",
            "INSERT INTO t VALUES (1, 1), (x'01', 1)",
        ])?;
    }
    Ok(())
}

#[test]
fn keys_without_a_declared_type_have_the_types_of_their_rows() -> Result<()> {
    let server = Sqld::start()?;
    server.client().run(&[
        "CREATE TABLE by_rowid(k PRIMARY KEY, v TEXT, updated_at INTEGER)",
        "INSERT INTO by_rowid VALUES (1, 'a', 1), (2, 'b', 1), (3, 'c', 1)",
    ])?;
    let pipeline = Pipeline::new(&server.url())?.resource_with(
        "by_rowid",
        "mode = \"incremental\"\ncursor = \"updated_at\"\ndeletes = \"hard\"",
    );
    pipeline.load()?;
    for statements in [
        // No row is read, so the type of the key is unknown.
        &["DELETE FROM by_rowid WHERE k = 2"][..],
        // New rows have keys of other types than the stored ones.
        &["INSERT INTO by_rowid VALUES ('x', 'd', 2), (x'00', 'e', 2)"],
        // Only rows with a key of the second type are read.
        &["UPDATE by_rowid SET v = 'f', updated_at = 3 WHERE k = 'x'"],
        &["DELETE FROM by_rowid WHERE k IN (1, 3)"],
        &["DELETE FROM by_rowid WHERE k = 'x'"],
    ] {
        server.client().run(statements)?;
        // And again without changes.
        for _ in 0..2 {
            pipeline.load()?;
            let stored = DuckDb::open(&pipeline.database())?.table("by_rowid")?;
            let source = server.client().query("SELECT * FROM by_rowid", &[])?;
            compare::check_equal("by_rowid", &source, &stored)?;
        }
    }
    Ok(())
}

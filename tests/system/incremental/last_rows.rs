//! Tables whose last rows were deleted, changed or replaced since the read
//! before, and tables that are not the one that was read.

use anyhow::Result;
use connector_tests::pipeline::Pipeline;
use connector_tests::source;
use connector_tests::sqld::Sqld;
use serde_json::Value as Json;

use super::{fails, notes, only_resource, query, serve};

fn by_key(server: &Sqld, lines: &str) -> Result<Pipeline> {
    Ok(Pipeline::new(&server.url())?
        .resource_with("t", &format!("mode = \"incremental\"\n{lines}")))
}

/// Returns the stored rows of `t`, ordered and joined.
fn rows(pipeline: &Pipeline) -> Result<String> {
    Ok(query(pipeline, "SELECT id, what FROM turso_data.t ORDER BY ALL")?.join(", "))
}

#[test]
fn a_key_that_is_used_again_is_noticed() -> Result<()> {
    for (write, expected) in [
        ("append", "1 a, 2 b, 3 c, 3 new"),
        ("merge", "1 a, 2 b, 3 new"),
    ] {
        let server = serve(&[
            "CREATE TABLE t(id INTEGER PRIMARY KEY, what TEXT)",
            "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')",
        ])?;
        let pipeline = by_key(&server, &format!("write = \"{write}\""))?;
        pipeline.load()?;
        server.client().run(&[
            "DELETE FROM t WHERE id = 3",
            "INSERT INTO t(what) VALUES ('new')",
        ])?;
        let report = pipeline.load()?;
        assert_eq!(rows(&pipeline)?, expected);
        assert_eq!(
            notes(&report).contains("rows after the key 2 were deleted"),
            write == "append",
            "{report}"
        );
        let report = pipeline.load()?;
        assert_eq!(rows(&pipeline)?, expected);
        assert_eq!(notes(&report), "[]");
    }
    Ok(())
}

#[test]
fn an_equal_last_row_hides_no_changed_rows_of_a_merge() -> Result<()> {
    for (changes, expected) in [
        (
            [
                "DELETE FROM t WHERE id > 1",
                "INSERT INTO t(what) VALUES ('x'), ('y'), ('same')",
            ],
            "1 a, 2 x, 3 y, 4 same",
        ),
        (
            [
                "DELETE FROM t WHERE id = 2",
                "UPDATE t SET what = 'new' WHERE id = 1",
            ],
            "1 new, 2 b, 3 c, 4 same",
        ),
        (
            [
                "DELETE FROM t WHERE id > 2",
                "INSERT INTO t VALUES (3, 'x'), (4, 'same'), (7, 'z')",
            ],
            "1 a, 2 b, 3 x, 4 same, 7 z",
        ),
    ] {
        let server = serve(&[
            "CREATE TABLE t(id INTEGER PRIMARY KEY, what TEXT)",
            "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'same')",
        ])?;
        let pipeline = by_key(&server, "write = \"merge\"")?;
        pipeline.load()?;
        server.client().run(&changes)?;
        for _ in 0..2 {
            pipeline.load()?;
            assert_eq!(rows(&pipeline)?, expected);
        }
        let report = pipeline.load()?;
        assert_eq!(only_resource(&report)["rows_read"], 0, "{report}");
    }
    Ok(())
}

#[test]
fn deleted_last_rows_are_nothing_to_do() -> Result<()> {
    for (key, reused) in [
        ("INTEGER PRIMARY KEY", true),
        ("INTEGER PRIMARY KEY AUTOINCREMENT", false),
    ] {
        let server = serve(&[
            &format!("CREATE TABLE t(id {key}, what TEXT)"),
            "INSERT INTO t(what) VALUES ('a'), ('b'), ('c'), ('d'), ('e')",
        ])?;
        let pipeline = by_key(&server, "")?;
        pipeline.load()?;
        server.client().run(&["DELETE FROM t WHERE id > 3"])?;
        for _ in 0..2 {
            let report = pipeline.load()?;
            assert_eq!(only_resource(&report)["rows_read"], 0, "{report}");
            assert_eq!(notes(&report), "[]");
        }
        server
            .client()
            .run(&["INSERT INTO t(what) VALUES ('f'), ('g'), ('h')"])?;
        pipeline.load()?;
        pipeline.load()?;
        let later = if reused {
            "4 d, 4 f, 5 e, 5 g, 6 h"
        } else {
            "4 d, 5 e, 6 f, 7 g, 8 h"
        };
        assert_eq!(rows(&pipeline)?, format!("1 a, 2 b, 3 c, {later}"));
    }
    Ok(())
}

#[test]
fn a_table_that_was_emptied_starts_over() -> Result<()> {
    for lines in ["", "cursor = \"at\"", "cursor = \"at\"\nwrite = \"append\""] {
        let server = serve(&[
            "CREATE TABLE t(id INTEGER PRIMARY KEY, what TEXT, at INTEGER)",
            "INSERT INTO t VALUES (1, 'a', 5), (2, 'b', 6)",
        ])?;
        let pipeline = by_key(&server, lines)?;
        pipeline.load()?;
        server.client().run(&["DELETE FROM t"])?;
        for _ in 0..2 {
            let report = pipeline.load()?;
            assert_eq!(only_resource(&report)["rows_read"], 0, "{report}");
        }
        server
            .client()
            .run(&["INSERT INTO t(what, at) VALUES ('c', 1)"])?;
        pipeline.load()?;
        pipeline.load()?;
        let merges = lines == "cursor = \"at\"";
        let expected = if merges { "1 c, 2 b" } else { "1 a, 1 c, 2 b" };
        assert_eq!(rows(&pipeline)?, expected, "{lines}");
    }
    Ok(())
}

#[test]
fn rows_that_are_consumed_from_the_front_are_no_failure() -> Result<()> {
    let server = serve(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY, what TEXT)",
        "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
    ])?;
    let pipeline = by_key(&server, "")?;
    pipeline.load()?;
    server.client().run(&[
        "INSERT INTO t VALUES (3, 'c'), (4, 'd')",
        "DELETE FROM t WHERE id < 4",
    ])?;
    pipeline.load()?;
    assert_eq!(rows(&pipeline)?, "1 a, 2 b, 4 d");
    Ok(())
}

#[test]
fn another_table_with_larger_keys_is_noticed() -> Result<()> {
    let server = serve(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY, what TEXT)",
        "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
    ])?;
    let pipeline = by_key(&server, "")?;
    pipeline.load()?;
    server.client().run(&[
        "DROP TABLE t",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, what TEXT)",
        "INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, 'z')",
    ])?;
    fails(&pipeline, "`t` was recreated or restored: rows up to 2")?;
    assert_eq!(rows(&pipeline)?, "1 a, 2 b");
    Ok(())
}

#[test]
fn a_reset_of_autoincrement_is_noticed() -> Result<()> {
    let create = "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT)";
    let server = serve(&[create, "INSERT INTO t(what) VALUES ('a'), ('b'), ('c')"])?;
    let pipeline = by_key(&server, "")?;
    pipeline.load()?;
    // Changed rows are no failure, because their keys are not used again.
    server.client().run(&["UPDATE t SET what = 'changed'"])?;
    let report = pipeline.load()?;
    assert_eq!(only_resource(&report)["rows_read"], 0, "{report}");
    server
        .client()
        .run(&["DROP TABLE t", create, "INSERT INTO t(what) VALUES ('x')"])?;
    fails(&pipeline, "its keys were given up to 1, but rows up to 3")?;
    Ok(())
}

#[test]
fn random_row_ids_are_not_followed() -> Result<()> {
    let server = serve(&[
        "CREATE TABLE t(id INTEGER, what TEXT) RANDOM ROWID",
        "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
    ])?;
    let outcome = by_key(&server, "")?.host(&["run"])?;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(
        outcome.stderr.contains("`t` has random row ids"),
        "{outcome:?}"
    );
    let pipeline = by_key(&server, "cursor = \"id\"\nwrite = \"append\"")?;
    pipeline.load()?;
    server.client().run(&["INSERT INTO t VALUES (3, 'c')"])?;
    pipeline.load()?;
    assert_eq!(rows(&pipeline)?, "1 a, 2 b, 3 c");
    let list = pipeline.host(&["list", "--json"])?.json()?;
    let resources = list.as_array().into_iter().flatten();
    let mut tables = resources.filter(|resource| resource["name"] == "t");
    let estimate = tables.next().map(|table| &table["estimated_rows"]);
    assert_eq!(estimate, Some(&Json::Null), "{list}");
    Ok(())
}

#[test]
fn hidden_row_ids_that_changed_are_noticed() -> Result<()> {
    let create = "CREATE TABLE t(id INTEGER, what TEXT);
         INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd');";
    let serve =
        |sql: String| Sqld::with_data(move |file| Ok(source::create(file)?.execute_batch(&sql)?));
    let before = serve(create.to_owned())?;
    let pipeline = by_key(&before, "")?;
    pipeline.load()?;
    before.client().run(&["INSERT INTO t VALUES (5, 'e')"])?;
    pipeline.load()?;
    let vacuum = "INSERT INTO t VALUES (5, 'e'); DELETE FROM t WHERE id < 3; VACUUM;
         INSERT INTO t VALUES (6, 'f'), (7, 'g'), (8, 'h')";
    // The copy has another URL, but stands for the same database.
    super::moved_database::forget_database(&pipeline)?;
    let after = serve(format!("{create}{vacuum}"))?;
    let later = by_key(&after, "")?.into_database(&pipeline.database());
    let outcome = fails(&later, "are not at the hidden row ids where they were read")?;
    assert!(
        outcome.stderr.contains("set a cursor column"),
        "{outcome:?}"
    );
    assert_eq!(rows(&pipeline)?, "1 a, 2 b, 3 c, 4 d, 5 e");
    Ok(())
}

#[test]
fn equal_last_rows_do_not_show_changed_row_ids() -> Result<()> {
    let server = serve(&[
        "CREATE TABLE t(id INTEGER, what TEXT)",
        "INSERT INTO t VALUES (1, 'home'), (1, 'home')",
    ])?;
    let pipeline = by_key(&server, "")?;
    let report = pipeline.load()?;
    assert_eq!(notes(&report), "[]");
    let report = pipeline.load()?;
    assert!(
        notes(&report).contains("the last rows of `t` are equal"),
        "{report}"
    );
    Ok(())
}

#[test]
fn values_below_the_last_one_are_explained_by_the_last_rows() -> Result<()> {
    for write in ["merge", "append"] {
        for index in ["SELECT 1", "CREATE INDEX t_at ON t(at)"] {
            let create = "CREATE TABLE t(id INTEGER PRIMARY KEY, what TEXT, at INTEGER)";
            let server = serve(&[
                create,
                index,
                "INSERT INTO t VALUES (1, 'a', 5), (2, 'b', 6), (3, 'c', 7)",
            ])?;
            let pipeline = by_key(&server, &format!("cursor = \"at\"\nwrite = \"{write}\""))?;
            pipeline.load()?;
            // The newest row is deleted.
            server.client().run(&["DELETE FROM t WHERE id = 3"])?;
            pipeline.load()?;
            assert_eq!(rows(&pipeline)?, "1 a, 2 b, 3 c");
            // Another database with the same table.
            server.client().run(&[
                "DROP TABLE t",
                create,
                index,
                "INSERT INTO t VALUES (1, 'x', 1), (2, 'y', 2)",
            ])?;
            let message =
                "`t` was recreated or restored: all values of `at` are below the last one";
            fails(&pipeline, message)?;
            assert_eq!(rows(&pipeline)?, "1 a, 2 b, 3 c", "{write}, {index}");
        }
    }
    Ok(())
}

#[test]
fn added_columns_and_a_changed_selection_do_not_hide_the_last_rows() -> Result<()> {
    let server = serve(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY, what TEXT, size)",
        "INSERT INTO t VALUES (1, 'a', 1.5), (2, 'b', -9e999), (3, NULL, x'00'), (4, 'é', 'large')",
    ])?;
    let pipeline = by_key(&server, "")?;
    pipeline.load()?;
    server
        .client()
        .run(&["ALTER TABLE t ADD COLUMN more TEXT DEFAULT 'x'"])?;
    let report = pipeline.load()?;
    assert_eq!(only_resource(&report)["rows_read"], 0, "{report}");
    let fewer =
        by_key(&server, "columns = [\"id\", \"what\"]")?.into_database(&pipeline.database());
    server
        .client()
        .run(&["INSERT INTO t(id, what) VALUES (5, 'e')"])?;
    fewer.load()?;
    let report = fewer.load()?;
    assert_eq!(notes(&report), "[]");
    assert_eq!(
        query(&pipeline, "SELECT count(*) FROM turso_data.t")?,
        ["5"]
    );
    Ok(())
}

#[test]
fn masked_values_do_not_show_in_the_digests_of_a_cursor() -> Result<()> {
    let server = serve(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY, what TEXT)",
        "INSERT INTO t VALUES (1, 'secret')",
    ])?;
    let pipeline = by_key(&server, "mask = { What = \"null\" }")?;
    pipeline.load()?;
    let cursor = || query(&pipeline, "SELECT decode(value) FROM turso_data._cursors");
    let before = cursor()?;
    assert!(before[0].contains(r#""columns":["id"]"#), "{before:?}");
    server.client().run(&["UPDATE t SET what = 'other'"])?;
    pipeline.load()?;
    assert_eq!(cursor()?, before);
    Ok(())
}

#[test]
fn a_recreated_table_fails_until_a_full_refresh() -> Result<()> {
    let server = serve(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a)",
        "INSERT INTO t VALUES (1, 1), (7, 7)",
    ])?;
    let pipeline = Pipeline::new(&server.url())?.resource_with("t", "mode = \"incremental\"");
    pipeline.load()?;
    server.client().run(&[
        "DROP TABLE t",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a)",
        "INSERT INTO t VALUES (1, 'new')",
    ])?;
    fails(
        &pipeline,
        "`t` was recreated or restored: rows up to 7 were already read",
    )?;
    assert_eq!(
        query(&pipeline, "SELECT count(*) FROM turso_data.t")?,
        ["2"]
    );
    let outcome = pipeline.host(&["run", "--full-refresh", "--resource", "t"])?;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(
        query(&pipeline, "SELECT id, a FROM turso_data.t")?,
        ["1 new"]
    );
    Ok(())
}

//! Rows that share the last value of the cursor column, arrive late, or have
//! values of another type, merged and appended.

use anyhow::Result;
use connector_tests::pipeline::Pipeline;
use connector_tests::source;
use connector_tests::sqld::Sqld;

use super::{fails, notes, query, serve};

/// Each way of storing rows.
const WRITES: [&str; 2] = ["append", "merge"];

fn pipeline(server: &Sqld, write: &str, lines: &str) -> Result<Pipeline> {
    Ok(Pipeline::new(&server.url())?.resource_with(
        "t",
        &format!("mode = \"incremental\"\nwrite = \"{write}\"\n{lines}"),
    ))
}

/// Loads, and returns the number of rows that are stored.
fn stored(pipeline: &Pipeline) -> Result<String> {
    pipeline.load()?;
    Ok(query(pipeline, "SELECT count(*) FROM turso_data.t")?.join(""))
}

#[test]
fn later_rows_with_the_last_value_are_loaded_once() -> Result<()> {
    for write in WRITES {
        for index in ["SELECT 1", "CREATE INDEX t_at ON t(at)"] {
            let server = serve(&[
                "CREATE TABLE t(id INTEGER PRIMARY KEY, what TEXT, at INTEGER)",
                index,
                "INSERT INTO t VALUES (3, 'a', 100), (9, 'z', 200)",
            ])?;
            let pipeline = pipeline(&server, write, "cursor = \"at\"")?;
            assert_eq!(stored(&pipeline)?, "2");
            for (insert, expected) in [
                // A smaller key, a larger one, and one between them.
                ("INSERT INTO t VALUES (1, 'a2', 200)", "3"),
                ("INSERT INTO t VALUES (12, 'a3', 200), (5, 'a4', 200)", "5"),
                ("INSERT INTO t VALUES (2, 'b', 300)", "6"),
                ("INSERT INTO t VALUES (4, 'b2', 300)", "7"),
                ("SELECT 1", "7"),
            ] {
                server.client().run(&[insert])?;
                for _ in 0..2 {
                    assert_eq!(stored(&pipeline)?, expected, "{write}, {index}, {insert}");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn a_row_that_changes_again_without_a_larger_value_is_merged() -> Result<()> {
    let server = serve(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY, what TEXT, at INTEGER)",
        "INSERT INTO t VALUES (1, 'old', 100), (2, 'old', 100)",
    ])?;
    let pipeline = pipeline(&server, "merge", "cursor = \"at\"")?;
    pipeline.load()?;
    server
        .client()
        .run(&["UPDATE t SET what = 'new' WHERE id = 1"])?;
    pipeline.load()?;
    assert_eq!(
        query(&pipeline, "SELECT id, what FROM turso_data.t ORDER BY id")?,
        ["1 new", "2 old"]
    );
    Ok(())
}

#[test]
fn ties_are_identified_by_keys_of_every_kind() -> Result<()> {
    for table in [
        "CREATE TABLE t(a TEXT, b, at INTEGER, PRIMARY KEY (b, a)) WITHOUT ROWID",
        "CREATE TABLE t(a TEXT, b, at INTEGER, PRIMARY KEY (b, a))",
        "CREATE TABLE t(a TEXT PRIMARY KEY, b, at INTEGER)",
        "CREATE TABLE t(a TEXT COLLATE NOCASE PRIMARY KEY, b, at INTEGER)",
    ] {
        for index in ["SELECT 1", "CREATE INDEX t_at ON t(at)"] {
            let server = serve(&[
                table,
                index,
                "INSERT INTO t VALUES ('m', 1, 7), ('n', 'x', 7), ('p', 1.5, 7), ('q', x'00', 7), ('old', 0, 1)",
            ])?;
            let pipeline = pipeline(&server, "append", "cursor = \"at\"")?;
            assert_eq!(stored(&pipeline)?, "5", "{table}");
            server
                .client()
                .run(&["INSERT INTO t VALUES ('b', 1, 7), ('z', 2, 7), ('é', -9e999, 7)"])?;
            for _ in 0..3 {
                assert_eq!(stored(&pipeline)?, "8", "{table}, {index}");
            }
            assert_eq!(
                query(&pipeline, "SELECT count(DISTINCT a) FROM turso_data.t")?,
                ["8"]
            );
        }
    }
    Ok(())
}

#[test]
fn ties_are_identified_by_a_primary_key_with_nulls() -> Result<()> {
    let server = serve(&[
        "CREATE TABLE t(a TEXT, b TEXT, at INTEGER, PRIMARY KEY (a, b))",
        "INSERT INTO t VALUES ('m', NULL, 7), (NULL, 'n', 7)",
    ])?;
    let pipeline = pipeline(&server, "append", "cursor = \"at\"")?;
    assert_eq!(stored(&pipeline)?, "2");
    server
        .client()
        .run(&["INSERT INTO t VALUES ('a', NULL, 7), ('b', 'c', 7)"])?;
    for _ in 0..2 {
        assert_eq!(stored(&pipeline)?, "4");
    }
    Ok(())
}

#[test]
fn ties_with_a_primary_key_are_kept_apart_after_a_vacuum() -> Result<()> {
    for (key, is_safe) in [("code TEXT PRIMARY KEY", true), ("code TEXT", false)] {
        let create = format!(
            "CREATE TABLE t({key}, at INTEGER);
             INSERT INTO t VALUES ('a', 1), ('b', 1), ('c', 7), ('d', 7);"
        );
        let serve = |sql: String| {
            Sqld::with_data(move |file| Ok(source::create(file)?.execute_batch(&sql)?))
        };
        let before = serve(create.clone())?;
        let first = pipeline(&before, "append", "cursor = \"at\"")?;
        let report = first.load()?;
        assert_eq!(
            notes(&report).contains("identified by hidden row ids"),
            !is_safe,
            "{report}"
        );
        if is_safe {
            let vacuum = "DELETE FROM t WHERE at = 1; VACUUM; INSERT INTO t VALUES ('e', 7)";
            let after = serve(create + vacuum)?;
            let later =
                pipeline(&after, "append", "cursor = \"at\"")?.into_database(&first.database());
            for _ in 0..2 {
                later.load()?;
                assert_eq!(
                    query(
                        &first,
                        "SELECT string_agg(code, ' ' ORDER BY code) FROM turso_data.t"
                    )?,
                    ["a b c d e"]
                );
            }
        }
    }
    Ok(())
}

#[test]
fn more_ties_than_a_cursor_can_hold_fail_with_a_remedy() -> Result<()> {
    let server = serve(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY, at INTEGER)",
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000) INSERT INTO t SELECT i, 1 FROM n",
    ])?;
    let pipeline = pipeline(&server, "append", "cursor = \"at\"")?;
    // A single run of keys, however long.
    assert_eq!(stored(&pipeline)?, "30000");
    server.client().run(&[
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2001) INSERT INTO t SELECT 40000 + 2 * i, 2 FROM n",
    ])?;
    let outcome = fails(&pipeline, "`t` has more rows with the last value of `at`")?;
    assert!(outcome.stderr.contains("merge the rows"), "{outcome:?}");
    assert_eq!(
        query(&pipeline, "SELECT count(*) FROM turso_data.t")?,
        ["30000"]
    );
    // Once a larger value follows, there is nothing to remember.
    server
        .client()
        .run(&["INSERT INTO t VALUES (1000000, 3)"])?;
    assert_eq!(stored(&pipeline)?, "32002");
    Ok(())
}

#[test]
fn many_ties_are_left_out_by_their_keys() -> Result<()> {
    for index in ["SELECT 1", "CREATE INDEX t_at ON t(at)"] {
        let server = serve(&[
            "CREATE TABLE t(code TEXT PRIMARY KEY, at INTEGER) WITHOUT ROWID",
            index,
            "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1999) INSERT INTO t SELECT 'code ' || i, 1 FROM n",
        ])?;
        let pipeline = pipeline(&server, "append", "cursor = \"at\"")?;
        assert_eq!(stored(&pipeline)?, "1999");
        server.client().run(&["INSERT INTO t VALUES ('a', 1)"])?;
        assert_eq!(stored(&pipeline)?, "2000");
        assert_eq!(stored(&pipeline)?, "2000");
    }
    Ok(())
}

#[test]
fn a_new_type_does_not_hide_rows_of_another_type() -> Result<()> {
    for write in WRITES {
        for index in ["SELECT 1", "CREATE INDEX t_at ON t(at)"] {
            let server = serve(&[
                "CREATE TABLE t(id INTEGER PRIMARY KEY, at DATETIME)",
                index,
                "INSERT INTO t(at) VALUES ('T1'), (1700000000), (1700000000.5)",
            ])?;
            let pipeline = pipeline(&server, write, "cursor = \"at\"")?;
            assert_eq!(stored(&pipeline)?, "3");
            for (values, expected) in [
                ("('T2'), (1700000001), (x'01')", "6"),
                ("('T2'), (1700000001), (x'01'), (x'00')", "9"),
                ("('T3')", "10"),
            ] {
                let insert = format!("INSERT INTO t(at) VALUES {values}");
                server.client().run(&[&insert])?;
                for _ in 0..2 {
                    // A blob below the last one is below its position.
                    assert_eq!(stored(&pipeline)?, expected, "{write}, {index}, {values}");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn text_is_followed_in_binary_order() -> Result<()> {
    for write in WRITES {
        let server = serve(&[
            "CREATE TABLE t(id INTEGER PRIMARY KEY, slug TEXT COLLATE NOCASE)",
            "CREATE INDEX t_slug ON t(slug)",
            "INSERT INTO t VALUES (1, 'apple'), (2, 'Banana'), (3, 'cherry'), (4, 'Zebra')",
        ])?;
        let pipeline = pipeline(&server, write, "cursor = \"slug\"")?;
        assert_eq!(stored(&pipeline)?, "4");
        server
            .client()
            .run(&["INSERT INTO t VALUES (5, 'date'), (6, 'Cherry')"])?;
        // In binary order, capital letters precede the last value.
        for _ in 0..2 {
            let report = pipeline.load()?;
            assert!(
                notes(&report).contains(r#"ON \"t\"(\"slug\" COLLATE BINARY)"#),
                "{report}"
            );
            assert_eq!(
                query(&pipeline, "SELECT count(*) FROM turso_data.t")?,
                ["5"],
                "{write}"
            );
        }
        server
            .client()
            .run(&["CREATE INDEX t_binary ON t(slug COLLATE BINARY)"])?;
        server
            .client()
            .run(&["INSERT INTO t VALUES (7, 'date'), (8, 'elder'), (9, 'DATE')"])?;
        for _ in 0..2 {
            let report = pipeline.load()?;
            assert!(!notes(&report).contains("no index has"), "{report}");
            assert_eq!(
                query(&pipeline, "SELECT count(*) FROM turso_data.t")?,
                ["7"],
                "{write}"
            );
        }
    }
    Ok(())
}

#[test]
fn pages_of_a_collated_column_hold_every_row() -> Result<()> {
    for write in WRITES {
        let server = serve(&[
            "CREATE TABLE t(id INTEGER PRIMARY KEY, slug TEXT COLLATE NOCASE, at INTEGER)",
            "CREATE INDEX t_slug ON t(slug COLLATE BINARY)",
            "CREATE INDEX t_at ON t(at)",
            "INSERT INTO t VALUES (0, '', 0)",
        ])?;
        for column in ["slug", "at"] {
            let pipeline = pipeline(&server, write, &format!("cursor = \"{column}\""))?
                .config("page_rows = 7");
            pipeline.load()?;
            server.client().run(&[
                "DELETE FROM t WHERE id > 0",
                "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) \
                 INSERT INTO t SELECT i, substr('aAbBcC', i % 6 + 1, 1), i / 30 FROM n",
            ])?;
            assert_eq!(stored(&pipeline)?, "101", "{write}, {column}");
        }
    }
    Ok(())
}

#[test]
fn late_rows_within_the_lag_are_loaded_once() -> Result<()> {
    for write in WRITES {
        for index in ["SELECT 1", "CREATE INDEX t_at ON t(at)"] {
            let server = serve(&[
                "CREATE TABLE t(id INTEGER PRIMARY KEY, at INTEGER)",
                index,
                "INSERT INTO t VALUES (10, 900), (11, 995), (12, 1000)",
            ])?;
            let pipeline = pipeline(&server, write, "cursor = \"at\"\nlag = 10")?;
            assert_eq!(stored(&pipeline)?, "3");
            for (rows, expected) in [
                // Late, at the value of a known row, and too late.
                ("(1, 992), (2, 995), (3, 1000), (4, 980)", "6"),
                ("(5, 1005), (6, 994)", "8"),
                ("(7, 996), (8, 994)", "9"),
            ] {
                let insert = format!("INSERT INTO t VALUES {rows}");
                server.client().run(&[&insert])?;
                for _ in 0..2 {
                    assert_eq!(stored(&pipeline)?, expected, "{write}, {index}, {rows}");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn a_change_from_merge_to_append_is_noted() -> Result<()> {
    let server = serve(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY, at INTEGER)",
        "INSERT INTO t VALUES (1, 5)",
    ])?;
    let merging = pipeline(&server, "merge", "cursor = \"at\"")?;
    merging.load()?;
    let appending =
        pipeline(&server, "append", "cursor = \"at\"")?.into_database(&merging.database());
    let report = appending.load()?;
    assert!(
        notes(&report).contains("the last run merged rows"),
        "{report}"
    );
    server.client().run(&["INSERT INTO t VALUES (2, 6)"])?;
    appending.load()?;
    server.client().run(&["INSERT INTO t VALUES (0, 6)"])?;
    let report = appending.load()?;
    assert!(!notes(&report).contains("merged rows"), "{report}");
    assert_eq!(query(&merging, "SELECT count(*) FROM turso_data.t")?, ["3"]);
    Ok(())
}

#[test]
fn a_time_as_lag_needs_the_unit_of_numbers() -> Result<()> {
    let server = serve(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY, at INTEGER)",
        "INSERT INTO t VALUES (1, 1700000000000)",
    ])?;
    let lines = "cursor = \"at\"\nlag = \"10m\"";
    let outcome = pipeline(&server, "merge", lines)?.host(&["run"])?;
    assert_ne!(outcome.code, Some(0), "{outcome:?}");
    assert!(
        outcome
            .stderr
            .contains("the unit of the numbers in `at` is not known"),
        "{outcome:?}"
    );
    let lines = format!("{lines}\ntypes = {{ at = \"timestamp(ms)\" }}");
    let pipeline = pipeline(&server, "merge", &lines)?;
    assert_eq!(stored(&pipeline)?, "1");
    // A minute late, and an hour late.
    server
        .client()
        .run(&["INSERT INTO t VALUES (2, 1699999940000), (3, 1699996400000)"])?;
    assert_eq!(stored(&pipeline)?, "2");
    Ok(())
}

//! Types of columns: those that declared types suggest, those of stored tables,
//! and rules for all resources.

use anyhow::Result;
use connector_tests::duckdb::DuckDb;
use connector_tests::pipeline::Pipeline;
use connector_tests::sqld::Sqld;

const VISITS: [&str; 2] = [
    "CREATE TABLE visits(id INTEGER PRIMARY KEY, at DATETIME, seen TIMESTAMP, day DATE, paid BOOLEAN, total DECIMAL(10,2))",
    "INSERT INTO visits VALUES
        (1, '2026-03-01 10:00:00', '2026-03-01T10:00:00.5Z', '2026-03-01', 1, 0.1 + 0.2),
        (2, '2026-03-02', '2026-03-01 10:00:00+00:00', '2026-02-28', 0, 19),
        (3, NULL, NULL, NULL, NULL, NULL)",
];

fn server(statements: &[&str]) -> Result<Sqld> {
    let server = Sqld::start()?;
    server.client().run(statements)?;
    Ok(server)
}

/// Returns the columns of a table and their types, except `_load_id`.
fn types(pipeline: &Pipeline, table: &str) -> Result<Vec<String>> {
    let sql = format!(
        "SELECT column_name || ' ' || data_type FROM duckdb_columns() WHERE table_name = '{table}' \
         AND column_name <> '_load_id' ORDER BY column_index"
    );
    let rows = DuckDb::open(&pipeline.database())?.query(&sql)?.rows;
    let text = |row: &Vec<connector_tests::value::Value>| format!("{:?}", row[0]);
    let texts = rows.iter().map(text);
    Ok(texts
        .map(|text| text.trim_matches('\'').to_owned())
        .collect())
}

fn number(pipeline: &Pipeline, sql: &str) -> Result<i64> {
    DuckDb::open(&pipeline.database())?.number(sql)
}

const TYPED: [&str; 6] = [
    "id BIGINT",
    "at TIMESTAMP",
    "seen TIMESTAMP WITH TIME ZONE",
    "day DATE",
    "paid BOOLEAN",
    "total DECIMAL(10,2)",
];

const PLAIN: [&str; 6] = [
    "id BIGINT",
    "at VARCHAR",
    "seen VARCHAR",
    "day VARCHAR",
    "paid BIGINT",
    "total DOUBLE",
];

#[test]
fn columns_get_their_declared_types_if_the_values_agree() -> Result<()> {
    let server = server(&VISITS)?;
    for pipeline in [
        Pipeline::new(&server.url())?,
        Pipeline::new(&server.url())?.resource("visits"),
        Pipeline::new(&server.url())?
            .config("queries = [{ name = \"visits_again\", sql = \"SELECT * FROM visits\" }]")
            .resource("visits_again")
            .resource("visits"),
    ] {
        pipeline.load()?;
        assert_eq!(types(&pipeline, "visits")?, TYPED);
        let sql = "SELECT count(*) FROM turso_data.visits WHERE id = 1 AND total = 0.30 AND paid \
                   AND date_trunc('day', \"at\") = day AND seen = TIMESTAMPTZ '2026-03-01 10:00:00.5+00'";
        assert_eq!(number(&pipeline, sql)?, 1);
        let sql = "SELECT count(*) FROM turso_data.visits WHERE id = 2 AND total = 19 AND NOT paid";
        assert_eq!(number(&pipeline, sql)?, 1);
        pipeline.load()?;
        assert_eq!(types(&pipeline, "visits")?, TYPED);
    }
    Ok(())
}

#[test]
fn a_column_stays_plain_if_a_value_of_the_first_page_disagrees() -> Result<()> {
    let server = server(&[
        VISITS[0],
        "INSERT INTO visits VALUES
            (1, '2026-03-01 10:00:00', '2026-03-01 10:00:00', '2026-03-01', 1, 1.5),
            (2, '2026-03-01T10:00:00+02:00', '2026-03-01 10:00:00Z', '2026-03-01 12:30', 2, 1.505),
            (3, 'soon', '2026-03-01 10:00:00.123456789', 'today', 0, 10)",
    ])?;
    let pipeline = Pipeline::new(&server.url())?;
    pipeline.load()?;
    assert_eq!(types(&pipeline, "visits")?, PLAIN);
    let sql = "SELECT count(*) FROM turso_data.visits WHERE \"at\" = '2026-03-01T10:00:00+02:00' \
               AND seen = '2026-03-01 10:00:00Z' AND paid = 2 AND total = 1.505";
    assert_eq!(number(&pipeline, sql)?, 1);
    Ok(())
}

#[test]
fn a_later_value_that_disagrees_goes_to_a_sibling_column() -> Result<()> {
    let server = server(&[
        "CREATE TABLE visits(id INTEGER PRIMARY KEY, at DATETIME, total DECIMAL(6,2))",
        "INSERT INTO visits VALUES (1, '2026-03-01 10:00:00', 1.5), (2, '2026-03-01 10:00:00', 2)",
        "INSERT INTO visits VALUES (3, 1700000000, 1.005), (4, 'soon', 'free'), (5, '2026-03-01T10:00:00Z', 3)",
    ])?;
    let pipeline = Pipeline::new(&server.url())?.config("page_rows = 2");
    pipeline.load()?;
    assert_eq!(
        types(&pipeline, "visits")?,
        [
            "id BIGINT",
            "at TIMESTAMP",
            "total DECIMAL(6,2)",
            "at__integer BIGINT",
            "total__real DOUBLE",
            "at__text VARCHAR",
            "total__text VARCHAR"
        ]
    );
    let sql = "SELECT count(*) FROM turso_data.visits WHERE (id = 3 AND at__integer = 1700000000 AND \
               total__real = 1.005) OR (id = 4 AND at__text = 'soon' AND total__text = 'free') \
               OR (id = 5 AND \"at\" = TIMESTAMP '2026-03-01 10:00:00')";
    assert_eq!(number(&pipeline, sql)?, 3);
    Ok(())
}

#[test]
fn an_empty_table_has_its_declared_types() -> Result<()> {
    let server = server(&[VISITS[0]])?;
    let pipeline = Pipeline::new(&server.url())?;
    pipeline.load()?;
    let mut expected = TYPED;
    expected[2] = "seen TIMESTAMP";
    assert_eq!(types(&pipeline, "visits")?, expected);
    Ok(())
}

#[test]
fn an_existing_table_keeps_its_types_until_a_full_refresh() -> Result<()> {
    let server = server(&VISITS)?;
    for lines in [
        "",
        "write = \"merge\"",
        "mode = \"incremental\"\nwrite = \"append\"",
        "mode = \"incremental\"\ncursor = \"at\"\ndeletes = \"hard\"",
    ] {
        let plain = Pipeline::new(&server.url())?
            .top("defaults = { declared_types = { \"*\" = \"plain\" } }")
            .resource_with("visits", lines);
        plain.load()?;
        assert_eq!(types(&plain, "visits")?, PLAIN, "{lines}");
        let typed = Pipeline::new(&server.url())?
            .resource_with("visits", lines)
            .into_database(&plain.database());
        typed.load()?;
        assert_eq!(types(&plain, "visits")?, PLAIN, "{lines}");
        let outcome = typed.host(&["run", "--full-refresh"])?;
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        assert_eq!(types(&plain, "visits")?, TYPED, "{lines}");
        // The types stay, although the declared types are ignored now.
        plain.load()?;
        assert_eq!(types(&plain, "visits")?, TYPED, "{lines}");
    }
    Ok(())
}

#[test]
fn the_first_value_does_not_change_the_type_of_an_existing_column() -> Result<()> {
    let server = server(&[
        "CREATE TABLE notes(id INTEGER PRIMARY KEY, note)",
        "INSERT INTO notes VALUES (1, 'a'), (2, 'b')",
    ])?;
    let pipeline = Pipeline::new(&server.url())?.resource("notes");
    pipeline.load()?;
    let note = "note VARCHAR".to_owned();
    assert!(types(&pipeline, "notes")?.contains(&note));
    server
        .client()
        .run(&["UPDATE notes SET note = 5 WHERE id = 1"])?;
    pipeline.load()?;
    assert!(types(&pipeline, "notes")?.contains(&note));
    let sql = "SELECT count(*) FROM turso_data.notes WHERE note = 'b' OR note__integer = 5";
    assert_eq!(number(&pipeline, sql)?, 2);
    Ok(())
}

#[test]
fn rules_set_the_types_of_all_resources() -> Result<()> {
    let server = server(&[
        "CREATE TABLE a(id INTEGER PRIMARY KEY, created_at INTEGER, price NUMERIC, day DATE)",
        "INSERT INTO a VALUES (1, 1700000000123, 1.5, '2026-03-01')",
        "CREATE TABLE b(id INTEGER PRIMARY KEY, Updated_At TEXT, paid BOOLEAN, price NUMERIC)",
        "INSERT INTO b VALUES (1, '2026-03-01 10:00:00', 1, 2)",
    ])?;
    let rules = "[defaults]\ntypes = { \"*_at\" = \"timestamp(ms)\", paid = \"plain\" }\n\
                 declared_types = { numeric = \"decimal(18,4)\", DATE = \"text\" }\n";
    let pipeline = Pipeline::new(&server.url())?
        .resource_with("a", "types = { price = \"double\" }")
        .resource_with("b", &format!("\n{rules}"));
    pipeline.load()?;
    assert_eq!(
        types(&pipeline, "a")?,
        [
            "id BIGINT",
            "created_at TIMESTAMP",
            "price DOUBLE",
            "day VARCHAR"
        ]
    );
    assert_eq!(
        types(&pipeline, "b")?,
        [
            "id BIGINT",
            "Updated_At TIMESTAMP",
            "paid BIGINT",
            "price DECIMAL(18,4)"
        ]
    );
    let preview = pipeline.host(&["preview", "a"])?;
    assert!(preview.stdout.contains("2023-11-14"), "{preview:?}");
    Ok(())
}

#[test]
fn a_rule_with_an_unknown_type_is_refused() -> Result<()> {
    let server = server(&VISITS)?;
    let pipeline =
        Pipeline::new(&server.url())?.top("defaults = { types = { \"*_at\" = \"moment\" } }");
    let outcome = pipeline.host(&["run"])?;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("`*_at`"), "{outcome:?}");
    assert!(outcome.stderr.contains("plain"), "{outcome:?}");
    Ok(())
}

#[test]
fn values_of_many_programs_are_read_under_an_explicit_type() -> Result<()> {
    let server = server(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY, at TEXT, julian REAL, millis INTEGER, paid TEXT, total REAL, a BLOB, b BLOB)",
        "INSERT INTO t VALUES
            (1, '2026-03-01 10:00:00.123456789 +0000 UTC m=+0.012', julianday('2026-03-01 10:00:00'), 1772359200123, 't', 2.675,
             jsonb('{\"a\":[1,2.5,\"x\\u0000\",null]}'), CAST('{\"a\": 1}' AS BLOB)),
            (2, 'Sun Mar 01 2026 11:00:00 GMT+0100 (Central European Standard Time)', 2440587.5, 0, 'F', -1.005,
             jsonb('[]'), CAST('true' AS BLOB))",
    ])?;
    let pipeline = Pipeline::new(&server.url())?.resource_with(
        "t",
        "types = { at = \"timestamptz(round)\", julian = \"timestamp(julian)\", millis = \"timestamp(ms)\", paid = \"boolean\", \
         total = \"decimal(6,2,round)\", a = \"json\", b = \"json\" }",
    );
    pipeline.load()?;
    // No value went to a sibling column.
    assert_eq!(
        types(&pipeline, "t")?.len(),
        8,
        "{:?}",
        types(&pipeline, "t")?
    );
    let sql = "SELECT count(*) FROM turso_data.t WHERE id = 1 AND \"at\" = TIMESTAMPTZ '2026-03-01 10:00:00.123457+00' \
               AND julian = TIMESTAMP '2026-03-01 10:00:00' AND millis = TIMESTAMP '2026-03-01 10:00:00.123' \
               AND paid AND total = 2.68 AND (a->>'$.a[1]') = '2.5' AND (b->>'$.a') = '1'";
    assert_eq!(number(&pipeline, sql)?, 1);
    let sql = "SELECT count(*) FROM turso_data.t WHERE id = 2 AND \"at\" = TIMESTAMPTZ '2026-03-01 10:00:00+00' \
               AND julian = TIMESTAMP '1970-01-01' AND NOT paid AND total = -1.01 AND CAST(a AS VARCHAR) = '[]' AND CAST(b AS VARCHAR) = 'true'";
    assert_eq!(number(&pipeline, sql)?, 1);
    Ok(())
}

#[test]
fn the_report_names_sibling_columns_and_changed_types() -> Result<()> {
    let server = server(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER, secret INTEGER)",
        "INSERT INTO t VALUES (1, 'one', 'hidden'), (2, 2, 2), (3, 'three\u{1b}[0m', 3)",
    ])?;
    let pipeline =
        Pipeline::new(&server.url())?.resource_with("t", "mask = { secret = \"sha256\" }");
    let outcome = pipeline.host(&["run"])?;
    let expected = "t: 2 values of `n` did not fit the type of the column, and went to `n__text`, such as \"one\"";
    assert!(outcome.stdout.contains(expected), "{outcome:?}");
    let report = pipeline.host(&["run", "--json"])?.json()?;
    let siblings = &report["resources"][0]["siblings"];
    assert_eq!(
        siblings[0],
        serde_json::json!({"column": "n", "sibling": "n__text", "type": "text", "values": 2, "example": "one"}),
        "{report:#}"
    );
    assert_eq!(
        siblings[1]["example"],
        serde_json::Value::Null,
        "{report:#}"
    );
    assert!(!report.to_string().contains("hidden"), "{report:#}");
    let typed = Pipeline::new(&server.url())?
        .resource_with(
            "t",
            "types = { n = \"text\" }\nmask = { secret = \"sha256\" }",
        )
        .into_database(&pipeline.database());
    let diff = typed.host(&["diff", "--json"])?.json()?;
    assert_eq!(
        diff[0]["changes"],
        serde_json::json!([
            {"change": "type_changed", "column": "n", "from": "int64", "to": "text", "into": "n"}
        ]),
        "{diff:#}"
    );
    let outcome = typed.host(&["run"])?;
    let expected = "t: column `n` was an integer, and is text now";
    assert!(outcome.stdout.contains(expected), "{outcome:?}");
    let merged = typed.host(&["run", "--json"])?.json()?;
    assert_eq!(
        merged["resources"][0]["type_changes"],
        serde_json::json!([])
    );
    Ok(())
}

const DAYS: [&str; 2] = [
    "CREATE TABLE t(id INTEGER PRIMARY KEY, day TEXT, at TEXT, total REAL, paid INTEGER, n TEXT)",
    "INSERT INTO t VALUES (1, '2026-03-01', '2026-03-01T10:00:00.5Z', 0.1 + 0.2, 1, '1.50'),
        (2, '2026-02-28', '2026-03-02', 10, 0, '-7'), (3, NULL, NULL, NULL, NULL, NULL)",
];

const DAY_TYPES: &str = "types = { day = \"date\", at = \"timestamptz\", total = \"decimal(10,2)\", \
                         paid = \"boolean\", n = \"decimal(6,2)\" }";

#[test]
fn an_existing_column_is_converted_where_every_value_fits() -> Result<()> {
    for lines in [
        "write = \"merge\"",
        "mode = \"incremental\"\nwrite = \"append\"",
        "write = \"scd2\"",
    ] {
        let server = server(&DAYS)?;
        let plain = Pipeline::new(&server.url())?.resource_with("t", lines);
        plain.load()?;
        let typed = Pipeline::new(&server.url())?
            .resource_with("t", &format!("{lines}\n{DAY_TYPES}"))
            .into_database(&plain.database());
        let diff = typed.host(&["diff"])?;
        assert!(
            diff.stdout
                .contains("t: ~ column `day` is text in the table, and becomes a date"),
            "{diff:?}"
        );
        server
            .client()
            .run(&["INSERT INTO t VALUES (4, '2026-03-04', '2026-03-04', 4.5, 1, '4')"])?;
        let report = typed.host(&["run", "--json"])?.json()?;
        let changes = &report["resources"][0]["type_changes"];
        assert_eq!(changes.as_array().map(Vec::len), Some(5), "{report:#}");
        assert_eq!(report["resources"][0]["siblings"], serde_json::json!([]));
        let found = types(&plain, "t")?;
        for column in [
            "day DATE",
            "at TIMESTAMP WITH TIME ZONE",
            "total DECIMAL(10,2)",
            "paid BOOLEAN",
            "n DECIMAL(6,2)",
        ] {
            assert!(
                found.iter().any(|found| found == column),
                "{lines}: {found:?}"
            );
        }
        let sql = "SELECT count(DISTINCT id) FROM turso_data.t WHERE \
                   (id = 1 AND day = DATE '2026-03-01' AND \"at\" = TIMESTAMPTZ '2026-03-01 10:00:00.5+00' \
                    AND total = 0.3 AND paid AND n = 1.5) \
                   OR (id = 2 AND \"at\" = TIMESTAMPTZ '2026-03-02 00:00:00+00' AND NOT paid AND n = -7) \
                   OR (id = 3 AND day IS NULL AND \"at\" IS NULL) OR (id = 4 AND total = 4.5)";
        assert_eq!(number(&plain, sql)?, 4, "{lines}");
        let again = typed.host(&["run", "--json"])?.json()?;
        assert_eq!(again["resources"][0]["type_changes"], serde_json::json!([]));
    }
    Ok(())
}

#[test]
fn a_column_is_refused_and_unchanged_if_a_value_would_change() -> Result<()> {
    for (value, types_of_load) in [
        (
            "('soon', '2026-03-01', 1, 1, '1')",
            "types = { day = \"date\" }",
        ),
        (
            "('x', '2026-03-01 10:00:00.1234567', 1, 1, '1')",
            "types = { at = \"timestamp\" }",
        ),
        (
            "('x', '2026-03-01T10:00:00+01:00', 1, 1, '1')",
            "types = { at = \"timestamp\" }",
        ),
        (
            "('x', 'x', 1.005, 1, '1')",
            "types = { total = \"decimal(10,2)\" }",
        ),
        ("('x', 'x', 1, 2, '1')", "types = { paid = \"boolean\" }"),
        (
            "('x', 'x', 1, 1, '1.005')",
            "types = { n = \"decimal(6,2)\" }",
        ),
        (
            "('x', 'x', 1, 1700000000, '1')",
            "types = { paid = \"timestamp\" }",
        ),
    ] {
        let server = server(&DAYS[..1])?;
        let insert = format!("INSERT INTO t(day, at, total, paid, n) VALUES {value}");
        server.client().run(&[&insert])?;
        let plain = Pipeline::new(&server.url())?.resource_with("t", "write = \"merge\"");
        plain.load()?;
        let before = types(&plain, "t")?;
        let typed = Pipeline::new(&server.url())?
            .resource_with("t", &format!("write = \"merge\"\n{types_of_load}"))
            .into_database(&plain.database());
        let outcome = typed.host(&["run"])?;
        assert_ne!(outcome.code, Some(0), "{outcome:?}");
        assert!(
            outcome.stderr.contains("cannot be converted"),
            "{outcome:?}"
        );
        assert!(outcome.stderr.contains("--full-refresh"), "{outcome:?}");
        assert_eq!(types(&plain, "t")?, before, "{value}");
        let outcome = typed.host(&["run", "--full-refresh"])?;
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
    }
    Ok(())
}

#[test]
fn files_are_never_converted() -> Result<()> {
    let server = server(&DAYS)?;
    let plain = Pipeline::new(&server.url())?
        .resource_with("t", "write = \"merge\"")
        .into_files("parquet");
    plain.load()?;
    let typed = Pipeline::new(&server.url())?
        .resource_with("t", &format!("write = \"merge\"\n{DAY_TYPES}"))
        .destination(&format!(
            "type = \"files\"\nurl = \"{}\"",
            plain.folder().join("out").display()
        ));
    let outcome = typed.host(&["run"])?;
    assert_ne!(outcome.code, Some(0), "{outcome:?}");
    assert!(
        outcome.stderr.contains("cannot be converted"),
        "{outcome:?}"
    );
    let outcome = typed.host(&["run", "--full-refresh"])?;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    Ok(())
}

#[test]
fn all_files_of_a_load_have_one_schema() -> Result<()> {
    let server = server(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER)",
        "INSERT INTO t VALUES (1, 1), (2, 2), (3, 'x'), (4, 4), (5, 0.5), (6, 6)",
    ])?;
    for lines in ["", "write = \"merge\"", "mode = \"incremental\""] {
        let pipeline = Pipeline::new(&server.url())?
            .config("page_rows = 2")
            .resource_with("t", lines)
            .into_files("parquet");
        pipeline.load()?;
        let files = pipeline.dataset().join("t").join("*.parquet");
        let files = files.display();
        let mut duckdb = DuckDb::in_memory()?;
        let sql = format!(
            "SELECT count(DISTINCT columns) FROM (SELECT string_agg(name, ' ') AS columns \
             FROM parquet_schema('{files}') GROUP BY file_name)"
        );
        assert_eq!(duckdb.number(&sql)?, 1, "{lines}");
        let sql = format!(
            "SELECT count(DISTINCT id) * 100 + count(n) * 10 + count(n__text) + count(n__real) \
             FROM read_parquet('{files}')"
        );
        assert_eq!(duckdb.number(&sql)?, 642, "{lines}");
    }
    Ok(())
}

#[test]
fn a_column_named_like_one_of_the_host_keeps_its_type() -> Result<()> {
    let server = server(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY, _load_id, \"\", _load_id__source)",
        "INSERT INTO t VALUES (1, 2, 'a', 0.5)",
    ])?;
    let pipeline = Pipeline::new(&server.url())?;
    for _ in 0..2 {
        pipeline.load()?;
        server
            .client()
            .run(&["INSERT INTO t SELECT max(id) + 1, 3, 'b', 1.5 FROM t"])?;
    }
    assert_eq!(
        types(&pipeline, "t")?,
        [
            "id BIGINT",
            "_load_id__source BIGINT",
            "__source VARCHAR",
            "_load_id__source__source DOUBLE"
        ]
    );
    Ok(())
}

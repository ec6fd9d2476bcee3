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

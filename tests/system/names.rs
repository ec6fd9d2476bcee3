//! Names that a store or the host uses itself, empty names, and names that
//! differ in letter case only. No row is lost, doubled or mixed with another.

use anyhow::Result;
use connector_tests::compare;
use connector_tests::duckdb::DuckDb;
use connector_tests::files;
use connector_tests::pipeline::Pipeline;
use connector_tests::source;
use connector_tests::sqld::Sqld;
use connector_tests::tursodb::Tursodb;

fn serve(statements: &[&str]) -> Result<(Sqld, Pipeline)> {
    let server = Sqld::start()?;
    server.client().run(statements)?;
    let pipeline = Pipeline::new(&server.url())?;
    Ok((server, pipeline))
}

fn shown(pipeline: &Pipeline, sql: &str) -> Result<String> {
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    Ok(format!("{:?}", duckdb.query(sql)?.rows))
}

#[test]
fn empty_names_are_stored_under_a_name() -> Result<()> {
    let (_server, pipeline) = serve(&[
        "CREATE TABLE \"\"(id INTEGER PRIMARY KEY, \"\" TEXT, x TEXT)",
        "INSERT INTO \"\" VALUES (1, 'a', 'b'), (2, NULL, 'c')",
        "CREATE TABLE \"__source\"(\"__source\" TEXT, \"\" TEXT)",
        "INSERT INTO \"__source\" VALUES ('named', 'empty')",
    ])?;
    let listed = pipeline.host(&["list"])?;
    assert_eq!(listed.code, Some(0), "{listed:?}");
    for _ in 0..2 {
        pipeline.load()?;
        assert_eq!(
            shown(
                &pipeline,
                "SELECT id, __source, x FROM turso_data.__source ORDER BY id"
            )?,
            "[[1, 'a', 'b'], [2, NULL, 'c']]"
        );
        assert_eq!(
            shown(
                &pipeline,
                "SELECT __source__source, __source FROM turso_data.__source__source"
            )?,
            "[['named', 'empty']]"
        );
    }
    let pipeline = pipeline.into_files("jsonl");
    pipeline.load()?;
    let stored = files::table_files(&pipeline.dataset(), "__source__source")?;
    let columns = ["__source__source", "__source"].map(str::to_owned);
    let rows = files::jsonl(&stored, &columns)?.rows;
    assert_eq!(format!("{rows:?}"), "[['named', 'empty']]");
    Ok(())
}

#[test]
fn an_empty_column_can_be_the_key() -> Result<()> {
    let (server, pipeline) = serve(&[
        "CREATE TABLE t(\"\" TEXT PRIMARY KEY, at INTEGER)",
        "INSERT INTO t VALUES ('a', 1), ('b', 2)",
    ])?;
    let lines = "mode = \"incremental\"\ncursor = \"at\"";
    let pipeline = pipeline.resource_with("t", lines);
    pipeline.load()?;
    server
        .client()
        .run(&["UPDATE t SET at = 3 WHERE \"\" = 'a'"])?;
    pipeline.load()?;
    assert_eq!(
        shown(
            &pipeline,
            "SELECT __source, \"at\" FROM turso_data.t ORDER BY \"at\""
        )?,
        "[['b', 2], ['a', 3]]"
    );
    Ok(())
}

#[test]
fn a_dataset_of_this_tool_can_be_loaded_back() -> Result<()> {
    let (server, pipeline) = serve(&[
        "CREATE TABLE _loads(load_id TEXT, _load_id TEXT, _load_id__source TEXT)",
        "INSERT INTO _loads VALUES ('1', 'first', 'second')",
        "CREATE TABLE _loads__source(load_id TEXT, _load_id TEXT)",
        "INSERT INTO _loads__source VALUES ('2', 'third')",
        "CREATE TABLE _Cursors(resource TEXT, _VALID_TO TEXT, _valid_from INTEGER)",
        "INSERT INTO _Cursors VALUES ('r', 'x', 5)",
        "CREATE TABLE _rejected(record TEXT)",
        "INSERT INTO _rejected VALUES ('mine')",
        "CREATE TABLE \"_staged 1 1\"(x)",
        "INSERT INTO \"_staged 1 1\" VALUES (7)",
    ])?;
    for loads in 1..3 {
        pipeline.load()?;
        for (sql, expected) in [
            (
                "SELECT load_id, _load_id__source, _load_id__source__source FROM turso_data._loads__source",
                "[['1', 'first', 'second']]",
            ),
            (
                "SELECT load_id, _load_id__source FROM turso_data._loads__source__source",
                "[['2', 'third']]",
            ),
            (
                "SELECT resource, _valid_to__source, _valid_from__source FROM turso_data._cursors__source",
                "[['r', 'x', 5]]",
            ),
            (
                "SELECT record FROM turso_data._rejected__source",
                "[['mine']]",
            ),
            ("SELECT count(*) FROM turso_data._rejected", "[[0]]"),
            ("SELECT x FROM turso_data.\"_staged 1 1__source\"", "[[7]]"),
        ] {
            assert_eq!(shown(&pipeline, sql)?, expected, "{sql}");
        }
        assert_eq!(
            shown(&pipeline, "SELECT count(*) FROM turso_data._loads")?,
            format!("[[{loads}]]")
        );
    }
    drop(server);
    Ok(())
}

#[test]
fn queries_that_differ_in_letter_case_only_are_refused_by_check() -> Result<()> {
    let (_server, pipeline) = serve(&["CREATE TABLE t(id INTEGER PRIMARY KEY)"])?;
    let pipeline = pipeline.config(
        "queries = [{ name = \"Rev\", sql = \"SELECT 1 AS n\" }, { name = \"rev\", sql = \"SELECT 2 AS n\" }]",
    );
    for command in ["check", "run"] {
        let outcome = pipeline.host(&[command])?;
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(
            outcome
                .stderr
                .contains("`rev` is empty or used more than once"),
            "{outcome:?}"
        );
    }
    Ok(())
}

#[test]
fn two_entries_of_one_resource_are_refused_in_any_letter_case() -> Result<()> {
    let (_server, pipeline) = serve(&["CREATE TABLE t(id INTEGER PRIMARY KEY)"])?;
    let outcome = pipeline.resource("T").resource("t").host(&["check"])?;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(
        outcome.stderr.contains("two entries for `t`"),
        "{outcome:?}"
    );
    Ok(())
}

#[test]
fn a_table_that_changes_its_letter_case_is_continued() -> Result<()> {
    for (first, second) in [("Items", "Items"), ("Items", "iTEMS"), ("items", "ITEMS")] {
        let (server, pipeline) = serve(&[
            "CREATE TABLE Items(id INTEGER PRIMARY KEY, x TEXT)",
            "INSERT INTO Items VALUES (1, 'a'), (2, 'b')",
        ])?;
        let lines = "mode = \"incremental\"\nwrite = \"append\"";
        let pipeline = pipeline.resource_with(first, lines);
        pipeline.load()?;
        server.client().run(&[
            "ALTER TABLE Items RENAME TO other",
            "ALTER TABLE other RENAME TO iTEMS",
            "INSERT INTO iTEMS VALUES (3, 'c')",
        ])?;
        let pipeline = pipeline.without_resources().resource_with(second, lines);
        for _ in 0..2 {
            pipeline.load()?;
            assert_eq!(
                shown(&pipeline, "SELECT id, x FROM turso_data.items ORDER BY ALL")?,
                "[[1, 'a'], [2, 'b'], [3, 'c']]",
                "{first} {second}"
            );
            assert_eq!(
                shown(&pipeline, "SELECT count(*) FROM turso_data._cursors")?,
                "[[1]]"
            );
        }
    }
    Ok(())
}

#[test]
fn changes_are_read_although_the_server_lists_names_in_lower_case() -> Result<()> {
    let server = Tursodb::with_data(|file| {
        let database = source::create(file)?;
        database.execute_batch(
            "CREATE TABLE Customer(Id INTEGER PRIMARY KEY, Name TEXT); INSERT INTO Customer VALUES (1, 'a'), (2, 'b');",
        )?;
        Ok(())
    })?;
    let client = server.client();
    client.run(&["PRAGMA capture_data_changes_conn('full')"])?;
    for name in ["Customer", "customer"] {
        let lines = "mode = \"changes\"";
        let pipeline = Pipeline::new(&server.url())?.resource_with(name, lines);
        pipeline.load()?;
        server.client().run(&[
            "UPDATE Customer SET Name = Name || '!' WHERE Id = 1",
            "INSERT INTO CUSTOMER(Name) VALUES ('new')",
            "DELETE FROM customer WHERE Id = 2",
        ])?;
        pipeline.load()?;
        let source = server.client().query("SELECT * FROM Customer", &[])?;
        let stored = DuckDb::open(&pipeline.database())?.table(name)?;
        compare::check_equal(name, &source, &stored)?;
    }
    let listed = Pipeline::new(&server.url())?.host(&["list"])?;
    assert!(listed.stdout.contains("Customer"), "{listed:?}");
    Ok(())
}

#[test]
fn a_column_of_the_source_never_meets_a_sibling() -> Result<()> {
    for lines in [
        "mode = \"incremental\"\ncursor = \"at\"",
        "",
        "write = \"append\"",
    ] {
        let (server, pipeline) = serve(&[
            "CREATE TABLE items(id INTEGER PRIMARY KEY, stock INTEGER, at INTEGER)",
            "INSERT INTO items VALUES (1, 5, 1), (2, 'many', 2)",
        ])?;
        let pipeline = pipeline.resource_with("items", lines);
        pipeline.load()?;
        server.client().run(&[
            "ALTER TABLE items ADD COLUMN stock__text TEXT",
            "DELETE FROM items",
            "INSERT INTO items VALUES (3, 'few', 3, 'own'), (4, 7, 4, NULL)",
        ])?;
        for _ in 0..2 {
            pipeline.load()?;
            let sql = "SELECT DISTINCT id, stock, stock__text, stock__text_ FROM turso_data.items WHERE id > 2 ORDER BY id";
            assert_eq!(
                shown(&pipeline, sql)?,
                "[[3, NULL, 'few', 'own'], [4, 7, NULL, NULL]]",
                "{lines}"
            );
        }
        let sql = r#"SELECT count(*) FROM turso_data._load_resources
            WHERE column_names LIKE '%"stock__text_":{"source":"stock__text"}%'"#;
        assert_ne!(shown(&pipeline, sql)?, "[[0]]", "{lines}");
        let sql = "SELECT count(*) FROM turso_data._load_resources WHERE column_names IS NOT NULL";
        assert_eq!(shown(&pipeline, sql)?, "[[2]]", "{lines}");
    }
    Ok(())
}

#[test]
fn a_sibling_never_meets_a_column_of_the_source() -> Result<()> {
    let (server, pipeline) = serve(&[
        "CREATE TABLE items(id INTEGER PRIMARY KEY, stock INTEGER, stock__text TEXT)",
        "INSERT INTO items VALUES (1, 5, 'own')",
    ])?;
    let pipeline = pipeline
        .resource_with("items", "write = \"merge\"")
        .into_files("jsonl");
    pipeline.load()?;
    server.client().run(&[
        "ALTER TABLE items DROP COLUMN stock__text",
        "INSERT INTO items VALUES (2, 'many')",
    ])?;
    for _ in 0..2 {
        pipeline.load()?;
        let stored = files::table_files(&pipeline.dataset(), "items")?;
        let columns = ["id", "stock", "stock__text", "stock__text_"].map(str::to_owned);
        let rows = files::jsonl(&stored, &columns)?.rows;
        let row = rows.iter().map(|row| format!("{row:?}"));
        let row = row.filter(|row| row.starts_with("['2',"));
        assert_eq!(row.collect::<Vec<_>>(), ["['2', NULL, NULL, 'many']"]);
    }
    Ok(())
}

#[test]
fn keys_of_objects_that_differ_in_case_keep_their_columns() -> Result<()> {
    let (server, pipeline) = serve(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY, doc JSON)",
        r#"INSERT INTO t VALUES (1, '{"Name":"upper","name":"lower"}')"#,
    ])?;
    let pipeline = pipeline.resource_with("t", "nested = \"tables\"");
    pipeline.load()?;
    for document in [
        r#"{"name":"lower","Name":"upper"}"#,
        r#"{"NAME":1,"name":"lower","Name":"upper"}"#,
    ] {
        let sql = format!("UPDATE t SET doc = '{document}'");
        server.client().run(&[&sql])?;
        pipeline.load()?;
        assert_eq!(
            shown(&pipeline, "SELECT doc__Name, doc__name_ FROM turso_data.t")?,
            "[['upper', 'lower']]",
            "{document}"
        );
    }
    assert_eq!(
        shown(&pipeline, "SELECT doc__NAME__ FROM turso_data.t")?,
        "[[1]]"
    );
    Ok(())
}

#[test]
fn a_key_with_a_collation_keeps_its_row_or_the_report_says_so() -> Result<()> {
    for deletes in ["", "\ndeletes = \"hard\""] {
        let (server, pipeline) = serve(&[
            "CREATE TABLE users(email TEXT PRIMARY KEY COLLATE NOCASE, name TEXT, at INTEGER)",
            "CREATE INDEX users_at ON users(at)",
            "INSERT INTO users VALUES ('Ada@x.org', 'Ada', 1), ('ben@x.org', 'Ben', 1)",
        ])?;
        let lines = format!("mode = \"incremental\"\ncursor = \"at\"{deletes}");
        let pipeline = pipeline.resource_with("users", &lines);
        pipeline.load()?;
        server.client().run(&[
            "UPDATE users SET email = 'ada@x.org', name = 'Ada L', at = 2 WHERE email = 'ADA@X.ORG'",
        ])?;
        let report = pipeline.load()?;
        let notes = report["resources"][0]["notes"].to_string();
        let sql = "SELECT email FROM turso_data.users ORDER BY ALL";
        if deletes.is_empty() {
            assert!(notes.contains("collation NOCASE"), "{notes}");
            assert!(notes.contains("set `deletes` to `hard`"), "{notes}");
            assert_eq!(
                shown(&pipeline, sql)?,
                "[['Ada@x.org'], ['ada@x.org'], ['ben@x.org']]"
            );
        } else {
            assert!(!notes.contains("collation"), "{notes}");
            assert_eq!(shown(&pipeline, sql)?, "[['ada@x.org'], ['ben@x.org']]");
        }
    }
    Ok(())
}

//! Entries that select several resources, and settings for all of them.

use anyhow::Result;
use connector_tests::duckdb::DuckDb;
use connector_tests::pipeline::Pipeline;
use connector_tests::sqld::Sqld;

const TABLES: [&str; 7] = [
    "CREATE TABLE people(id INTEGER PRIMARY KEY, email TEXT, doc JSON)",
    "INSERT INTO people VALUES (1, 'ada@example.com', '{\"a\":1}')",
    "CREATE TABLE log_web(id INTEGER PRIMARY KEY, line TEXT)",
    "INSERT INTO log_web VALUES (1, 'GET')",
    "CREATE TABLE log_mail(id INTEGER PRIMARY KEY, Work_Email TEXT)",
    "INSERT INTO log_mail VALUES (1, 'ben@example.com')",
    "CREATE VIEW log_all AS SELECT id FROM log_web",
];

fn server() -> Result<Sqld> {
    let server = Sqld::start()?;
    server.client().run(&TABLES)?;
    Ok(server)
}

fn tables(pipeline: &Pipeline) -> Result<String> {
    let sql = "SELECT string_agg(table_name, ' ' ORDER BY table_name) FROM duckdb_tables() \
               WHERE NOT starts_with(table_name, '_')";
    let rows = DuckDb::open(&pipeline.database())?.query(sql)?.rows;
    Ok(format!("{:?}", rows[0][0]))
}

fn number(pipeline: &Pipeline, sql: &str) -> Result<i64> {
    DuckDb::open(&pipeline.database())?.number(sql)
}

#[test]
fn a_pattern_selects_tables_and_excludes_some() -> Result<()> {
    let server = server()?;
    for (entries, expected) in [
        (&[("*", "")][..], "'log_mail log_web people'"),
        (&[("*", "exclude = [\"log_*\"]")], "'people'"),
        (&[("LOG_*", "")], "'log_mail log_web'"),
        (
            &[("log_all", ""), ("p*", "exclude = [\"x\"]")],
            "'log_all people'",
        ),
    ] {
        let mut pipeline = Pipeline::new(&server.url())?;
        for (name, lines) in entries {
            pipeline = pipeline.resource_with(name, lines);
        }
        pipeline.load()?;
        assert_eq!(tables(&pipeline)?, expected, "{entries:?}");
    }
    Ok(())
}

#[test]
fn the_entry_with_the_name_is_preferred_and_defaults_fill_the_rest() -> Result<()> {
    let server = server()?;
    let pipeline = Pipeline::new(&server.url())?
        .top("defaults = { mode = \"incremental\", nested = \"json\" }")
        .resource_with("*", "write = \"append\"")
        .resource_with("log_*", "mode = \"full\"")
        .resource_with("log_web", "mode = \"full\"\nwrite = \"append\"");
    pipeline.load()?;
    pipeline.load()?;
    for (table, rows) in [("people", 1), ("log_mail", 1), ("log_web", 2)] {
        let sql = format!("SELECT count(*) FROM turso_data.{table}");
        assert_eq!(number(&pipeline, &sql)?, rows, "{table}");
    }
    let sql = "SELECT count(*) FROM turso_data.people WHERE doc->>'$.a' = '1'";
    assert_eq!(number(&pipeline, sql)?, 1);
    let report = pipeline
        .host(&["run", "--json", "--resource", "people"])?
        .json()?;
    assert_eq!(report["resources"][0]["mode"], "incremental", "{report:#}");
    Ok(())
}

#[test]
fn a_default_mask_applies_to_every_resource() -> Result<()> {
    let server = server()?;
    let pipeline =
        Pipeline::new(&server.url())?.top("defaults = { mask = { \"*email*\" = \"null\" } }");
    pipeline.load()?;
    assert_eq!(tables(&pipeline)?, "'log_mail log_web people'");
    for (table, column) in [("people", "email"), ("log_mail", "Work_Email")] {
        let sql = format!("SELECT count(*) FROM turso_data.{table} WHERE {column} IS NULL");
        assert_eq!(number(&pipeline, &sql)?, 1, "{table}");
    }
    let preview = pipeline.host(&["preview", "log_mail"])?;
    assert_eq!(preview.code, Some(0), "{preview:?}");
    assert!(!preview.stdout.contains("ben@"), "{preview:?}");
    // A resource that no entry selects is masked too.
    let outcome = pipeline.host(&["run", "--resource", "log_all"])?;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    Ok(())
}

#[test]
fn a_pattern_without_a_match_is_named() -> Result<()> {
    let server = server()?;
    let pipeline = Pipeline::new(&server.url())?
        .resource("people")
        .resource("orders_*");
    let check = pipeline.host(&["check"])?;
    assert_eq!(check.code, Some(0), "{check:?}");
    assert!(
        check
            .stdout
            .contains("warning: orders_*: no resource matches the pattern"),
        "{check:?}"
    );
    let listed = pipeline.host(&["list", "--json"])?.json()?;
    let listed = listed.as_array().into_iter().flatten();
    let selected: Vec<_> = listed
        .filter(|resource| resource["selected"] == true)
        .map(|resource| resource["name"].to_string())
        .collect();
    assert_eq!(selected, ["\"people\""]);
    let diff = pipeline.host(&["diff"])?;
    assert_eq!(diff.stdout, "people: + the table\n");
    let only = Pipeline::new(&server.url())?.resource("orders_*");
    let outcome = only.host(&["run"])?;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(
        outcome.stderr.contains("no resource matches `orders_*`"),
        "{outcome:?}"
    );
    let named = Pipeline::new(&server.url())?.resource_with("people", "exclude = [\"x\"]");
    let outcome = named.host(&["run"])?;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("exclude"), "{outcome:?}");
    Ok(())
}

//! Datasets that an earlier build wrote, continued with this one: cursors,
//! sibling columns, child tables, versions and rejected records. The datasets
//! are in `tests/fixtures`; its README says how they were made.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connector_tests::duckdb::DuckDb;
use connector_tests::files;
use connector_tests::paths;
use connector_tests::pipeline::{self, Outcome};
use connector_tests::sqld::Sqld;
use connector_tests::tursodb::Tursodb;
use connector_tests::value::{Rows, Value};
use flate2::read::GzDecoder;
use serde_json::Value as Json;
use tempfile::TempDir;

/// Changes of the source `database` since the fixture was made.
const CHANGES: [&str; 22] = [
    "INSERT INTO events VALUES (6, 'f', 'huge'), (7, 'g', x'07')",
    // One row shares the last value of the cursor column.
    "INSERT INTO orders VALUES (6, 'Fay', 60.5, '2024-01-03')",
    "UPDATE orders SET total = 31.5, updated_at = '2024-01-04' WHERE id = 3",
    "DELETE FROM orders WHERE id = 4",
    "INSERT INTO moments VALUES (7, 'T2'), (8, 1700000002), (9, x'02'), (10, 1700000001.5)",
    "INSERT INTO visits VALUES (5, 'about', 'mail', 2), (6, 'hidden', NULL, 3)",
    "DELETE FROM words WHERE word = 'two'",
    "INSERT INTO words VALUES ('six', 'six', 3), (7, 'seven', 3)",
    r#"UPDATE carts SET cart = '{"items":[{"sku":"e","qty":"few","tags":["v","w"]}]}', updated_at = 3 WHERE id = 4"#,
    "DELETE FROM carts WHERE id = 2",
    "UPDATE documents SET body = '{}', updated_at = 3 WHERE id = 2",
    r#"INSERT INTO documents VALUES (4, '{"d":2}', 3)"#,
    "UPDATE prices SET price = 2.75 WHERE sku = 'pear'",
    "UPDATE customers SET email = 'new@example.com', credit = '7.00' WHERE id = 2",
    "INSERT INTO customers VALUES (3, 'cem@example.com', NULL, NULL, 'today', '0.02', 1, '2000-02-29')",
    "INSERT INTO parts VALUES (5, 'wheel', NULL), (6, 'axle', 8)",
    "INSERT INTO tickets VALUES (4, 'fourth', 44)",
    "UPDATE stock SET n = 3 WHERE sku = 'apple'",
    "DELETE FROM _loads WHERE id = 1",
    "INSERT INTO _loads VALUES (3, 'z', NULL)",
    "ALTER TABLE events ADD COLUMN added TEXT",
    "INSERT INTO events VALUES (8, 'h', 80, 'new')",
];

/// Resources of `database`, with the counts of the load that continues:
/// rows read, rows written, rows deleted, rows rejected.
const COUNTS: [(&str, [u64; 4]); 14] = [
    ("events", [3, 3, 0, 0]),
    // Merged rows of the last value are read again.
    ("orders", [4, 4, 1, 0]),
    ("moments", [7, 7, 0, 0]),
    ("visits", [1, 1, 0, 0]),
    ("words", [3, 3, 1, 0]),
    ("carts", [2, 2, 1, 0]),
    ("documents", [3, 3, 0, 0]),
    ("prices", [3, 1, 0, 0]),
    ("customers", [3, 3, 0, 0]),
    ("parts", [2, 1, 0, 1]),
    ("tickets", [1, 1, 0, 0]),
    ("stock", [2, 2, 0, 0]),
    ("totals", [4, 4, 1, 0]),
    ("_loads", [2, 2, 0, 0]),
];

/// Resources of `database` of which every load reads rows: those without a
/// cursor, and those that read the rows of the last value again.
const READ_AGAIN: [&str; 10] = [
    "orders",
    "moments",
    "words",
    "carts",
    "documents",
    "prices",
    "customers",
    "stock",
    "totals",
    "_loads",
];

/// Tables of `database` after the load that continues. A column with a
/// question mark shows whether there is a value.
const TABLES: [(&str, &[&str], &[&str]); 16] = [
    (
        "events",
        &["id", "what", "size", "size__text", "size__blob", "added"],
        &[
            "1 a 10 - - -",
            "2 b - large - -",
            "3 c - - - -",
            "4 d 40 - - -",
            "5 e 50 - - -",
            "6 f - huge - -",
            "7 g - - Bw== -",
            "8 h 80 - - new",
        ],
    ),
    (
        "orders",
        &["id", "total", "total__text", "updated_at", "?_deleted_at"],
        &[
            "1 10.5 - 2024-01-01 +",
            "2 21.5 - 2024-01-03 -",
            "3 31.5 - 2024-01-04 -",
            "4 40.5 - 2024-01-02 +",
            "5 50.5 - 2024-01-03 -",
            "6 60.5 - 2024-01-03 -",
        ],
    ),
    (
        "moments",
        &["id", "at", "at__integer", "at__real", "at__blob"],
        &[
            "1 T1 - - -",
            "10 - - 1700000001.5 -",
            "2 - 1700000000 - -",
            "3 - - 1700000000.5 -",
            "4 - - 1700000000.75 -",
            "5 - 1700000001 - -",
            "6 - - - AQ==",
            "7 T2 - - -",
            "8 - 1700000002 - -",
            "9 - - - Ag==",
        ],
    ),
    (
        "visits",
        &["id", "page", "utm__source", "at"],
        &[
            "1 home mail 1",
            "3 about - 2",
            "4 home search 2",
            "5 about mail 2",
        ],
    ),
    (
        "words",
        &["word", "word__text", "word__blob", "meaning"],
        &[
            "- - BA== four",
            "- five - five",
            "- six - six",
            "1 - - one",
            "7 - - seven",
        ],
    ),
    (
        "carts",
        &["id", "cart__customer__name", "cart__text"],
        &["1 Ada -", "3 - not json", "4 - -"],
    ),
    (
        "carts__cart__items",
        &["_root_id", "_index", "sku", "qty", "qty__text"],
        &["1 0 b 3 -", "4 0 e - few"],
    ),
    (
        "carts__cart__items__tags",
        &["_root_id", "_index", "_index_2", "value"],
        &["4 0 0 v", "4 0 1 w"],
    ),
    (
        "documents",
        &["id", "body", "body__text"],
        &[
            r#"1 {"a":[1,2]} -"#,
            "2 {} -",
            r#"3 {"b":{"c":1}} -"#,
            r#"4 {"d":2} -"#,
        ],
    ),
    (
        "prices",
        &["sku", "price", "?_valid_to"],
        &[
            "apple 1.5 +",
            "apple 1.75 -",
            "pear 2.5 +",
            "pear 2.75 -",
            "plum 3.5 +",
            "quince 4.5 -",
        ],
    ),
    (
        "customers",
        &[
            "id",
            "?email",
            "phone",
            "?note",
            "?joined",
            "joined__text",
            "credit",
            "credit__text",
            "?active",
            "?born",
            "?_deleted_at",
        ],
        &[
            "1 + +*** - + - 12.50 - + + -",
            "2 + - - - yesterday 7.00 - + - -",
            "3 + - - - today 0.02 - + + -",
        ],
    ),
    (
        "parts",
        &["id", "name"],
        &["1 bolt", "2 nut", "3 gear", "5 wheel"],
    ),
    (
        "tickets",
        &["id", "name"],
        &["1 first", "2 second", "3 third", "4 fourth"],
    ),
    (
        "stock",
        &["sku", "n"],
        &[
            "apple 3", "apple 4", "apple 5", "pear 6", "pear 6", "pear 6",
        ],
    ),
    (
        "totals",
        &["id", "total"],
        &["2 21.5", "3 31.5", "5 50.5", "6 60.5"],
    ),
    (
        "_loads__source",
        &["id", "_load_id__source", "_deleted_at__source"],
        &["2 - -", "3 z -"],
    ),
];

#[test]
fn a_duckdb_file_of_an_earlier_build_is_continued() -> Result<()> {
    database_is_continued("duckdb")
}

#[test]
fn a_parquet_dataset_of_an_earlier_build_is_continued() -> Result<()> {
    database_is_continued("parquet")
}

#[test]
fn a_json_lines_dataset_of_an_earlier_build_is_continued() -> Result<()> {
    database_is_continued("jsonl")
}

#[test]
fn a_csv_dataset_of_an_earlier_build_is_continued() -> Result<()> {
    database_is_continued("csv")
}

#[test]
fn a_feed_of_changes_is_continued() -> Result<()> {
    let server = Tursodb::with_data(|file| {
        fs::write(file, unpacked("feed/source.db.gz")?)?;
        Ok(())
    })?;
    let client = server.client();
    client.run(&["PRAGMA capture_data_changes_conn('full')"])?;
    let fixture = Fixture::unpack("feed", "duckdb", &server.url())?;
    client.run(&[
        "UPDATE accounts SET balance = 'none' WHERE id = 2",
        "DELETE FROM accounts WHERE id = 1",
        "INSERT INTO accounts VALUES (5, 'Eva', 5.5)",
        "UPDATE notes SET body = x'04' WHERE title = 'b'",
        "DELETE FROM notes WHERE title = 'c'",
    ])?;
    let report = fixture.load()?;
    assert_eq!(counts(&report, "accounts")?, [3, 2, 1, 0], "{report:#}");
    assert_eq!(counts(&report, "notes")?, [2, 1, 1, 0], "{report:#}");
    fixture.expect(
        "accounts",
        &["id", "name", "balance", "balance__text"],
        &["2 Ben - none", "4 Dan 4.5 -", "5 Eva 5.5 -"],
    )?;
    fixture.expect(
        "notes",
        &["title", "body", "body__text", "body__blob", "?_deleted_at"],
        &["a 1 - - +", "b - - BA== -", "c 3 - - +"],
    )?;
    let report = fixture.load()?;
    assert_eq!(counts(&report, "accounts")?, [0; 4], "{report:#}");
    assert_eq!(counts(&report, "notes")?, [0; 4], "{report:#}");
    Ok(())
}

fn database_is_continued(format: &'static str) -> Result<()> {
    let server = Sqld::start()?;
    let client = server.client();
    for script in ["database/1.sql", "database/2.sql"] {
        let script = fs::read_to_string(fixtures().join(script))?;
        client.run(&script.split(";\n").collect::<Vec<_>>())?;
    }
    client.run(&CHANGES)?;
    let fixture = Fixture::unpack("database", format, &server.url())?;
    let report = fixture.load()?;
    for (resource, expected) in COUNTS {
        let counts = counts(&report, resource)?;
        ensure!(
            counts == expected,
            "{resource} has {counts:?} and not {expected:?} in {report:#}"
        );
    }
    for (table, columns, expected) in TABLES {
        fixture.expect(table, columns, expected)?;
    }
    fixture.expect(
        "_rejected",
        &["resource", "?record"],
        &["parts +", "parts +"],
    )?;
    let report = fixture.load()?;
    for (resource, _) in COUNTS {
        if !READ_AGAIN.contains(&resource) {
            assert_eq!(counts(&report, resource)?, [0; 4], "{resource}: {report:#}");
        }
    }
    Ok(())
}

/// A copy of a dataset, with the pipeline that wrote it.
struct Fixture {
    folder: TempDir,
    format: &'static str,
    url: String,
}

impl Fixture {
    /// Copies a dataset, to be continued from the server at `url`.
    fn unpack(name: &str, format: &'static str, url: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let destination = if format == "duckdb" {
            let database = unpacked(&format!("{name}/duckdb/turso.duckdb.gz"))?;
            fs::write(folder.path().join("turso.duckdb"), database)?;
            "type = \"duckdb\"\npath = \"turso.duckdb\"".to_owned()
        } else {
            copy(
                &fixtures().join(name).join(format),
                &folder.path().join("out"),
            )?;
            format!("type = \"files\"\nurl = \"./out\"\nformat = \"{format}\"")
        };
        let text = fs::read_to_string(fixtures().join(name).join("pipeline.toml"))?;
        fs::write(
            folder.path().join("pipeline.toml"),
            format!("{text}\n[destination]\n{destination}\ndataset = \"turso_data\"\n"),
        )?;
        Ok(Self {
            folder,
            format,
            url: url.to_owned(),
        })
    }

    /// Runs the pipeline, and returns its report.
    fn load(&self) -> Result<Json> {
        let output = pipeline::command()?
            .args(["run", "--json", "--config"])
            .arg(self.folder.path().join("pipeline.toml"))
            .env("COMPONENT", paths::component()?)
            .env("SOURCE", &self.url)
            .stdin(Stdio::null())
            .output()
            .context("cannot start the host")?;
        let outcome = Outcome::from(output);
        ensure!(outcome.code == Some(0), "the load failed: {outcome:?}");
        outcome.json()
    }

    /// Compares columns of a table with rows, in any order.
    fn expect(&self, table: &str, columns: &[&str], expected: &[&str]) -> Result<()> {
        let rows = self.rows(table).with_context(|| table.to_owned())?;
        let mut shown = vec![String::new(); rows.rows.len()];
        for column in columns {
            let name = column.trim_start_matches('?');
            let values = rows.column(name);
            ensure!(
                values.len() == shown.len(),
                "{table} has no column {name}, only {:?}",
                rows.columns
            );
            for (line, value) in shown.iter_mut().zip(values) {
                let text = text(value);
                let present = name != *column && text != "-";
                *line += &format!(" {}", if present { "+" } else { &text });
            }
        }
        let mut shown: Vec<_> = shown.iter().map(|line| line.trim_start()).collect();
        shown.sort_unstable();
        ensure!(
            shown == expected,
            "{table} holds {shown:#?} and not {expected:#?}"
        );
        Ok(())
    }

    fn rows(&self, table: &str) -> Result<Rows> {
        if self.format == "duckdb" {
            return DuckDb::open(&self.folder.path().join("turso.duckdb"))?.table(table);
        }
        let files = files::table_files(&self.folder.path().join("out/turso_data"), table)?;
        match self.format {
            // Every format stores rejected records as JSON lines.
            _ if table == "_rejected" => files::jsonl(&files, &files::jsonl_columns(&files)?),
            "parquet" => files::parquet(&files),
            "csv" => files::csv(&files),
            _ => files::jsonl(&files, &files::jsonl_columns(&files)?),
        }
    }
}

/// Counts of a resource: rows read, written, deleted and rejected.
fn counts(report: &Json, resource: &str) -> Result<[u64; 4]> {
    let mut resources = report["resources"].as_array().into_iter().flatten();
    let found = resources
        .find(|found| found["resource"] == resource)
        .with_context(|| format!("no {resource} in {report:#}"))?;
    let count = |key: &str| found[key].as_u64().unwrap_or(0);
    Ok(["rows_read", "rows_written", "rows_deleted", "rows_rejected"].map(count))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(bits) => f64::from_bits(*bits).to_string(),
        Value::Text(text) => String::from_utf8_lossy(text).into_owned(),
        Value::Blob(bytes) => STANDARD.encode(bytes),
    }
}

fn fixtures() -> PathBuf {
    paths::source_tree().join("tests/fixtures")
}

fn unpacked(file: &str) -> Result<Vec<u8>> {
    let packed = fs::read(fixtures().join(file)).with_context(|| file.to_owned())?;
    let mut bytes = Vec::new();
    GzDecoder::new(packed.as_slice()).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

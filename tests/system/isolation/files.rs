//! Trouble in a folder of files: stored files of one table that are missing or
//! damaged, and a folder that is in the way.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use connector_tests::files;
use connector_tests::pipeline::Pipeline;

use super::{Store, check_isolated, check_summary, entry, serve};

const APPEND: &str = "mode = \"incremental\"\nwrite = \"append\"";
const MERGE: &str = "mode = \"incremental\"\ncursor = \"at\"";
const FORMATS: [&str; 3] = ["parquet", "jsonl", "csv"];
const REMEDY: &str = "load `orders` with a full refresh";

/// What happens to a stored file.
type Damage = fn(&Path) -> Result<()>;

const DAMAGES: [(&str, Damage); 4] = [
    ("No such file", |file| Ok(fs::remove_file(file)?)),
    ("bytes instead of", |file| {
        let content = fs::read(file)?;
        Ok(fs::write(file, &content[..content.len() - 3])?)
    }),
    ("bytes instead of", |file| Ok(fs::write(file, "garbage")?)),
    ("bytes instead of", |file| {
        fs::remove_file(file)?;
        Ok(fs::create_dir(file)?)
    }),
];

/// Returns the only stored file of a table.
fn file_of(store: &Store, table: &str) -> Result<PathBuf> {
    let files = files::table_files(&store.dataset(), table)?;
    ensure!(files.len() == 1, "{files:?}");
    files.into_iter().next().context("no file")
}

/// Loads `orders` with a full refresh, which repairs it.
fn check_repair(store: &Store, pipeline: &Pipeline, rows: usize) -> Result<()> {
    let outcome = pipeline.host(&["run", "--full-refresh", "--resource", "orders"])?;
    ensure!(outcome.code == Some(0), "{outcome:?}");
    ensure!(store.rows("orders")? == rows, "{outcome:?}");
    pipeline.load()?;
    ensure!(store.rows("orders")? == rows, "the next load failed");
    Ok(())
}

#[test]
fn a_damaged_file_fails_its_table_until_a_full_refresh() -> Result<()> {
    for format in FORMATS {
        for (lines, damages) in [(MERGE, &DAMAGES[..]), (APPEND, &DAMAGES[..2])] {
            for (reason, damage) in damages {
                let (server, store) = (serve()?, Store::files(format)?);
                let pipeline = store.pipeline(&server, lines)?;
                pipeline.load()?;
                let file = file_of(&store, "orders")?;
                damage(&file)?;
                server.client().run(&[
                    "INSERT INTO orders VALUES (3, 30, 300)",
                    "INSERT INTO calm VALUES (2)",
                ])?;
                let report = check_isolated(&store, &pipeline, "orders", [reason, REMEDY])?;
                let failure = entry(&report, "orders")?["failure"].to_string();
                let file = file.display().to_string();
                ensure!(failure.contains(&file), "no {file} in {failure}");
                check_repair(&store, &pipeline, 3)?;
            }
        }
    }
    Ok(())
}

/// The size of the file is right, so that only the merge notices it.
#[test]
fn a_file_that_holds_no_rows_fails_its_table_in_the_merge() -> Result<()> {
    for format in FORMATS {
        let (server, store) = (serve()?, Store::files(format)?);
        let pipeline = store.pipeline(&server, MERGE)?;
        pipeline.load()?;
        let file = file_of(&store, "orders")?;
        fs::write(&file, vec![b'x'; fs::read(&file)?.len()])?;
        server.client().run(&[
            "INSERT INTO orders VALUES (3, 30, 300)",
            "INSERT INTO calm VALUES (2)",
        ])?;
        let report = check_isolated(&store, &pipeline, "orders", ["damaged", REMEDY])?;
        ensure!(report["restarts"] == 0, "it was read twice: {report}");
        check_repair(&store, &pipeline, 3)?;
    }
    Ok(())
}

#[test]
fn a_damaged_child_table_names_its_resource_in_the_remedy() -> Result<()> {
    let (server, store) = (serve()?, Store::files("jsonl")?);
    server.client().run(&[
        "DROP TABLE orders",
        "CREATE TABLE orders(id INTEGER PRIMARY KEY, at INTEGER, lines JSON)",
        "CREATE INDEX orders_at ON orders(at)",
        r#"INSERT INTO orders VALUES (1, 100, '[{"sku":"a"},{"sku":"b"}]')"#,
    ])?;
    let lines = format!("{MERGE}\nnested = \"tables\"");
    let pipeline = store.pipeline(&server, &lines)?;
    pipeline.load()?;
    let file = file_of(&store, "orders__lines")?;
    fs::remove_file(&file)?;
    server.client().run(&[
        r#"INSERT INTO orders VALUES (2, 200, '[{"sku":"c"}]')"#,
        "INSERT INTO calm VALUES (2)",
    ])?;
    check_isolated(&store, &pipeline, "orders", ["`orders__lines`", REMEDY])?;
    check_repair(&store, &pipeline, 2)?;
    ensure!(store.rows("orders__lines")? == 3);
    Ok(())
}

#[test]
fn a_file_in_place_of_the_folder_of_a_table_fails_its_table_only() -> Result<()> {
    for format in FORMATS {
        for lines in ["", MERGE, APPEND] {
            let (server, store) = (serve()?, Store::files(format)?);
            let pipeline = store.pipeline(&server, lines)?;
            fs::create_dir_all(store.dataset())?;
            fs::write(store.dataset().join("orders"), "in the way")?;
            let expected = ["is not a folder", "rename or remove it"];
            check_isolated(&store, &pipeline, "orders", expected)?;
            fs::remove_file(store.dataset().join("orders"))?;
            pipeline.load()?;
            ensure!(store.rows("orders")? == 2, "{format}, {lines}");
        }
    }
    Ok(())
}

#[test]
fn the_summary_and_a_check_name_a_damaged_file() -> Result<()> {
    let (server, store) = (serve()?, Store::files("csv")?);
    let pipeline = store.pipeline(&server, APPEND)?;
    pipeline.load()?;
    let file = file_of(&store, "orders")?;
    fs::remove_file(&file)?;
    let checked = pipeline.host(&["check"])?;
    ensure!(checked.code == Some(1), "{checked:?}");
    let name = file.file_name().and_then(|name| name.to_str());
    let name = name.context("no name")?;
    ensure!(checked.stdout.contains(name), "{checked:?}");
    let outcome = pipeline.host(&["run"])?;
    let command = "run again with `--full-refresh --resource orders`";
    check_summary(&outcome, &[name, "missing or damaged", command])?;
    Ok(())
}

//! The example of an embedding: two tenants in one process, one of them with a
//! destination of its own.

use std::process::{Command, Output};

use anyhow::Result;
use connector_tests::files;
use connector_tests::paths;
use connector_tests::sqld::Sqld;
use tempfile::TempDir;

fn embed(folder: &TempDir, urls: [&str; 2], rest: &[&str]) -> Result<Output> {
    let mut command = Command::new(paths::embed()?);
    command
        .arg(paths::component()?)
        .arg(folder.path())
        .args(urls);
    Ok(command.args(rest).output()?)
}

fn server(table: &str, rows: u32) -> Result<Sqld> {
    let server = Sqld::start()?;
    let insert = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
         INSERT INTO {table} SELECT i FROM n"
    );
    let create = format!("CREATE TABLE {table}(id INTEGER PRIMARY KEY)");
    server.client().run(&[&create, &insert])?;
    Ok(server)
}

#[test]
fn two_tenants_load_in_one_process() -> Result<()> {
    let (ada, ben) = (server("orders", 3)?, server("events", 5)?);
    let folder = tempfile::tempdir()?;
    let output = embed(&folder, [&ada.url(), &ben.url()], &[])?;
    let shown = String::from_utf8_lossy(&output.stdout);
    let progress = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}{progress}");
    assert!(shown.contains("ada: 3 rows into "), "{shown}{progress}");
    assert!(
        shown.contains("ben: 5 rows into memory"),
        "{shown}{progress}"
    );
    assert!(shown.contains("ben's events: 5 rows in memory"), "{shown}");
    assert!(progress.contains("ben: events, 5 rows"), "{progress}");
    let files = files::table_files(&folder.path().join("ada"), "orders")?;
    assert_eq!(files.len(), 1, "{files:?}");
    Ok(())
}

#[test]
fn cancelled_loads_leave_nothing() -> Result<()> {
    let (ada, ben) = (server("orders", 3)?, server("events", 5)?);
    let folder = tempfile::tempdir()?;
    let output = embed(&folder, [&ada.url(), &ben.url()], &["0"])?;
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(shown, "ada: cancelled\nben: cancelled\n", "{output:?}");
    let files = files::table_files(&folder.path().join("ada"), "orders");
    assert!(files.is_err(), "{files:?}");
    Ok(())
}

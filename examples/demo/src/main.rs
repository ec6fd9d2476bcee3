//! `just run` without an account: a real server with sample data, the sandbox,
//! and a first query of what was loaded. It only runs commands that a user can
//! run too.

#![expect(clippy::print_stdout, reason = "its output is read by people")]

use std::env;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use connector_tests::duckdb::DuckDb;
use connector_tests::pipeline::{self, Pipeline};
use connector_tests::platform::Platform;
use connector_tests::shop;
use connector_tests::sqld::Sqld;

/// Names of the resources that are loaded.
const RESOURCES: [&str; 5] = [
    "customers",
    "orders",
    "products",
    "platform_databases",
    "platform_members",
];
/// Platform token of the sample account.
const TOKEN: &str = "token-of-the-demonstration";
/// Number of rows that are shown of each table.
const PREVIEW_ROWS: u32 = 3;

fn main() -> ExitCode {
    demonstrate().unwrap_or_else(|error| {
        println!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn demonstrate() -> Result<ExitCode> {
    let database = env::current_dir()
        .context("cannot determine the current folder")?
        .join("demo.duckdb");
    println!(
        "There is no turso.toml in this folder, so this is a demonstration with sample data.\n"
    );
    let server = Sqld::with_data(shop::write)?;
    // The sample account lists the database at this address.
    let hostname = server.url().replace("http://", "");
    let platform = Platform::shop(&hostname, TOKEN)?;
    println!(
        "1. sqld, the libSQL server, serves the database of a small shop at {}.\n   \
         A stand-in for Turso's Platform API serves its account at {}.",
        server.url(),
        platform.url()
    );

    let mut pipeline = Pipeline::new(&server.url())?
        .with_platform(&platform.url(), TOKEN)
        .named("shop")
        .into_database(&database);
    for resource in RESOURCES {
        pipeline = pipeline.resource(resource);
    }
    let file = pipeline.write()?;
    println!(
        "2. The connector may send requests to these two origins and no others. The pipeline file:\n"
    );
    for line in pipeline.text().lines().filter(|line| !line.is_empty()) {
        println!("       {line}");
    }
    println!("\n3. connector-host run --config pipeline.toml\n");
    let status = pipeline::command()?
        .arg("run")
        .arg("--config")
        .arg(file)
        .status()
        .context("cannot start the host")?;
    if !status.success() {
        return Ok(ExitCode::from(
            status
                .code()
                .and_then(|code| u8::try_from(code).ok())
                .unwrap_or(1),
        ));
    }
    println!("\n4. The contents of demo.duckdb:\n");
    preview(&database)?;
    println!(
        "To query it, run `duckdb demo.duckdb`, then `SELECT * FROM turso_data.orders;`.\n\
         To load your own database, run `just init`, fill in turso.toml, and run `just run`."
    );
    Ok(ExitCode::SUCCESS)
}

fn preview(database: &Path) -> Result<()> {
    let mut duckdb = DuckDb::open(database)?;
    for table in ["customers", "orders", "products"] {
        let rows = duckdb.number(&format!("SELECT count(*) FROM turso_data.{table}"))?;
        println!("turso_data.{table}, {rows} rows:");
        let sql = format!(
            "SELECT * EXCLUDE (_load_id) FROM turso_data.{table} ORDER BY 1 LIMIT {PREVIEW_ROWS}"
        );
        println!("{}\n", duckdb.format(&sql)?);
    }
    println!("turso_data.platform_databases, from the Platform API:");
    let sql = "SELECT Name, Hostname, \"group\", primaryRegion, parent_name AS branched_from \
               FROM turso_data.platform_databases ORDER BY 1";
    println!("{}\n", duckdb.format(sql)?);
    println!(
        "Text in an INTEGER column is neither lost nor cast. It is stored in a sibling column:"
    );
    let sql = format!(
        "SELECT sku, stock, stock__text FROM turso_data.products WHERE stock__text IS NOT NULL ORDER BY sku LIMIT {PREVIEW_ROWS}"
    );
    println!("{}\n", duckdb.format(&sql)?);
    println!("turso_data._loads, one row for each load:");
    println!(
        "{}\n",
        duckdb.format(
            "SELECT load_id, pipeline, connector_name, status FROM turso_data._loads ORDER BY 1"
        )?
    );
    Ok(())
}

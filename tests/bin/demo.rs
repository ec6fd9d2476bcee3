//! `just run` without an account: a real server with sample data, the sandbox,
//! and a first look at what was loaded. It shows and explains; whatever it
//! does, a user can do with the same commands.

#![expect(clippy::print_stdout, reason = "what it shows is for people")]

use std::env;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use connector_tests::duckdb::DuckDb;
use connector_tests::pipeline::{self, Pipeline};
use connector_tests::platform::Platform;
use connector_tests::shop;
use connector_tests::sqld::Sqld;

/// What is loaded.
const RESOURCES: [&str; 5] = [
    "customers",
    "orders",
    "products",
    "platform_databases",
    "platform_members",
];
/// Opens the account, which is made up.
const TOKEN: &str = "token-of-the-demonstration";
/// Rows of each table in the first look.
const LOOK: u32 = 3;

fn main() -> ExitCode {
    show().unwrap_or_else(|error| {
        println!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn show() -> Result<ExitCode> {
    let database = env::current_dir()
        .context("there is no current folder")?
        .join("turso.duckdb");
    println!("There is no turso.toml here, so this is a demonstration with sample data.\n");
    let server = Sqld::holding(shop::write)?;
    // So that it is in the account of the shop, under its own address.
    let hostname = server.url().replace("http://", "");
    let platform = Platform::shop(&hostname, TOKEN)?;
    println!(
        "1. sqld, the libSQL server, serves a small shop on {}, and a stand-in for the\n   \
         Platform API of Turso its account on {}",
        server.url(),
        platform.url()
    );

    let mut pipeline = Pipeline::of(&server.url())?
        .beside_platform(&platform.url(), TOKEN)
        .named("shop")
        .into_database(&database);
    for resource in RESOURCES {
        pipeline = pipeline.resource(resource);
    }
    let file = pipeline.write()?;
    println!("2. The connector may reach those two origins and nothing else. Its pipeline file:\n");
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
    println!("\n4. What is in turso.duckdb now:\n");
    look(&database)?;
    println!(
        "Look further: `duckdb turso.duckdb`, then `SELECT * FROM turso_data.orders;`\n\
         Load your own database: `just init` writes turso.toml; fill it in, then `just run`."
    );
    Ok(ExitCode::SUCCESS)
}

fn look(database: &Path) -> Result<()> {
    let mut duckdb = DuckDb::open(database)?;
    for table in ["customers", "orders", "products"] {
        let rows = duckdb.number(&format!("SELECT count(*) FROM turso_data.{table}"))?;
        println!("turso_data.{table}, {rows} rows:");
        let sql =
            format!("SELECT * EXCLUDE (_load_id) FROM turso_data.{table} ORDER BY 1 LIMIT {LOOK}");
        println!("{}\n", duckdb.shown(&sql)?);
    }
    println!("What the Platform API knows, turso_data.platform_databases:");
    let sql = "SELECT Name, Hostname, \"group\", primaryRegion, parent_name AS branched_from \
               FROM turso_data.platform_databases ORDER BY 1";
    println!("{}\n", duckdb.shown(sql)?);
    println!("Text in an INTEGER column is neither lost nor cast; it has a column of its own:");
    let sql = format!(
        "SELECT sku, stock, stock__text FROM turso_data.products WHERE stock__text IS NOT NULL ORDER BY sku LIMIT {LOOK}"
    );
    println!("{}\n", duckdb.shown(&sql)?);
    println!("Every load is written down:");
    println!(
        "{}\n",
        duckdb.shown(
            "SELECT load_id, pipeline, connector_name, status FROM turso_data._loads ORDER BY 1"
        )?
    );
    Ok(())
}

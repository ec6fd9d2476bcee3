//! `just bench`: how fast a load is, and how much memory it takes, against a
//! floor that is measured in the same run, in turn. Prints one Markdown table.
//! It measures whole processes; it asserts nothing.

#![expect(clippy::print_stdout, reason = "the figures are its product")]

mod floor;
mod measure;
mod orders;
mod peers;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use connector_tests::paths;
use connector_tests::pipeline::Pipeline;
use connector_tests::sqld::Sqld;

use self::measure::{Measured, measured};
use self::report::{Line, table};

/// Measures loads from a server on the loopback address.
#[derive(Debug, Parser)]
struct Args {
    /// Rows of the table.
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// How often each thing is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Rows of a second, larger table, whose load shows that memory does not
    /// grow; 0 leaves it out.
    #[arg(long, default_value_t = 5_000_000)]
    large: u64,
    /// Measure dlt instead, with this Python.
    #[arg(long, value_name = "PYTHON")]
    peers: Option<PathBuf>,
}

fn main() -> ExitCode {
    match bench(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint_step(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn bench(args: &Args) -> Result<()> {
    eprint_step(&format!("making {} rows", args.rows));
    let server = Sqld::holding(|file| orders::write(file, args.rows))?;
    if let Some(python) = &args.peers {
        println!("{}", table(&peers::measure(python, &server, args.rows)?));
        return Ok(());
    }
    let mut lines = rounds(&server, args)?;
    lines.push(Line::of(
        "`list`, warm compile cache",
        0,
        list(&server, args.rounds)?,
    ));
    drop(server);
    if args.large > 0 {
        eprint_step(&format!("making {} rows", args.large));
        let server = Sqld::holding(|file| orders::write(file, args.large))?;
        let name = format!("`run` into DuckDB, {} rows", args.large);
        lines.push(Line::of(
            &name,
            args.large,
            vec![load(&server, "duckdb", args.large)?],
        ));
    }
    println!("{}", table(&lines));
    Ok(())
}

/// Everything in turn, so that whatever else the machine does hits all alike.
fn rounds(server: &Sqld, args: &Args) -> Result<Vec<Line>> {
    let (mut floors, mut duckdb, mut parquet) = (Vec::new(), Vec::new(), Vec::new());
    // Once for nothing: the component is compiled, the file is in memory.
    load(server, "duckdb", args.rows)?;
    for round in 1..=args.rounds {
        eprint_step(&format!("round {round} of {}", args.rounds));
        floors.push(floor::measure(server, args.rows)?);
        duckdb.push(load(server, "duckdb", args.rows)?);
        parquet.push(load(server, "parquet", args.rows)?);
    }
    Ok(vec![
        Line::of(
            "floor: pages over `/v2/pipeline`, thrown away",
            args.rows,
            floors,
        ),
        Line::of("`run` into DuckDB", args.rows, duckdb),
        Line::of("`run` into Parquet", args.rows, parquet),
    ])
}

/// One load into a new place.
fn load(server: &Sqld, format: &str, rows: u64) -> Result<Measured> {
    let pipeline = Pipeline::of(&server.url())?;
    let pipeline = if format == "duckdb" {
        pipeline
    } else {
        pipeline.into_files(format)
    };
    let (measured, output) = host(&pipeline, &["run", "--json"])?;
    let report: serde_json::Value =
        serde_json::from_str(&output).context("the report is not JSON")?;
    let written = report["resources"][0]["rows_written"].as_u64();
    anyhow::ensure!(
        written == Some(rows),
        "{rows} rows were to be loaded: {report}"
    );
    Ok(measured)
}

fn list(server: &Sqld, rounds: usize) -> Result<Vec<Measured>> {
    let pipeline = Pipeline::of(&server.url())?;
    (0..rounds)
        .map(|_| Ok(host(&pipeline, &["list"])?.0))
        .collect()
}

fn host(pipeline: &Pipeline, arguments: &[&str]) -> Result<(Measured, String)> {
    let file = pipeline.write()?;
    let mut command = vec![paths::host()?.into_os_string()];
    command.extend(arguments.iter().map(Into::into));
    command.extend(["--config".into(), file.into_os_string()]);
    let cache = paths::component_cache()?;
    measured(&command, &[("CONNECTOR_HOST_CACHE", cache.as_os_str())])
}

/// Tells a waiting person what is going on.
fn eprint_step(step: &str) {
    use std::io::Write as _;

    // Nobody may be watching.
    let _ = writeln!(std::io::stderr(), "{step}");
}

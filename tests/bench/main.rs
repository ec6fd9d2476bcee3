//! `just bench`: time and memory of loads, compared with a floor that is
//! measured in the same rounds. It measures whole processes, prints a Markdown
//! table, and asserts nothing about the figures.

#![expect(clippy::print_stdout, reason = "the table is the output")]

mod fleet;
mod floor;
mod incremental;
mod measure;
mod nested;
mod orders;
mod peers;
mod report;

use std::path::{Path, PathBuf};
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
    /// Number of measurements of each load.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Rows of a larger table, to show that memory does not grow; 0 skips it.
    #[arg(long, default_value_t = 5_000_000)]
    large: u64,
    /// Target folder of an earlier build to compare with.
    #[arg(long, value_name = "FOLDER")]
    before: Option<PathBuf>,
    /// Python with dlt, which is measured instead.
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
    eprint_step(&format!("creating {} rows", args.rows));
    let server = Sqld::with_data(|file| orders::write(file, args.rows))?;
    if let Some(python) = &args.peers {
        println!("{}", table(&peers::measure(python, &server, args.rows)?));
        return Ok(());
    }
    let current = Build::current()?;
    let mut lines = rounds(&server, &current, args)?;
    lines.push(Line::new(
        "`list`, component compiled before",
        0,
        list(&server, &current, args.rounds)?,
    ));
    drop(server);
    lines.extend(incremental::measure(&current, args)?);
    lines.extend(nested::measure(&current, args)?);
    lines.extend(fleet::measure(&current, args)?);
    if args.large > 0 {
        eprint_step(&format!("creating {} rows", args.large));
        let server = Sqld::with_data(|file| orders::write(file, args.large))?;
        let name = format!("`run` into DuckDB, {} rows", args.large);
        lines.push(Line::new(
            &name,
            args.large,
            vec![current.load(&server, Target::DuckDb, args.large)?],
        ));
    }
    println!("{}", table(&lines));
    Ok(())
}

/// Measures everything in turn, so that other work of the machine affects all
/// lines alike.
fn rounds(server: &Sqld, current: &Build, args: &Args) -> Result<Vec<Line>> {
    let before = args.before.as_deref().map(Build::in_target).transpose()?;
    let mut floors = Vec::new();
    let mut loads: Vec<(String, &Build, Target, Vec<Measured>)> = Vec::new();
    for (suffix, build) in [("", Some(current)), (", before", before.as_ref())] {
        let Some(build) = build else { continue };
        // Unmeasured: it compiles the component and reads the file into memory.
        build.load(server, Target::DuckDb, args.rows)?;
        for (what, into) in [
            ("`run` into DuckDB", Target::DuckDb),
            (
                "`run` into DuckDB with a credential",
                Target::DuckDbWithToken,
            ),
            ("`run` into Parquet", Target::Parquet),
        ] {
            loads.push((format!("{what}{suffix}"), build, into, Vec::new()));
        }
    }
    for round in 1..=args.rounds {
        eprint_step(&format!("round {round} of {}", args.rounds));
        floors.push(floor::measure(server, args.rows)?);
        for (_, build, into, measured) in &mut loads {
            measured.push(build.load(server, *into, args.rows)?);
        }
    }
    let floor = Line::new(
        "floor: pages over `/v2/pipeline`, discarded",
        args.rows,
        floors,
    );
    let loads = loads
        .into_iter()
        .map(|(what, _, _, measured)| Line::new(&what, args.rows, measured));
    Ok(std::iter::once(floor).chain(loads).collect())
}

/// Destination and credential of a load.
#[derive(Clone, Copy)]
enum Target {
    DuckDb,
    /// The host searches every response for the credential.
    DuckDbWithToken,
    Parquet,
}

/// Host and component of the same build.
struct Build {
    host: PathBuf,
    component: PathBuf,
}

impl Build {
    fn current() -> Result<Self> {
        Ok(Self {
            host: paths::host()?,
            component: paths::component()?,
        })
    }

    fn in_target(target: &Path) -> Result<Self> {
        let target = target
            .canonicalize()
            .with_context(|| format!("the folder {} does not exist", target.display()))?;
        Ok(Self {
            host: target.join("release/connector-host"),
            component: target.join("wasm32-wasip2/release/turso_connector.wasm"),
        })
    }

    /// Runs a load into a new destination.
    fn load(&self, server: &Sqld, into: Target, rows: u64) -> Result<Measured> {
        /// Token with the length of real ones. The server ignores it.
        const TOKEN: &str = concat!(
            "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.",
            "eyJhIjoicnciLCJpYXQiOjE3MDAwMDAwMDAsImlkIjoiMDAwMDAwMDAtMDAwMC0wMDAwIn0.",
            "bm90LWEtc2lnbmF0dXJlLWJ1dC1hcy1sb25nLWFzLW9uZS1vZi1lZDI1NTE5LXdvdWxkLWJlLXNvLW1hbnk",
        );

        let pipeline = Pipeline::new(&server.url())?.component(&self.component);
        let pipeline = match into {
            Target::DuckDb => pipeline,
            Target::DuckDbWithToken => pipeline.token(TOKEN),
            Target::Parquet => pipeline.into_files("parquet"),
        };
        let (measured, output) = self.run(&pipeline, &["run", "--json"])?;
        let report: serde_json::Value =
            serde_json::from_str(&output).context("the report is not JSON")?;
        let written = report["resources"][0]["rows_written"].as_u64();
        anyhow::ensure!(
            written == Some(rows),
            "the load did not write {rows} rows: {report}"
        );
        Ok(measured)
    }

    fn run(&self, pipeline: &Pipeline, arguments: &[&str]) -> Result<(Measured, String)> {
        let file = pipeline.write()?;
        let mut command = vec![self.host.clone().into_os_string()];
        command.extend(arguments.iter().map(Into::into));
        command.extend(["--config".into(), file.into_os_string()]);
        let cache = paths::component_cache()?;
        measured(&command, &[("CONNECTOR_HOST_CACHE", cache.as_os_str())])
    }
}

fn list(server: &Sqld, build: &Build, rounds: usize) -> Result<Vec<Measured>> {
    let pipeline = Pipeline::new(&server.url())?.component(&build.component);
    (0..rounds)
        .map(|_| Ok(build.run(&pipeline, &["list"])?.0))
        .collect()
}

/// Prints the current step to standard error.
fn eprint_step(step: &str) {
    use std::io::Write as _;

    // Standard error may be closed.
    let _ = writeln!(std::io::stderr(), "{step}");
}

//! `just bench`: how fast a load is, and how much memory it takes, against a
//! floor that is measured in the same run, in turn. Prints one Markdown table.
//! It measures whole processes; it asserts nothing.

#![expect(clippy::print_stdout, reason = "the figures are its product")]

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
    /// How often each thing is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Rows of a second, larger table, whose load shows that memory does not
    /// grow; 0 leaves it out.
    #[arg(long, default_value_t = 5_000_000)]
    large: u64,
    /// A target folder with an earlier build, to be measured in turn.
    #[arg(long, value_name = "FOLDER")]
    before: Option<PathBuf>,
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
    let now = Build::here()?;
    let mut lines = rounds(&server, &now, args)?;
    lines.push(Line::of(
        "`list`, warm compile cache",
        0,
        list(&server, &now, args.rounds)?,
    ));
    drop(server);
    lines.extend(incremental::measure(&now, args)?);
    lines.extend(nested::measure(&now, args)?);
    lines.extend(fleet::measure(&now, args)?);
    if args.large > 0 {
        eprint_step(&format!("making {} rows", args.large));
        let server = Sqld::holding(|file| orders::write(file, args.large))?;
        let name = format!("`run` into DuckDB, {} rows", args.large);
        lines.push(Line::of(
            &name,
            args.large,
            vec![now.load(&server, Target::DuckDb, args.large)?],
        ));
    }
    println!("{}", table(&lines));
    Ok(())
}

/// Everything in turn, so that whatever else the machine does hits all alike.
fn rounds(server: &Sqld, now: &Build, args: &Args) -> Result<Vec<Line>> {
    let before = args.before.as_deref().map(Build::of).transpose()?;
    let mut floors = Vec::new();
    let mut loads: Vec<(String, &Build, Target, Vec<Measured>)> = Vec::new();
    for (when, build) in [("", Some(now)), (", before", before.as_ref())] {
        let Some(build) = build else { continue };
        // Once for nothing: the component is compiled, the file is in memory.
        build.load(server, Target::DuckDb, args.rows)?;
        for (what, into) in [
            ("`run` into DuckDB", Target::DuckDb),
            ("the same with a credential", Target::DuckDbWithToken),
            ("`run` into Parquet", Target::Parquet),
        ] {
            loads.push((format!("{what}{when}"), build, into, Vec::new()));
        }
    }
    for round in 1..=args.rounds {
        eprint_step(&format!("round {round} of {}", args.rounds));
        floors.push(floor::measure(server, args.rows)?);
        for (_, build, into, measured) in &mut loads {
            measured.push(build.load(server, *into, args.rows)?);
        }
    }
    let floor = Line::of(
        "floor: pages over `/v2/pipeline`, thrown away",
        args.rows,
        floors,
    );
    let loads = loads
        .into_iter()
        .map(|(what, _, _, measured)| Line::of(&what, args.rows, measured));
    Ok(std::iter::once(floor).chain(loads).collect())
}

/// Where a load goes, and as whom.
#[derive(Clone, Copy)]
enum Target {
    DuckDb,
    /// Every answer is searched for the credential.
    DuckDbWithToken,
    Parquet,
}

/// A host and a component that were built together.
struct Build {
    host: PathBuf,
    component: PathBuf,
}

impl Build {
    fn here() -> Result<Self> {
        Ok(Self {
            host: paths::host()?,
            component: paths::component()?,
        })
    }

    fn of(target: &Path) -> Result<Self> {
        let target = target
            .canonicalize()
            .with_context(|| format!("there is no folder {}", target.display()))?;
        Ok(Self {
            host: target.join("release/connector-host"),
            component: target.join("wasm32-wasip2/release/turso_connector.wasm"),
        })
    }

    /// One load into a new place.
    fn load(&self, server: &Sqld, into: Target, rows: u64) -> Result<Measured> {
        /// As long as the tokens of Turso are; this server asks for none.
        const TOKEN: &str = concat!(
            "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.",
            "eyJhIjoicnciLCJpYXQiOjE3MDAwMDAwMDAsImlkIjoiMDAwMDAwMDAtMDAwMC0wMDAwIn0.",
            "bm90LWEtc2lnbmF0dXJlLWJ1dC1hcy1sb25nLWFzLW9uZS1vZi1lZDI1NTE5LXdvdWxkLWJlLXNvLW1hbnk",
        );

        let pipeline = Pipeline::of(&server.url())?.component(&self.component);
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
            "{rows} rows were to be loaded: {report}"
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
    let pipeline = Pipeline::of(&server.url())?.component(&build.component);
    (0..rounds)
        .map(|_| Ok(build.run(&pipeline, &["list"])?.0))
        .collect()
}

/// Tells a waiting person what is going on.
fn eprint_step(step: &str) {
    use std::io::Write as _;

    // Nobody may be watching.
    let _ = writeln!(std::io::stderr(), "{step}");
}

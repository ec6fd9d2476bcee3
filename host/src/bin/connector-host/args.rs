//! The arguments as they are written. Doc comments are the help texts.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Runs a connector in a sandbox and loads what it reads into DuckDB or files,
/// exactly once.
///
/// Data and reports go to standard output, everything else to standard error.
///
/// Exit codes: 0 all done; 1 the run or some resource failed; 2 the command
/// line or the pipeline file is wrong; 3 the source refused the credentials or
/// the permission; 4 the sandbox denied something; 5 a limit was reached; 130
/// interrupted.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// What is logged, such as `debug` or `connector=trace,warn`.
    #[arg(long, global = true, value_name = "FILTER", default_value = "warn")]
    pub(crate) log: String,

    /// How log lines look.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
}

/// Formats of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object on each line.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Load once.
    Run(Run),
    /// Look at everything that a load would need, and change nothing.
    Check(Common),
    /// Show what can be read.
    List(Common),
    /// Show the first rows of a resource.
    Preview(Preview),
    /// Show what the next load would change about the tables, and change nothing.
    Diff(Common),
    /// Show or change where incremental reads go on.
    #[command(subcommand)]
    State(State),
    /// Show what a component imports and asks for, and what a pipeline grants.
    Inspect(Inspect),
}

/// What most commands take.
#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    /// The pipeline file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) common: Common,

    /// Load only this resource; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) resource: Vec<String>,

    /// Replace what is there, whatever `write` in the file says.
    #[arg(long)]
    pub(crate) full_refresh: bool,

    /// Write the least allow-rules that the run needed into this file.
    #[arg(long, value_name = "OUT.toml")]
    pub(crate) record_policy: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum State {
    /// Show the cursors.
    Show(StateShow),
    /// Give a resource another cursor.
    Set(StateSet),
    /// Forget the cursor of a resource, or of all: the next load reads from the beginning.
    Reset(StateReset),
}

#[derive(Debug, clap::Args)]
pub(crate) struct StateShow {
    #[command(flatten)]
    pub(crate) common: Common,

    /// Only that of this resource.
    #[arg(long, value_name = "NAME")]
    pub(crate) resource: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct StateSet {
    /// The pipeline file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// The resource.
    #[arg(long, value_name = "NAME")]
    pub(crate) resource: String,

    /// The cursor, as `state show` prints it.
    #[arg(value_name = "CURSOR")]
    pub(crate) cursor: String,

    /// The format of the cursor, by default that of the one that is there.
    #[arg(long, value_name = "N")]
    pub(crate) version: Option<u32>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct StateReset {
    /// The pipeline file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// The resource; without one, all.
    #[arg(long, value_name = "NAME")]
    pub(crate) resource: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Preview {
    #[command(flatten)]
    pub(crate) common: Common,

    /// The resource.
    #[arg(value_name = "RESOURCE")]
    pub(crate) resource: String,

    /// How many rows.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) limit: u64,
}

#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(group = clap::ArgGroup::new("subject").required(true))]
pub(crate) struct Inspect {
    /// The component file.
    #[arg(value_name = "COMPONENT", group = "subject")]
    pub(crate) component: Option<PathBuf>,

    /// A pipeline file: its component, against what the file grants.
    #[arg(long, value_name = "FILE", group = "subject")]
    pub(crate) config: Option<PathBuf>,

    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

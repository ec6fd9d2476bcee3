//! The command-line arguments. Doc comments are the help texts.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Runs a connector in a sandbox and loads its rows into DuckDB or files,
/// exactly once.
///
/// Data and reports go to standard output, everything else to standard error.
///
/// Exit codes: 0 success; 1 the run or a resource failed; 2 the command line,
/// the pipeline file or the component is invalid; 3 the source refused the
/// credentials or the permission; 4 the sandbox denied something; 5 a limit was
/// reached; 130 interrupted.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Filter of the log, such as `debug` or `connector=trace,warn`.
    #[arg(long, global = true, value_name = "FILTER", default_value = "warn")]
    pub(crate) log: String,

    /// Format of log lines.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
}

/// Formats of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Text lines, for people.
    Text,
    /// One JSON object on each line.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Load the resources once.
    Run(Run),
    /// Check everything that a load would need, and change nothing.
    Check(Common),
    /// List the resources that can be read.
    List(Common),
    /// Show the first rows of a resource.
    Preview(Preview),
    /// Show how the next load would change the tables, and change nothing.
    Diff(Common),
    /// Show or change the cursors of incremental reads.
    #[command(subcommand)]
    State(State),
    /// Show what a component imports and requests, and what a pipeline grants.
    Inspect(Inspect),
}

impl Command {
    /// Returns true if standard output receives one JSON document.
    pub(crate) fn prints_json(&self) -> bool {
        match self {
            Self::Run(Run { common, .. })
            | Self::Check(common)
            | Self::List(common)
            | Self::Preview(Preview { common, .. })
            | Self::Diff(common)
            | Self::State(State::Show(StateShow { common, .. })) => common.json,
            Self::State(State::Set(_) | State::Reset(_)) => false,
            Self::Inspect(inspect) => inspect.json,
        }
    }
}

/// Arguments of most commands.
#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    /// Path of the pipeline file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// Print one JSON document, also for an error.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) common: Common,

    /// Load only this resource; can be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) resource: Vec<String>,

    /// Load from the beginning and replace the tables, regardless of `write`.
    #[arg(long)]
    pub(crate) full_refresh: bool,

    /// Write the smallest set of allow rules that the run needed to this file.
    #[arg(long, value_name = "OUT.toml")]
    pub(crate) record_policy: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum State {
    /// Show the cursors.
    Show(StateShow),
    /// Set the cursor of a resource.
    Set(StateSet),
    /// Delete the cursor of a resource, or of all: the next load reads from the beginning.
    Reset(StateReset),
}

#[derive(Debug, clap::Args)]
pub(crate) struct StateShow {
    #[command(flatten)]
    pub(crate) common: Common,

    /// Show only the cursor of this resource.
    #[arg(long, value_name = "NAME")]
    pub(crate) resource: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct StateSet {
    /// Path of the pipeline file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// Name of the resource.
    #[arg(long, value_name = "NAME")]
    pub(crate) resource: String,

    /// Cursor, as `state show` prints it.
    #[arg(value_name = "CURSOR")]
    pub(crate) cursor: String,

    /// Version of the cursor, by default that of the current one.
    #[arg(long, value_name = "N")]
    pub(crate) version: Option<u32>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct StateReset {
    /// Path of the pipeline file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// Name of the resource; all resources by default.
    #[arg(long, value_name = "NAME")]
    pub(crate) resource: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Preview {
    #[command(flatten)]
    pub(crate) common: Common,

    /// Name of the resource.
    #[arg(value_name = "RESOURCE")]
    pub(crate) resource: String,

    /// Number of rows.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) limit: u64,
}

#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(group = clap::ArgGroup::new("subject").required(true))]
pub(crate) struct Inspect {
    /// Path of a component file.
    #[arg(value_name = "COMPONENT", group = "subject")]
    pub(crate) component: Option<PathBuf>,

    /// Path of a pipeline file: compares its component with what it grants.
    #[arg(long, value_name = "FILE", group = "subject")]
    pub(crate) config: Option<PathBuf>,

    /// Print one JSON document, also for an error.
    #[arg(long)]
    pub(crate) json: bool,
}

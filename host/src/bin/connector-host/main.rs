//! The command line: each command is one call of the library. Only this program
//! reads the environment, prints and exits.

mod args;
mod commands;
mod environment;
mod failure;
mod logging;
mod policy;
mod progress;
mod remedy;
mod table;

use std::process::ExitCode;

use clap::Parser;

use self::args::{Args, Command};
use self::failure::Failure;

fn main() -> ExitCode {
    let args = Args::parse();
    logging::start(&args);
    let prints_json = args.command.prints_json();
    // One thread runs the guest and one its network. Writing has its own.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(run(args));
            // A look-up of the system's resolver cannot be cancelled, so the
            // program does not wait for it.
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(Failure::from(anyhow::Error::from(error))),
    };
    match result {
        Ok(code) => code,
        Err(failure) => failure.report(prints_json),
    }
}

async fn run(args: Args) -> Result<ExitCode, Failure> {
    let log_format = args.log_format;
    match args.command {
        Command::Run(args) => commands::run::run(args, log_format).await,
        Command::Check(args) => commands::check::run(args).await,
        Command::List(args) => commands::list::run(args).await,
        Command::Preview(args) => commands::preview::run(args).await,
        Command::Diff(args) => commands::diff::run(args).await,
        Command::State(args) => commands::state::run(args).await,
        Command::Inspect(args) => commands::inspect::run(args).await,
    }
}

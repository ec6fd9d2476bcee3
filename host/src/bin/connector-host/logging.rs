//! Log lines on standard error.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

use crate::args::{Args, LogFormat};

/// Starts logging. With an invalid filter, warnings are logged.
pub(crate) fn start(args: &Args) {
    let (filter, error) = match EnvFilter::try_new(&args.log) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("warn"), Some(error)),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr);
    match args.log_format {
        LogFormat::Text => builder
            .with_ansi(stderr().is_terminal())
            .with_target(true)
            .init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    if let Some(error) = error {
        tracing::warn!(filter = args.log, %error, "the log filter is invalid; warnings are logged");
    }
}

//! The commands, one file for each, and their output.

pub(crate) mod check;
pub(crate) mod diff;
pub(crate) mod inspect;
pub(crate) mod list;
pub(crate) mod preview;
pub(crate) mod run;
pub(crate) mod state;

use std::io::{Write, stdout};

use anyhow::Context;
use serde::Serialize;

/// Prints one JSON document.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut text =
        serde_json::to_string_pretty(value).context("cannot write the report as JSON")?;
    text.push('\n');
    print(&text)
}

fn print(text: &str) -> anyhow::Result<()> {
    stdout()
        .write_all(text.as_bytes())
        .context("cannot write to standard output")
}

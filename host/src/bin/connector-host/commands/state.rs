//! `state`: shows and changes the cursors of incremental reads.

use std::process::ExitCode;

use anyhow::{Context, anyhow};
use connector_host::model::{Cursor, Remedy};
use serde::Serialize;

use super::{print, print_json};
use crate::args::{State, StateReset, StateSet, StateShow};
use crate::environment;
use crate::failure::Failure;
use crate::remedy;
use crate::table::Table;

/// Version of a cursor for a resource without one.
const DEFAULT_VERSION: u32 = 1;

/// JSON form of a cursor.
#[derive(Serialize)]
struct CursorRow {
    resource: String,
    version: u32,
    cursor: String,
}

pub(crate) async fn run(args: State) -> Result<ExitCode, Failure> {
    match args {
        State::Show(args) => show(args).await?,
        State::Set(args) => set(args).await?,
        State::Reset(args) => reset(args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(args: StateShow) -> Result<(), Failure> {
    let state = environment::pipeline(&args.common.config)?.state().await?;
    let selected = state.into_iter().filter(|(resource, _)| {
        let mut only = args.resource.iter();
        args.resource.is_none() || only.any(|only| only == resource)
    });
    let rows: Vec<_> = selected
        .map(|(resource, cursor)| CursorRow {
            resource,
            version: cursor.version,
            cursor: text(&cursor),
        })
        .collect();
    if args.common.json {
        return Ok(print_json(&rows)?);
    }
    if rows.is_empty() {
        return Ok(print("no resource has a cursor\n")?);
    }
    let mut table = Table::new(["resource", "version", "cursor"], &[1]);
    for row in rows {
        table.row([row.resource, row.version.to_string(), row.cursor]);
    }
    let printed = table.print().context("cannot write to standard output");
    Ok(printed?)
}

async fn set(args: StateSet) -> Result<(), Failure> {
    let pipeline = environment::pipeline(&args.config)?;
    let before = pipeline.state().await?.remove(&args.resource);
    let version = before.as_ref().map(|cursor| cursor.version);
    let cursor = Cursor {
        version: args.version.or(version).unwrap_or(DEFAULT_VERSION),
        value: args.cursor.into_bytes(),
    };
    pipeline.set_state(&args.resource, Some(cursor)).await?;
    changed(&args.resource, before.as_ref())?;
    if pipeline.appends(&args.resource) {
        print(&format!(
            "{}: the next load appends the rows after the new cursor, even if they are stored already\n",
            args.resource
        ))?;
    }
    Ok(())
}

async fn reset(args: StateReset) -> Result<(), Failure> {
    let pipeline = environment::pipeline(&args.config)?;
    let state = pipeline.state().await?;
    let resources: Vec<String> = match args.resource {
        None => state.into_keys().collect(),
        Some(resource) if state.contains_key(&resource) => vec![resource],
        Some(resource) => {
            let known: Vec<_> = state.keys().map(String::as_str).collect();
            let hint = if known.is_empty() {
                "no resource of this pipeline has a cursor; an incremental load saves one"
                    .to_owned()
            } else {
                format!("resources with a cursor: {}", known.join(", "))
            };
            return Err(Failure::command_line(
                anyhow!("`{resource}` has no cursor"),
                &hint,
            ));
        }
    };
    if resources.is_empty() {
        return Ok(print("no resource has a cursor\n")?);
    }
    for resource in resources {
        let before = pipeline.set_state(&resource, None).await?;
        changed(&resource, before.as_ref())?;
        if pipeline.appends(&resource) {
            repeats(&resource)?;
        }
    }
    Ok(())
}

fn changed(resource: &str, before: Option<&Cursor>) -> Result<(), Failure> {
    let before = before.map_or_else(|| "none".to_owned(), text);
    Ok(print(&format!(
        "{resource}: the previous cursor was {before}\n"
    ))?)
}

/// Prints what the next load does to a table whose rows are appended.
fn repeats(resource: &str) -> Result<(), Failure> {
    let remedy = remedy::hint(&Remedy::FullRefresh {
        resource: resource.to_owned(),
    });
    Ok(print(&format!(
        "{resource}: the next load reads all rows, and appends those that are stored already once more\n\
         hint: to replace the stored rows, {remedy}\n"
    ))?)
}

/// Formats a cursor as text, in hexadecimal digits if it is not UTF-8.
fn text(cursor: &Cursor) -> String {
    let hex = || cursor.value.iter().map(|byte| format!("{byte:02x}"));
    String::from_utf8(cursor.value.clone()).unwrap_or_else(|_| hex().collect())
}

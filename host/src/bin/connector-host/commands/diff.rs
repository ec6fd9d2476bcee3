//! `diff`: shows how the next load would change the tables.

use std::process::ExitCode;

use connector_host::pipeline::Change;

use super::{print, print_json};
use crate::args::Common;
use crate::environment;
use crate::failure::{FAILED, Failure};
use crate::remedy;

pub(crate) async fn run(args: Common) -> Result<ExitCode, Failure> {
    let diffs = environment::pipeline(&args.config)?.diff().await?;
    if args.json {
        print_json(&diffs)?;
    } else {
        let mut text = String::new();
        for diff in &diffs {
            for change in &diff.changes {
                text.push_str(&format!("{}: {}\n", diff.table, line(change)));
            }
            if let Some(reason) = &diff.refused {
                text.push_str(&format!("error: {reason}\n"));
            }
            if let Some(remedy) = &diff.remedy {
                text.push_str(&format!("hint: {}\n", remedy::hint(remedy)));
            }
        }
        if text.is_empty() {
            text.push_str("nothing would change\n");
        }
        print(&text)?;
    }
    let refused = diffs.iter().any(|diff| diff.refused.is_some());
    Ok(if refused {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    })
}

fn line(change: &Change) -> String {
    match change {
        Change::TableAdded => "+ the table".to_owned(),
        Change::ColumnAdded { column, kind } => match kind {
            Some(kind) => format!("+ column `{column}`, {kind}"),
            None => format!("+ column `{column}`"),
        },
        Change::TypeChanged {
            column,
            from,
            to,
            into,
        } if column == into => {
            format!("~ column `{column}` is {from} in the table, and becomes {to}")
        }
        Change::TypeChanged {
            column,
            from,
            to,
            into,
        } => format!("~ column `{column}` is {from} in the table; {to} values go to `{into}`"),
        Change::ColumnMissing { column } => {
            format!("- column `{column}` is no longer in the source")
        }
        _ => "~ another change".to_owned(),
    }
}

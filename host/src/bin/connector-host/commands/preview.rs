//! `preview`: shows the first rows of a resource.

use std::process::ExitCode;

use anyhow::Context;

use super::print;
use crate::args;
use crate::environment;
use crate::failure::Failure;

pub(crate) async fn run(args: args::Preview) -> Result<ExitCode, Failure> {
    let preview = environment::pipeline(&args.common.config)?
        .preview(&args.resource, args.limit)
        .await?;
    if args.common.json {
        let rows = preview.to_json().context("cannot write the rows as JSON")?;
        print(&format!("{rows}\n"))?;
    } else {
        let text = preview.to_text().context("cannot show the rows")?;
        print(&format!("{text}\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

//! `preview`: the first rows of a resource.

use std::process::ExitCode;

use anyhow::Context;
use arrow_json::writer::{JsonArray, WriterBuilder};
use connector_host::pipeline::Preview;

use super::print;
use crate::args;
use crate::environment;
use crate::failure::Failure;

pub(crate) async fn run(args: args::Preview) -> Result<ExitCode, Failure> {
    let preview = environment::pipeline(&args.common.config)?
        .preview(&args.resource, args.limit)
        .await?;
    if args.common.json {
        print(&json(&preview)?)?;
    } else {
        let text = arrow_cast::pretty::pretty_format_batches_with_schema(
            preview.schema.clone(),
            &preview.batches,
        )
        .context("cannot show the rows")?;
        print(&format!("{text}\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn json(preview: &Preview) -> anyhow::Result<String> {
    let mut writer = WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, JsonArray>(Vec::new());
    for batch in &preview.batches {
        writer
            .write(batch)
            .context("cannot write the rows as JSON")?;
    }
    writer.finish().context("cannot write the rows as JSON")?;
    let text = String::from_utf8(writer.into_inner()).context("cannot write the rows as JSON")?;
    Ok(if text.is_empty() {
        "[]\n".to_owned()
    } else {
        format!("{text}\n")
    })
}

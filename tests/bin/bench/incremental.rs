//! Loads that go on: nothing new, and one row in a hundred changed.

use anyhow::{Context, Result, ensure};
use connector_tests::pipeline::Pipeline;
use connector_tests::sqld::Sqld;

use super::measure::Measured;
use super::report::Line;
use super::{Args, Build, eprint_step, orders};

/// Of so many rows, one changes.
const CHANGED: u64 = 100;

/// Both kinds of loads, in turn.
pub(crate) fn measure(build: &Build, args: &Args) -> Result<Vec<Line>> {
    let server = Sqld::holding(|file| orders::write(file, args.rows))?;
    server
        .client()
        .run(&["CREATE INDEX orders_created ON orders(created_at)"])?;
    let pipeline = Pipeline::of(&server.url())?
        .component(&build.component)
        .resource_with("orders", "mode = \"incremental\"\ncursor = \"created_at\"");
    eprint_step("incremental loads");
    load(build, &pipeline, args.rows)?;
    let (mut nothing, mut changed) = (Vec::new(), Vec::new());
    for round in 0..args.rounds {
        nothing.push(load(build, &pipeline, 0)?);
        server.client().run(&[&format!(
            "UPDATE orders SET qty = 0, created_at = '2100-01-01T00:00:{round:02}Z' WHERE id % {CHANGED} = {round}"
        )])?;
        changed.push(load(build, &pipeline, args.rows / CHANGED)?);
    }
    Ok(vec![
        Line::of("incremental `run`, nothing new", 0, nothing),
        Line::of(
            &format!("incremental `run`, merging into {} rows", args.rows),
            args.rows / CHANGED,
            changed,
        ),
    ])
}

fn load(build: &Build, pipeline: &Pipeline, rows: u64) -> Result<Measured> {
    let (measured, output) = build.run(pipeline, &["run", "--json"])?;
    let report: serde_json::Value =
        serde_json::from_str(&output).context("the report is not JSON")?;
    let written = report["resources"][0]["rows_written"].as_u64();
    ensure!(
        written == Some(rows),
        "{rows} rows were to be merged: {report}"
    );
    Ok(measured)
}

//! Incremental loads: without changes, and with one changed row in a hundred.

use anyhow::{Context, Result, ensure};
use connector_tests::pipeline::Pipeline;
use connector_tests::sqld::Sqld;

use super::measure::Measured;
use super::report::Line;
use super::{Args, Build, eprint_step, orders};

/// Ratio of rows to changed rows.
const ROWS_PER_CHANGE: u64 = 100;

/// Measures both kinds of loads, in turn.
pub(crate) fn measure(build: &Build, args: &Args) -> Result<Vec<Line>> {
    let server = Sqld::with_data(|file| orders::write(file, args.rows))?;
    server
        .client()
        .run(&["CREATE INDEX orders_created ON orders(created_at)"])?;
    let pipeline = Pipeline::new(&server.url())?
        .component(&build.component)
        .resource_with("orders", "mode = \"incremental\"\ncursor = \"created_at\"");
    eprint_step("incremental loads");
    load(build, &pipeline, args.rows)?;
    let (mut unchanged, mut changed) = (Vec::new(), Vec::new());
    for round in 0..args.rounds {
        // The row with the last value of the cursor column is read again.
        unchanged.push(load(build, &pipeline, 1)?);
        server.client().run(&[&format!(
            "UPDATE orders SET qty = 0, created_at = printf('2100-01-01T00:00:{round:02}.%07dZ', id) \
             WHERE id % {ROWS_PER_CHANGE} = {round} + 1"
        )])?;
        changed.push(load(build, &pipeline, args.rows / ROWS_PER_CHANGE + 1)?);
    }
    Ok(vec![
        Line::new("incremental `run`, no changes", 0, unchanged),
        Line::new(
            &format!("incremental `run`, merged into {} rows", args.rows),
            args.rows / ROWS_PER_CHANGE,
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
        "the load did not write {rows} rows: {report}"
    );
    Ok(measured)
}

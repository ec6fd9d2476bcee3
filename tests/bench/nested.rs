//! Loads of documents: kept as text, stored as JSON, and split into tables.

use anyhow::{Context, Result, ensure};
use connector_tests::pipeline::Pipeline;
use connector_tests::sqld::Sqld;

use super::report::Line;
use super::{Args, Build, eprint_step};

const ROWS: u64 = 200_000;

/// Measures the three loads, in turn.
pub(crate) fn measure(build: &Build, args: &Args) -> Result<Vec<Line>> {
    eprint_step(&format!("creating {ROWS} documents"));
    let server = Sqld::start()?;
    server.client().run(&[
        "CREATE TABLE docs(id INTEGER PRIMARY KEY, doc JSON)",
        &format!(
            "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) \
             INSERT INTO docs SELECT i, json_object('customer', json_object('name', 'Ada ' || i, 'vip', i % 2), \
             'items', json_array(json_object('sku', 'a' || i, 'qty', i % 7), json_object('sku', 'b' || i, 'qty', 1))) \
             FROM n"
        ),
    ])?;
    let mut lines = [
        ("keep", "kept as text"),
        ("json", "stored as JSON"),
        ("tables", "split into two tables"),
    ]
    .map(|(nested, what)| (nested, what, Vec::new()));
    for _ in 0..args.rounds {
        for (nested, _, measurements) in &mut lines {
            let pipeline = Pipeline::new(&server.url())?
                .component(&build.component)
                .resource_with("docs", &format!("nested = \"{nested}\""));
            let (measured, output) = build.run(&pipeline, &["run", "--json"])?;
            let report: serde_json::Value =
                serde_json::from_str(&output).context("the report is not JSON")?;
            let written = report["resources"][0]["rows_written"].as_u64();
            ensure!(written == Some(ROWS), "{report}");
            measurements.push(measured);
        }
    }
    let line = |(_, what, measured)| Line::new(&format!("documents {what}"), ROWS, measured);
    Ok(lines.into_iter().map(line).collect())
}

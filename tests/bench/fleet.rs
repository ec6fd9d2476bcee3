//! Many small databases of one organization.

use anyhow::{Context, Result, ensure};
use connector_tests::fleet::Fleet;

use super::report::Line;
use super::{Args, Build, eprint_step};

const DATABASES: usize = 200;
const TABLES: usize = 20;
/// Rows of each table.
const ROWS: usize = 50;

/// Measures loads of all databases, into DuckDB and Parquet in turn.
pub(crate) fn measure(build: &Build, args: &Args) -> Result<Vec<Line>> {
    eprint_step(&format!("creating {DATABASES} databases"));
    let names: Vec<_> = (0..DATABASES).map(|number| format!("d{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let fleet = Fleet::new(&names)?;
    for name in &names {
        let statements = (0..TABLES).flat_map(|table| {
            [
                format!("CREATE TABLE t{table}(id INTEGER PRIMARY KEY, label TEXT, at INTEGER)"),
                format!(
                    "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) \
                     INSERT INTO t{table} SELECT i, 'label ' || i, i FROM n"
                ),
            ]
        });
        let statements: Vec<_> = statements.collect();
        let statements: Vec<_> = statements.iter().map(String::as_str).collect();
        fleet.run(name, &statements)?;
    }
    let (mut duckdb, mut parquet) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        let into_duckdb = fleet.pipeline()?.component(&build.component);
        let into_parquet = fleet.pipeline()?.component(&build.component);
        for (pipeline, measurements) in [
            (into_duckdb, &mut duckdb),
            (into_parquet.into_files("parquet"), &mut parquet),
        ] {
            let (measured, output) = build.run(&pipeline, &["run", "--json"])?;
            let report: serde_json::Value =
                serde_json::from_str(&output).context("the report is not JSON")?;
            let written = report["resources"][0]["rows_written"].as_u64();
            ensure!(written == Some((DATABASES * ROWS) as u64), "{report}");
            measurements.push(measured);
        }
    }
    let rows = (DATABASES * TABLES * ROWS) as u64;
    let line = |into: &str, measured| {
        let what = format!("{DATABASES} databases of {TABLES} tables into {into}");
        Line::new(&what, rows, measured)
    };
    Ok(vec![line("DuckDB", duckdb), line("Parquet", parquet)])
}

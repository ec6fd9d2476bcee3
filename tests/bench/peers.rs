//! Loads of the same table with dlt, for comparison: the documented way and the
//! fastest way. The scripts are in `tests/bench/peers/`.

use std::path::Path;

use anyhow::{Context, Result};
use connector_tests::duckdb::DuckDb;
use connector_tests::paths;
use connector_tests::sqld::Sqld;

use crate::measure::measured;
use crate::report::Line;

const SCRIPTS: [(&str, &str); 2] = [
    ("dlt, pages over `/v2/pipeline`", "dlt_pipeline.py"),
    ("dlt, `sql_database` with pyarrow", "dlt_sql_database.py"),
];

/// Runs each script once, and checks that it loaded all rows.
pub(crate) fn measure(python: &Path, server: &Sqld, rows: u64) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for (what, script) in SCRIPTS {
        let folder = tempfile::tempdir().context("cannot create a folder")?;
        let database = folder.path().join("peer.duckdb");
        let script = paths::source_tree().join("tests/bench/peers").join(script);
        let command = [
            python.into(),
            script.into(),
            server.url().into(),
            database.clone().into(),
        ];
        let home = folder.path().as_os_str();
        let (measured, _) = measured(&command, &[("HOME", home), ("DLT_DATA_DIR", home)])?;
        let loaded = DuckDb::open(&database)?.number("SELECT count(*) FROM turso_data.orders")?;
        anyhow::ensure!(
            u64::try_from(loaded) == Ok(rows),
            "{what}: {loaded} of {rows} rows were loaded"
        );
        lines.push(Line::new(what, rows, vec![measured]));
    }
    Ok(lines)
}

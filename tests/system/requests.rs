//! Loads send no more requests than they need.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use connector_tests::faulty::{FaultyServer, ProxyFault};
use connector_tests::pipeline::Pipeline;
use connector_tests::shop;
use connector_tests::sqld::Sqld;
use serde_json::Value as Json;

/// Requests of every load: one finds out the protocol, one begins the
/// transaction and reads the catalogue, one closes the stream.
const OF_EVERY_LOAD: u64 = 3;

const TABLES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Starts a server with five tables of 100 rows, which have an index on the time
/// of change.
fn serve_tables() -> Result<Sqld> {
    let server = Sqld::start()?;
    for table in TABLES {
        server.client().run(&[
            &format!("CREATE TABLE {table}(id INTEGER PRIMARY KEY, at TEXT)"),
            &format!("CREATE INDEX {table}_at ON {table}(at)"),
            &format!(
                "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) \
                 INSERT INTO {table} SELECT i, '2024-01-01' FROM n"
            ),
        ])?;
    }
    Ok(server)
}

/// Returns the sum of a number over all resources.
fn sum(report: &Json, key: &str) -> u64 {
    let resources = report["resources"].as_array().into_iter().flatten();
    resources
        .filter_map(|resource| resource[key].as_u64())
        .sum()
}

#[test]
fn a_full_load_requests_only_the_catalogue_and_the_pages() -> Result<()> {
    let server = serve_tables()?;
    let front = FaultyServer::proxy(&server.url(), |_, _, _| ProxyFault::None)?;
    let report = Pipeline::new(&front.url())?.load()?;
    assert_eq!(sum(&report, "rows_written"), 500);
    assert_eq!(sum(&report, "requests"), 5);
    assert_eq!(report["requests"], OF_EVERY_LOAD + 5);
    assert_eq!(front.requests() as u64, OF_EVERY_LOAD + 5);
    // A table of one page is not estimated.
    assert_eq!(sum(&report, "rows_billed"), 500);
    Ok(())
}

#[test]
fn an_incremental_load_without_new_rows_has_one_request_for_all_tables() -> Result<()> {
    let server = serve_tables()?;
    let mut pipeline = Pipeline::new(&server.url())?.resource_with("a", "mode = \"incremental\"");
    for table in &TABLES[1..] {
        // A merge would read the rows of the last value again.
        let lines = "mode = \"incremental\"\ncursor = \"at\"\nwrite = \"append\"";
        pipeline = pipeline.resource_with(table, lines);
    }
    let first = pipeline.load()?;
    // The rows without a time of change are requested separately.
    assert_eq!(first["requests"], OF_EVERY_LOAD + 5);
    let report = pipeline.load()?;
    assert_eq!(sum(&report, "rows_read"), 0);
    assert_eq!(report["requests"], OF_EVERY_LOAD + 1);
    server
        .client()
        .run(&["UPDATE c SET at = '2024-01-02' WHERE id < 4"])?;
    let report = pipeline.load()?;
    assert_eq!(sum(&report, "rows_read"), 3);
    assert_eq!(report["requests"], OF_EVERY_LOAD + 2);
    Ok(())
}

#[test]
fn a_table_of_several_pages_is_estimated_by_one_row() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    let estimates = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&estimates);
    let front = FaultyServer::proxy(&server.url(), move |_, _, body| {
        counted.fetch_add(body.matches("SELECT max(").count(), Ordering::Relaxed);
        ProxyFault::None
    })?;
    let report = Pipeline::new(&front.url())?
        .config("page_rows = 700")
        .resource("orders")
        .resource("customers")
        .load()?;
    assert_eq!(sum(&report, "rows_written"), 5_400);
    assert_eq!(report["requests"], OF_EVERY_LOAD + 8 + 1);
    assert_eq!(estimates.load(Ordering::Relaxed), 1);
    assert_eq!(report["resources"][0]["rows_billed"], 5_001);
    assert_eq!(report["resources"][1]["rows_billed"], 400);
    Ok(())
}

#[test]
fn a_table_that_may_cost_too_much_is_refused_before_its_first_page() -> Result<()> {
    let server = serve_tables()?;
    let pipeline = Pipeline::new(&server.url())?
        .resource_with("a", "max_rows_read = 99")
        .resource_with("b", "max_rows_read = 100");
    let outcome = pipeline.host(&["run", "--json"])?;
    let report = outcome.json()?;
    assert_eq!(report["status"], "partial", "{report}");
    let failure = report["resources"][0]["failure"]["message"].to_string();
    assert!(failure.contains("`max_rows_read` permits 99"), "{failure}");
    assert_eq!(sum(&report, "rows_read"), 100);
    // One request for the sizes of both tables, and one page.
    assert_eq!(report["requests"], OF_EVERY_LOAD + 2);
    Ok(())
}

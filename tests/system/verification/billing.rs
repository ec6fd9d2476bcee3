//! The rows that a verification bills: what is announced before, and reported
//! afterwards, is what the server says, or is stated as not known.

use anyhow::Result;
use connector_tests::faulty::{FaultyServer, ProxyFault};
use connector_tests::pipeline::Pipeline;
use connector_tests::sqld::Sqld;
use serde_json::Value as Json;

use super::resource;

/// Starts a server with a table of 5,000 rows, one of one row, and a view of one
/// row that reads all of the first.
fn serve() -> Result<Sqld> {
    let server = Sqld::start()?;
    server.client().run(&[
        "CREATE TABLE orders(id INTEGER PRIMARY KEY, total REAL)",
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) \
         INSERT INTO orders SELECT i, i / 4.0 FROM n",
        "CREATE TABLE single(id INTEGER PRIMARY KEY)",
        "INSERT INTO single VALUES (1)",
        "CREATE VIEW sums AS SELECT sum(total) AS total FROM orders",
    ])?;
    Ok(server)
}

fn pipeline(url: &str) -> Result<Pipeline> {
    Ok(Pipeline::new(url)?
        .config(
            "queries = [{ name = \"query\", sql = \"SELECT sum(total) AS total FROM orders\" }]",
        )
        .top("verify = \"count\"")
        .resource("orders")
        .resource("single")
        .resource("sums")
        .resource("query"))
}

#[test]
fn the_cost_of_views_and_queries_is_not_known_where_the_server_does_not_report_it() -> Result<()> {
    let server = serve()?;
    let pipeline = pipeline(&server.url())?;
    let findings = pipeline.host(&["check"])?.stdout;
    let estimate = "about 5001 rows more, and those of 2 resources whose size is not known\n";
    assert!(findings.contains(estimate), "{findings}");
    let outcome = pipeline.host(&["run", "--json"])?;
    let report = outcome.json()?;
    for name in ["sums", "query"] {
        let said = format!(
            "the server verifies `{name}`, and bills the rows that it reads for that; their number is not known"
        );
        assert!(outcome.stderr.contains(&said), "{}", outcome.stderr);
        assert_eq!(
            resource(&report, name)?["rows_billed"],
            Json::Null,
            "{report}"
        );
        assert_eq!(resource(&report, name)?["verified"]["rows"], 1, "{report}");
    }
    for (name, said) in [
        ("orders", "may bill its 5000 rows once more"),
        ("single", "may bill its 1 row once more"),
    ] {
        assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
        let billed = resource(&report, name)?["rows_billed"].as_u64();
        assert!(
            billed >= resource(&report, name)?["rows_read"].as_u64(),
            "{report}"
        );
    }
    Ok(())
}

#[test]
fn the_cost_of_views_and_queries_is_that_of_the_server_where_it_reports_it() -> Result<()> {
    let server = serve()?;
    // Without `/v3`, each result is one response with the number of rows.
    let proxy = FaultyServer::proxy(&server.url(), |_, target, _| {
        if target.starts_with("/v3") {
            ProxyFault::Respond("404 Not Found", "", Vec::new())
        } else {
            ProxyFault::None
        }
    })?;
    let read = server.client().rows_read("SELECT * FROM sums")?;
    assert!(read >= 5_000, "{read}");
    let outcome = pipeline(&proxy.url())?.host(&["run", "--json"])?;
    let report = outcome.json()?;
    for name in ["sums", "query"] {
        let said = format!(
            "the server verifies `{name}`, and may bill the {read} rows that it has read for it once more"
        );
        assert!(outcome.stderr.contains(&said), "{}", outcome.stderr);
        let billed = resource(&report, name)?["rows_billed"].as_u64();
        assert!(billed >= Some(2 * read), "{report}");
    }
    Ok(())
}

//! Transport of requests and responses.

use std::sync::{Arc, Mutex};

use anyhow::{Result, anyhow};
use connector_tests::duckdb::DuckDb;
use connector_tests::faulty::{FaultyServer, ProxyFault};
use connector_tests::pipeline::Pipeline;
use connector_tests::shop;
use connector_tests::sqld::{Options, Sqld};

#[test]
fn a_stream_follows_the_base_url_of_the_server() -> Result<()> {
    let (server, front) = behind_a_proxy()?;
    let rule = |url: &str| {
        format!("[[connector.allow]]\norigin = \"{url}\"\nmethods = [\"POST\"]\nprivate = true\n")
    };
    let rules = [rule(&front.url()), rule(&server.url())].concat();
    let pipeline = Pipeline::new(&front.url())?.allow(&rules);
    let report = pipeline.load()?;
    // One request to detect the protocol, one to open the stream.
    assert_eq!(front.requests(), 2, "{report}");
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    assert_eq!(
        duckdb.number("SELECT count(*) FROM turso_data.orders")?,
        5000
    );
    Ok(())
}

#[test]
fn a_base_url_without_a_rule_is_denied() -> Result<()> {
    let (server, front) = behind_a_proxy()?;
    let outcome = Pipeline::new(&front.url())?.host(&["run"])?;
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    let hint = format!("origin = \"{}\"", server.url());
    assert!(outcome.stderr.contains(&hint), "{outcome:?}");
    Ok(())
}

#[test]
fn a_server_of_hrana_2_is_supported() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    let old = FaultyServer::proxy(&server.url(), |_, target, _| {
        if target.starts_with("/v3") {
            ProxyFault::Respond("404 Not Found", "", Vec::new())
        } else {
            ProxyFault::None
        }
    })?;
    let pipeline = Pipeline::new(&old.url())?
        .config("page_rows = 1000")
        .resource("orders")
        .resource("revenue");
    let report = pipeline.load()?;
    assert_eq!(report["point_in_time"], true, "{report}");
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    let count = |duckdb: &mut DuckDb, table: &str| {
        duckdb.number(&format!("SELECT count(*) FROM turso_data.{table}"))
    };
    assert_eq!(count(&mut duckdb, "orders")?, 5000);
    assert_eq!(count(&mut duckdb, "revenue")?, 6);
    Ok(())
}

#[test]
fn a_stream_is_closed_at_every_end_of_a_read() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    for resource in ["orders", "revenue", "nothing_of_this_name"] {
        let last = Arc::new(Mutex::new(String::new()));
        let seen = Arc::clone(&last);
        let front = FaultyServer::proxy(&server.url(), move |_, _, body| {
            if let Ok(mut seen) = seen.lock() {
                body.clone_into(&mut seen);
            }
            ProxyFault::None
        })?;
        Pipeline::new(&front.url())?
            .config("page_rows = 500")
            .resource(resource)
            .host(&["run"])?;
        let last = last.lock().map_err(|_| anyhow!("a thread crashed"))?;
        assert!(
            last.contains(r#""requests":[{"type":"close"}]"#),
            "{resource}: {last}"
        );
    }
    Ok(())
}

#[test]
fn a_load_uses_one_connection() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    let front = FaultyServer::proxy(&server.url(), |_, _, _| ProxyFault::None)?;
    Pipeline::new(&front.url())?
        .config("page_rows = 500")
        .load()?;
    assert!(front.requests() > 10, "{} requests", front.requests());
    assert_eq!(front.connections(), 1);
    Ok(())
}

#[test]
fn a_compressed_response_is_unpacked() -> Result<()> {
    /// The text "sqld 0.24.32 (gzipped)", compressed with gzip.
    const COMPRESSED: [u8; 42] = [
        31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 43, 46, 204, 73, 81, 48, 208, 51, 50, 209, 51, 54, 82,
        208, 72, 175, 202, 44, 40, 72, 77, 209, 4, 0, 29, 116, 166, 56, 22, 0, 0, 0,
    ];
    let server = FaultyServer::always(ProxyFault::Respond(
        "200 OK",
        "content-type: text/plain\r\ncontent-encoding: gzip\r\n",
        COMPRESSED.to_vec(),
    ))?;
    let pipeline = Pipeline::new(&server.url())?.resource("db_version");
    pipeline.load()?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    let version = duckdb.query("SELECT version FROM turso_data.db_version")?;
    assert_eq!(version.rows[0][0].as_text(), Some("sqld 0.24.32 (gzipped)"));
    Ok(())
}

/// Starts a server that names its own address as base URL, and a proxy of it.
fn behind_a_proxy() -> Result<(Sqld, FaultyServer)> {
    let options = Options {
        advertises_url: true,
        ..Options::default()
    };
    let server = Sqld::start_with(&options, shop::write)?;
    let front = FaultyServer::proxy(&server.url(), |_, _, _| ProxyFault::None)?;
    Ok((server, front))
}

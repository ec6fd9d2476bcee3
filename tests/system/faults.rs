//! Faults of servers and connections. A load succeeds, or it ends with the right
//! exit code and keeps the stored rows.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use connector_tests::duckdb::DuckDb;
use connector_tests::faulty::{FaultyServer, ProxyFault};
use connector_tests::pipeline::Pipeline;
use connector_tests::source;
use connector_tests::sqld::Sqld;

const ROWS: i64 = 25_000;

#[test]
fn a_reset_connection_is_retried() -> Result<()> {
    check_success(|number| {
        if number % 4 == 3 && number < 20 {
            ProxyFault::Reset
        } else {
            ProxyFault::None
        }
    })
}

#[test]
fn a_truncated_response_is_retried() -> Result<()> {
    check_success(|number| {
        if number == 4 || number == 9 {
            ProxyFault::Truncate
        } else {
            ProxyFault::None
        }
    })
}

#[test]
fn rate_limits_are_retried_with_and_without_retry_after() -> Result<()> {
    check_success(|number| match number {
        2 => ProxyFault::Respond("429 Too Many Requests", "retry-after: 1\r\n", Vec::new()),
        5 => ProxyFault::Respond(
            "429 Too Many Requests",
            "",
            br#"{"error":"Too many concurrent requests"}"#.to_vec(),
        ),
        _ => ProxyFault::None,
    })
}

#[test]
fn a_temporary_gateway_error_is_retried() -> Result<()> {
    check_success(|number| match number {
        1 | 3 => ProxyFault::Respond("502 Bad Gateway", "", Vec::new()),
        6 => ProxyFault::Respond("408 Request Timeout", "", Vec::new()),
        8 => ProxyFault::Respond("504 Gateway Timeout", "", Vec::new()),
        4 => ProxyFault::Respond("503 Service Unavailable", "retry-after: 1\r\n", Vec::new()),
        _ => ProxyFault::None,
    })
}

#[test]
fn an_expired_stream_restarts_the_read() -> Result<()> {
    let body = br#"{"message":"The stream has expired due to inactivity","code":"STREAM_EXPIRED"}"#;
    check_success(move |number| match number {
        6 => ProxyFault::Respond(
            "400 Bad Request",
            "content-type: application/json\r\n",
            body.to_vec(),
        ),
        _ => ProxyFault::None,
    })
}

#[test]
fn an_invalid_response_ends_the_load_and_keeps_the_stored_rows() -> Result<()> {
    let responses: [&[u8]; 5] = [
        b"<html>",
        br#"{"results":[{"type":"ok""#,
        br#"{"baton":null,"base_url":null,"results":[]}"#,
        br#"{"baton":null,"base_url":null,"results":[{"type":"ok","response":{"type":"execute","result":{"cols":[{"name":"id"}],"rows":[[{"type":"integer","value":1}]]}}}]}"#,
        br#"{"baton":null,"base_url":null,"results":[{"type":"ok","response":{"type":"execute","result":{"cols":[],"rows":[[{"type":"colour"}]]}}}]}"#,
    ];
    let server = numbers()?;
    for response in responses {
        let outcome = exit_code_with(&server, "", move |number| match number {
            0..5 => ProxyFault::None,
            _ => ProxyFault::Respond(
                "200 OK",
                "content-type: application/json\r\n",
                response.to_vec(),
            ),
        })?;
        assert_eq!(outcome, Some(1), "{}", String::from_utf8_lossy(response));
    }
    Ok(())
}

#[test]
fn permanent_errors_are_not_retried() -> Result<()> {
    for (status, body) in [
        ("400 Bad Request", "what is this?"),
        ("401 Unauthorized", "Unauthorized: `The JWT is invalid`"),
        ("403 Forbidden", "Authorization forbidden"),
        (
            "403 Forbidden",
            "Operation was blocked: SQL read operations are forbidden (upgrade)",
        ),
    ] {
        let server = FaultyServer::always(ProxyFault::Respond(
            status,
            "content-type: text/plain\r\n",
            body.into(),
        ))?;
        let outcome = Pipeline::new(&server.url())?.host(&["run"])?;
        assert_ne!(outcome.code, Some(0), "{outcome:?}");
        assert!(outcome.stderr.contains("hint: "), "{outcome:?}");
        assert_eq!(server.requests(), 1, "{status}: {outcome:?}");
    }
    Ok(())
}

#[test]
fn the_time_limit_ends_a_stalled_read() -> Result<()> {
    let code = exit_code_with(&numbers()?, "time = \"4s\"", |number| {
        if number < 5 {
            ProxyFault::None
        } else {
            ProxyFault::Stall
        }
    })?;
    assert_eq!(code, Some(5));
    Ok(())
}

#[test]
fn tables_that_are_complete_within_the_time_budget_are_loaded() -> Result<()> {
    let server = Sqld::start()?;
    let rows = |table: &str, rows: u32| {
        format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
             INSERT INTO {table} SELECT i FROM n"
        )
    };
    server.client().run(&[
        "CREATE TABLE complete(id INTEGER PRIMARY KEY)",
        "CREATE TABLE stalled(id INTEGER PRIMARY KEY)",
        "CREATE TABLE untouched(id INTEGER PRIMARY KEY)",
        &rows("complete", 10),
        &rows("stalled", 20_000),
        &rows("untouched", 10),
    ])?;
    for resources in [&[][..], &["complete", "stalled", "untouched"]] {
        let pages = AtomicUsize::new(0);
        let proxy = FaultyServer::proxy(&server.url(), move |_, _, body| {
            let is_page = body.contains("stalled") && pages.fetch_add(1, Ordering::Relaxed) >= 10;
            if is_page {
                ProxyFault::Stall
            } else {
                ProxyFault::None
            }
        })?;
        let mut pipeline =
            Pipeline::new(&proxy.url())?.config("page_rows = 500\ntime_budget = \"5s\"");
        for resource in resources {
            pipeline = pipeline.resource(resource);
        }
        let outcome = pipeline.host(&["run", "--json"])?;
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        let report = outcome.json()?;
        assert_eq!(report["status"], "partial", "{report}");
        let failed = report["resources"].as_array().into_iter().flatten();
        let failed = failed.filter(|resource| {
            let failure = resource["failure"]["message"].as_str();
            failure.is_some_and(|message| message.contains("within `time_budget`"))
        });
        let failed: Vec<_> = failed
            .map(|resource| resource["resource"].clone())
            .collect();
        assert_eq!(failed.len(), 2, "{report}");
        assert!(!failed.contains(&"complete".into()), "{report}");
        let mut stored = DuckDb::open(&pipeline.database())?;
        let rows = stored.number("SELECT count(*) FROM turso_data.complete")?;
        assert_eq!(rows, 10);
        assert!(!stored.tables()?.contains(&"stalled".to_owned()));
    }
    Ok(())
}

#[test]
fn the_response_limit_ends_an_endless_response() -> Result<()> {
    let code = exit_code_with(&numbers()?, "response = \"20MB\"", |number| {
        if number < 5 {
            ProxyFault::None
        } else {
            ProxyFault::Endless
        }
    })?;
    assert_eq!(code, Some(5));
    Ok(())
}

#[test]
fn the_memory_limit_stops_a_connector() -> Result<()> {
    let server = numbers()?;
    let pipeline = Pipeline::new(&server.url())?
        .config("page_rows = 25000")
        .limits("memory = \"2MiB\"");
    let outcome = pipeline.host(&["run"])?;
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
    assert!(outcome.stderr.contains("memory"), "{outcome:?}");
    Ok(())
}

/// Loads through faults. The load must succeed and store all rows.
fn check_success(plan: impl Fn(usize) -> ProxyFault + Send + Sync + 'static) -> Result<()> {
    let server = numbers()?;
    let faulty = FaultyServer::proxy(&server.url(), move |number, _, _| plan(number))?;
    let pipeline = Pipeline::new(&faulty.url())?.config("page_rows = 2000");
    pipeline.load()?;
    assert!(faulty.requests() > 10, "{} requests", faulty.requests());
    check_all_rows(&pipeline)
}

/// Loads without faults, then with faults, and returns the exit code of the
/// second load. The rows of the first load must be kept.
fn exit_code_with(
    server: &Sqld,
    limits: &str,
    plan: impl Fn(usize) -> ProxyFault + Send + Sync + 'static,
) -> Result<Option<i32>> {
    let good = Pipeline::new(&server.url())?;
    good.load()?;
    let faulty = FaultyServer::proxy(&server.url(), move |number, _, _| plan(number))?;
    let bad = Pipeline::new(&faulty.url())?
        .config("page_rows = 2000")
        .limits(limits)
        .into_database(&good.database());
    let outcome = bad.host(&["run"])?;
    assert!(
        outcome.stderr.contains("error: ") && outcome.stderr.contains("hint: "),
        "{outcome:?}"
    );
    check_all_rows(&good)?;
    Ok(outcome.code)
}

fn check_all_rows(pipeline: &Pipeline) -> Result<()> {
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    assert_eq!(
        duckdb.number("SELECT count(*) FROM turso_data.numbers")?,
        ROWS
    );
    assert_eq!(
        duckdb.number("SELECT count(DISTINCT id) FROM turso_data.numbers")?,
        ROWS
    );
    Ok(())
}

fn numbers() -> Result<Sqld> {
    Sqld::with_data(|file| {
        Ok(source::create(file)?.execute_batch(&format!(
            "CREATE TABLE numbers(id INTEGER PRIMARY KEY, label TEXT);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
             INSERT INTO numbers SELECT i, 'no. ' || i FROM n;"
        ))?)
    })
}

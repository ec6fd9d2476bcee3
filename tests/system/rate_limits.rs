//! Servers that limit the rate of requests: each wait has one message, one setting
//! decides how long a read waits, and one error ends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use connector_tests::faulty::{FaultyServer, ProxyFault};
use connector_tests::pipeline::Pipeline;
use connector_tests::sqld::Sqld;

/// Response of a server that limits the rate, with a header.
fn limited(header: &'static str) -> ProxyFault {
    ProxyFault::Respond("429 Too Many Requests", header, Vec::new())
}

fn serve() -> Result<Sqld> {
    let server = Sqld::start()?;
    server.client().run(&[
        "CREATE TABLE orders(id INTEGER PRIMARY KEY)",
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) \
         INSERT INTO orders SELECT i FROM n",
    ])?;
    Ok(server)
}

/// Returns the number of lines that contain a text.
fn lines(text: &str, part: &str) -> usize {
    text.lines().filter(|line| line.contains(part)).count()
}

#[test]
fn a_constant_rate_limit_has_one_message_for_each_wait_and_one_error() -> Result<()> {
    let server = serve()?;
    for (header, told) in [
        ("", ""),
        ("retry-after: 2\r\n", ", and the server asks for 2 s"),
    ] {
        let count = Arc::new(AtomicUsize::new(0));
        let requests = Arc::clone(&count);
        let proxy = FaultyServer::proxy(&server.url(), move |_, _, _| {
            requests.fetch_add(1, Ordering::Relaxed);
            limited(header)
        })?;
        let pipeline = Pipeline::new(&proxy.url())?.config("retry_budget = \"8s\"");
        let outcome = pipeline.host(&["run"])?;
        let text = &outcome.stderr;
        assert_eq!(outcome.code, Some(1), "{text}");
        // The last response ends the run. Without `Retry-After`, the first wait is
        // too short for a message.
        let waits = count.load(Ordering::Relaxed) - 1;
        let messages = if header.is_empty() { waits - 1 } else { waits };
        assert!((2..10).contains(&waits), "{waits} waits: {text}");
        assert_eq!(lines(text, "waiting: "), messages, "{text}");
        let said = "limits the rate of requests; they continue in ";
        assert_eq!(lines(text, said), messages, "{text}");
        assert_eq!(lines(text, "restart"), 0, "{text}");
        assert_eq!(lines(text, "next attempt"), 0, "{text}");
        let ended = "`retry_budget` permits no other attempt: waited ";
        assert_eq!(lines(text, ended), 1, "{text}");
        assert!(
            text.contains(&format!(
                " s of at most 8 s{told}\nhint: raise `retry_budget`"
            )),
            "{text}"
        );
    }
    Ok(())
}

#[test]
fn a_rate_limit_that_begins_during_a_read_restarts_it_once() -> Result<()> {
    let server = serve()?;
    let proxy = FaultyServer::proxy(&server.url(), |number, _, _| match number {
        0..6 => ProxyFault::None,
        _ => limited(""),
    })?;
    let pipeline = Pipeline::new(&proxy.url())?.config("page_rows = 500\nretry_budget = \"8s\"");
    let outcome = pipeline.host(&["run"])?;
    let text = &outcome.stderr;
    assert_eq!(outcome.code, Some(1), "{text}");
    assert!(lines(text, "restarting: ") <= 1, "{text}");
    assert_eq!(lines(text, "next attempt"), 0, "{text}");
    let ended = "`retry_budget` permits no other attempt: waited ";
    assert_eq!(lines(text, ended), 1, "{text}");
    // A read that continues stores every row.
    let proxy = FaultyServer::proxy(&server.url(), |number, _, _| match number {
        6..9 => limited("retry-after: 1\r\n"),
        _ => ProxyFault::None,
    })?;
    let pipeline = Pipeline::new(&proxy.url())?.config("page_rows = 500");
    let report = pipeline.load()?;
    assert_eq!(report["resources"][0]["rows_written"], 5_000, "{report}");
    assert!(report["restarts"].as_u64() <= Some(1), "{report}");
    Ok(())
}

#[test]
fn commands_without_a_read_show_their_waits_too() -> Result<()> {
    let server = serve()?;
    for command in [&["check"][..], &["list"], &["preview", "orders"]] {
        let proxy = FaultyServer::proxy(&server.url(), |number, _, _| match number {
            0 => limited("retry-after: 1\r\n"),
            _ => ProxyFault::None,
        })?;
        let outcome = Pipeline::new(&proxy.url())?.host(command)?;
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        let said = "limits the rate of requests; they continue in 1 s";
        assert_eq!(lines(&outcome.stderr, said), 1, "{outcome:?}");
    }
    Ok(())
}

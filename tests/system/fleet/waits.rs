//! Databases that are down, slow or limited: they delay no other, and cost only
//! their own rows.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use anyhow::Result;
use connector_tests::faulty::{FaultyServer, ProxyFault};
use connector_tests::fleet::{Fleet, world};

use super::{counts, run_partly, shops};

/// Returns the host and path of a database behind a proxy.
pub(super) fn behind(proxy: &FaultyServer, database: &str) -> String {
    let origin = proxy.url();
    format!("{}/dev/{database}", origin.trim_start_matches("http://"))
}

/// Returns the database in the target of a request.
pub(super) fn database_in(target: &str) -> String {
    let path = target.trim_start_matches("/dev/");
    path.split('/').next().unwrap_or_default().to_owned()
}

#[test]
fn databases_that_are_down_cost_only_their_own_rows() -> Result<()> {
    let fleet = Fleet::new(&["healthy1", "healthy2"])?;
    for name in ["healthy1", "healthy2"] {
        let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000) \
                    INSERT INTO t SELECT i FROM n";
        fleet.run(name, &["CREATE TABLE t(id INTEGER PRIMARY KEY)", rows])?;
    }
    let down: Vec<_> = (0..84).map(|number| format!("down{number:02}")).collect();
    let names = down.iter().map(String::as_str);
    let names: Vec<_> = names.chain(["healthy1", "healthy2"]).collect();
    let at = |name: &str| match name {
        name if name.starts_with("down") => "127.0.0.1:9".to_owned(),
        name => fleet.hostname(name),
    };
    fleet.platform.change(world(&names, at));
    let pipeline = fleet.pipeline()?.resource("t");
    run_partly(&pipeline, &[])?;
    assert_eq!(counts(&pipeline, "t")?, "healthy1:30000 healthy2:30000");
    Ok(())
}

#[test]
fn requests_to_several_databases_are_under_way_together() -> Result<()> {
    let fleet = shops()?;
    // Responds to the first request of each database once all have arrived.
    let all_arrived = Barrier::new(3);
    let seen = Mutex::new(Vec::new());
    let proxy = FaultyServer::proxy(&fleet.server.url(), move |_, target, _| {
        let database = database_in(target);
        let is_first = seen.lock().is_ok_and(|mut seen| {
            let is_first = !seen.contains(&database);
            seen.push(database);
            is_first
        });
        if is_first {
            all_arrived.wait();
        }
        ProxyFault::None
    })?;
    fleet
        .platform
        .change(world(&["a", "b", "c"], |name| behind(&proxy, name)));
    let pipeline = fleet.pipeline_through("[\"*\"]", &[proxy.url()])?;
    let pipeline = pipeline.config("concurrency = 3").resource("orders");
    pipeline.load()?;
    assert_eq!(counts(&pipeline, "orders")?, "a:2 b:2 c:2");
    Ok(())
}

#[test]
fn a_database_that_has_to_wait_gives_its_place_to_the_next() -> Result<()> {
    let fleet = shops()?;
    let requests = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&requests);
    // Each database has an origin of its own, so that only `a` is limited.
    let limited = FaultyServer::proxy(&fleet.server.url(), move |number, target, _| {
        if let Ok(mut log) = log.lock() {
            log.push(database_in(target));
        }
        match number {
            0 => ProxyFault::Respond("429 Too Many Requests", "retry-after: 1\r\n", Vec::new()),
            _ => ProxyFault::None,
        }
    })?;
    let log = Arc::clone(&requests);
    let other = FaultyServer::proxy(&fleet.server.url(), move |_, target, _| {
        if let Ok(mut log) = log.lock() {
            log.push(database_in(target));
        }
        ProxyFault::None
    })?;
    let at = |name: &str| match name {
        "a" => behind(&limited, name),
        name => behind(&other, name),
    };
    fleet.platform.change(world(&["a", "b", "c"], at));
    let pipeline = fleet.pipeline_through("[\"*\"]", &[limited.url(), other.url()])?;
    let pipeline = pipeline.config("concurrency = 1").resource("orders");
    let outcome = pipeline.host(&["run"])?;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(
        outcome.stderr.contains("limits the rate of requests"),
        "{outcome:?}"
    );
    assert_eq!(counts(&pipeline, "orders")?, "a:2 b:2 c:2");
    let requests = requests.lock().map(|requests| requests.clone());
    let requests = requests.unwrap_or_default();
    let second = requests.iter().skip(1).position(|name| name == "a");
    let earlier = &requests[1..=second.unwrap_or_default()];
    assert!(earlier.iter().any(|name| name == "b"), "{requests:?}");
    Ok(())
}

#[test]
fn a_database_that_responds_slowly_gives_its_place_to_the_next() -> Result<()> {
    let fleet = shops()?;
    let is_last_read = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&is_last_read);
    // The first database responds after the last one was read.
    let slow = FaultyServer::proxy(&fleet.server.url(), move |_, _, _| {
        while !flag.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        ProxyFault::None
    })?;
    let other = FaultyServer::proxy(&fleet.server.url(), move |_, target, _| {
        if database_in(target) == "c" {
            is_last_read.store(true, Ordering::Relaxed);
        }
        ProxyFault::None
    })?;
    let at = |name: &str| match name {
        "a" => behind(&slow, name),
        name => behind(&other, name),
    };
    fleet.platform.change(world(&["a", "b", "c"], at));
    let pipeline = fleet.pipeline_through("[\"*\"]", &[slow.url(), other.url()])?;
    let pipeline = pipeline.config("concurrency = 1").resource("orders");
    pipeline.load()?;
    assert_eq!(counts(&pipeline, "orders")?, "a:2 b:2 c:2");
    Ok(())
}

#[test]
fn databases_that_are_complete_within_the_time_budget_are_loaded() -> Result<()> {
    let fleet = shops()?;
    let stalled = FaultyServer::proxy(&fleet.server.url(), |number, _, _| match number {
        0..2 => ProxyFault::None,
        _ => ProxyFault::Stall,
    })?;
    let at = |name: &str| match name {
        "b" => behind(&stalled, name),
        name => fleet.hostname(name),
    };
    let pipeline = fleet.pipeline_through("[\"*\"]", &[stalled.url()])?;
    let pipeline = pipeline
        .config("time_budget = \"6s\"")
        .resource("orders")
        .resource("stock");
    pipeline.load()?;
    assert_eq!(counts(&pipeline, "orders")?, "a:2 b:2 c:2");
    fleet.platform.change(world(&["a", "b", "c"], at));
    for name in ["a", "b", "c"] {
        fleet.run(name, &["INSERT INTO orders VALUES (3, 30, 2)"])?;
    }
    run_partly(&pipeline, &["`b`", "within `time_budget`"])?;
    assert_eq!(counts(&pipeline, "orders")?, "a:3 b:2 c:3");
    assert_eq!(counts(&pipeline, "stock")?, "a:1 b:1 c:1");
    Ok(())
}

#[test]
fn a_large_database_that_is_lost_restarts_the_read_without_it() -> Result<()> {
    let fleet = shops()?;
    // More than is held back of a database.
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000) \
                INSERT INTO stock SELECT hex(randomblob(400)) || i, i FROM n";
    fleet.run("b", &[rows])?;
    let lost = FaultyServer::proxy(&fleet.server.url(), |number, _, _| match number {
        0..14 => ProxyFault::None,
        _ => ProxyFault::Reset,
    })?;
    let at = |name: &str| match name {
        "b" => behind(&lost, name),
        name => fleet.hostname(name),
    };
    fleet.platform.change(world(&["a", "b", "c"], at));
    let pipeline = fleet.pipeline_through("[\"*\"]", &[lost.url()])?;
    let pipeline = pipeline.config("page_rows = 2000").resource("stock");
    let report = run_partly(&pipeline, &[])?;
    assert_eq!(report["restarts"], 1, "{report}");
    assert_eq!(counts(&pipeline, "stock")?, "a:1 c:1");
    Ok(())
}

#[test]
fn a_database_whose_response_is_too_large_is_read_once() -> Result<()> {
    let fleet = shops()?;
    let endless = FaultyServer::proxy(&fleet.server.url(), |number, _, _| match number {
        0..2 => ProxyFault::None,
        _ => ProxyFault::Endless,
    })?;
    let at = |name: &str| match name {
        "b" => behind(&endless, name),
        name => fleet.hostname(name),
    };
    fleet.platform.change(world(&["a", "b", "c"], at));
    let pipeline = fleet.pipeline_through("[\"*\"]", &[endless.url()])?;
    let pipeline = pipeline.limits("response = \"20MB\"").resource("orders");
    run_partly(
        &pipeline,
        &["`b`", "the response is larger than the host allows"],
    )?;
    assert_eq!(counts(&pipeline, "orders")?, "a:2 c:2");
    // Another attempt would receive as much again. The last request closes the
    // stream.
    assert_eq!(endless.requests(), 4);
    Ok(())
}

#[test]
fn a_database_whose_response_does_not_end_costs_only_its_own_rows() -> Result<()> {
    let fleet = shops()?;
    let endless = FaultyServer::proxy(&fleet.server.url(), |number, _, _| match number {
        2 => ProxyFault::Endless,
        _ => ProxyFault::None,
    })?;
    let at = |name: &str| match name {
        "b" => behind(&endless, name),
        name => fleet.hostname(name),
    };
    fleet.platform.change(world(&["a", "b", "c"], at));
    let pipeline = fleet.pipeline_through("[\"*\"]", &[endless.url()])?;
    let pipeline = pipeline.resource("orders");
    run_partly(&pipeline, &["`b`", "the response is larger than 64 MiB"])?;
    assert_eq!(counts(&pipeline, "orders")?, "a:2 c:2");
    Ok(())
}

#[test]
fn a_database_that_sends_a_byte_each_second_is_given_up_after_two_minutes() -> Result<()> {
    let fleet = shops()?;
    let slow = FaultyServer::proxy(&fleet.server.url(), |number, _, _| match number {
        0..2 => ProxyFault::None,
        _ => ProxyFault::Drip,
    })?;
    let at = |name: &str| match name {
        "b" => behind(&slow, name),
        name => fleet.hostname(name),
    };
    fleet.platform.change(world(&["a", "b", "c"], at));
    let pipeline = fleet.pipeline_through("[\"*\"]", &[slow.url()])?;
    let pipeline = pipeline.config("concurrency = 1").resource("orders");
    let notes = [
        "`b`",
        "the response did not end within 6",
        "slower than the host's minimum rate",
    ];
    run_partly(&pipeline, &notes)?;
    assert_eq!(counts(&pipeline, "orders")?, "a:2 c:2");
    Ok(())
}

//! Incremental reads of the Platform API.

use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, anyhow};
use connector_tests::duckdb::DuckDb;
use connector_tests::platform::{ApiFault, Organization, Platform, Token, World};
use connector_tests::value::Value;

use super::{TOKEN, number, pipeline, reported};

const DAY: i64 = 86_400;

fn world(logs: usize, deleted: usize) -> World {
    let company = Organization::team("acme")
        .group("default")
        .databases("default", 3)
        .audit_logs(logs)
        .deleted_databases(deleted)
        .deleted_groups(deleted);
    World::new()
        .organization(company)
        .token(Token::unrestricted(TOKEN))
}

#[test]
fn audit_logs_are_read_from_the_newest_to_the_last_seen() -> Result<()> {
    for write in [
        "write = \"append\"",
        "write = \"merge\"",
        "cursor = \"created_at\"",
    ] {
        let platform = Platform::serve(world(430, 0))?;
        let pipeline = pipeline(&platform)?.resource_with(
            "platform_audit_logs",
            &format!("mode = \"incremental\"\n{write}"),
        );
        pipeline.load()?;
        assert_eq!(
            number(&pipeline, "SELECT count(*) FROM platform_audit_logs")?,
            430
        );
        let path = "/v1/organizations/acme/audit-logs";
        assert_eq!(platform.count("GET", path), 5);

        // No new entries.
        platform.clear_requests();
        let report = pipeline.load()?;
        assert_eq!(
            reported(&report, "platform_audit_logs")["rows_read"],
            0,
            "{write}"
        );
        assert_eq!(platform.count("GET", path), 1);

        platform.change(world(449, 0));
        let report = pipeline.load()?;
        assert_eq!(
            reported(&report, "platform_audit_logs")["rows_read"],
            19,
            "{write}"
        );
        let distinct = "SELECT count(DISTINCT record_hash) FROM platform_audit_logs";
        assert_eq!(number(&pipeline, distinct)?, 449);
        assert_eq!(
            number(&pipeline, "SELECT count(*) FROM platform_audit_logs")?,
            449
        );
    }
    Ok(())
}

#[test]
fn a_record_with_the_time_of_the_last_read_one_is_read() -> Result<()> {
    // The tenth entry has the same time as the ninth.
    let platform = Platform::serve(world(9, 0))?;
    let pipeline =
        pipeline(&platform)?.resource_with("platform_audit_logs", "mode = \"incremental\"");
    pipeline.load()?;
    platform.change(world(10, 0));
    let report = pipeline.load()?;
    assert_eq!(
        reported(&report, "platform_audit_logs")["rows_read"],
        1,
        "{report}"
    );
    assert_eq!(
        number(&pipeline, "SELECT count(*) FROM platform_audit_logs")?,
        10
    );
    Ok(())
}

#[test]
fn records_that_are_added_during_paging_are_neither_lost_nor_duplicated() -> Result<()> {
    let platform = Platform::serve(world(250, 0))?;
    let path = "/v1/organizations/acme/audit-logs";
    // Records are added before the second page.
    platform.fault(ApiFault::RetryAfter(429, 1).at(path).after(1).times(1));
    let pipeline =
        pipeline(&platform)?.resource_with("platform_audit_logs", "mode = \"incremental\"");
    thread::scope(|scope| {
        let loading = scope.spawn(|| pipeline.load());
        while platform.requests().len() < 3 && !loading.is_finished() {
            thread::yield_now();
        }
        platform.change(world(253, 0));
        loading.join().map_err(|_| anyhow!("the load crashed"))?
    })?;
    let rows = "SELECT count(*) FROM platform_audit_logs";
    assert_eq!(number(&pipeline, rows)?, 250);
    pipeline.load()?;
    assert_eq!(number(&pipeline, rows)?, 253);
    let distinct = "SELECT count(DISTINCT record_hash) FROM platform_audit_logs";
    assert_eq!(number(&pipeline, distinct)?, 253);
    Ok(())
}

#[test]
fn deleted_resources_are_read_by_the_time_of_deletion() -> Result<()> {
    let platform = Platform::serve(world(0, 2))?;
    let incremental = "mode = \"incremental\"\ncursor = \"deleted_at\"";
    let pipeline = pipeline(&platform)?
        .resource_with("platform_deleted_databases", incremental)
        .resource_with("platform_deleted_groups", incremental);
    pipeline.load()?;
    platform.change(world(0, 5));
    let report = pipeline.load()?;
    for resource in ["platform_deleted_databases", "platform_deleted_groups"] {
        assert_eq!(reported(&report, resource)["rows_read"], 3, "{report}");
        assert_eq!(
            number(&pipeline, &format!("SELECT count(*) FROM {resource}"))?,
            5
        );
    }
    Ok(())
}

#[test]
fn usage_is_read_day_by_day_and_the_last_day_again() -> Result<()> {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
    let platform = Platform::serve(world(0, 0).at(now))?;
    let from = day(now, 4)?;
    let pipeline = pipeline(&platform)?
        .config(&format!("usage_from = \"{from}\""))
        .resource_with(
            "platform_database_usage",
            "mode = \"incremental\"\ncursor = \"from\"",
        );
    pipeline.load()?;
    // Four complete days, and today.
    assert_eq!(
        number(&pipeline, "SELECT count(*) FROM platform_database_usage")?,
        15
    );
    let days =
        "SELECT count(*) FROM platform_database_usage WHERE \"to\" = \"from\" + INTERVAL 1 DAY";
    assert_eq!(number(&pipeline, days)?, 15);

    platform.clear_requests();
    let report = pipeline.load()?;
    assert_eq!(
        reported(&report, "platform_database_usage")["rows_read"],
        3,
        "{report}"
    );
    assert_eq!(
        number(&pipeline, "SELECT count(*) FROM platform_database_usage")?,
        15
    );
    Ok(())
}

#[test]
fn the_days_of_a_database_that_failed_are_read_by_the_next_run() -> Result<()> {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
    for (status, write) in [
        (403, "write = \"append\""),
        (404, "write = \"append\""),
        (422, "cursor = \"from\""),
        (500, "cursor = \"from\""),
    ] {
        let platform = Platform::serve(world(0, 0).at(now))?;
        let usage = "/v1/organizations/acme/databases/db-0002/usage";
        // The first of four days is read.
        platform.fault(ApiFault::Status(status).at(usage).after(1));
        let from = day(now, 4)?;
        let pipeline = pipeline(&platform)?
            .config(&format!("usage_from = \"{from}\"\nretry_budget = \"1s\""))
            .resource_with(
                "platform_database_usage",
                &format!("mode = \"incremental\"\n{write}"),
            );
        let outcome = pipeline.host(&["run", "--json"])?;
        // A database that no longer exists is no failure.
        let code = i32::from(status != 404);
        assert_eq!(outcome.code, Some(code), "{status}: {outcome:?}");
        let days = "SELECT count(DISTINCT \"from\") FROM platform_database_usage";
        let late = "SELECT count(*) FROM platform_database_usage \
                    WHERE database_name = 'db-0002' AND \"to\" <= current_date";
        let others = "SELECT count(*) FROM platform_database_usage \
                      WHERE database_name <> 'db-0002' AND \"to\" <= current_date";
        assert_eq!(number(&pipeline, late)?, 1, "{status}");
        assert_eq!(number(&pipeline, others)?, 8, "{status}");

        platform.clear_faults();
        pipeline.load()?;
        assert_eq!(number(&pipeline, late)?, 4, "{status}");
        assert_eq!(number(&pipeline, others)?, 8, "{status}");
        assert!(number(&pipeline, days)? >= 4, "{status}");
    }
    Ok(())
}

#[test]
fn an_incomplete_day_is_not_appended() -> Result<()> {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
    let platform = Platform::serve(world(0, 0).at(now))?;
    let from = day(now, 2)?;
    let pipeline = pipeline(&platform)?
        .config(&format!("usage_from = \"{from}\""))
        .resource_with("platform_database_usage", "mode = \"incremental\"");
    for _ in 0..2 {
        pipeline.load()?;
        assert_eq!(
            number(&pipeline, "SELECT count(*) FROM platform_database_usage")?,
            6
        );
    }
    Ok(())
}

#[test]
fn an_unsupported_mode_is_refused_before_any_request() -> Result<()> {
    let platform = Platform::serve(world(0, 0))?;
    for (resource, lines) in [
        ("platform_databases", "mode = \"incremental\""),
        ("platform_databases", "where = \"1\""),
        ("platform_databases", "columns = [\"nope\"]"),
        (
            "platform_audit_logs",
            "mode = \"incremental\"\ncursor = \"code\"",
        ),
        ("platform_audit_logs", "mode = \"changes\""),
    ] {
        let outcome = pipeline(&platform)?
            .resource_with(resource, lines)
            .host(&["run"])?;
        assert_eq!(outcome.code, Some(2), "{lines}: {outcome:?}");
        assert!(outcome.stderr.contains("hint:"), "{outcome:?}");
    }
    assert!(platform.requests().is_empty());
    Ok(())
}

/// Returns the date of `ago` days before `now`, computed by the destination's
/// SQL.
fn day(now: i64, ago: i64) -> Result<String> {
    let days = now.div_euclid(DAY) - ago;
    let sql = format!("SELECT strftime(DATE '1970-01-01' + {days}, '%Y-%m-%d')");
    let shown = DuckDb::in_memory()?.query(&sql)?;
    let text = shown.single().and_then(Value::as_text);
    Ok(text.unwrap_or_default().to_owned())
}

//! Listing and loading of all resources.

use std::collections::BTreeMap;

use anyhow::Result;
use connector_tests::duckdb::DuckDb;
use connector_tests::pipeline::Pipeline;
use connector_tests::platform::{ApiFault, Document, Organization, Platform, Token, World};
use serde_json::Value as Json;

use super::{TOKEN, number, pipeline, reported, resources, world};

#[test]
fn every_documented_read_is_covered_by_a_resource() -> Result<()> {
    let nowhere = Pipeline::for_platform("http://127.0.0.1:1")?;
    let listed = resources(&nowhere)?;
    let described: Vec<_> = listed
        .iter()
        .filter_map(|resource| resource["description"].as_str())
        .collect();
    for (_, path) in Document::read()?.readable() {
        let covers = |text: &&str| {
            let mut words = text.split([' ', ';', '.']).peekable();
            words.any(|word| word == path)
        };
        assert!(described.iter().any(covers), "nothing covers {path}");
    }
    Ok(())
}

#[test]
fn the_catalogue_needs_no_network_and_no_token() -> Result<()> {
    let nowhere = Pipeline::for_platform("http://127.0.0.1:1")?.allow("");
    let listed = resources(&nowhere)?;
    assert_eq!(listed.len(), 23);
    let by_default = |resource: &&Json| resource["default"] == true;
    assert_eq!(listed.iter().filter(by_default).count(), 13);
    for resource in &listed {
        let schema = resource["columns"].to_string();
        assert!(!schema.contains("invoice_pdf") && !schema.contains("latitude"));
    }
    Ok(())
}

#[test]
fn everything_is_loaded() -> Result<()> {
    let platform = Platform::serve(world())?;
    let mut pipeline = pipeline(&platform)?;
    let listed = resources(&pipeline)?;
    for resource in &listed {
        pipeline = pipeline.resource(resource["name"].as_str().unwrap_or_default());
    }
    let report = pipeline.load()?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    let counts: BTreeMap<&str, i64> = [
        ("platform_organizations", 2),
        ("platform_databases", 9),
        ("platform_groups", 3),
        ("platform_members", 4),
        ("platform_invites", 2),
        ("platform_audit_logs", 250),
        ("platform_invoices", 4),
        ("platform_subscription", 2),
        ("platform_organization_usage", 2),
        ("platform_database_usage", 9),
        ("platform_database_configuration", 9),
        ("platform_group_configuration", 3),
        ("platform_current_user", 1),
        ("platform_deleted_databases", 3),
        ("platform_deleted_groups", 2),
        ("platform_token", 1),
        ("platform_closest_region", 1),
    ]
    .into();
    for (table, expected) in counts {
        let sql = format!("SELECT count(*) FROM turso_data.{table}");
        assert_eq!(duckdb.number(&sql)?, expected, "{table}");
    }
    for table in [
        "platform_plans",
        "platform_locations",
        "platform_api_tokens",
        "platform_organization_api_tokens",
        "platform_database_stats",
        "platform_database_instances",
    ] {
        let sql = format!("SELECT count(*) FROM turso_data.{table}");
        assert!(duckdb.number(&sql)? > 0, "{table}");
    }
    // Each list of parents is requested once.
    for path in [
        "/v1/organizations",
        "/v1/organizations/acme/databases",
        "/v1/organizations/acme/groups",
        "/v1/organizations/other/databases",
    ] {
        assert_eq!(platform.count("GET", path), 1, "{path}");
    }
    let requests: u64 = report["resources"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|resource| resource["requests"].as_u64())
        .sum();
    assert_eq!(requests, platform.requests().len() as u64);
    assert!(
        platform
            .requests()
            .iter()
            .all(|(method, _)| method == "GET")
    );
    platform.finish()
}

#[test]
fn without_a_database_and_a_selection_the_defaults_are_loaded() -> Result<()> {
    let platform = Platform::serve(world())?;
    let pipeline = pipeline(&platform)?;
    let report = pipeline.load()?;
    assert_eq!(report["resources"].as_array().map(Vec::len), Some(13));
    let requested = platform.counts();
    assert!(
        requested.keys().all(|path| !path.contains("/databases/")),
        "{requested:?}"
    );
    platform.finish()
}

#[test]
fn rows_have_the_keys_of_their_parents() -> Result<()> {
    let platform = Platform::serve(world())?;
    let pipeline = pipeline(&platform)?
        .resource("platform_databases")
        .resource("platform_database_instances")
        .resource("platform_group_configuration");
    pipeline.load()?;
    let orphans = "SELECT count(*) FROM platform_database_instances i WHERE NOT EXISTS \
         (SELECT 1 FROM platform_databases d WHERE d.DbId = i.database_id \
          AND d.Name = i.database_name AND d.organization_slug = i.organization_slug)";
    assert_eq!(number(&pipeline, orphans)?, 0);
    let named = "SELECT count(*) FROM platform_group_configuration WHERE group_uuid IS NOT NULL \
                 AND group_name IN ('default', 'europe')";
    assert_eq!(number(&pipeline, named)?, 3);
    Ok(())
}

#[test]
fn only_the_configured_organization_is_read() -> Result<()> {
    let platform = Platform::serve(world())?;
    let pipeline = pipeline(&platform)?
        .config("organization = \"other\"")
        .resource("platform_organizations")
        .resource("platform_databases");
    pipeline.load()?;
    assert_eq!(
        number(&pipeline, "SELECT count(*) FROM platform_organizations")?,
        1
    );
    assert_eq!(
        number(&pipeline, "SELECT count(*) FROM platform_databases")?,
        2
    );
    assert_eq!(platform.count("GET", "/v1/organizations/acme/databases"), 0);
    Ok(())
}

#[test]
fn concurrent_requests_keep_the_order_of_rows() -> Result<()> {
    let many = Organization::team("acme")
        .group("default")
        .databases("default", 40);
    let many = World::new()
        .organization(many)
        .token(Token::unrestricted(TOKEN));
    let platform = Platform::serve(many)?;
    platform.fault(
        ApiFault::Together(6)
            .at("/v1/organizations/acme/databases/*/configuration")
            .times(6),
    );
    let pipeline = pipeline(&platform)?
        .config("concurrency = 6")
        .into_files("jsonl")
        .resource("platform_databases")
        .resource("platform_database_configuration");
    pipeline.load()?;
    assert_eq!(platform.max_in_flight(), 6);
    let names = |table: &str, column: &str| -> Result<Vec<String>> {
        let files = connector_tests::files::table_files(&pipeline.dataset(), table)?;
        let text = std::fs::read_to_string(&files[0])?;
        let lines = text.lines().map(serde_json::from_str::<Json>);
        lines.map(|line| Ok(line?[column].to_string())).collect()
    };
    let listed = names("platform_databases", "Name")?;
    assert_eq!(listed.len(), 40);
    assert_eq!(
        listed,
        names("platform_database_configuration", "database_name")?
    );
    Ok(())
}

#[test]
fn pages_are_followed_in_all_three_styles() -> Result<()> {
    let platform = Platform::serve(world().page_rows(2))?;
    let pipeline = pipeline(&platform)?
        .resource("platform_databases")
        .resource("platform_audit_logs")
        .resource("platform_deleted_databases");
    let report = pipeline.load()?;
    assert_eq!(
        number(&pipeline, "SELECT count(*) FROM platform_databases")?,
        9
    );
    assert_eq!(
        number(&pipeline, "SELECT count(*) FROM platform_audit_logs")?,
        250
    );
    assert_eq!(
        number(&pipeline, "SELECT count(*) FROM platform_deleted_databases")?,
        3
    );
    assert_eq!(reported(&report, "platform_databases")["rows_read"], 9);
    assert_eq!(platform.count("GET", "/v1/organizations/acme/databases"), 4);
    Ok(())
}

#[test]
fn pages_of_records_are_not_larger_than_the_limit() -> Result<()> {
    let platform = Platform::serve(world())?;
    for mode in ["full", "incremental"] {
        let pipeline = pipeline(&platform)?
            .limits("page = \"16KiB\"")
            .resource_with("platform_audit_logs", &format!("mode = \"{mode}\""));
        let report = pipeline.load()?;
        let logs = reported(&report, "platform_audit_logs");
        assert!(logs["bytes"].as_u64() > Some(32_768), "{report}");
        let count = "SELECT count(*) FROM platform_audit_logs";
        assert_eq!(number(&pipeline, count)?, 250);
    }
    Ok(())
}

#[test]
fn a_preview_requests_only_the_rows_that_it_shows() -> Result<()> {
    let platform = Platform::serve(world())?;
    let pipeline = pipeline(&platform)?;
    let outcome = pipeline.host(&["preview", "platform_audit_logs", "--limit", "3", "--json"])?;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(outcome.json()?.as_array().map(Vec::len), Some(3));
    assert_eq!(
        platform.count("GET", "/v1/organizations/acme/audit-logs"),
        1
    );
    Ok(())
}

#[test]
fn a_table_is_refused_without_a_database() -> Result<()> {
    let platform = Platform::serve(world())?;
    for resource in ["orders", "db_version", "platform_databse"] {
        let outcome = pipeline(&platform)?.resource(resource).host(&["run"])?;
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(
            outcome.stderr.contains("`database_url` is not set"),
            "{outcome:?}"
        );
    }
    assert!(platform.requests().is_empty());
    let outcome = Pipeline::for_platform(&platform.url())?.host(&["run"])?;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(
        outcome.stderr.contains("there is nothing to read"),
        "{outcome:?}"
    );
    Ok(())
}

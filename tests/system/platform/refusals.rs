//! Refusals of the API: permissions, rate limits and faults.

use anyhow::Result;
use connector_tests::pipeline::Pipeline;
use connector_tests::platform::{
    ApiFault, Organization, Platform, RateLimit, Role, Token, Trap, World,
};

use super::{TOKEN, number, pipeline, reported, world};

const DATABASES: &str = "/v1/organizations/acme/databases";

#[test]
fn a_resource_without_permission_fails_alone() -> Result<()> {
    for trap in [None, Some(Trap::ErrorsAsObjects)] {
        let world = World::new()
            .organization(
                Organization::team("acme")
                    .group("default")
                    .databases("default", 2),
            )
            .token(Token::for_group(TOKEN, "acme", "default"));
        let platform = Platform::serve(match trap {
            Some(trap) => world.trap(trap),
            None => world,
        })?;
        let pipeline = pipeline(&platform)?
            .resource("platform_databases")
            .resource("platform_members")
            .resource("platform_database_configuration");
        let outcome = pipeline.host(&["run", "--json"])?;
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        let report = outcome.json()?;
        let failure = &reported(&report, "platform_members")["failure"];
        assert_eq!(failure["category"], "permission", "{report}");
        assert!(
            failure["message"].to_string().contains("not permitted"),
            "{report}"
        );
        assert_eq!(
            number(&pipeline, "SELECT count(*) FROM platform_databases")?,
            2
        );
    }
    Ok(())
}

#[test]
fn the_exit_code_shows_that_nothing_could_be_read() -> Result<()> {
    let viewer = World::new()
        .organization(Organization::team("acme"))
        .token(Token::for_organization(TOKEN, "acme").role(Role::Viewer));
    let platform = Platform::serve(viewer)?;
    let only_resource = pipeline(&platform)?
        .resource("platform_members")
        .host(&["run"])?;
    assert_eq!(only_resource.code, Some(3), "{only_resource:?}");

    let foreign = pipeline(&platform)?.token("a.b.c").host(&["run"])?;
    assert_eq!(foreign.code, Some(3), "{foreign:?}");
    assert!(
        foreign
            .stderr
            .contains("auth api-tokens mint NAME --org ORGANIZATION"),
        "{foreign:?}"
    );
    Ok(())
}

#[test]
fn a_refused_organization_keeps_its_rows_and_the_others_are_loaded() -> Result<()> {
    let platform = Platform::serve(world())?;
    let pipeline = pipeline(&platform)?
        .resource("platform_members")
        .resource("platform_database_stats");
    pipeline.load()?;
    let count = |sql: &str| number(&pipeline, sql);
    let (members, stats) = (
        count("SELECT count(*) FROM platform_members")?,
        count("SELECT count(*) FROM platform_database_stats")?,
    );
    platform.fault(ApiFault::Status(403).at("/v1/organizations/other/members"));
    platform.fault(ApiFault::Status(403).at("/v1/organizations/*/databases/db-0003/stats"));
    let outcome = pipeline.host(&["run", "--json"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let report = outcome.json()?;
    let notes = |resource| reported(&report, resource)["notes"].to_string();
    assert!(
        notes("platform_members").contains("organization `other`"),
        "{report}"
    );
    assert!(
        notes("platform_database_stats").contains("`db-0003` of `acme`"),
        "{report}"
    );
    assert_eq!(
        reported(&report, "platform_members")["rows_read"],
        3,
        "{report}"
    );
    assert_eq!(count("SELECT count(*) FROM platform_members")?, members);
    assert_eq!(
        count("SELECT count(*) FROM platform_database_stats")?,
        stats
    );
    Ok(())
}

#[test]
fn a_database_that_is_deleted_after_the_listing_is_skipped() -> Result<()> {
    let platform = Platform::serve(world())?;
    platform.fault(ApiFault::Status(404).at("/v1/organizations/*/databases/db-0004/configuration"));
    let pipeline = pipeline(&platform)?.resource("platform_database_configuration");
    let report = pipeline.load()?;
    let notes = reported(&report, "platform_database_configuration")["notes"].to_string();
    assert!(notes.contains("deleted while"), "{report}");
    let rows = "SELECT count(*) FROM platform_database_configuration";
    assert_eq!(number(&pipeline, rows)?, 8);
    Ok(())
}

#[test]
fn a_table_is_not_replaced_if_the_unread_part_has_no_column() -> Result<()> {
    let platform = Platform::serve(world())?;
    let pipeline =
        pipeline(&platform)?.resource_with("platform_members", "columns = [\"username\"]");
    pipeline.load()?;
    platform.fault(ApiFault::Status(403).at("/v1/organizations/other/members"));
    let outcome = pipeline.host(&["run"])?;
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    assert!(
        outcome
            .stderr
            .contains("add `organization_slug` to `columns`"),
        "{outcome:?}"
    );
    assert_eq!(
        number(&pipeline, "SELECT count(*) FROM platform_members")?,
        4
    );
    Ok(())
}

#[test]
fn a_missing_endpoint_is_not_mistaken_for_deleted_databases() -> Result<()> {
    let platform = Platform::serve(world())?;
    platform.fault(ApiFault::Status(404).at("/v1/organizations/*/databases/*/configuration"));
    let outcome = pipeline(&platform)?
        .resource("platform_groups")
        .resource("platform_database_configuration")
        .host(&["run", "--json"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let report = outcome.json()?;
    let failure = &reported(&report, "platform_database_configuration")["failure"];
    assert_eq!(failure["category"], "not-found", "{report}");
    Ok(())
}

#[test]
fn temporary_faults_are_retried() -> Result<()> {
    for fault in [
        ApiFault::RetryAfter(429, 1),
        ApiFault::Status(429),
        ApiFault::Status(408),
        ApiFault::Status(409),
        ApiFault::Status(500),
        ApiFault::Status(503),
        ApiFault::Status(504),
        ApiFault::Page(502),
        ApiFault::Reset,
        ApiFault::Truncate,
    ] {
        let platform = Platform::serve(world())?;
        platform.fault(fault.clone().at(DATABASES).times(1));
        let pipeline = pipeline(&platform)?.resource("platform_databases");
        let report = pipeline.load()?;
        assert_eq!(
            reported(&report, "platform_databases")["rows_read"],
            9,
            "{fault:?}"
        );
        assert_eq!(platform.count("GET", DATABASES), 2, "{fault:?}");
    }
    Ok(())
}

#[test]
fn a_rate_limit_only_delays_a_load() -> Result<()> {
    let platform = Platform::serve(world())?;
    platform.limit(RateLimit {
        every: 5,
        retry_after: Some(0),
    });
    let pipeline = pipeline(&platform)?.resource("platform_database_configuration");
    pipeline.load()?;
    assert_eq!(
        number(
            &pipeline,
            "SELECT count(*) FROM platform_database_configuration"
        )?,
        9
    );
    Ok(())
}

#[test]
fn the_wait_for_a_rate_limit_is_shown_as_progress() -> Result<()> {
    let platform = Platform::serve(world())?;
    platform.fault(ApiFault::RetryAfter(429, 1).at(DATABASES).times(1));
    let pipeline = pipeline(&platform)?.resource("platform_databases");
    let outcome = pipeline.host(&["run"])?;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let shown = "limits the rate of requests; they continue in 1 s";
    assert!(outcome.stderr.contains(shown), "{outcome:?}");
    Ok(())
}

#[test]
fn a_rate_limit_is_waited_for_within_the_budget() -> Result<()> {
    for (fault, budget, requests, part) in [
        // The server asks for more than the budget.
        (
            ApiFault::RetryAfter(429, 60),
            "30s",
            1,
            "waited 0 s of at most 30 s, and the server asks for 60 s",
        ),
        (
            ApiFault::RetryAfter(429, 1),
            "3s",
            3,
            "of at most 3 s, and the server asks for 1 s",
        ),
    ] {
        let platform = Platform::serve(world())?;
        platform.fault(fault.at(DATABASES));
        let pipeline = pipeline(&platform)?
            .config(&format!(
                "organization = \"acme\"\nretry_budget = \"{budget}\""
            ))
            .resource("platform_databases");
        let outcome = pipeline.host(&["run", "--json"])?;
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        let report = outcome.json()?;
        let error = &report["error"];
        assert_eq!(error["category"], "rate-limited", "{report}");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains(part), "{report}");
        assert_eq!(platform.count("GET", DATABASES), requests, "{report}");
    }
    Ok(())
}

#[test]
fn resources_that_are_complete_within_the_time_budget_are_loaded() -> Result<()> {
    let platform = Platform::serve(world())?;
    platform.fault(ApiFault::Stall.at("/v1/organizations/acme/databases/db-0003/configuration"));
    let pipeline = pipeline(&platform)?
        .config("time_budget = \"4s\"")
        .resource("platform_groups")
        .resource("platform_database_configuration")
        .resource("platform_locations");
    let outcome = pipeline.host(&["run", "--json"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let report = outcome.json()?;
    assert!(reported(&report, "platform_groups")["failure"].is_null());
    for resource in ["platform_database_configuration", "platform_locations"] {
        let failure = reported(&report, resource)["failure"].to_string();
        assert!(failure.contains("within `time_budget`"), "{report}");
    }
    assert_eq!(
        number(&pipeline, "SELECT count(*) FROM platform_groups")?,
        3
    );
    platform.clear_faults();
    Ok(())
}

#[test]
fn an_invalid_response_fails_its_resource_and_is_shown() -> Result<()> {
    for fault in [ApiFault::Malformed, ApiFault::WrongShape] {
        let platform = Platform::serve(world())?;
        platform.fault(fault.clone().at(DATABASES));
        let outcome = pipeline(&platform)?
            .config("organization = \"acme\"")
            .resource("platform_databases")
            .resource("platform_groups")
            .host(&["run", "--json"])?;
        assert_eq!(outcome.code, Some(1), "{fault:?}: {outcome:?}");
        let report = outcome.json()?;
        let failure = &reported(&report, "platform_databases")["failure"];
        assert_eq!(failure["category"], "protocol", "{report}");
        assert_eq!(
            reported(&report, "platform_groups")["rows_read"],
            2,
            "{report}"
        );
    }
    Ok(())
}

#[test]
fn check_shows_the_permissions_and_the_expiry_of_the_token() -> Result<()> {
    let expires = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let world = World::new()
        .at(i64::try_from(expires.as_secs())?)
        .organization(
            Organization::team("acme")
                .group("default")
                .databases("default", 2),
        )
        .token(
            Token::for_group(TOKEN, "acme", "default")
                .expires(i64::try_from(expires.as_secs())? + 3_600),
        );
    let platform = Platform::serve(world)?;
    let outcome = pipeline(&platform)?.host(&["check", "--json"])?;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let findings = outcome.json()?;
    let findings = findings
        .as_array()
        .or_else(|| findings["findings"].as_array());
    let finding = |subject: &str| {
        let mut found = findings.into_iter().flatten();
        found
            .find(|finding| finding["subject"] == subject)
            .cloned()
            .unwrap_or_default()
    };
    assert!(
        finding("platform_token").to_string().contains("expires at"),
        "{outcome:?}"
    );
    assert_eq!(
        finding("platform_databases")["severity"],
        "info",
        "{outcome:?}"
    );
    assert_eq!(
        finding("platform_members")["severity"],
        "warning",
        "{outcome:?}"
    );
    assert!(platform.requests().len() < 40, "{:?}", platform.counts());

    let outcome = pipeline(&platform)?.token("nonsense").host(&["check"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    Ok(())
}

#[test]
fn a_denied_origin_is_reported_with_the_lines_that_allow_it() -> Result<()> {
    let outcome = Pipeline::for_platform("http://127.0.0.1:1")?
        .token(TOKEN)
        .allow("")
        .resource("platform_locations")
        .host(&["run"])?;
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    assert!(
        outcome.stderr.contains("[[connector.allow]]"),
        "{outcome:?}"
    );
    Ok(())
}

//! Inspection of a connector, and the policy that a run records.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};
use connector_tests::keys;
use connector_tests::pipeline::Pipeline;
use connector_tests::shop;
use connector_tests::sqld::{Options, Sqld};
use serde_json::Value as Json;

#[test]
fn a_recorded_policy_is_minimal_and_suffices_for_the_next_run() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    let pipeline = Pipeline::new(&server.url())?.token("a token that this server does not ask for");
    let file = pipeline.folder().join("policy.toml");
    let policy = file.display().to_string();
    let outcome = pipeline.host(&["run", "--record-policy", &policy])?;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");

    let written = fs::read_to_string(&file)?;
    let (_, rules) = written.split_once("\n\n").unwrap_or_default();
    assert_eq!(
        rules,
        format!(
            "[[connector.allow]]\norigin = \"{}\"\nmethods = [\"POST\"]\n\
             paths = [\"/v3/pipeline\"]\nsecrets = [\"database_token\"]\nprivate = true\n",
            server.url()
        )
    );

    let pipeline = pipeline.allow(rules);
    let outcome = pipeline.host(&["run"])?;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    Ok(())
}

#[test]
fn a_failed_run_records_the_policy_until_its_failure() -> Result<()> {
    let server = Sqld::with_options(&Options {
        jwt_key: Some(keys::public()?),
        ..Options::default()
    })?;
    let pipeline = Pipeline::new(&server.url())?.token(&keys::foreign_token()?);
    let file = pipeline.folder().join("policy.toml");
    let policy = file.display().to_string();
    let outcome = pipeline.host(&["run", "--record-policy", &policy])?;
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    assert!(fs::read_to_string(&file)?.contains("/v3/pipeline"));
    Ok(())
}

#[test]
fn an_unwritable_policy_file_is_refused_before_the_load() -> Result<()> {
    let pipeline = Pipeline::new("http://127.0.0.1:1")?;
    let outcome = pipeline.host(&["run", "--record-policy", "no/such/folder/policy.toml"])?;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(
        outcome.stderr.contains("cannot write the policy"),
        "{outcome:?}"
    );
    assert!(!pipeline.database().exists());
    Ok(())
}

#[test]
fn inspect_shows_requests_grants_and_limits() -> Result<()> {
    let pipeline = Pipeline::new("http://127.0.0.1:8080")?.limits("memory = \"96MiB\"");
    let outcome = pipeline.host(&["inspect"])?;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    for line in [
        "wasi:http/outgoing-handler@0.2",
        "database_token (optional)",
        "{database_url} POST",
        "memory 96MiB",
        "open_responses 64",
        "http://127.0.0.1:8080 GET POST any path, private addresses",
        "differences",
    ] {
        assert!(outcome.stdout.contains(line), "{line}: {outcome:?}");
    }
    let capabilities = pipeline.host(&["inspect", "--json"])?.json()?;
    assert_eq!(capabilities["limits"]["memory"], "96MiB");
    assert_eq!(capabilities["limits"]["handles"], 1_000);
    Ok(())
}

/// Returns the differences of a pipeline between requests and rules, by origin.
fn differences(pipeline: &Pipeline) -> Result<BTreeSet<(String, String)>> {
    let capabilities = pipeline.host(&["inspect", "--json"])?.json()?;
    let differences = capabilities["differences"].as_array();
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let pair = |one: &Json| (text(&one["subject"]), text(&one["message"]));
    Ok(differences
        .context("no differences")?
        .iter()
        .map(pair)
        .collect())
}

#[test]
fn a_rule_covers_one_kind_of_host() -> Result<()> {
    let old = "db-acme.turso.io";
    let regional = "db-acme.aws-us-east-1.turso.io";
    for (host, origin, is_covered) in [
        (old, old, true),
        (regional, regional, true),
        (old, "*.turso.io", true),
        (regional, "*.turso.io", false),
        (old, "*.*.turso.io", false),
        (regional, "*.*.turso.io", true),
        (regional, "*.aws-us-east-1.turso.io", true),
        (regional, "*.aws-eu-west-1.turso.io", false),
    ] {
        let rule = format!(
            "[[connector.allow]]\norigin = \"https://{origin}\"\nmethods = [\"GET\", \"POST\"]\n"
        );
        let pipeline = Pipeline::new(&format!("libsql://{host}"))?.allow(&rule);
        let differences = differences(&pipeline)?;
        let host = format!("https://{host}");
        let refused = differences.iter().any(|(subject, _)| *subject == host);
        assert_eq!(!refused, is_covered, "{host}, {origin}: {differences:?}");
        let unused = (
            format!("https://{origin}"),
            "granted, but not requested".to_owned(),
        );
        assert!(!differences.contains(&unused), "{host}: {differences:?}");
    }
    Ok(())
}

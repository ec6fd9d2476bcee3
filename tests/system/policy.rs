//! What an operator sees of a connector's needs: its card, and the policy that
//! a run recorded.

use std::fs;

use anyhow::Result;
use connector_tests::keys;
use connector_tests::pipeline::Pipeline;
use connector_tests::shop;
use connector_tests::sqld::{Options, Sqld};

#[test]
fn a_recorded_policy_is_what_the_run_needed_and_enough_for_the_next() -> Result<()> {
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
fn a_run_that_fails_records_what_it_needed_until_then() -> Result<()> {
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
fn a_policy_that_cannot_be_written_is_said_before_anything_is_loaded() -> Result<()> {
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
fn the_card_shows_what_is_asked_for_granted_and_bounded() -> Result<()> {
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
    let card = pipeline.host(&["inspect", "--json"])?.json()?;
    assert_eq!(card["limits"]["memory"], "96MiB");
    assert_eq!(card["limits"]["handles"], 1_000);
    Ok(())
}

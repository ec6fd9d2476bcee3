//! Valid, invalid and restricted tokens, with a server that checks them.

use anyhow::Result;
use connector_tests::duckdb::DuckDb;
use connector_tests::keys;
use connector_tests::pipeline::{Outcome, Pipeline};
use connector_tests::sqld::{Options, Sqld};
use serde_json::json;

#[test]
fn a_read_only_token_suffices() -> Result<()> {
    let server = guarded()?;
    let pipeline = Pipeline::new(&server.url())?.token(&keys::token(&json!({"a": "ro"}))?);
    pipeline.load()?;
    assert_eq!(
        DuckDb::open(&pipeline.database())?.number("SELECT sum(id)::BIGINT FROM turso_data.t")?,
        3
    );
    Ok(())
}

#[test]
fn a_refused_token_exits_with_code_3_and_a_hint() -> Result<()> {
    let server = guarded()?;
    for token in [
        keys::foreign_token()?,
        keys::token(&json!({"exp": 1_000_000_000}))?,
    ] {
        let outcome = Pipeline::new(&server.url())?.token(&token).host(&["run"])?;
        assert_eq!(outcome.code, Some(3), "{outcome:?}");
        assert!(outcome.stderr.contains("hint: "), "{outcome:?}");
        assert!(!shows(&outcome, &token), "{outcome:?}");
    }
    Ok(())
}

#[test]
fn a_missing_token_exits_with_code_3() -> Result<()> {
    let outcome = Pipeline::new(&guarded()?.url())?.host(&["run"])?;
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    Ok(())
}

#[test]
fn a_token_of_another_database_is_not_reported_as_a_missing_database() -> Result<()> {
    let server = guarded()?;
    let token = keys::token(&json!({"id": "another"}))?;
    let outcome = Pipeline::new(&server.url())?.token(&token).host(&["run"])?;
    assert_ne!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stderr.contains("token"), "{outcome:?}");
    Ok(())
}

#[test]
fn no_output_of_any_command_shows_the_token() -> Result<()> {
    let server = guarded()?;
    let token = keys::token(&json!({"a": "ro"}))?;
    let pipeline = Pipeline::new(&server.url())?.token(&token);
    let commands: [&[&str]; 5] = [
        &["check"],
        &["list"],
        &["inspect"],
        &["run", "--log", "trace"],
        &["preview", "t", "--log", "trace"],
    ];
    for command in commands {
        let outcome = pipeline.host(command)?;
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        assert!(!shows(&outcome, &token), "{command:?} shows the token");
    }
    Ok(())
}

fn shows(outcome: &Outcome, token: &str) -> bool {
    // Only the signature cannot be guessed.
    let signature = token.rsplit('.').next().unwrap_or(token);
    outcome.stdout.contains(signature) || outcome.stderr.contains(signature)
}

fn guarded() -> Result<Sqld> {
    let server = Sqld::with_options(&Options {
        jwt_key: Some(keys::public()?),
        ..Options::default()
    })?;
    let client = server
        .client()
        .with_token(&keys::token(&json!({"a": "rw"}))?);
    client.run(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY)",
        "INSERT INTO t VALUES (1), (2)",
    ])?;
    Ok(server)
}

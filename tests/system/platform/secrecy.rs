//! Fields that no destination may hold: secrets, and private data that was not
//! requested.

use std::fs;
use std::path::Path;

use anyhow::Result;
use connector_tests::pipeline::Pipeline;
use connector_tests::platform::secrets::{PRIVATE, SECRET};
use connector_tests::platform::{Platform, Trap};

use super::{TOKEN, number, pipeline, resources, world};

#[test]
fn no_secret_of_a_response_is_stored() -> Result<()> {
    let platform = Platform::serve(world().trap(Trap::SecretsEverywhere))?;
    for (format, nested) in [
        (None, "keep"),
        (None, "json"),
        (None, "tables"),
        (Some("jsonl"), "keep"),
        (Some("jsonl"), "json"),
        (Some("parquet"), "json"),
        (Some("csv"), "json"),
    ] {
        let mut pipeline = everything(&platform, nested)?;
        if let Some(format) = format {
            pipeline = pipeline.into_files(format);
        }
        let outcome = pipeline.host(&["run", "--json", "--log", "trace"])?;
        let last = outcome.stderr.lines().last().unwrap_or_default();
        assert_eq!(outcome.code, Some(0), "{format:?}, {nested}: {last}");
        let output = [outcome.stdout.as_bytes(), outcome.stderr.as_bytes()].concat();
        for canary in [SECRET, PRIVATE, TOKEN] {
            assert!(
                !holds(&output, canary),
                "{format:?}: the output contains {canary}"
            );
            nothing_holds(pipeline.folder(), canary)?;
        }
        assert!(
            outcome.stdout.contains("never stored"),
            "{}",
            outcome.stdout
        );
    }
    // No endpoint that returns secrets was requested.
    let requested = platform.requests();
    let forbidden = [
        "/auth/tokens",
        "/rotate",
        "/invalidate",
        "/billing/",
        "/v1/organizations/acme/invites",
    ];
    for (method, path) in &requested {
        assert_eq!(method, "GET");
        assert!(!forbidden.iter().any(|part| path.contains(part)), "{path}");
    }
    Ok(())
}

#[test]
fn private_columns_are_read_only_if_they_are_named() -> Result<()> {
    let platform = Platform::serve(world())?;
    let pipeline = pipeline(&platform)?
        .resource_with(
            "platform_audit_logs",
            "columns = [\"record_hash\", \"organization_slug\", \"ip\", \"created_at\"]",
        )
        .resource_with(
            "platform_database_stats",
            "columns = [\"database_id\", \"query\", \"rows_read\"]",
        );
    pipeline.load()?;
    let addresses = format!("SELECT count(*) FROM platform_audit_logs WHERE ip LIKE '{PRIVATE}%'");
    assert_eq!(number(&pipeline, &addresses)?, 250);
    let texts =
        format!("SELECT count(*) FROM platform_database_stats WHERE query LIKE '%{PRIVATE}%'");
    assert!(number(&pipeline, &texts)? > 0);
    Ok(())
}

/// Creates a pipeline of all resources with a mode for nested data.
fn everything(platform: &Platform, nested: &str) -> Result<Pipeline> {
    let mut pipeline = pipeline(platform)?;
    for resource in resources(&pipeline)? {
        let name = resource["name"].as_str().unwrap_or_default();
        pipeline = pipeline.resource_with(name, &format!("nested = \"{nested}\""));
    }
    Ok(pipeline)
}

fn nothing_holds(folder: &Path, canary: &str) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            nothing_holds(&path, canary)?;
        } else if path.file_name().is_some_and(|name| name != "token") {
            let bytes = fs::read(&path)?;
            assert!(!holds(&bytes, canary), "{} holds {canary}", path.display());
        }
    }
    Ok(())
}

fn holds(bytes: &[u8], canary: &str) -> bool {
    let canary = canary.as_bytes();
    bytes.windows(canary.len()).any(|part| part == canary)
}

//! The Platform API and a database in one pipeline.

use anyhow::Result;
use connector_tests::pipeline::Pipeline;
use connector_tests::platform::{ApiFault, Platform};
use connector_tests::shop;
use connector_tests::sqld::Sqld;

use super::{number, reported, world};

#[test]
fn tables_and_the_platform_are_loaded_together() -> Result<()> {
    let (server, platform) = (Sqld::with_data(shop::write)?, Platform::serve(world())?);
    let pipeline = both(&server, &platform)?
        .resource("platform_databases")
        .resource("orders")
        .resource("platform_jobs")
        .resource("platform_groups");
    let outcome = pipeline.host(&["run", "--json"])?;
    // The server is not a schema database.
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let report = outcome.json()?;
    assert_eq!(
        reported(&report, "platform_jobs")["failure"]["category"],
        "not-found"
    );
    assert_eq!(number(&pipeline, "SELECT count(*) FROM orders")?, 5_000);
    assert_eq!(
        number(&pipeline, "SELECT count(*) FROM platform_databases")?,
        9
    );
    assert_eq!(
        number(&pipeline, "SELECT count(*) FROM platform_groups")?,
        3
    );
    Ok(())
}

#[test]
fn with_a_database_the_platform_is_read_only_when_it_is_selected() -> Result<()> {
    let (server, platform) = (Sqld::with_data(shop::write)?, Platform::serve(world())?);
    let pipeline = both(&server, &platform)?;
    let report = pipeline.load()?;
    assert_eq!(
        report["resources"].as_array().map(Vec::len),
        Some(3),
        "{report}"
    );
    assert!(platform.requests().is_empty());
    Ok(())
}

#[test]
fn tables_are_loaded_if_the_platform_does_not_respond() -> Result<()> {
    let (server, platform) = (Sqld::with_data(shop::write)?, Platform::serve(world())?);
    platform.fault(ApiFault::Status(401).at("/**"));
    let pipeline = both(&server, &platform)?
        .resource("orders")
        .resource("platform_databases");
    let outcome = pipeline.host(&["run"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert_eq!(number(&pipeline, "SELECT count(*) FROM orders")?, 5_000);
    Ok(())
}

fn both(server: &Sqld, platform: &Platform) -> Result<Pipeline> {
    let database = server.url();
    let rules = format!(
        "[[connector.allow]]\norigin = \"{}\"\nprivate = true\nsecrets = [\"platform_token\"]\n\
         [[connector.allow]]\norigin = \"{database}\"\nmethods = [\"GET\", \"POST\"]\nprivate = true\n",
        platform.url()
    );
    Ok(Pipeline::for_platform(&platform.url())?
        .config(&format!("database_url = \"{database}\""))
        .token(super::TOKEN)
        .allow(&rules))
}

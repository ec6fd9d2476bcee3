//! Loads from the stand-in for the Platform API, with the real component and
//! host.

mod catalogue;
mod databases;
mod incremental;
mod refusals;
mod secrecy;
mod shapes;

use anyhow::Result;
use connector_tests::duckdb::DuckDb;
use connector_tests::pipeline::Pipeline;
use connector_tests::platform::{Database, Organization, Platform, Token, World};

const TOKEN: &str = "token-of-the-test";

/// Returns two organizations, one of which has records of every kind.
fn world() -> World {
    let company = Organization::team("acme")
        .group("default")
        .group("europe")
        .databases("default", 5)
        .database(Database::named("archive").in_group("europe"))
        .database(Database::named("branch").branched_from("archive"))
        .members(3)
        .invites(2)
        .audit_logs(250)
        .invoices(4)
        .deleted_databases(3)
        .deleted_groups(2);
    World::new()
        .organization(company)
        .organization(
            Organization::team("other")
                .group("default")
                .databases("default", 2),
        )
        .token(Token::unrestricted(TOKEN))
        .token(Token::for_organization("another-token", "acme"))
}

/// Creates a pipeline from a server of the Platform API.
fn pipeline(platform: &Platform) -> Result<Pipeline> {
    let region = platform.region_url();
    let rules = format!(
        "[[connector.allow]]\norigin = \"{}\"\nprivate = true\nsecrets = [\"platform_token\"]\n\
         [[connector.allow]]\norigin = \"{region}\"\nprivate = true\nsecrets = []\n",
        platform.url()
    );
    Ok(Pipeline::for_platform(&platform.url())?
        .config(&format!("region_url = \"{region}\""))
        .token(TOKEN)
        .allow(&rules))
}

/// Returns all listed resources.
fn resources(pipeline: &Pipeline) -> Result<Vec<serde_json::Value>> {
    let outcome = pipeline.host(&["list", "--json"])?;
    let list = outcome.json()?;
    let list = list.as_array().or_else(|| list["resources"].as_array());
    Ok(list.cloned().unwrap_or_default())
}

/// Returns the number that a query of the destination yields.
fn number(pipeline: &Pipeline, sql: &str) -> Result<i64> {
    DuckDb::open(&pipeline.database())?.number(&sql.replace("FROM ", "FROM turso_data."))
}

/// Returns the report of a resource.
fn reported<'a>(report: &'a serde_json::Value, resource: &str) -> &'a serde_json::Value {
    let resources = report["resources"].as_array().into_iter().flatten();
    let mut found = resources.filter(|of| of["resource"] == resource);
    found.next().unwrap_or(&serde_json::Value::Null)
}

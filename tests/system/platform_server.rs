//! Tests of the stand-in for the Platform API: it serves all documented
//! requests as documented, and has faults only on request. The connector is
//! tested elsewhere.

mod access;
mod faults;
mod pages;
mod records;
mod traps;

use std::collections::BTreeSet;
use std::io::Read as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Context, Result};
use connector_tests::platform::{
    Document, Organization, Platform, Token, World, secrets, served, undocumented,
};
use serde_json::{Value as Json, json};

const TOKEN: &str = "token-of-the-test";

#[test]
fn every_documented_read_returns_what_is_documented() -> Result<()> {
    let platform = Platform::serve(whole())?;
    let document = Document::read()?;
    assert_eq!(document.readable().len(), 25);
    for (method, template) in document.readable() {
        let path = example(template);
        let (status, response) = get(&platform, &path)?;
        assert_eq!(status, 200, "{method} {path}: {response}");
        document.check(template, &response)?;
        assert_eq!(platform.count("GET", &path), 1);
    }
    platform.finish()
}

#[test]
fn every_documented_field_is_served_somewhere() -> Result<()> {
    let platform = Platform::serve(whole())?;
    let document = Document::read()?;
    for (_, template) in document.readable() {
        let mut served = BTreeSet::new();
        collect(&get(&platform, &example(template))?.1, "", &mut served);
        let documented = document.fields(template);
        let missing: Vec<_> = documented.difference(&served).collect();
        assert!(missing.is_empty(), "{template} never has {missing:?}");
    }
    platform.finish()
}

#[test]
fn every_undocumented_endpoint_states_its_reason() -> Result<()> {
    let platform = Platform::serve(whole())?;
    let document = Document::read()?;
    let documented: BTreeSet<_> = document
        .readable()
        .into_iter()
        .map(|(_, path)| path)
        .collect();
    let reasons: BTreeSet<_> = undocumented().map(|(template, _)| template).collect();
    assert!(documented.is_disjoint(&reasons));
    for template in served() {
        let path = example(template);
        assert_eq!(get(&platform, &path)?.0, 200, "{path}");
        assert!(
            documented.contains(template) || reasons.contains(template),
            "{template}"
        );
    }
    platform.finish()
}

#[test]
fn a_response_that_violates_the_document_is_reported_and_not_sent() -> Result<()> {
    let guild = || {
        let world = World::new().organization(Organization::team("acme").kind("guild"));
        let platform = Platform::serve(world.token(Token::unrestricted(TOKEN)))?;
        assert_eq!(get(&platform, "/v1/organizations/acme")?.0, 500);
        anyhow::Ok(platform)
    };
    let reported = guild()?.finish().map_err(|error| error.to_string());
    let reported = reported.err().context("the violation is not reported")?;
    assert!(reported.contains("/organization/type"), "{reported}");
    let unasked = guild()?;
    assert!(catch_unwind(AssertUnwindSafe(|| drop(unasked))).is_err());
    Ok(())
}

#[test]
fn references_and_nullable_types_of_the_document_are_applied() -> Result<()> {
    let document = Document::read()?;
    let database = "/v1/organizations/{organizationSlug}/databases/{databaseName}";
    let fits = |response: &Json| document.check(database, response).is_ok();
    assert!(fits(&json!({"database": {"Name": "shop", "parent": null}})));
    assert!(fits(&json!({"database": {"Name": "shop", "unknown": [1]}})));
    assert!(!fits(&json!({"database": {"Name": null}})));
    assert!(!fits(&json!({"database": {"Name": 1}})));
    assert!(!fits(
        &json!({"database": {"parent": {"branched_at": "yesterday"}}})
    ));
    assert!(!fits(&json!([])));
    let group = "/v1/organizations/{organizationSlug}/groups/{groupName}";
    assert!(
        document
            .check(group, &json!({"group": {"name": 1}}))
            .is_err()
    );
    assert!(document.check("/v1/nothing", &json!({})).is_err());
    Ok(())
}

#[test]
fn every_secret_of_the_document_is_a_known_secret() -> Result<()> {
    let known: BTreeSet<_> = secrets::fields(secrets::Reason::Secret).collect();
    let document = Document::read()?;
    let telling = ["token", "jwt", "secret", "password", "key", "stripe"];
    for property in document.properties() {
        let name = property.to_lowercase();
        let secret = telling.iter().any(|word| name.contains(word));
        // The lists of tokens contain only their names.
        assert!(
            !secret || property == "tokens" || known.contains(property),
            "{property}"
        );
    }
    Ok(())
}

#[test]
fn only_reads_are_served_and_forbidden_requests_are_recorded() -> Result<()> {
    let platform = Platform::serve(whole())?;
    get(&platform, "/v2/organizations/acme/invites")?;
    assert_eq!(platform.forbidden_requests(), []);
    get(&platform, "/v1/organizations/acme/invites")?;
    get(&platform, "/v1/organizations/acme/billing/customer")?;
    assert_eq!(platform.forbidden_requests().len(), 2);
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let path = "/v1/organizations/acme/databases/shop/auth/tokens";
    let response = agent.post(format!("{}{path}", platform.url())).send("{}")?;
    assert_eq!(response.status(), 405);
    assert_eq!(platform.counts()[&format!("POST {path}")], 1);
    assert_eq!(platform.forbidden_requests().len(), 3);
    platform.finish()
}

#[test]
fn the_ports_are_closed_after_the_end() -> Result<()> {
    let platform = Platform::serve(whole())?;
    let url = platform.url();
    platform.finish()?;
    assert!(ureq::get(url).call().is_err());
    Ok(())
}

/// Returns a world with records of every kind.
fn whole() -> World {
    World::shop("127.0.0.1:1", TOKEN)
        .token(Token::for_organization("a second token", "acme"))
        .token(Token::for_group("a third token", "acme", "default"))
}

/// Returns a path of a template, in the organization of the shop.
fn example(template: &str) -> String {
    let acme = Organization::team("acme");
    template
        .replace("{organizationSlug}", "acme")
        .replace("{organizationId}", &acme.id())
        .replace("{databaseName}", "shop-next")
        .replace("{databaseId}", &acme.database_id("shop-next"))
        .replace("{groupName}", "default")
        .replace("{groupId}", &acme.group_id("default"))
        .replace("{instanceName}", "aws-eu-west-1")
        .replace("{username}", "ada")
        .replace("{locationCode}", "aws-eu-west-1")
}

/// Collects the paths of all fields of a response.
fn collect(response: &Json, at: &str, fields: &mut BTreeSet<String>) {
    match response {
        Json::Array(items) => {
            for item in items {
                collect(item, &format!("{at}[]"), fields);
            }
        }
        Json::Object(object) => {
            for (name, value) in object {
                let at = if at.is_empty() {
                    name.clone()
                } else {
                    format!("{at}.{name}")
                };
                collect(value, &at, fields);
                fields.insert(at);
            }
        }
        _ => {}
    }
}

/// Returns the status and response for a token that reads everything.
fn get(platform: &Platform, target: &str) -> Result<(u16, Json)> {
    get_as(platform, TOKEN, target)
}

/// Returns the status and response for a token.
fn get_as(platform: &Platform, token: &str, target: &str) -> Result<(u16, Json)> {
    let fetched = fetch(platform, token, target)?;
    let response = serde_json::from_str(&fetched.body);
    Ok((
        fetched.status,
        response.with_context(|| format!("this is not JSON: {fetched:?}"))?,
    ))
}

#[derive(Debug)]
struct Fetched {
    status: u16,
    retry_after: Option<String>,
    body: String,
}

fn fetch(platform: &Platform, token: &str, target: &str) -> Result<Fetched> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let mut response = agent
        .get(format!("{}{target}", platform.url()))
        .header("authorization", format!("Bearer {token}"))
        .call()?;
    let retry_after = response.headers().get("retry-after");
    let retry_after = retry_after.map(|value| value.to_str().map(str::to_owned));
    let mut body = String::new();
    let status = response.status().as_u16();
    let retry_after = retry_after.transpose()?;
    response.body_mut().as_reader().read_to_string(&mut body)?;
    Ok(Fetched {
        status,
        retry_after,
        body,
    })
}

//! The server that stands for the Platform API is one that can be believed: it
//! answers all that is documented, as documented, and goes wrong only when told
//! to. What the connector makes of it is tested elsewhere.

use std::collections::BTreeSet;
use std::io::Read as _;

use anyhow::{Context, Result};
use connector_tests::platform::{Document, Organization, Platform, Token, World};
use serde_json::Value as Json;

const TOKEN: &str = "token-of-the-test";

#[test]
fn every_documented_read_is_answered_as_documented() -> Result<()> {
    let platform = Platform::serve(whole())?;
    let document = Document::read()?;
    assert_eq!(document.readable().len(), 25);
    for (method, template) in document.readable() {
        let path = example(template);
        let (status, answer) = get(&platform, TOKEN, &path)?;
        assert_eq!(status, 200, "{method} {path}: {answer}");
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
        collect(
            &get(&platform, TOKEN, &example(template))?.1,
            "",
            &mut served,
        );
        let documented = document.fields(template);
        let missing: Vec<_> = documented.difference(&served).collect();
        assert!(missing.is_empty(), "{template} never has {missing:?}");
    }
    platform.finish()
}

/// A world with something of everything.
fn whole() -> World {
    World::shop("127.0.0.1:1", TOKEN)
        .token(Token::of_organization("a second token", "acme"))
        .token(Token::of_group("a third token", "acme", "default"))
}

/// A path of a template, in the shop.
fn example(template: &str) -> String {
    template
        .replace("{organizationSlug}", "acme")
        .replace("{organizationId}", &Organization::team("acme").id())
        .replace("{databaseName}", "shop-next")
        .replace("{groupName}", "default")
        .replace("{instanceName}", "aws-eu-west-1")
        .replace("{username}", "ada")
        .replace("{locationCode}", "aws-eu-west-1")
}

/// The paths of all fields that an answer has.
fn collect(answer: &Json, at: &str, fields: &mut BTreeSet<String>) {
    match answer {
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

/// Status and answer.
fn get(platform: &Platform, token: &str, target: &str) -> Result<(u16, Json)> {
    let (status, _, body) = fetch(platform, token, target)?;
    let answer = serde_json::from_str(&body).with_context(|| format!("no JSON: {body}"))?;
    Ok((status, answer))
}

/// Status, `retry-after` and body.
fn fetch(platform: &Platform, token: &str, target: &str) -> Result<(u16, Option<String>, String)> {
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
    response.body_mut().as_reader().read_to_string(&mut body)?;
    Ok((response.status().as_u16(), retry_after.transpose()?, body))
}

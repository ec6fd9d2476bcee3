//! Says what the token can read: one cheap request for each resource.

use super::answer::Answer;
use super::client::Client;
use super::endpoint::{Endpoint, Scope};
use super::endpoints::ENDPOINTS;
use super::json::{self, Object};
use super::lists::Lists;
use super::pages::Pages;
use super::plan;
use super::record::Context;
use super::refusals::Refusals;
use super::units;
use crate::clock;
use crate::config::Config;
use crate::error::{Category, Result};
use crate::finding::{Finding, Severity};
use crate::moment;
use crate::output::Output;

/// A token that lives no longer is worth a warning, in seconds.
const SOON: i64 = 86_400;

/// Checks the part of a config that is about the Platform API. Without a token
/// there is nothing to say of it.
pub fn check(config: &Config) -> Result<Vec<Finding>> {
    let client = Client::new(&config.platform);
    if !client.has_token() {
        return Ok(if config.database.is_some() {
            Vec::new()
        } else {
            vec![Finding {
                hint: Some(
                    "add to [connector.secrets]: platform_token = { env = \"TURSO_API_TOKEN\" }"
                        .to_owned(),
                ),
                ..finding(
                    "platform_token",
                    Severity::Warning,
                    "requests go out without a token".to_owned(),
                )
            }]
        });
    }
    let (mut lists, mut output) = (Lists::new(), Output::default());
    let mut findings = vec![token(&client, &mut output)?];
    if findings[0].severity == Severity::Error {
        return Ok(findings);
    }
    for endpoint in ENDPOINTS {
        let tried = can_read(endpoint, config, &client, &mut lists, &mut output);
        let said = |message: &str| finding(endpoint.name, Severity::Info, message.to_owned());
        findings.push(match tried {
            Ok(true) => said("the token may read it"),
            Ok(false) => said("there is nothing that it could be asked of"),
            Err(error) if error.category == Category::Denied => {
                said("[[connector.allow]] does not allow it")
            }
            Err(error) => Finding {
                hint: error.hint,
                ..finding(endpoint.name, Severity::Warning, error.message)
            },
        });
    }
    Ok(findings)
}

/// Whether the token is good, and how long.
fn token(client: &Client, output: &mut Output) -> Result<Finding> {
    let path = "/v1/auth/validate";
    let fetch = client.send(false, path.to_owned(), output);
    let body = match client.answer(fetch, output) {
        Ok(body) => body,
        Err(error) if error.category == Category::Authentication => {
            return Ok(Finding {
                hint: error.hint,
                ..finding("platform_token", Severity::Error, error.message)
            });
        }
        Err(error) => return Err(error),
    };
    let root = serde_json::from_str(&body).ok();
    let expires = root
        .and_then(Object::of)
        .and_then(|object| object.get("exp").and_then(json::integer));
    Ok(of_expiry(expires, clock::unix_micros() / 1_000_000))
}

fn of_expiry(expires: Option<i64>, now: i64) -> Finding {
    let warning = |message: &str, hint: &str| Finding {
        hint: Some(hint.to_owned()),
        ..finding("platform_token", Severity::Warning, message.to_owned())
    };
    match expires {
        None => warning(
            "the API does not say when the token expires",
            "look at it with `turso auth api-tokens list`",
        ),
        Some(..0) => warning(
            "the token never expires",
            "make one that does, and give the connector that",
        ),
        Some(expires) if expires - now < SOON => warning(
            &format!("the token expires at {}", at(expires)),
            "make another with `turso auth api-tokens mint NAME`",
        ),
        Some(expires) => finding(
            "platform_token",
            Severity::Info,
            format!("the token is good until {}", at(expires)),
        ),
    }
}

fn at(seconds: i64) -> String {
    let time = moment::timestamp(seconds.saturating_mul(1_000_000));
    format!("{}Z", time.get(..19).unwrap_or(&time))
}

/// Asks an endpoint for the first that it can be asked of. False if there is
/// none.
fn can_read(
    endpoint: &'static Endpoint,
    config: &Config,
    client: &Client,
    lists: &mut Lists,
    output: &mut Output,
) -> Result<bool> {
    let mut refusals = Refusals::new(endpoint);
    let settings = &config.platform;
    let targets = plan::targets(endpoint, settings, client, lists, &mut refusals, output)?;
    let Some(first) = targets.into_iter().next() else {
        refusals.judge(client, lists, output)?;
        return Ok(false);
    };
    let (from, to) = moment::month(clock::today());
    let first = Context {
        window: endpoint
            .increment
            .filter(|increment| *increment == super::endpoint::Increment::Days)
            .map(|_| (moment::start_of_day(from), moment::start_of_day(to))),
        ..first
    };
    let path = units::path(endpoint, &first);
    if super::is_list(endpoint) {
        lists.bodies(client, endpoint, &path, output)?;
        return Ok(true);
    }
    let path = Pages::new(path, endpoint.paging.small()).first();
    let fetch = client.send(endpoint.scope == Scope::Region, path.clone(), output);
    let body = client.answer(fetch, output)?;
    Answer::of(&body, endpoint.selector, &path)?;
    Ok(true)
}

fn finding(subject: &str, severity: Severity, message: String) -> Finding {
    Finding {
        subject: subject.to_owned(),
        severity,
        message,
        hint: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_ends_soon_or_never_is_worth_a_warning() {
        for (expires, severity, part) in [
            (
                Some(1_700_086_399),
                Severity::Warning,
                "expires at 2023-11-15T22:13:19Z",
            ),
            (
                Some(1_700_172_800),
                Severity::Info,
                "good until 2023-11-16T22:13:20Z",
            ),
            (Some(-1), Severity::Warning, "never"),
            (None, Severity::Warning, "does not say"),
        ] {
            let finding = of_expiry(expires, 1_700_000_000);
            assert_eq!(finding.severity, severity);
            assert!(finding.message.contains(part), "{}", finding.message);
        }
    }
}

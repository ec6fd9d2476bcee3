//! Checks what the token can read, with one cheap request for each resource.

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
use crate::describe::PLATFORM_TOKEN;
use crate::error::{Category, Result};
use crate::finding::{Finding, Severity};
use crate::moment;
use crate::output::Output;

/// Remaining seconds of a token's life below which a finding is a warning.
const SHORT_LIFE_SECONDS: i64 = 86_400;

/// Checks the settings of the Platform API. Without a token there are no
/// findings, unless no database is configured either.
pub fn check(config: &Config) -> Result<Vec<Finding>> {
    let client = Client::new(&config.platform);
    if !client.has_token() {
        return Ok(if config.database.is_some() {
            Vec::new()
        } else {
            let message = "requests are sent without a token";
            vec![
                Finding::new(PLATFORM_TOKEN, Severity::Warning, message)
                    .hint(format!("provide the secret `{PLATFORM_TOKEN}`")),
            ]
        });
    }
    let (mut lists, mut output) = (Lists::new(), Output::default());
    let mut findings = vec![token(&client, &mut output)?];
    if findings[0].severity == Severity::Error {
        return Ok(findings);
    }
    for endpoint in ENDPOINTS {
        let tried = can_read(endpoint, config, &client, &mut lists, &mut output);
        let info = |message| Finding::new(endpoint.name, Severity::Info, message);
        findings.push(match tried {
            Ok(true) => info("the token can read the resource"),
            Ok(false) => info("nothing exists that the resource could be read for"),
            Err(error) if error.category == Category::Denied => {
                info("the host denies the requests of the resource")
            }
            Err(error) => Finding {
                hint: error.hint,
                ..Finding::new(endpoint.name, Severity::Warning, error.message)
            },
        });
    }
    Ok(findings)
}

/// Checks that the API accepts the token, and when it expires.
fn token(client: &Client, output: &mut Output) -> Result<Finding> {
    let path = "/v1/auth/validate";
    let fetch = client.send(false, path.to_owned(), output);
    let body = match client.answer(fetch, output) {
        Ok(body) => body,
        Err(error) if error.category == Category::Authentication => {
            return Ok(Finding {
                hint: error.hint,
                ..Finding::new(PLATFORM_TOKEN, Severity::Error, error.message)
            });
        }
        Err(error) => return Err(error),
    };
    let root = serde_json::from_str(&body).ok();
    let expires = root
        .and_then(Object::of)
        .and_then(|object| object.get("exp").and_then(json::integer));
    Ok(expiry_finding(expires, clock::unix_micros() / 1_000_000))
}

/// Describes the expiry of the token. Times are in seconds since 1970, and
/// negative for a token that does not expire.
fn expiry_finding(expires: Option<i64>, now: i64) -> Finding {
    let warning = |message: &str, hint: &str| {
        Finding::new(PLATFORM_TOKEN, Severity::Warning, message).hint(hint)
    };
    match expires {
        None => warning(
            "the API does not state when the token expires",
            "list the tokens with `turso auth api-tokens list`",
        ),
        Some(..0) => warning(
            "the token does not expire",
            "provide a token with an expiry date",
        ),
        Some(expires) if expires - now < SHORT_LIFE_SECONDS => warning(
            &format!(
                "the token expires at {}",
                moment::timestamp_seconds(expires)
            ),
            "create another token with `turso auth api-tokens mint NAME`",
        ),
        Some(expires) => Finding::new(
            PLATFORM_TOKEN,
            Severity::Info,
            format!(
                "the token is valid until {}",
                moment::timestamp_seconds(expires)
            ),
        ),
    }
}

/// Requests an endpoint for its first target. False if it has no target.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_expires_soon_or_not_at_all_is_a_warning() {
        for (expires, severity, part) in [
            (
                Some(1_700_086_399),
                Severity::Warning,
                "expires at 2023-11-15T22:13:19Z",
            ),
            (
                Some(1_700_172_800),
                Severity::Info,
                "valid until 2023-11-16T22:13:20Z",
            ),
            (Some(-1), Severity::Warning, "does not expire"),
            (None, Severity::Warning, "does not state"),
        ] {
            let finding = expiry_finding(expires, 1_700_000_000);
            assert_eq!(finding.severity, severity);
            assert!(finding.message.contains(part), "{}", finding.message);
        }
    }
}

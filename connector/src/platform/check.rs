//! Checks what the token can read, with one cheap request for each resource.

use super::client::Client;
use super::endpoint::{Endpoint, Incremental, Scope};
use super::endpoints::{self, ENDPOINTS};
use super::json::{self, Object};
use super::page::RecordPage;
use super::paginator::Paginator;
use super::parent_lists::ParentLists;
use super::partial_failures::PartialFailures;
use super::partitions::{PartitionContext, request_path};
use super::targets::targets;
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
pub async fn check(config: &Config) -> Result<Vec<Finding>> {
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
    let (mut lists, mut output) = (ParentLists::default(), Output::default());
    let mut findings = vec![check_token(&client, &mut output).await?];
    if findings[0].severity == Severity::Error {
        return Ok(findings);
    }
    for endpoint in ENDPOINTS {
        let result = can_read(endpoint, config, &client, &mut lists, &mut output).await;
        let info = |message| Finding::new(endpoint.name, Severity::Info, message);
        findings.push(match result {
            Ok(true) => info("the token can read the resource"),
            Ok(false) => info(
                "the resource has no rows, because the objects that it belongs to do not exist",
            ),
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
async fn check_token(client: &Client, output: &mut Output) -> Result<Finding> {
    let path = "/v1/auth/validate";
    let body = match client.get(false, path, output).await {
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
        .and_then(Object::parse)
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
            "create another token with `turso auth api-tokens mint NAME --org ORGANIZATION`",
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
async fn can_read(
    endpoint: &'static Endpoint,
    config: &Config,
    client: &Client,
    lists: &mut ParentLists,
    output: &mut Output,
) -> Result<bool> {
    let mut failures = PartialFailures::new(endpoint);
    let settings = &config.platform;
    let targets = targets(endpoint, settings, client, lists, &mut failures, output).await?;
    let Some(first) = targets.into_iter().next() else {
        failures.check_any_success(client, lists, output).await?;
        return Ok(false);
    };
    let (from, to) = moment::month(clock::today());
    let first = PartitionContext {
        window: endpoint
            .incremental
            .filter(|incremental| *incremental == Incremental::Days)
            .map(|_| (moment::start_of_day(from), moment::start_of_day(to))),
        ..first
    };
    let path = request_path(endpoint, &first);
    if endpoints::is_parent(endpoint) {
        lists.bodies(client, endpoint, &path, output).await?;
        return Ok(true);
    }
    let path = Paginator::new(path, endpoint.pagination.with_small_pages()).first();
    let is_region = endpoint.scope == Scope::Region;
    let body = client.get(is_region, &path, output).await?;
    RecordPage::parse(&body, endpoint.selector, &path)?;
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

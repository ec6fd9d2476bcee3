//! Errors of the Platform API, in the categories of the contract. Must not
//! repeat more of a body than its reason.

use serde_json::value::RawValue;

use super::json::{self, JsonWriter, Object};
use super::secret_fields;
use crate::error::{Category, Error};
use crate::failure::{ErrorResponse, reason};

/// Classifies a response whose status is not 200. `request` is for people.
pub(super) fn from_status(
    status: u16,
    retry_after: Option<u64>,
    body: &str,
    request: &str,
) -> Error {
    let stated = reason_in(body);
    let response = ErrorResponse {
        status,
        retry_after,
        reason: &stated,
        subject: request,
    };
    match status {
        400 | 402 | 403 if stated.contains("feature_not_available") => response
            .error(Category::Permission, "the request is not permitted")
            .hint("leave the resource out: the plan of the organization does not include it"),
        401 => response
            .error(Category::Authentication, "the token was not accepted")
            .hint(token_hint(&stated)),
        402 => response.error(Category::Permission, "the request is not permitted").hint(
            "check the billing page of the organization: its plan does not include the resource, or an \
             invoice is due",
        ),
        403 => response.error(Category::Permission, "the request is not permitted").hint(
            "check the permissions of the token, and `organization` if it is set: a token of a group \
             cannot read an organization, and some resources need an admin, an owner or a larger plan",
        ),
        404 | 410 => response
            .error(Category::NotFound, "nothing exists at this path")
            .hint("check `organization`"),
        429 => response
            .retryable(Category::RateLimited, "the API limits the rate of requests")
            .hint("try again later, or lower `concurrency`"),
        408 | 409 | 500..600 => response
            .retryable(Category::Unavailable, "the API is not available")
            .hint("try again later"),
        300..400 => response
            .error(Category::Protocol, "the API redirects to another URL")
            .hint("set `platform_url` to the URL of the redirect"),
        _ => response
            .error(Category::Protocol, "the API does not accept the request")
            .hint(CHECK_URL),
    }
}

/// Creates the error of a response that differs from the API's documentation.
pub(super) fn protocol(request: &str, problem: &str) -> Error {
    Error::new(Category::Protocol, format!("{request}: {problem}")).hint(CHECK_URL)
}

/// Returns true for a failure of one organization, group or database that does
/// not affect the others. The operator has to fix the remaining ones.
pub(super) fn is_partial(error: &Error) -> bool {
    !matches!(
        error.category,
        Category::Authentication | Category::Denied | Category::Config | Category::Internal
    )
}

/// Hint for a response that the API does not document.
const CHECK_URL: &str = "check that `platform_url` is the URL of Turso's Platform API, and that the \
                         connector is up to date";

/// Returns the hint for a token that the API does not accept.
fn token_hint(stated: &str) -> &'static str {
    if stated.contains("jwt id") {
        "create a token of the Platform API with `turso auth api-tokens mint NAME --org ORGANIZATION`: \
         `platform_token` is a token of a database or a group"
    } else if stated.contains("expired") {
        "create another token with `turso auth api-tokens mint NAME --org ORGANIZATION`: this one has expired"
    } else {
        "create a token of the Platform API with `turso auth api-tokens mint NAME --org ORGANIZATION`, provide it as \
         the secret `platform_token`, and allow it for the origin of `platform_url`"
    }
}

/// Returns the reason in an error body, with its code. `error` is documented as
/// a text, but is not always one.
fn reason_in(body: &str) -> String {
    let raw: Option<&RawValue> = serde_json::from_str(body).ok();
    let object = raw.and_then(Object::parse);
    let member = |name: &str| {
        let value = object.as_ref()?.get(name)?;
        Some(
            json::text(value)
                .unwrap_or_else(|| JsonWriter::new(secret_fields::is_secret).write(value)),
        )
    };
    let stated = member("error").or_else(|| member("message"));
    let stated = match (stated, member("code")) {
        (Some(reason), Some(code)) => format!("{reason}, {code}"),
        (Some(reason), None) | (None, Some(reason)) => reason,
        // Not JSON: the page of a proxy, or an empty body.
        (None, None) if object.is_none() => body.to_owned(),
        (None, None) => String::new(),
    };
    reason(&stated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, body: &str) -> Error {
        from_status(status, Some(7_000), body, "GET /v1/user")
    }

    #[test]
    fn statuses_become_categories() {
        for (status, body, category, retryable) in [
            (
                401,
                r#"{"error":"token contains an invalid number of segments"}"#,
                Category::Authentication,
                false,
            ),
            (402, "{}", Category::Permission, false),
            (403, r#"{"error":"no"}"#, Category::Permission, false),
            (
                400,
                r#"{"error":"x","code":"feature_not_available_for_starter_plan"}"#,
                Category::Permission,
                false,
            ),
            (404, "", Category::NotFound, false),
            (409, r#"{"error":"busy"}"#, Category::Unavailable, true),
            (429, "", Category::RateLimited, true),
            (500, "<html>", Category::Unavailable, true),
            (302, "", Category::Protocol, false),
            (
                400,
                r#"{"error":"invalid from parameter"}"#,
                Category::Protocol,
                false,
            ),
        ] {
            let error = error(status, body);
            assert_eq!(
                (error.category, error.retryable),
                (category, retryable),
                "{status} {body}"
            );
        }
        assert_eq!(error(429, "").retry_after, Some(7_000));
    }

    #[test]
    fn an_error_may_be_of_any_json_type() {
        for (body, expected) in [
            (
                r#"{"error":{"message":"no","token":"x"}}"#,
                r#"{"message":"no"}"#,
            ),
            (r#"{"error":["a",1]}"#, r#"["a",1]"#),
            (r#"{"error":"no","code":"c"}"#, "no, c"),
            (r#"{"message":"no"}"#, "no"),
            (r#"{"jwt":"x"}"#, "no reason given"),
            ("", "no reason given"),
            ("gone\n", "gone"),
        ] {
            assert_eq!(reason_in(body), expected, "{body}");
        }
    }

    #[test]
    fn a_token_of_a_database_is_recognized() {
        let error = error(401, r#"{"error":"could not parse jwt id"}"#);
        assert!(error.hint.unwrap().contains("of a database"));
    }
}

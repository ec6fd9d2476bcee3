//! What the Platform API says when something is wrong, in the words of the
//! contract. Never repeats what a body holds beside its sentence.

use serde_json::value::RawValue;

use super::json::{self, Object};
use crate::error::{Category, Error};
use crate::failure::{ErrorAnswer, reason};

/// An answer with another status than 200. `what` is what was asked, for
/// people.
pub(super) fn from_status(status: u16, retry_after: Option<u64>, body: &str, what: &str) -> Error {
    let said = sentence(body);
    let answer = ErrorAnswer {
        status,
        retry_after,
        reason: &said,
        subject: what,
    };
    match status {
        400 | 402 | 403 if said.contains("feature_not_available") => answer
            .error(Category::Permission, "this is not permitted")
            .hint("the plan of the organization does not have it; leave the resource out"),
        401 => answer
            .error(Category::Authentication, "the token was not accepted")
            .hint(token_hint(&said)),
        402 => answer.error(Category::Permission, "this is not permitted").hint(
            "the plan of the organization does not have it, or an invoice is due; see its billing page",
        ),
        403 => answer.error(Category::Permission, "this is not permitted").hint(
            "look at what the token may do: one of a group reads no organization, and some \
             resources are for admins, owners or larger plans; and at `organization`, if it is set",
        ),
        404 | 410 => answer
            .error(Category::NotFound, "nothing is there")
            .hint("look at `organization` in [connector.config]"),
        408 | 429 => answer
            .retryable(Category::RateLimited, "the API asks to slow down")
            .hint("run again later, or ask for less at once (`concurrency`)"),
        409 | 500..600 => answer
            .retryable(Category::Unavailable, "the API cannot answer now")
            .hint("run again later"),
        300..400 => answer
            .error(Category::Protocol, "the API points elsewhere")
            .hint("put the URL that it points to into `platform_url`"),
        _ => answer
            .error(Category::Protocol, "the API refuses the request")
            .hint(IS_IT),
    }
}

/// An answer that is not what the API is documented to give.
pub(super) fn protocol(what: &str, how: &str) -> Error {
    Error::new(Category::Protocol, format!("{what}: {how}")).hint(IS_IT)
}

const IS_IT: &str = "is `platform_url` the URL of Turso's Platform API, and is this connector as \
                     new as the API?";

fn token_hint(said: &str) -> &'static str {
    if said.contains("jwt id") {
        "`platform_token` is a token of a database or a group; the Platform API wants one of its \
         own: `turso auth api-tokens mint NAME`"
    } else if said.contains("expired") {
        "the token has expired: make another with `turso auth api-tokens mint NAME`"
    } else {
        "put a token of the Platform API (`turso auth api-tokens mint NAME`) into \
         [connector.secrets] as `platform_token`, and name it in `secrets` of the allow-rule"
    }
}

/// The sentence of an error body, and its code. `error` is documented to be
/// a text, and is not always.
fn sentence(body: &str) -> String {
    let raw: Option<&RawValue> = serde_json::from_str(body).ok();
    let object = raw.and_then(Object::of);
    let member = |name: &str| {
        let value = object.as_ref()?.get(name)?;
        Some(
            json::text(value)
                .unwrap_or_else(|| json::Writer::new(super::never::is_secret).written(value)),
        )
    };
    let said = member("error").or_else(|| member("message"));
    let said = match (said, member("code")) {
        (Some(said), Some(code)) => format!("{said}, {code}"),
        (Some(said), None) | (None, Some(said)) => said,
        // Not JSON: the page of a proxy, or nothing.
        (None, None) if object.is_none() => body.to_owned(),
        (None, None) => String::new(),
    };
    reason(&said)
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
    fn an_error_need_not_be_a_text() {
        for (body, said) in [
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
            assert_eq!(sentence(body), said, "{body}");
        }
    }

    #[test]
    fn a_token_of_a_database_is_told_apart() {
        let error = error(401, r#"{"error":"could not parse jwt id"}"#);
        assert!(error.hint.unwrap().contains("of a database"));
    }
}

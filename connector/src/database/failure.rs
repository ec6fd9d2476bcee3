//! What servers say when something is wrong, in the words of the contract.
//!
//! Six shapes of errors are known (`api.md` calls them so, after trials on
//! sqld 0.24.32 and tursodb 0.6.0, and `PROTOCOL.md`); bodies are only ever
//! searched for what is known to be in them.

use crate::error::{Category, Error};
use crate::failure::{ErrorAnswer, Failure, reason};
use crate::hrana::DecodeError;
use crate::hrana::response::SqlError;

/// An answer with another status than 200. `url` is for people.
#[must_use]
pub fn of_status(status: u16, retry_after: Option<u64>, body: &str, url: &str) -> Failure {
    let said = message_in(body);
    let answer = ErrorAnswer {
        status,
        retry_after,
        reason: &said,
        subject: url,
    };
    match status {
        400 if body.contains("STREAM_EXPIRED") || said.contains("baton") => Failure::StreamLost(said),
        404 if said.contains("stream not found") => Failure::StreamLost(said),
        500 if said.contains("invalid utf-8") => Failure::NotUtf8,
        401 => Failure::Other(
            answer
                .error(Category::Authentication, "the token was not accepted")
                .hint(token_hint(&said)),
        ),
        403 if said.contains("forbidden (") || said.contains("operations are forbidden") => {
            Failure::Final(blocked(&said, url))
        }
        403 => Failure::Other(
            answer
                .error(Category::Permission, "this is not permitted")
                .hint("look at what the token may do, and at the organization's list of allowed addresses"),
        ),
        404 if said.contains("Namespace") => Failure::Other(
            answer
                .error(Category::NotFound, "the server does not know this database")
                .hint("look at the name in `database_url`; a token that was made for another database gives the same answer"),
        ),
        404 => Failure::NoSuchEndpoint(
            answer
                .error(Category::NotFound, "nothing is there")
                .hint("look at `database_url`; a token that was made for another database gives the same answer"),
        ),
        408 | 429 => Failure::Other(
            answer
                .retryable(Category::RateLimited, "the server asks to slow down")
                .hint("run again later, or ask for less at once (`page_rows`)"),
        ),
        502 => Failure::Other(
            answer
                .retryable(Category::Unavailable, "the database does not answer")
                .hint("databases that nobody has used for days are archived: `turso group unarchive NAME` wakes them"),
        ),
        503 | 504 => Failure::Other(answer.retryable(Category::Unavailable, "the server is not available")),
        300..400 => Failure::Other(
            answer
                .error(Category::Protocol, "the server points elsewhere")
                .hint("put the URL that it points to into `database_url`"),
        ),
        _ => Failure::Other(Error::protocol(format!("{url}: HTTP {status}: {said}"))),
    }
}

/// A statement that failed inside an answer. `subject` is what was being
/// read.
#[must_use]
pub fn of_sql(sql: &SqlError, subject: &str) -> Failure {
    let SqlError { message, code } = sql;
    let error = |category, text: &str| {
        Error::new(category, format!("{subject}: {text} ({code}: {message})"))
    };
    let says = |part: &str| message.contains(part);
    Failure::Other(match code.as_str() {
        "TRANSACTION_TIMEOUT" | "TRANSACTION_BUSY" | "STREAM_EXPIRED" => {
            return Failure::StreamLost(message.clone());
        }
        "BLOCKED" => blocked(message, subject),
        _ if says("operations are forbidden") => blocked(message, subject),
        _ if says("no such table") => error(Category::NotFound, "no such table")
            .hint("was it dropped or renamed? `connector-host list` shows what is there"),
        _ if says("no such column") => error(Category::NotFound, "no such column")
            .hint("has the table changed since it was looked at? run again"),
        _ if says("not authorized") || says("ermission") => {
            error(Category::Permission, "the token may not read this")
                .hint("make a token with `turso db tokens create NAME --read-only`")
        }
        "SQLITE_BUSY" => error(Category::Unavailable, "the database is busy").retryable(),
        "SQL_PARSE_ERROR"
        | "SQL_INPUT_ERROR"
        | "SQL_MANY_STATEMENTS"
        | "SQL_NO_STATEMENT"
        | "PREPARE_ERROR" => error(
            Category::Config,
            "the server does not understand the statement",
        ),
        _ => error(Category::Unavailable, "the statement failed"),
    })
}

/// Whether a statement failed because its rows are too many or too large for
/// one answer.
#[must_use]
pub fn is_too_large(sql: &SqlError) -> bool {
    sql.code == "RESPONSE_TOO_LARGE"
}

/// An answer that does not decode.
#[must_use]
pub fn of_decoding(error: &DecodeError, url: &str) -> Error {
    Error::protocol(format!(
        "{url}: the answer is not what the protocol says: {error}"
    ))
}

fn blocked(said: &str, subject: &str) -> Error {
    Error::new(
        Category::Permission,
        format!("{subject}: reads are blocked ({said})"),
    )
    .hint(
        "the plan's quota is used up or reads were switched off; see the organization's usage page",
    )
}

fn token_hint(said: &str) -> &'static str {
    if said.contains("none given") || said.contains("Expected authorization") {
        "the server wants a token: put it into [connector.secrets] as `database_token`, \
         and name it in `secrets` of the allow-rule"
    } else if said.contains("expired") {
        "the token has expired: make another with `turso db tokens create NAME`"
    } else {
        "this must be a token of the database (`turso db tokens create NAME`), not one of the Platform API"
    }
}

/// The sentence in an error body: JSON with `error` or `message`, or text.
fn message_in(body: &str) -> String {
    let json: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let member = |name| json.as_ref()?.get(name)?.as_str();
    reason(
        member("error")
            .or_else(|| member("message"))
            .unwrap_or(body),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, body: &str) -> Error {
        of_status(status, Some(7_000), body, "https://db").into()
    }

    #[test]
    fn statuses_become_categories() {
        for (status, body, category, retryable) in [
            (
                401,
                r#"{"error":"Unauthorized: `The JWT is invalid`"}"#,
                Category::Authentication,
                false,
            ),
            (
                403,
                r#"{"error":"Authorization forbidden: x"}"#,
                Category::Permission,
                false,
            ),
            (
                404,
                r#"{"error":"Namespace `default` doesn't exist"}"#,
                Category::NotFound,
                false,
            ),
            (404, "Not Found", Category::NotFound, false),
            (
                429,
                r#"{"error":"Too many concurrent requests"}"#,
                Category::RateLimited,
                true,
            ),
            (500, "oops", Category::Protocol, false),
            (502, "", Category::Unavailable, true),
            (301, "", Category::Protocol, false),
        ] {
            let error = error(status, body);
            assert_eq!(
                (error.category, error.retryable),
                (category, retryable),
                "{status} {body}"
            );
            assert!(error.hint.is_some(), "{status}");
        }
        assert_eq!(error(429, "").retry_after, Some(7000));
    }

    #[test]
    fn a_lost_stream_is_known_in_all_its_forms() {
        for (status, body) in [
            (
                400,
                r#"{"message":"The stream has expired due to inactivity","code":"STREAM_EXPIRED"}"#,
            ),
            (400, "Received a baton that has already been used"),
            (400, "Received an invalid baton"),
            (404, r#"{"error":"stream not found: 0fadcb26:01965349"}"#),
        ] {
            assert!(
                matches!(of_status(status, None, body, ""), Failure::StreamLost(_)),
                "{body}"
            );
        }
    }

    #[test]
    fn an_expired_token_is_told_from_a_wrong_one() {
        assert!(
            error(401, "The JWT has expired")
                .hint
                .unwrap()
                .contains("expired")
        );
        assert!(
            error(401, "The JWT is invalid")
                .hint
                .unwrap()
                .contains("Platform API")
        );
        assert!(
            error(401, "Expected authorization header but none given")
                .hint
                .unwrap()
                .contains("database_token")
        );
    }

    #[test]
    fn sql_errors_become_categories() {
        let of = |code: &str, message: &str| {
            Error::from(of_sql(
                &SqlError {
                    code: code.into(),
                    message: message.into(),
                },
                "orders",
            ))
            .category
        };
        assert_eq!(
            of("SQLITE_UNKNOWN", "SQLite error: no such table: nope"),
            Category::NotFound
        );
        assert_eq!(
            of("SQL_INPUT_ERROR", "no such column: x"),
            Category::NotFound
        );
        assert_eq!(of("BLOCKED", "reads are blocked"), Category::Permission);
        assert_eq!(of("SQL_PARSE_ERROR", "near \"x\""), Category::Config);
    }
}

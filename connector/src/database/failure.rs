//! Errors of database servers, in the categories of the contract.
//!
//! Bodies are only searched for text that trials on sqld 0.24.32 and tursodb
//! 0.6.0 have shown. Six shapes of errors are known.

use crate::error::{Category, Error};
use crate::failure::{ErrorResponse, Failure, reason};
use crate::hrana::DecodeError;
use crate::hrana::response::SqlError;

/// Code of a statement whose result does not fit one response.
const TOO_LARGE: &str = "RESPONSE_TOO_LARGE";

/// Classifies a response with another status than 200. `url` is for messages.
#[must_use]
pub fn from_status(status: u16, retry_after: Option<u64>, body: &str, url: &str) -> Failure {
    let message = message_in(body);
    let response = ErrorResponse {
        status,
        retry_after,
        reason: &message,
        subject: url,
    };
    let error = |category, problem| response.error(category, problem);
    match status {
        400 if body.contains("STREAM_EXPIRED") || message.contains("baton") => {
            Failure::StreamLost(message)
        }
        404 if message.contains("stream not found") => Failure::StreamLost(message),
        500 if message.contains("invalid utf-8") => Failure::NotUtf8,
        401 => Failure::Other(
            error(Category::Authentication, "the server did not accept the token")
                .hint(token_hint(&message)),
        ),
        403 if message.contains("forbidden (") || message.contains("operations are forbidden") => {
            Failure::Final(reads_blocked(&message, url))
        }
        403 => Failure::Other(
            error(Category::Permission, "the server did not permit the request").hint(
                "check the permissions of the token and the organization's list of allowed addresses",
            ),
        ),
        404 if message.contains("Namespace") => Failure::Other(
            error(Category::NotFound, "the server does not have this database").hint(
                "check the name in `database_url`; a token of another database causes the same response",
            ),
        ),
        404 => Failure::NoSuchEndpoint(
            error(Category::NotFound, "the server does not have this path").hint(
                "check `database_url`; a token of another database causes the same response",
            ),
        ),
        429 => Failure::Other(
            response
                .retryable(Category::RateLimited, "the server limits the request rate")
                .hint("run again later, or lower `page_rows`"),
        ),
        502 => Failure::Other(
            response
                .retryable(Category::Unavailable, "the database did not respond")
                .hint("Turso archives databases after days without use; `turso group unarchive NAME` restores them"),
        ),
        408 | 503 | 504 => Failure::Other(
            response.retryable(Category::Unavailable, "the server is not available"),
        ),
        300..400 => Failure::Other(
            error(Category::Protocol, "the server redirects to another URL")
                .hint("set `database_url` to that URL"),
        ),
        _ => Failure::Other(Error::protocol(format!("{url}: HTTP {status}: {message}"))),
    }
}

/// Classifies a failed statement. `subject` is the resource or part that was
/// read.
#[must_use]
pub fn from_sql_error(sql: &SqlError, subject: &str) -> Failure {
    let SqlError { message, code } = sql;
    let error = |category, text: &str| {
        Error::new(category, format!("{subject}: {text} ({code}: {message})"))
    };
    let says = |part: &str| message.contains(part);
    Failure::Other(match code.as_str() {
        "TRANSACTION_TIMEOUT" | "TRANSACTION_BUSY" | "STREAM_EXPIRED" => {
            return Failure::StreamLost(message.clone());
        }
        "BLOCKED" => reads_blocked(message, subject),
        TOO_LARGE => error(Category::Data, "a row is larger than the server can send")
            .hint("omit the large column, or read a part of it with a query, such as `substr`"),
        // A limit of the server on values, which a file that was uploaded may exceed.
        "SQLITE_TOOBIG" => error(Category::Data, "a value is larger than the server can read")
            .hint("omit the large column with `columns`"),
        _ if says("operations are forbidden") => reads_blocked(message, subject),
        _ if says("no such table") => error(Category::NotFound, "the table does not exist")
            .hint("check if the table was dropped or renamed"),
        _ if says("no such column") => error(Category::NotFound, "the column does not exist")
            .hint("run again, in case the table changed during the read"),
        _ if says("not authorized") || says("ermission") => {
            error(Category::Permission, "the token does not permit this read")
                .hint("make a token with `turso db tokens create NAME --read-only`")
        }
        "SQLITE_BUSY" => error(Category::Unavailable, "the database is busy").retryable(),
        "SQL_PARSE_ERROR"
        | "SQL_INPUT_ERROR"
        | "SQL_MANY_STATEMENTS"
        | "SQL_NO_STATEMENT"
        | "PREPARE_ERROR" => error(Category::Config, "the server rejected the statement"),
        _ => error(Category::Unavailable, "the statement failed"),
    })
}

/// Returns true if the rows of a statement were too many or too large for one
/// response.
#[must_use]
pub fn is_too_large(sql: &SqlError) -> bool {
    sql.code == TOO_LARGE
}

/// Returns the error of a response that could not be decoded.
#[must_use]
pub fn from_decode_error(error: &DecodeError, url: &str) -> Error {
    Error::protocol(format!(
        "{url}: the response violates the protocol: {error}"
    ))
}

fn reads_blocked(message: &str, subject: &str) -> Error {
    Error::new(
        Category::Permission,
        format!("{subject}: reads are blocked ({message})"),
    )
    .hint(
        "the plan's quota is used up or reads are turned off; check the organization's usage page",
    )
}

fn token_hint(message: &str) -> &'static str {
    if message.contains("none given") || message.contains("Expected authorization") {
        "the server requires a token: set the secret `database_token`, and grant it to this origin"
    } else if message.contains("expired") {
        "the token has expired: make another one with `turso db tokens create NAME`"
    } else {
        "use a token of the database (`turso db tokens create NAME`), not one of the Platform API"
    }
}

/// Returns the message in an error body: JSON with `error` or `message`, or
/// text.
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
        from_status(status, Some(7_000), body, "https://db").into()
    }

    #[test]
    fn every_status_has_a_category() {
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
    fn a_lost_stream_is_recognized_in_every_form() {
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
                matches!(from_status(status, None, body, ""), Failure::StreamLost(_)),
                "{body}"
            );
        }
    }

    #[test]
    fn an_expired_token_has_another_hint_than_a_wrong_one() {
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
    fn every_sql_error_has_a_category() {
        let category = |code: &str, message: &str| {
            Error::from(from_sql_error(
                &SqlError {
                    code: code.into(),
                    message: message.into(),
                },
                "orders",
            ))
            .category
        };
        assert_eq!(
            category("SQLITE_UNKNOWN", "SQLite error: no such table: nope"),
            Category::NotFound
        );
        assert_eq!(
            category("SQL_INPUT_ERROR", "no such column: x"),
            Category::NotFound
        );
        assert_eq!(
            category("BLOCKED", "reads are blocked"),
            Category::Permission
        );
        assert_eq!(category("SQL_PARSE_ERROR", "near \"x\""), Category::Config);
    }
}

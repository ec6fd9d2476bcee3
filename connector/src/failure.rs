//! Failures of requests: what a caller does about each, and what all error
//! responses over HTTP have in common. Must not know a server's statuses and
//! texts: [`crate::database::failure`] and [`crate::platform`] do.

use crate::error::{Category, Error};

/// Maximum length of a server's reason in a message, in characters.
const MAX_REASON_CHARS: usize = 300;

/// Failure of a request on a stream.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The server lost the stream, and with it the transaction.
    StreamLost(String),
    /// The response to a prefetched request was lost, and with it the
    /// transaction. The request may be one that the server cannot answer.
    PrefetchLost,
    /// A text is not UTF-8, so the server cannot send the response.
    NotUtf8,
    /// The server does not have the path.
    NoSuchEndpoint(Error),
    /// A failure that another attempt does not fix.
    Final(Error),
    /// Any other failure.
    Other(Error),
}

/// Response with a status that reports a failure.
#[derive(Clone, Copy, Debug)]
pub struct ErrorResponse<'a> {
    /// HTTP status.
    pub status: u16,
    /// Delay that the server requested, in milliseconds, if present.
    pub retry_after: Option<u64>,
    /// Reason that the body states.
    pub reason: &'a str,
    /// URL or request, for the message.
    pub subject: &'a str,
}

impl Failure {
    /// True if the server limits the rate of requests.
    #[must_use]
    pub fn is_rate_limit(&self) -> bool {
        matches!(self, Self::Other(error) if error.limited_by.is_some())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::StreamLost(reason) => Self::new(
                Category::Unavailable,
                format!("the server closed the stream: {reason}"),
            )
            .retryable(),
            Failure::PrefetchLost => Self::new(
                Category::Unavailable,
                "the response to a prefetched request was lost",
            )
            .retryable(),
            Failure::NotUtf8 => Self::new(
                Category::Data,
                "the server could not send a text that is not UTF-8",
            ),
            Failure::NoSuchEndpoint(error) | Failure::Final(error) | Failure::Other(error) => error,
        }
    }
}

impl ErrorResponse<'_> {
    /// Creates an error that another attempt does not fix. `problem` is a
    /// clause for the message.
    #[must_use]
    pub fn error(&self, category: Category, problem: &str) -> Error {
        let Self {
            status,
            reason,
            subject,
            ..
        } = self;
        Error::new(
            category,
            format!("{subject}: {problem} (HTTP {status}: {reason})"),
        )
    }

    /// Creates an error after which the request may be repeated, not before
    /// the server's `Retry-After`.
    #[must_use]
    pub fn retryable(&self, category: Category, problem: &str) -> Error {
        let limited_by = (category == Category::RateLimited).then(|| origin(self.subject));
        Error {
            retry_after: self.retry_after,
            limited_by,
            ..self.error(category, problem).retryable()
        }
    }
}

/// Returns the origin of a URL, without its path.
fn origin(url: &str) -> String {
    let begin = url.find("://").map_or(0, |at| at + 3);
    let length = url[begin..].find('/').unwrap_or(url.len() - begin);
    url[..begin + length].to_owned()
}

/// Returns a server's reason in the form that messages show: without control
/// characters and of bounded length.
#[must_use]
pub fn reason(text: &str) -> String {
    let text: String = text
        .trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_REASON_CHARS)
        .collect();
    if text.is_empty() {
        "no reason given".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_limit_is_that_of_an_origin() {
        for (url, expected) in [
            ("https://api.example/v1/x?a=b", "https://api.example"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("a", "a"),
        ] {
            let response = ErrorResponse {
                status: 429,
                retry_after: None,
                reason: "",
                subject: url,
            };
            let limited = response.retryable(Category::RateLimited, "busy");
            assert_eq!(limited.limited_by.as_deref(), Some(expected));
            let down = response.retryable(Category::Unavailable, "down");
            assert_eq!(down.limited_by, None);
        }
    }

    #[test]
    fn a_reason_is_short_and_printable() {
        assert_eq!(reason(" no\u{1b}[31m\n"), "no[31m");
        assert_eq!(reason("\n"), "no reason given");
        assert_eq!(reason(&"x".repeat(1_000)).len(), MAX_REASON_CHARS);
    }
}

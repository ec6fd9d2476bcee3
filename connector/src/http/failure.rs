//! Errors of requests that got no response, and of bodies that failed: what
//! happened, and what to do about it. Must not know a server's statuses: the
//! callers of [`super::send`] do.

use std::time::Duration;

use super::body::TooLarge;
use crate::bindings::wasi::http::types::ErrorCode;
use crate::error::{Category, Error};

/// Creates the error of a request that got no response.
pub(super) fn from_code(code: &ErrorCode, url: &str) -> Error {
    match code {
        ErrorCode::HttpRequestDenied => Error::new(
            Category::Denied,
            format!("{url}: the host denied the request"),
        )
        .hint("allow the origin, method and path of the request"),
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) => {
            unavailable(url, "the host name cannot be resolved")
                .unreachable()
                .hint("check the host name of the URL")
        }
        ErrorCode::ConnectionRefused
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationNotFound => {
            unavailable(url, "no server accepts connections at this address")
                .unreachable()
                .hint("check that the server runs and that the port of the URL is right")
        }
        ErrorCode::ConnectionTimeout | ErrorCode::DestinationIpUnroutable => {
            unavailable(url, "the connection cannot be established")
                .unreachable()
                .hint("check that the server runs, and that no firewall blocks the connection")
        }
        ErrorCode::ConnectionReadTimeout => {
            unavailable(url, "the server was silent for too long").slow()
        }
        ErrorCode::TlsCertificateError => Error::new(
            Category::Unavailable,
            format!("{url}: the server's certificate is not valid for this host name"),
        )
        .hint("use a URL with `http://` for a server without a certificate"),
        ErrorCode::TlsProtocolError => Error::new(
            Category::Unavailable,
            format!("{url}: the server does not speak TLS"),
        )
        .hint("use a URL with `http://` for a server without TLS"),
        ErrorCode::HttpResponseBodySize(_) => too_large(url, "the host allows")
            .hint("lower `page_rows`, or raise the host's limit of a response (`response`)"),
        other => unavailable(url, &format!("the connection failed ({other:?})")),
    }
}

/// Creates the error of a body that failed, some time after the head of the
/// response arrived. A host may not know why the body failed.
pub(super) fn from_body(code: Option<&ErrorCode>, url: &str, elapsed: Duration) -> Error {
    let late = |problem: &str| {
        let seconds = elapsed.as_secs();
        let problem = format!("the response did not end within {seconds} s: {problem}");
        unavailable(url, &problem).slow()
    };
    let Some(code) = code else {
        return ended_early(url);
    };
    match code {
        ErrorCode::HttpResponseTimeout => late("it was slower than the host's minimum rate").hint(
            "run again later, or lower the host's minimum rate of a response (`response_rate`)",
        ),
        ErrorCode::ConnectionReadTimeout => {
            late("the server was silent for too long").hint("run again later")
        }
        ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => ended_early(url),
        ErrorCode::HttpResponseContentCoding(_) => {
            unavailable(url, "the response cannot be decompressed")
        }
        ErrorCode::HttpProtocolError | ErrorCode::TlsProtocolError => {
            unavailable(url, "the response violates the protocol of the connection")
        }
        other => from_code(other, url),
    }
}

/// Creates the error of a body that does not fit in memory.
pub(super) fn from_size(TooLarge(max): TooLarge, url: &str) -> Error {
    too_large(url, &format!("{} MiB", max >> 20))
        .hint("lower `page_rows`, or omit large columns with `columns`")
}

fn too_large(url: &str, max: &str) -> Error {
    let message = format!("{url}: the response is larger than {max}");
    Error::new(Category::Data, message)
}

fn unavailable(url: &str, problem: &str) -> Error {
    Error::new(Category::Unavailable, format!("{url}: {problem}")).retryable()
}

fn ended_early(url: &str) -> Error {
    unavailable(url, "the response ended early")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_body_names_its_cause() {
        let elapsed = Duration::from_secs(61);
        for (code, part, retryable, slow) in [
            (None, "ended early", true, false),
            (
                Some(ErrorCode::ConnectionTerminated),
                "ended early",
                true,
                false,
            ),
            (
                Some(ErrorCode::HttpResponseIncomplete),
                "ended early",
                true,
                false,
            ),
            (
                Some(ErrorCode::HttpResponseBodySize(Some(9))),
                "larger than the host allows",
                false,
                false,
            ),
            (
                Some(ErrorCode::HttpResponseTimeout),
                "within 61 s: it was slower than",
                true,
                true,
            ),
            (
                Some(ErrorCode::ConnectionReadTimeout),
                "within 61 s: the server was silent",
                true,
                true,
            ),
            (
                Some(ErrorCode::HttpRequestDenied),
                "the host denied",
                false,
                false,
            ),
            (
                Some(ErrorCode::HttpResponseContentCoding(None)),
                "cannot be decompressed",
                true,
                false,
            ),
        ] {
            let error = from_body(code.as_ref(), "http://db", elapsed);
            assert!(error.message.contains(part), "{error}");
            assert_eq!((error.retryable, error.slow), (retryable, slow), "{error}");
        }
    }
}

//! Names of request headers: those that any connector may set, those that a rule
//! can name, and those that belong to the host.

use http::header::{self, HeaderName};

use super::RuleError;

/// Headers that a connector may set without a rule. They describe the request to
/// the program that answers it. Others may choose a tenant, a server or an
/// identity.
const USUAL: [&str; 8] = [
    "accept",
    "accept-language",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "user-agent",
];

/// Headers that ask for parts of a response. A credential that a server returns
/// in parts is not found.
const PARTIAL: [&str; 2] = ["if-range", "range"];

/// Headers that the host sets itself. Those of a connector are dropped.
const REPLACED: [HeaderName; 3] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::ACCEPT_ENCODING,
];

/// Headers that belong to the host because they frame or route a request, or
/// claim where it is from. No rule can name one, and a connector that sets one
/// gets an error.
const RESERVED: [&str; 26] = [
    "connection",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    // Names the proxy to use, for programs behind CGI.
    "proxy",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    // Claims about the origin of a request.
    "cf-connecting-ip",
    "client-ip",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-forwarded",
    "x-real-ip",
    // Replaces the checked method, path or host, on servers that honour it.
    "x-host",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-host",
    "x-original-url",
    "x-rewrite-url",
];

/// Returns true if a header belongs to the host. Many servers read `_` as `-`.
pub(in super::super) fn is_reserved(name: &HeaderName) -> bool {
    let dashed = name.as_str().replace('_', "-");
    RESERVED.contains(&dashed.as_str())
        || dashed.starts_with("proxy-")
        || dashed.starts_with("x-forwarded-")
        // The host sets them itself and drops those of the connector, but not
        // `content_length`.
        || REPLACED.iter().any(|replaced| dashed == replaced.as_str() && name != replaced)
}

/// Returns true if the host sets a header itself, whatever a connector sets.
pub(in super::super) fn is_replaced(name: &HeaderName) -> bool {
    REPLACED.contains(name)
}

/// Returns true if a connector may set a header without a rule.
pub(in super::super) fn is_usual(name: &HeaderName) -> bool {
    USUAL.contains(&name.as_str())
}

/// Returns true if a header asks for a part of the response.
pub(in super::super) fn is_partial(name: &HeaderName) -> bool {
    PARTIAL.contains(&name.as_str().replace('_', "-").as_str())
}

/// Returns the header that a rule names.
pub(super) fn grantable(written: &str) -> Result<HeaderName, RuleError> {
    let refused = || RuleError::Header(written.to_owned());
    let name = HeaderName::from_bytes(written.as_bytes()).map_err(|_| refused())?;
    let belongs_to_host = name == header::AUTHORIZATION || is_replaced(&name) || is_reserved(&name);
    if belongs_to_host {
        return Err(refused());
    }
    Ok(name)
}

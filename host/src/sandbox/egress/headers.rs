//! Which request headers a connector may set, and the one in which a
//! reference becomes a credential.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::denial::Reason;
use crate::model::Secret;
use crate::sandbox::secrets::GrantedSecrets;

/// Headers that frame or route, or that speak for somebody: the host's own.
/// The connector's attempt to set one is an error that it sees.
const RESERVED: [&str; 26] = [
    "connection",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    // The proxy to use, to programs behind CGI.
    "proxy",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    // Where a request came from.
    "cf-connecting-ip",
    "client-ip",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-forwarded",
    "x-real-ip",
    // Another method, path or host than was judged, to servers that heed it.
    "x-host",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-host",
    "x-original-url",
    "x-rewrite-url",
];

/// Whether a header belongs to the host. Many servers read `_` as `-`.
#[must_use]
pub(super) fn is_reserved(name: &HeaderName) -> bool {
    let dashed = name.as_str().replace('_', "-");
    RESERVED.contains(&dashed.as_str())
        || dashed.starts_with("proxy-")
        || dashed.starts_with("x-forwarded-")
        // The host counts what it sends; with the dash it drops the count of
        // the connector, which is another name than this.
        || (dashed == "content-length" && name != header::CONTENT_LENGTH)
}

/// Takes the credential out of the headers: the name and the value of the
/// secret that its reference stands for.
pub(super) fn take_credential(
    headers: &mut HeaderMap,
    secrets: &GrantedSecrets,
) -> Result<Option<(String, Secret)>, Reason> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let reference = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, reference)| reference.trim());
    let secret = reference.and_then(|reference| secrets.resolve(reference));
    let (Some((name, secret)), None) = (secret, values.next()) else {
        return Err(Reason::Header("authorization".to_owned()));
    };
    let found = (name.to_owned(), secret.clone());
    headers.remove(header::AUTHORIZATION);
    Ok(Some(found))
}

/// The header that carries a credential. Never shown in logs.
#[must_use]
pub(super) fn credential(secret: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", secret.reveal())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

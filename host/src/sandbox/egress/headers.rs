//! Request headers: those that a connector may set, and the one in which a
//! reference becomes a credential.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::denial::DenialReason;
use crate::model::Secret;
use crate::sandbox::secrets::GrantedSecrets;

/// Headers that belong to the host because they frame or route a request, or
/// claim where it is from. A connector that sets one gets an error.
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
#[must_use]
pub(super) fn is_reserved(name: &HeaderName) -> bool {
    let dashed = name.as_str().replace('_', "-");
    RESERVED.contains(&dashed.as_str())
        || dashed.starts_with("proxy-")
        || dashed.starts_with("x-forwarded-")
        // The host sets the length itself and drops the connector's
        // `content-length`, but not `content_length`.
        || (dashed == "content-length" && name != header::CONTENT_LENGTH)
}

/// Removes the credential from the headers. Returns the name and the value of
/// the secret that its reference stands for.
pub(super) fn take_credential(
    headers: &mut HeaderMap,
    secrets: &GrantedSecrets,
) -> Result<Option<(String, Secret)>, DenialReason> {
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
        return Err(DenialReason::Header("authorization".to_owned()));
    };
    let found = (name.to_owned(), secret.clone());
    headers.remove(header::AUTHORIZATION);
    Ok(Some(found))
}

/// Returns the header value with a credential, marked as sensitive for logs.
#[must_use]
pub(super) fn credential(secret: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", secret.reveal())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

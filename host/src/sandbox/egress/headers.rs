//! Request headers: those of a connector that are refused, and the one in which
//! a reference becomes a credential.

use http::header::{self, HeaderMap, HeaderValue};

use super::denial::DenialReason;
use super::rule::{Allowance, header as names};
use crate::model::Secret;
use crate::sandbox::secrets::GrantedSecrets;

/// Removes the headers that the host sets itself, and fails if it must not send
/// one of the others. The credential is not among them.
pub(super) fn check(
    headers: &mut HeaderMap,
    allowance: &Allowance<'_>,
    has_credential: bool,
) -> Result<(), DenialReason> {
    let replaced: Vec<_> = headers
        .keys()
        .filter(|name| names::is_replaced(name))
        .cloned()
        .collect();
    for name in replaced {
        headers.remove(name);
    }
    for name in headers.keys() {
        if names::is_reserved(name) {
            return Err(DenialReason::Header(name.to_string()));
        }
        if !names::is_usual(name) && !allowance.headers.contains(name.as_str()) {
            return Err(DenialReason::UnlistedHeader(name.to_string()));
        }
        if has_credential && names::is_partial(name) {
            return Err(DenialReason::HeaderWithSecret(name.to_string()));
        }
    }
    Ok(())
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

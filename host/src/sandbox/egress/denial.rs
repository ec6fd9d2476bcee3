//! Denied requests and responses, with the remedy that would allow them.

use std::fmt;

use http::Method;
use url::Url;

use super::address::Special;
use super::rule::{Uncovered, path};
use crate::model::{AllowRule, Remedy};

/// A request that was not sent, or a response that was not passed on.
#[derive(Clone, Debug)]
pub struct Denial {
    method: Method,
    /// Origin of the URL. User, password, query and fragment are left out
    /// because they may hold secrets.
    origin: String,
    path: String,
    reason: DenialReason,
}

/// Reason for a denial.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DenialReason {
    /// No rule covers the request.
    Uncovered(Uncovered),
    /// The host has an address that the rule does not allow.
    Address(Special),
    /// The rule does not name this secret.
    Secret(String),
    /// The connector set this header, which belongs to the host.
    Header(String),
    /// The connector set this header, which no rule names.
    UnlistedHeader(String),
    /// The connector set this header in a request with a credential.
    HeaderWithSecret(String),
    /// The URL is malformed, for this reason.
    Malformed(String),
    /// The response holds the value of this secret.
    Reflection(String),
}

impl Denial {
    /// Creates a denial of a request or its response.
    #[must_use]
    pub fn new(method: &Method, url: &Url, reason: DenialReason) -> Self {
        Self {
            method: method.clone(),
            origin: bounded(&url.origin().ascii_serialization()),
            path: bounded(url.path()),
            reason,
        }
    }

    /// Creates a denial of a request without a valid URL.
    #[must_use]
    pub fn malformed(method: &Method, reason: String) -> Self {
        Self {
            method: method.clone(),
            origin: "a malformed URL".to_owned(),
            path: String::new(),
            reason: DenialReason::Malformed(reason),
        }
    }

    /// Returns the reason for the denial.
    #[must_use]
    pub fn reason(&self) -> &DenialReason {
        &self.reason
    }

    /// Returns what the operator can do.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        let origin = self.origin.clone();
        match &self.reason {
            DenialReason::Uncovered(Uncovered::Origin) => Remedy::AllowOrigin {
                rule: Box::new(AllowRule {
                    origin,
                    methods: vec![self.method.to_string()],
                    paths: vec![path::exact(&self.path).into_owned()],
                    ..AllowRule::default()
                }),
            },
            DenialReason::Uncovered(Uncovered::Method) => Remedy::AllowMethod {
                origin,
                method: self.method.to_string(),
            },
            DenialReason::Uncovered(Uncovered::Path) => Remedy::AllowPath {
                origin,
                path: path::exact(&self.path).into_owned(),
            },
            DenialReason::Uncovered(Uncovered::AmbiguousPath) => {
                "the path contains encoded separators, empty segments or similar parts, which servers interpret differently; the connector must not send it".into()
            }
            DenialReason::Address(_) => Remedy::AllowPrivate { origin },
            DenialReason::Secret(secret) => Remedy::AllowSecret {
                origin,
                secret: secret.clone(),
            },
            DenialReason::Header(_) => "the connector must leave this header to the host".into(),
            DenialReason::UnlistedHeader(header) => Remedy::AllowHeader {
                origin,
                header: header.clone(),
            },
            DenialReason::HeaderWithSecret(_) => {
                "the connector must read the whole response, so that the host can search it for the credential".into()
            }
            DenialReason::Malformed(_) => "the connector must send a valid URL".into(),
            DenialReason::Reflection(secret) => format!(
                "the server returns the credential `{secret}`; do not grant it to this server, and consider it compromised"
            )
            .into(),
        }
    }
}

/// Cuts a part of a URL, whose length the connector chooses.
fn bounded(text: &str) -> String {
    const MAX_BYTES: usize = 1000;

    if text.len() <= MAX_BYTES {
        return text.to_owned();
    }
    format!("{}...", &text[..text.floor_char_boundary(MAX_BYTES)])
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            method,
            origin,
            path,
            reason,
        } = self;
        match reason {
            DenialReason::Uncovered(Uncovered::Origin) => {
                write!(
                    f,
                    "denied {method} {origin}{path}: no rule names this origin"
                )
            }
            DenialReason::Uncovered(Uncovered::Method) => {
                write!(
                    f,
                    "denied {method} {origin}{path}: the rules for this origin do not name the method"
                )
            }
            DenialReason::Uncovered(Uncovered::AmbiguousPath) => {
                write!(
                    f,
                    "denied {method} {origin}{path}: servers interpret this path differently, so no rule covers it"
                )
            }
            DenialReason::Uncovered(Uncovered::Path) => {
                write!(
                    f,
                    "denied {method} {origin}{path}: the rules for this origin do not cover the path"
                )
            }
            DenialReason::Address(special) => {
                write!(
                    f,
                    "denied {method} {origin}{path}: the host has {} address",
                    special.as_str()
                )
            }
            DenialReason::Secret(name) => {
                write!(
                    f,
                    "denied {method} {origin}{path}: the rule does not name the secret `{name}`"
                )
            }
            DenialReason::Header(name) => {
                write!(
                    f,
                    "denied {method} {origin}{path}: the connector set the header `{name}`"
                )
            }
            DenialReason::UnlistedHeader(name) => {
                write!(
                    f,
                    "denied {method} {origin}{path}: the rules do not name the header `{name}`"
                )
            }
            DenialReason::HeaderWithSecret(name) => {
                write!(
                    f,
                    "denied {method} {origin}{path}: the header `{name}` cannot be sent with a credential"
                )
            }
            DenialReason::Malformed(reason) => {
                write!(f, "denied {method} to a malformed URL: {reason}")
            }
            DenialReason::Reflection(name) => {
                write!(
                    f,
                    "denied the response of {method} {origin}{path}: it contains the value of the secret `{name}`"
                )
            }
        }
    }
}

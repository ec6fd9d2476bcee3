//! What was refused, and the line of the file that would allow it.

use std::fmt;

use http::Method;
use url::Url;

use super::address::Special;
use super::rule::Uncovered;

/// A request that was not sent, or a response that was not handed over.
#[derive(Clone, Debug)]
pub struct Denial {
    method: Method,
    /// Without user, password, query and fragment: those may hold secrets.
    origin: String,
    path: String,
    reason: Reason,
}

/// Why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No rule covers it.
    Uncovered(Uncovered),
    /// The host has an address that the rule does not allow.
    Address(Special),
    /// The rule does not name the secret.
    Secret(String),
    /// The connector set a header that belongs to the host.
    Header(String),
    /// The URL is not one that could be judged.
    Malformed(String),
    /// The response holds the value of a secret.
    Reflection(String),
}

impl Denial {
    /// Writes down a refusal.
    #[must_use]
    pub fn new(method: &Method, url: &Url, reason: Reason) -> Self {
        Self {
            method: method.clone(),
            origin: bounded(&url.origin().ascii_serialization()),
            path: bounded(url.path()),
            reason,
        }
    }

    /// A refusal of something that is not even a URL.
    #[must_use]
    pub fn malformed(method: &Method, reason: String) -> Self {
        Self {
            method: method.clone(),
            origin: "a malformed URL".to_owned(),
            path: String::new(),
            reason: Reason::Malformed(reason),
        }
    }

    /// Why it was refused.
    #[must_use]
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// What the operator can do: where a rule would allow it, its exact text.
    #[must_use]
    pub fn hint(&self) -> String {
        let Self {
            method,
            origin,
            path,
            ..
        } = self;
        match &self.reason {
            Reason::Uncovered(Uncovered::AmbiguousPath) => {
                "the path holds encoded separators, empty segments or the like, which servers read differently; the connector must not send it".to_owned()
            }
            Reason::Uncovered(Uncovered::Origin) => format!(
                "if the connector may reach it, add\n\n[[connector.allow]]\norigin = \"{origin}\"\nmethods = [\"{method}\"]\npaths = [\"{path}\"]"
            ),
            Reason::Uncovered(Uncovered::Method) => {
                format!("if the connector may do that, add \"{method}\" to `methods` of the rule for {origin}")
            }
            Reason::Uncovered(Uncovered::Path) => {
                format!("if the connector may do that, add \"{path}\" to `paths` of the rule for {origin}")
            }
            Reason::Address(_) => {
                format!("if this origin is meant to be on your own network, add to its rule\n\nprivate = true   # {origin}")
            }
            Reason::Secret(name) => {
                format!("if {origin} may have this credential, add to its rule\n\nsecrets = [\"{name}\"]")
            }
            Reason::Header(_) => "the connector must leave this header to the host".to_owned(),
            Reason::Malformed(_) => "the connector sent something that is not a URL".to_owned(),
            Reason::Reflection(name) => format!(
                "the server sends the credential `{name}` back; do not give it this credential, and consider it compromised"
            ),
        }
    }
}

/// A part of a URL, whose length is the connector's choice, for people.
fn bounded(text: &str) -> String {
    const MOST: usize = 1000;

    if text.len() <= MOST {
        return text.to_owned();
    }
    format!("{}...", &text[..text.floor_char_boundary(MOST)])
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
            Reason::Uncovered(Uncovered::Origin) => {
                write!(
                    f,
                    "denied {method} {origin}{path}: no rule names this origin"
                )
            }
            Reason::Uncovered(Uncovered::Method) => {
                write!(
                    f,
                    "denied {method} {origin}{path}: the rules for this origin do not name the method"
                )
            }
            Reason::Uncovered(Uncovered::AmbiguousPath) => {
                write!(
                    f,
                    "denied {method} {origin}{path}: servers read this path differently, so no rule covers it"
                )
            }
            Reason::Uncovered(Uncovered::Path) => {
                write!(
                    f,
                    "denied {method} {origin}{path}: the rules for this origin do not cover the path"
                )
            }
            Reason::Address(special) => {
                write!(
                    f,
                    "denied {method} {origin}{path}: the host has {} address",
                    special.as_str()
                )
            }
            Reason::Secret(name) => {
                write!(
                    f,
                    "denied {method} {origin}{path}: the rule does not name the secret `{name}`"
                )
            }
            Reason::Header(name) => {
                write!(
                    f,
                    "denied {method} {origin}{path}: the connector set the header `{name}`"
                )
            }
            Reason::Malformed(reason) => write!(f, "denied {method} to a malformed URL: {reason}"),
            Reason::Reflection(name) => {
                write!(
                    f,
                    "denied the response of {method} {origin}{path}: it holds the value of the secret `{name}`"
                )
            }
        }
    }
}

//! The errors that a connector reports.

use std::fmt;

use serde::{Serialize as _, Serializer};

use super::remedy::Remedy;

/// The category of an error, by what the caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorCategory {
    /// The connector's config is invalid.
    Config,
    /// The source did not accept the credentials.
    Authentication,
    /// The credentials are valid but do not permit this.
    Permission,
    /// The requested object does not exist.
    NotFound,
    /// The source limits the rate of requests.
    RateLimited,
    /// The source is not available at the moment.
    Unavailable,
    /// The source sent a response that its protocol does not allow.
    Protocol,
    /// A value or a record could not be represented.
    Data,
    /// The host refused a request of the connector.
    Denied,
    /// A defect of the connector.
    Internal,
}

/// A failure of the source or the connector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[error("{message}")]
pub struct SourceError {
    /// Category of the failure.
    pub category: ErrorCategory,
    /// Failed operation and reason.
    pub message: String,
    /// Remedy of the failure.
    #[serde(rename = "hint", serialize_with = "as_text")]
    pub remedy: Option<Remedy>,
    /// True if the same call may succeed later.
    pub retryable: bool,
    /// Time to wait before the next call, in milliseconds.
    pub retry_after: Option<u64>,
}

impl fmt::Display for ErrorCategory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Config => "config",
            Self::Authentication => "authentication",
            Self::Permission => "permission",
            Self::NotFound => "not found",
            Self::RateLimited => "rate limited",
            Self::Unavailable => "unavailable",
            Self::Protocol => "protocol",
            Self::Data => "data",
            Self::Denied => "denied",
            Self::Internal => "internal",
        })
    }
}

#[expect(clippy::ref_option, reason = "serde passes the field by reference")]
pub(crate) fn as_text<S: Serializer>(
    remedy: &Option<Remedy>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    remedy
        .as_ref()
        .map(ToString::to_string)
        .serialize(serializer)
}

//! What a connector reports when something fails.

use std::fmt;

/// What a caller can do about an error of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCategory {
    /// The connector's config is wrong.
    Config,
    /// The source did not accept the credentials.
    Authentication,
    /// The credentials are valid but do not permit this.
    Permission,
    /// The thing that was asked for does not exist.
    NotFound,
    /// The source asked to slow down.
    RateLimited,
    /// The source cannot be reached, or not now.
    Unavailable,
    /// The source answered something that its protocol does not allow.
    Protocol,
    /// A value or a record could not be represented.
    Data,
    /// The host refused to carry out what the connector asked for.
    Denied,
    /// The read was ended from outside.
    Cancelled,
    /// A defect of the connector.
    Internal,
}

/// A failure of the source or the connector, with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[error("{message}")]
pub struct SourceError {
    /// What the caller can do.
    pub category: ErrorCategory,
    /// What happened, to what.
    pub message: String,
    /// What the reader can do.
    pub hint: Option<String>,
    /// Whether the same call may succeed when it is made again.
    pub retryable: bool,
    /// How long to wait before that, in milliseconds.
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
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        })
    }
}

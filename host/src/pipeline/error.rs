//! Failures of commands on a pipeline.

use crate::destination::DestinationError;
use crate::model::{ErrorCategory, Remedy, SourceError};
use crate::sandbox::SandboxError;
use crate::sandbox::egress::rule::RuleError;

/// A failure of a command on a pipeline.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// A setting of the pipeline is invalid.
    #[error("{message}")]
    Settings {
        /// Setting and reason.
        message: String,
        /// Way to correct the setting.
        remedy: Remedy,
    },
    /// An allow rule cannot be parsed.
    #[error("an allow rule is invalid: {0}")]
    Rule(#[from] RuleError),
    /// The component, the connector or the source failed.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The connector reached its time limit. A setting of its own can end a read
    /// before that.
    #[error("the connector reached its limit `time`; nothing of the open load was stored")]
    TimeLimit {
        /// Name of the setting.
        setting: String,
    },
    /// The destination failed.
    #[error(transparent)]
    Destination(#[from] DestinationError),
    /// Connector, host and destination count different numbers of rows.
    #[error(
        "the counts of `{resource}` do not agree: the connector sent {sent}, the host decoded {decoded}, the destination stored {stored}"
    )]
    Mismatch {
        /// Name of the resource.
        resource: String,
        /// Number of rows that the connector sent, by its own count.
        sent: u64,
        /// Number of rows that the host decoded.
        decoded: u64,
        /// Number of rows that the destination stored, by its own count.
        stored: u64,
    },
    /// No resource could be read.
    #[error("no resource could be read; `{resource}` failed first: {error}")]
    NothingRead {
        /// Name of the first resource.
        resource: String,
        /// Failure of the first resource.
        error: Box<SourceError>,
        /// Cause that the failures have in common.
        cause: CommonCause,
        /// Failures of the other resources, by name.
        others: Vec<(String, SourceError)>,
    },
    /// A resource failed in a way that voids the load, which can be done again
    /// without it.
    #[error("`{resource}` failed: {error}")]
    Resource {
        /// Name of the resource.
        resource: String,
        /// Failure of the resource.
        error: Box<SourceError>,
    },
    /// A thread of the host panicked.
    #[error("a thread of the host crashed: {0}")]
    Crashed(String),
    /// The caller cancelled the command.
    #[error("interrupted; nothing of this load was stored, and earlier loads are unchanged")]
    Cancelled,
}

/// A cause that the failures of all resources have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommonCause {
    /// The settings do not suit the source, and no earlier load stored any of the
    /// resources.
    Settings,
    /// The source refused the credentials.
    Credentials,
    /// The host denied requests.
    Denied,
    /// The failures have different causes, or may pass.
    Other,
}

impl CommonCause {
    /// Returns the common cause of failures. `is_stored` is true if an earlier
    /// load stored one of the resources.
    pub(super) fn from_failures<'a>(
        failures: impl Iterator<Item = &'a SourceError>,
        is_stored: bool,
    ) -> Self {
        let mut causes = failures.map(|error| match error.category {
            ErrorCategory::Config | ErrorCategory::NotFound if !is_stored => Self::Settings,
            ErrorCategory::Authentication | ErrorCategory::Permission => Self::Credentials,
            ErrorCategory::Denied => Self::Denied,
            _ => Self::Other,
        });
        match causes.next() {
            Some(first) if causes.all(|cause| cause == first) => first,
            _ => Self::Other,
        }
    }
}

impl PipelineError {
    /// Creates the error for a wrong setting.
    pub(super) fn settings(message: impl Into<String>, remedy: impl Into<Remedy>) -> Self {
        Self::Settings {
            message: message.into(),
            remedy: remedy.into(),
        }
    }

    /// Creates the error for output that the contract does not allow.
    pub(super) fn contract(reason: impl Into<String>) -> Self {
        SandboxError::Contract(reason.into()).into()
    }

    /// Returns what can be done about the error.
    #[must_use]
    pub fn remedy(&self) -> Option<Remedy> {
        Some(match self {
            Self::Settings { remedy, .. } => remedy.clone(),
            Self::Rule(_) => {
                "an origin is scheme, host and port, such as \"https://db.example.com\"".into()
            }
            Self::Sandbox(error) => return error.remedy(),
            Self::Destination(error) => return error.remedy(),
            Self::TimeLimit { setting } => Remedy::EndReadEarlier {
                setting: setting.clone(),
            },
            Self::Crashed(_) => {
                "nothing of this load was stored; this is a defect of the host, report it".into()
            }
            Self::Mismatch { .. } => {
                "nothing of this load was stored; run again, and report it if it happens again"
                    .into()
            }
            Self::NothingRead { error, .. } | Self::Resource { error, .. } => {
                return error.remedy.clone();
            }
            Self::Cancelled => "run again to load; nothing has to be cleaned up".into(),
        })
    }
}

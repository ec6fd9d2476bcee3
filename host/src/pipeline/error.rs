//! Why a command on a pipeline failed.

use crate::destination::DestinationError;
use crate::sandbox::SandboxError;
use crate::sandbox::egress::rule::RuleError;

/// A failure of a pipeline.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The pipeline's own settings are wrong.
    #[error("{message}")]
    Settings {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// An allow-rule is not one.
    #[error("an allow-rule is wrong: {0}")]
    Rule(#[from] RuleError),
    /// The component, the connector or the source.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The destination.
    #[error(transparent)]
    Destination(#[from] DestinationError),
    /// Connector, host and destination do not count the same rows.
    #[error(
        "the counts of `{resource}` do not agree: the connector sent {sent}, the host decoded {decoded}, the destination stored {stored}"
    )]
    Mismatch {
        /// The resource.
        resource: String,
        /// What the connector says it sent.
        sent: u64,
        /// What the host decoded.
        decoded: u64,
        /// What the destination says it stored.
        stored: u64,
    },
    /// No resource could be read.
    #[error("no resource could be read; `{resource}` failed first: {error}")]
    NothingRead {
        /// The first one.
        resource: String,
        /// Why.
        error: crate::model::SourceError,
    },
    /// A thread of the host panicked.
    #[error("a thread of the host crashed: {0}")]
    Crashed(String),
    /// The command was ended from outside.
    #[error("interrupted; nothing of this load was kept, what was loaded before is untouched")]
    Cancelled,
}

impl PipelineError {
    /// A setting that is wrong.
    pub(super) fn settings(message: impl Into<String>, hint: impl Into<Option<String>>) -> Self {
        Self::Settings {
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Settings { hint, .. } => hint.clone(),
            Self::Rule(_) => Some(
                "an origin is scheme, host and port, such as \"https://mydb-acme.turso.io\""
                    .to_owned(),
            ),
            Self::Sandbox(error) => error.hint(),
            Self::Destination(error) => Some(error.hint()),
            Self::Crashed(_) => Some(
                "nothing of this load was kept; this is a defect of the host, report it".to_owned(),
            ),
            Self::Mismatch { .. } => Some(
                "nothing of this load was kept; run again, and report it if it stays".to_owned(),
            ),
            Self::NothingRead { error, .. } => error.hint.clone(),
            Self::Cancelled => Some("run again to load; nothing has to be cleaned up".to_owned()),
        }
    }
}

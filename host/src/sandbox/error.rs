//! Failures of a component, or of what it was told to do.

use super::egress::Denial;
use crate::model::{Limit, Remedy, SourceError};

/// A failure of a component, or of what it was told to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The component cannot be read.
    #[error("cannot read the component {component}")]
    Unreadable {
        /// Path of the component.
        component: String,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// The bytes are not a component that can run.
    #[error("{component} is not a component that can run: {reason}")]
    NotAComponent {
        /// Path or digest of the component.
        component: String,
        /// Reason.
        reason: String,
    },
    /// The component differs from the pinned one.
    #[error("the component {component} has the sha256 {actual}, which is not the pinned digest")]
    Digest {
        /// Path or digest of the component.
        component: String,
        /// SHA-256 of the component, in lower-case hex.
        actual: String,
    },
    /// The component imports an interface that connectors do not get.
    #[error(
        "the component {component} imports {import}, which the host does not offer to connectors"
    )]
    Import {
        /// Path or digest of the component.
        component: String,
        /// Name of the import.
        import: String,
    },
    /// The component is not a connector.
    #[error("the component {component} does not export {export}")]
    Export {
        /// Path or digest of the component.
        component: String,
        /// Name of the missing export.
        export: &'static str,
    },
    /// The connector reported an error.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The sandbox denied a request.
    #[error("{0}")]
    Denied(Denial),
    /// The connector reached a limit.
    #[error("the connector reached its limit `{0}`")]
    Limit(Limit),
    /// The connector crashed.
    #[error("the connector crashed in `{call}`: {reason}")]
    Crashed {
        /// Function that was called.
        call: &'static str,
        /// The trap, or what the guest printed last.
        reason: String,
    },
    /// The connector violated the contract.
    #[error("the connector violated the contract: {0}")]
    Contract(String),
}

impl SandboxError {
    /// Returns what can be done about the error.
    #[must_use]
    pub fn remedy(&self) -> Option<Remedy> {
        Some(match self {
            Self::Unreadable { .. } => Remedy::ProvideComponent,
            Self::NotAComponent { .. } => {
                "build it for the target wasm32-wasip2, and give the path of the .wasm file".into()
            }
            Self::Digest { actual, .. } => Remedy::PinDigest {
                sha256: actual.clone(),
            },
            Self::Import { .. } => "a connector may import wasi:http, clocks, secrets and log; do not run one that needs more than you expect".into(),
            Self::Export { .. } => {
                "build the component from wit/connector.wit of this version".into()
            }
            Self::Source(error) => return error.remedy.clone(),
            Self::Denied(denial) => denial.remedy(),
            Self::Limit(limit) => Remedy::RaiseLimit { limit: *limit },
            Self::Crashed { .. } | Self::Contract(_) => {
                "report it to the author of the connector".into()
            }
        })
    }
}

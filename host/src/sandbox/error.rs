//! What can go wrong between the host and a component.

use super::egress::Denial;
use crate::model::Limit;
use crate::model::SourceError;

/// A failure of a component, or of what it was given to do.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The file cannot be read.
    #[error("cannot read the component {path}")]
    Unreadable {
        /// As given.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is no component, or one that cannot be run.
    #[error("{path} is not a component that can be run: {reason}")]
    NotAComponent {
        /// As given.
        path: String,
        /// Why.
        reason: String,
    },
    /// Another file than the one that was pinned.
    #[error("the component {path} has another digest than the file pins: sha256 {actual}")]
    Digest {
        /// As given.
        path: String,
        /// The digest of the file that is there.
        actual: String,
    },
    /// It asks for something that connectors do not get.
    #[error("the component {path} imports {import}, which connectors do not get")]
    Import {
        /// As given.
        path: String,
        /// The import.
        import: String,
    },
    /// It is a component, but no connector.
    #[error("the component {path} does not export {export}")]
    Export {
        /// As given.
        path: String,
        /// What is missing.
        export: &'static str,
    },
    /// The connector reported an error.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The sandbox refused a request.
    #[error("{0}")]
    Denied(Denial),
    /// A limit was reached.
    #[error("the connector reached its limit `{}`", .0.key())]
    Limit(Limit),
    /// The connector crashed.
    #[error("the connector crashed in `{call}`: {reason}")]
    Crashed {
        /// The function that was called.
        call: &'static str,
        /// The trap, and what the guest printed last.
        reason: String,
    },
    /// The connector broke the contract.
    #[error("the connector returned something that the contract does not allow: {0}")]
    Contract(String),
}

impl SandboxError {
    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unreadable { .. } => Some("`just build` builds the component; look at `component` in [connector]".to_owned()),
            Self::NotAComponent { .. } => {
                Some("build it for the target wasm32-wasip2, and give the path of the .wasm file".to_owned())
            }
            Self::Digest { actual, .. } => {
                Some(format!("if you trust the new file, set `sha256 = \"{actual}\"` in [connector]"))
            }
            Self::Import { .. } => Some("a connector may import wasi:http, clocks, secrets and log; do not run it if you expected nothing else".to_owned()),
            Self::Export { .. } => Some("the component must be built from wit/connector.wit of this version".to_owned()),
            Self::Source(error) => error.hint.clone(),
            Self::Denied(denial) => Some(denial.hint()),
            Self::Limit(limit) => Some(format!("if that is too little, raise `{}` in [connector.limits]", limit.key())),
            Self::Crashed { .. } | Self::Contract(_) => Some("report it to the author of the connector".to_owned()),
        }
    }
}

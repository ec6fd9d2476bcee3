//! Expected outcomes of attacks, for tables of attacks.

use connector_host::SandboxError;
use connector_host::network::DenialReason;

use crate::world::Outcome;

/// Expected outcome of an attack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The server received the request, and the connector received its response.
    Allowed,
    /// The host denied the request.
    Denied(DenialReason),
    /// The interface cannot express the request. The connector reports an error
    /// that contains this text.
    Inexpressible(&'static str),
}

impl Expected {
    /// Checks the outcome of an attack. A denial must contain `subject`.
    #[track_caller]
    pub(crate) fn check(&self, case: &str, subject: &str, outcome: &Outcome) {
        match (self, &outcome.result) {
            (Self::Allowed, Ok(findings)) => assert!(!findings.is_empty(), "{case}"),
            (Self::Denied(reason), Err(SandboxError::Denied(denial))) => {
                assert_eq!(denial.reason(), reason, "{case}");
                let text = denial.to_string();
                assert!(text.contains(subject), "{case}: {text}");
            }
            (Self::Inexpressible(text), Err(SandboxError::Source(error))) => {
                assert!(error.message.contains(text), "{case}: {}", error.message);
            }
            (expected, actual) => panic!("{case}: expected {expected:?}, got {actual:?}"),
        }
    }
}

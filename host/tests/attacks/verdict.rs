//! How an attack is meant to end, for tables of attacks that end differently.

use connector_host::sandbox::SandboxError;
use connector_host::sandbox::egress::Reason;

use crate::world::Outcome;

/// An end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The server was asked, and its answer came back.
    Answered,
    /// The host refused.
    Denied(Reason),
    /// The connector could not even say it: the interface refused, in the
    /// words that the connector reports.
    Unsayable(&'static str),
}

impl Verdict {
    /// Whether the attack ended so. `subject` is what a refusal has to name.
    #[track_caller]
    pub(crate) fn check(&self, case: &str, subject: &str, outcome: &Outcome) {
        match (self, &outcome.result) {
            (Self::Answered, Ok(findings)) => assert!(!findings.is_empty(), "{case}"),
            (Self::Denied(reason), Err(SandboxError::Denied(denial))) => {
                assert_eq!(denial.reason(), reason, "{case}");
                let text = denial.to_string();
                assert!(text.contains(subject), "{case}: {text}");
            }
            (Self::Unsayable(words), Err(SandboxError::Source(error))) => {
                assert!(error.message.contains(words), "{case}: {}", error.message);
            }
            (meant, ended) => panic!("{case}: meant {meant:?}, ended {ended:?}"),
        }
    }
}

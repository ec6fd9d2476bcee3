//! Findings of a check. Must not know how anything is checked.

/// Severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Information without consequences.
    Info,
    /// Something works differently than a user may expect.
    Warning,
    /// Something will fail.
    Error,
}

/// Result of one check.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Part of the config or of the source that was checked.
    pub subject: String,
    /// Severity of the result.
    pub severity: Severity,
    /// Result in one sentence.
    pub message: String,
    /// Instruction that corrects the finding.
    pub hint: Option<String>,
}

impl Finding {
    /// Creates a finding without a hint.
    #[must_use]
    pub fn new(subject: impl Into<String>, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            severity,
            message: message.into(),
            hint: None,
        }
    }

    /// Adds an instruction.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}

//! From errors to what a person reads and to exit codes.

use std::io::Write;
use std::process::ExitCode;

use connector_host::config::ConfigError;
use connector_host::model::{ErrorCategory, SourceError};
use connector_host::pipeline::PipelineError;
use connector_host::sandbox::SandboxError;

pub(crate) const FAILED: u8 = 1;
const WRONG_FILE: u8 = 2;
const REFUSED: u8 = 3;
const DENIED: u8 = 4;
const LIMIT: u8 = 5;
const INTERRUPTED: u8 = 130;

/// An error on its way out.
#[derive(Debug)]
pub(crate) struct Failure {
    error: anyhow::Error,
    hint: Option<String>,
    code: u8,
}

impl Failure {
    /// An argument that cannot be used.
    pub(crate) fn command_line(error: anyhow::Error, hint: &str) -> Self {
        Self {
            error,
            hint: Some(hint.to_owned()),
            code: WRONG_FILE,
        }
    }

    /// Prints the error and its hint, and yields the exit code.
    pub(crate) fn report(self) -> ExitCode {
        let mut text = format!("error: {}\n", described(&self.error));
        if let Some(hint) = self.hint {
            text.push_str("hint: ");
            text.push_str(&hint);
            text.push('\n');
        }
        // Nothing is left to do when standard error is closed.
        let _ = std::io::stderr().write_all(text.as_bytes());
        ExitCode::from(self.code)
    }
}

/// The error and its causes on one line, none of them twice.
fn described(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self {
            hint: Some(error.hint()),
            error: error.into(),
            code: WRONG_FILE,
        }
    }
}

impl From<PipelineError> for Failure {
    fn from(error: PipelineError) -> Self {
        let code = match &error {
            PipelineError::Settings { .. } | PipelineError::Rule(_) => WRONG_FILE,
            PipelineError::Sandbox(error) => code_of(error),
            PipelineError::NothingRead { error, .. } => code_of_source(error),
            PipelineError::Cancelled => INTERRUPTED,
            PipelineError::Destination(_)
            | PipelineError::Mismatch { .. }
            | PipelineError::Crashed(_) => FAILED,
        };
        Self {
            hint: error.hint(),
            error: error.into(),
            code,
        }
    }
}

impl From<SandboxError> for Failure {
    fn from(error: SandboxError) -> Self {
        PipelineError::from(error).into()
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self {
            error,
            hint: None,
            code: FAILED,
        }
    }
}

fn code_of(error: &SandboxError) -> u8 {
    match error {
        SandboxError::Unreadable { .. }
        | SandboxError::NotAComponent { .. }
        | SandboxError::Digest { .. }
        | SandboxError::Export { .. } => WRONG_FILE,
        SandboxError::Import { .. } | SandboxError::Denied(_) => DENIED,
        SandboxError::Limit(_) => LIMIT,
        SandboxError::Source(error) => code_of_source(error),
        SandboxError::Crashed { .. } | SandboxError::Contract(_) => FAILED,
    }
}

fn code_of_source(error: &SourceError) -> u8 {
    match error.category {
        ErrorCategory::Config => WRONG_FILE,
        ErrorCategory::Authentication | ErrorCategory::Permission => REFUSED,
        ErrorCategory::Denied => DENIED,
        _ => FAILED,
    }
}

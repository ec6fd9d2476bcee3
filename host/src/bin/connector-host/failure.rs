//! Errors as messages with hints, and as exit codes.

use std::io::Write;
use std::process::ExitCode;

use connector_host::config::ConfigError;
use connector_host::model::{ErrorCategory, Remedy, SourceError};
use connector_host::{EngineError, PipelineError, SandboxError};

use crate::remedy;

pub(crate) const FAILED: u8 = 1;
const WRONG_FILE: u8 = 2;
const REFUSED: u8 = 3;
const DENIED: u8 = 4;
const LIMIT: u8 = 5;
const INTERRUPTED: u8 = 130;

/// An error that ends the program.
#[derive(Debug)]
pub(crate) struct Failure {
    error: anyhow::Error,
    remedy: Option<Remedy>,
    code: u8,
}

impl Failure {
    /// Creates the failure for an argument that cannot be used.
    pub(crate) fn command_line(error: anyhow::Error, remedy: &str) -> Self {
        Self {
            error,
            remedy: Some(remedy.into()),
            code: WRONG_FILE,
        }
    }

    /// Prints the error and its hint, and returns the exit code.
    pub(crate) fn report(self) -> ExitCode {
        let mut text = format!("error: {}\n", message(&self.error));
        if let Some(remedy) = &self.remedy {
            text.push_str(&format!("hint: {}\n", remedy::hint(remedy)));
        }
        // Nothing is left to do when standard error is closed.
        let _ = std::io::stderr().write_all(text.as_bytes());
        ExitCode::from(self.code)
    }
}

/// Joins an error and its causes, without repeating any.
fn message(error: &anyhow::Error) -> String {
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
            remedy: error.remedy(),
            error: error.into(),
            code: WRONG_FILE,
        }
    }
}

impl From<PipelineError> for Failure {
    fn from(error: PipelineError) -> Self {
        let code = match &error {
            PipelineError::Settings { .. } | PipelineError::Rule(_) => WRONG_FILE,
            PipelineError::Sandbox(error) => sandbox_code(error),
            PipelineError::NothingRead { error, .. } => source_code(error),
            PipelineError::Cancelled => INTERRUPTED,
            _ => FAILED,
        };
        Self {
            remedy: error.remedy(),
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

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        anyhow::Error::from(error).into()
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self {
            error,
            remedy: None,
            code: FAILED,
        }
    }
}

fn sandbox_code(error: &SandboxError) -> u8 {
    match error {
        SandboxError::Unreadable { .. }
        | SandboxError::NotAComponent { .. }
        | SandboxError::Digest { .. }
        | SandboxError::Export { .. } => WRONG_FILE,
        SandboxError::Import { .. } | SandboxError::Denied(_) => DENIED,
        SandboxError::Limit(_) => LIMIT,
        SandboxError::Source(error) => source_code(error),
        _ => FAILED,
    }
}

fn source_code(error: &SourceError) -> u8 {
    match error.category {
        ErrorCategory::Config => WRONG_FILE,
        ErrorCategory::Authentication | ErrorCategory::Permission => REFUSED,
        ErrorCategory::Denied => DENIED,
        _ => FAILED,
    }
}

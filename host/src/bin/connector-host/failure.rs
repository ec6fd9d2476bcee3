//! Errors as messages with hints, and as exit codes.

use std::io::Write;
use std::process::ExitCode;

use connector_host::config::ConfigError;
use connector_host::model::{ErrorCategory, Remedy, SourceError};
use connector_host::pipeline::CommonCause;
use connector_host::{EngineError, PipelineError, SandboxError};
use serde::Serialize;

use crate::commands::print_json;
use crate::remedy::Hints;
use crate::table::quantity;

pub(crate) const FAILED: u8 = 1;
const WRONG_FILE: u8 = 2;
const REFUSED: u8 = 3;
const DENIED: u8 = 4;
const LIMIT: u8 = 5;
const INTERRUPTED: u8 = 130;

/// Maximum number of failures after the first that are printed.
const MAX_OTHERS: usize = 20;

/// An error that ends the program.
#[derive(Debug)]
pub(crate) struct Failure {
    error: anyhow::Error,
    remedy: Option<Remedy>,
    /// Failure of the source or the connector, if it is the cause.
    source: Option<Box<SourceError>>,
    /// Failures of other resources than the first one.
    others: Vec<(String, SourceError)>,
    code: u8,
    /// True if the document of the command is on standard output.
    is_after_report: bool,
}

/// JSON form of an error.
#[derive(Serialize)]
struct ErrorDocument {
    error: ErrorEntry,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    other_failures: Vec<ResourceFailure>,
}

/// JSON form of the failure of a resource.
#[derive(Serialize)]
struct ResourceFailure {
    resource: String,
    failure: SourceError,
}

/// An error with the keys that the failure of a resource has in a report.
#[derive(Serialize)]
struct ErrorEntry {
    category: Option<ErrorCategory>,
    message: String,
    hint: Option<String>,
    retryable: Option<bool>,
    retry_after: Option<u64>,
}

impl Failure {
    fn new(error: impl Into<anyhow::Error>, remedy: Option<Remedy>, code: u8) -> Self {
        Self {
            error: error.into(),
            remedy,
            source: None,
            others: Vec::new(),
            code,
            is_after_report: false,
        }
    }

    /// Creates the failure for an argument that cannot be used.
    pub(crate) fn command_line(error: anyhow::Error, remedy: &str) -> Self {
        Self::new(error, Some(remedy.into()), WRONG_FILE)
    }

    /// Marks a failure after the document of the command was printed, so that
    /// standard output gets no second one.
    pub(crate) fn after_report(mut self) -> Self {
        self.is_after_report = true;
        self
    }

    /// Prints the error and its hint, also as a JSON document if the command
    /// prints one. Returns the exit code.
    pub(crate) fn report(self, prints_json: bool) -> ExitCode {
        let mut text = format!("error: {}\n", message(&self.error));
        let mut hints = Hints::default();
        text.push_str(&hints.line(self.remedy.as_ref()));
        for (resource, error) in self.others.iter().take(MAX_OTHERS) {
            text.push_str(&format!("error: `{resource}` failed: {error}\n"));
            text.push_str(&hints.line(error.remedy.as_ref()));
        }
        let more = self.others.len().saturating_sub(MAX_OTHERS);
        if more > 0 {
            let more = quantity(more as u64, "other resource");
            text.push_str(&format!("error: {more} failed too\n"));
        }
        // Nothing is left to do when standard error is closed.
        let _ = std::io::stderr().write_all(text.as_bytes());
        if prints_json && !self.is_after_report {
            // The error is on standard error in any case.
            let _ = print_json(&self.document());
        }
        ExitCode::from(self.code)
    }

    fn document(&self) -> ErrorDocument {
        let source = self.source.as_deref();
        let others = self.others.iter().cloned();
        let others = others.map(|(resource, failure)| ResourceFailure { resource, failure });
        ErrorDocument {
            other_failures: others.collect(),
            error: ErrorEntry {
                category: source.map(|source| source.category),
                message: message(&self.error),
                hint: self.remedy.as_ref().map(ToString::to_string),
                retryable: source.map(|source| source.retryable),
                retry_after: source.and_then(|source| source.retry_after),
            },
        }
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
        let remedy = error.remedy();
        Self::new(error, remedy, WRONG_FILE)
    }
}

impl From<PipelineError> for Failure {
    fn from(error: PipelineError) -> Self {
        let source = source_of(&error).cloned().map(Box::new);
        let code = match &error {
            PipelineError::Settings { .. } | PipelineError::Rule(_) => WRONG_FILE,
            PipelineError::Sandbox(error) => sandbox_code(error),
            PipelineError::NothingRead { cause, .. } => common_code(*cause),
            PipelineError::TimeLimit { .. } => LIMIT,
            PipelineError::Cancelled => INTERRUPTED,
            _ => FAILED,
        };
        let remedy = error.remedy();
        let others = match &error {
            PipelineError::NothingRead { others, .. } => others.clone(),
            _ => Vec::new(),
        };
        Self {
            source,
            others,
            ..Self::new(error, remedy, code)
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
        Self::new(error, None, FAILED)
    }
}

/// Returns the failure of the source or the connector that caused an error.
fn source_of(error: &PipelineError) -> Option<&SourceError> {
    match error {
        PipelineError::Sandbox(SandboxError::Source(error)) => Some(error),
        PipelineError::NothingRead { error, .. } | PipelineError::Resource { error, .. } => {
            Some(error)
        }
        _ => None,
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

fn common_code(cause: CommonCause) -> u8 {
    match cause {
        CommonCause::Settings => WRONG_FILE,
        CommonCause::Credentials => REFUSED,
        CommonCause::Denied => DENIED,
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

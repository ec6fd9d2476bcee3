//! Validation of a pipeline before its load: a run that reads no row and commits
//! nothing. `check`, `diff` and `preview` refuse what `run` would refuse, because
//! the same code decides. Must not have a rule of its own.

use std::sync::Arc;

use super::Pipeline;
use super::error::PipelineError;
use super::observer::{Observer, Update};
use super::run::{Attempt, RunOptions};
use crate::destination::DestinationError;
use crate::model::{Cursor, ErrorCategory, Finding, Severity, SourceError};

impl Pipeline {
    /// Returns the resources that a run of `only` would refuse, with the reasons.
    ///
    /// # Errors
    /// The error with which the run would end.
    pub(super) async fn validate(
        &self,
        only: &[String],
    ) -> Result<Vec<(String, SourceError)>, PipelineError> {
        self.validate_attempt(only, None).await
    }

    /// Validates a resource before its first rows are shown. They are shown even if
    /// another program has the destination open.
    pub(super) async fn validate_source(&self, resource: &str) -> Result<(), PipelineError> {
        match self.validate(&[resource.to_owned()]).await {
            Ok(failures) => match failures.into_iter().next() {
                Some((_, error)) => Err(PipelineError::Sandbox(error.into())),
                None => Ok(()),
            },
            Err(PipelineError::Destination(DestinationError::Locked { .. })) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Fails if the connector does not accept a cursor of a resource.
    pub(super) async fn validate_cursor(
        &self,
        resource: &str,
        cursor: &Cursor,
    ) -> Result<(), PipelineError> {
        let only = [resource.to_owned()];
        let validated = self.validate_attempt(&only, Some((resource, cursor))).await;
        let failure = match validated {
            Ok(failures) => failures.into_iter().next().map(|(_, error)| error),
            Err(PipelineError::NothingRead { error, .. }) => Some(*error),
            Err(error) => return Err(error),
        };
        match failure {
            None => Ok(()),
            // The connector's hint is a full refresh, which does not help here.
            Some(error) if error.category == ErrorCategory::Config => Err(PipelineError::settings(
                error.message,
                "use a cursor in the form in which the state shows those of the resource",
            )),
            Some(error) => Err(PipelineError::Sandbox(error.into())),
        }
    }

    async fn validate_attempt(
        &self,
        only: &[String],
        cursor: Option<(&str, &Cursor)>,
    ) -> Result<Vec<(String, SourceError)>, PipelineError> {
        let attempt = Attempt {
            only_validates: true,
            cursor,
            ..Attempt::default()
        };
        let options = RunOptions {
            only: only.to_vec(),
            ..RunOptions::default()
        };
        let expanded = self.expand(only).await?;
        let pipeline = expanded.as_ref().map_or(self, |(pipeline, _)| pipeline);
        let report = pipeline
            .attempts(
                attempt,
                &options,
                Arc::new(LogWaits),
                std::future::pending(),
            )
            .await?;
        let resources = report.resources.into_iter();
        Ok(resources
            .filter_map(|resource| Some((resource.resource, resource.failure?)))
            .collect())
    }
}

/// Logs what the connector waits for, because a validation shows no progress.
struct LogWaits;

impl Observer for LogWaits {
    fn update(&self, update: Update<'_>) {
        if let Update::Waiting { reason } = update {
            tracing::warn!(reason, "waiting");
        }
    }
}

/// Returns the finding about a resource that a run would refuse.
pub(super) fn finding((resource, error): (String, SourceError)) -> Finding {
    Finding {
        subject: resource,
        severity: Severity::Error,
        message: error.message,
        remedy: error.remedy,
    }
}

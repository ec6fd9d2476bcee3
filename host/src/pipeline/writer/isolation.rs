//! Failures of single resources: which errors concern one resource only, and what
//! is done about it. Everything else ends the run.

use std::error::Error;

use super::LoadWriter;
use super::run_state::RunState;
use crate::destination::DestinationError;
use crate::model::{ErrorCategory, ResourceSummary, SourceError, Summary, names};
use crate::pipeline::error::PipelineError;

impl LoadWriter<'_, '_, '_> {
    /// True if events of a resource are ignored, because it has failed.
    pub(super) fn has_failed(&self, resource: &str) -> bool {
        self.run.failed.contains_key(resource)
    }

    /// Fails the resource that an error concerns, and discards its rows.
    /// `resource` is the one that was written.
    ///
    /// # Errors
    /// The error, if it concerns the whole run. If the load cannot continue
    /// without the resource, an error that asks for another attempt.
    pub(super) fn isolate(
        &mut self,
        error: PipelineError,
        resource: Option<&str>,
    ) -> Result<(), PipelineError> {
        let failed = match &error {
            PipelineError::Settings { .. } => resource.map(str::to_owned),
            // A table whose opening failed is not known yet.
            PipelineError::Destination(error) => error.table().and_then(|table| {
                resource_of(self.run, table).or_else(|| resource.map(str::to_owned))
            }),
            _ => None,
        };
        let Some(resource) = failed else {
            return Err(error);
        };
        let is_intact = !matches!(&error, PipelineError::Destination(error) if error.voids_load());
        let failure = failure(&resource, &error);
        tracing::warn!(resource, error = failure.message, "the resource failed");
        if !(is_intact && self.discard(&resource).is_ok()) {
            return Err(PipelineError::Resource {
                resource,
                error: Box::new(failure),
            });
        }
        self.run.failed.insert(resource, failure);
        Ok(())
    }

    /// Adds the failures of the host to the summary of the connector, and discards
    /// the rows of all failed resources.
    pub(super) fn conclude_failures(&mut self, summary: &mut Summary) -> Result<(), PipelineError> {
        for (name, error) in &self.run.failed {
            let mut resources = summary.resources.iter_mut();
            match resources.find(|known| known.resource == *name) {
                Some(resource) => {
                    resource.failure.get_or_insert_with(|| error.clone());
                }
                None => summary.resources.push(ResourceSummary {
                    resource: name.clone(),
                    rows: 0,
                    rejected: 0,
                    mismatches: 0,
                    rows_billed: None,
                    requests: 0,
                    failure: Some(error.clone()),
                    unread: None,
                    part_failures: Vec::new(),
                    cursor: None,
                    figures: None,
                    notes: Vec::new(),
                }),
            }
        }
        for resource in &summary.resources {
            if resource.failure.is_some() {
                self.discard(&resource.resource)?;
            }
        }
        Ok(())
    }

    /// Discards the rows of a resource in this load.
    fn discard(&mut self, resource: &str) -> Result<(), DestinationError> {
        if let Some(open) = self.run.resources.get_mut(resource) {
            return open.discard(self.load.as_mut());
        }
        // A table whose opening failed may be open in the load, unless it belongs
        // to another resource.
        let table = names::table_name(resource);
        if resource_of(self.run, &table).is_none() {
            self.load.discard_table(&table)?;
        }
        Ok(())
    }
}

/// Returns the resource that writes a table.
fn resource_of(run: &RunState<'_>, table: &str) -> Option<String> {
    let mut resources = run.resources.iter();
    let known = resources.find(|(_, open)| open.tables().any(|open| open.table == table));
    known.map(|(resource, _)| resource.clone())
}

/// Returns the error of a commit. If the destination refused one table, it asks
/// for another attempt without its resource.
pub(super) fn commit_failure(run: &RunState<'_>, error: DestinationError) -> PipelineError {
    let resource = error.table().and_then(|table| resource_of(run, table));
    let error = PipelineError::from(error);
    match resource {
        Some(resource) => PipelineError::Resource {
            error: Box::new(failure(&resource, &error)),
            resource,
        },
        None => error,
    }
}

/// Returns an error as the failure of a resource.
fn failure(resource: &str, error: &PipelineError) -> SourceError {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let text = source.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        cause = source.source();
    }
    SourceError {
        category: match error {
            PipelineError::Settings { .. } => ErrorCategory::Config,
            _ => ErrorCategory::Data,
        },
        message,
        remedy: (error.remedy()).map(|remedy| remedy.for_resource(resource)),
        retryable: false,
        retry_after: None,
    }
}

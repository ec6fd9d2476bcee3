//! The changes that the next load would make to the tables of the destination.
//! Reads no rows, and changes nothing.

use std::time::SystemTime;

use serde::Serialize;

use super::Pipeline;
use super::error::{CommonCause, PipelineError};
use super::row_mapper::{Change, TargetTable, selected_columns};
use super::run::blocking;
use crate::destination::DestinationError;
use crate::model::{LoadId, PageKind, Remedy, Resource, SourceSchema, as_text, names};

/// The changes to the table of a resource.
#[derive(Clone, Debug, Serialize)]
pub struct Diff {
    /// Name of the resource.
    pub resource: String,
    /// Name of the table in the destination.
    pub table: String,
    /// Changes to the table; empty if it already has all columns.
    pub changes: Vec<Change>,
    /// Error with which a load would refuse the resource.
    pub refused: Option<String>,
    /// Remedy of the error.
    #[serde(rename = "hint", serialize_with = "as_text")]
    pub remedy: Option<Remedy>,
}

impl Pipeline {
    /// Compares the resources that a load would read with their tables, and names
    /// those that it would refuse.
    ///
    /// # Errors
    /// The error with which a load would end, unless the changes explain it.
    pub async fn diff(&self) -> Result<Vec<Diff>, PipelineError> {
        let expanded = self.expanded(&[]).await?;
        expanded.as_ref().unwrap_or(self).compare().await
    }

    async fn compare(&self) -> Result<Vec<Diff>, PipelineError> {
        let (refused, nothing_read) = match self.within_runtime(self.validate(&[])).await {
            Ok(refused) => (refused, None),
            // Invalid settings are an error of the command, not a change of a table.
            Err(error @ PipelineError::NothingRead { cause, .. })
                if cause != CommonCause::Settings =>
            {
                (Vec::new(), Some(error))
            }
            Err(error) => return Err(error),
        };
        let mut diffs = self.compare_tables().await?;
        let mut explained = diffs.iter().filter(|diff| diff.refused.is_some());
        if let (Some(error), None) = (nothing_read, explained.next()) {
            return Err(error);
        }
        for (resource, error) in refused {
            let known = diffs.iter().position(|diff| diff.resource == resource);
            let diff = if let Some(known) = known {
                &mut diffs[known]
            } else {
                diffs.push(Diff {
                    table: names::table_name(&resource),
                    resource,
                    changes: Vec::new(),
                    refused: None,
                    remedy: None,
                });
                let last = diffs.len() - 1;
                &mut diffs[last]
            };
            if diff.refused.is_none() {
                diff.refused = Some(error.message);
                diff.remedy = error.remedy;
            }
        }
        Ok(diffs)
    }

    async fn compare_tables(&self) -> Result<Vec<Diff>, PipelineError> {
        let listed: Vec<_> = self
            .list()
            .await?
            .into_iter()
            .filter(|resource| self.reads(resource) && !resource.schema.fields().is_empty())
            .collect();
        let tables: Vec<_> = listed
            .iter()
            .map(|resource| names::table_name(&resource.name))
            .collect();
        let factory = self.destination_factory();
        let existing_schemas = move || {
            let mut destination = factory.open_uncommitted()?;
            // Dropping the load leaves no trace.
            let mut load = destination.begin(&LoadId::from_time(SystemTime::now()))?;
            let schemas = tables.iter().map(|table| load.existing_schema(table));
            schemas.collect::<Result<Vec<_>, DestinationError>>()
        };
        let existing = self.within_runtime(blocking(existing_schemas)).await??;
        let diff = |(resource, existing): (Resource, _)| {
            let plan = names::find_in(&self.plans, &resource.name);
            let plan = plan.cloned().unwrap_or_default();
            let source = SourceSchema {
                columns: selected_columns(&plan, &resource.schema),
                primary_key: resource.primary_key,
                siblings: Vec::new(),
            };
            let target = TargetTable {
                plan,
                resource: resource.name,
                kind: PageKind::Rows,
                existing,
            };
            let (changes, accepted) = target.compare(&source);
            let refused = accepted.err();
            Diff {
                table: names::table_name(&target.resource),
                resource: target.resource,
                changes,
                refused: refused.as_ref().map(ToString::to_string),
                remedy: refused.and_then(|error| error.remedy()),
            }
        };
        Ok(listed.into_iter().zip(existing).map(diff).collect())
    }

    /// True if a load reads a listed resource.
    pub(super) fn reads(&self, resource: &Resource) -> bool {
        if self.plans.is_empty() {
            return resource.by_default;
        }
        let is_planned = |name: &String| names::find_in(&self.plans, name).is_some();
        is_planned(&resource.name) || resource.parent.as_ref().is_some_and(is_planned)
    }
}

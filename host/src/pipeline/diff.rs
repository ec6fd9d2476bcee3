//! The changes that the next load would make to the tables of the destination.
//! Reads no rows, and changes nothing.

use std::time::SystemTime;

use serde::Serialize;

use super::Pipeline;
use super::error::PipelineError;
use super::row_mapper::{Change, TargetTable, selected_columns};
use super::run::blocking;
use crate::destination::DestinationError;
use crate::model::{LoadId, PageKind, Resource, SourceSchema, names};

/// The changes to the table of a resource.
#[derive(Clone, Debug, Serialize)]
pub struct Diff {
    /// Name of the resource.
    pub resource: String,
    /// Name of the table in the destination.
    pub table: String,
    /// Changes to the table; empty if it already has all columns.
    pub changes: Vec<Change>,
    /// Error with which a load would refuse the changes.
    pub refused: Option<String>,
}

impl Pipeline {
    /// Compares the resources that a load would read with their tables.
    pub async fn diff(&self) -> Result<Vec<Diff>, PipelineError> {
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
            let mut destination = factory.open()?;
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
            Diff {
                table: names::table_name(&target.resource),
                resource: target.resource,
                changes,
                refused: accepted.err().map(|error| error.to_string()),
            }
        };
        Ok(listed.into_iter().zip(existing).map(diff).collect())
    }

    /// True if a load reads a listed resource.
    fn reads(&self, resource: &Resource) -> bool {
        if self.plans.is_empty() {
            return resource.by_default;
        }
        let is_planned = |name: &String| names::find_in(&self.plans, name).is_some();
        is_planned(&resource.name) || resource.parent.as_ref().is_some_and(is_planned)
    }
}

//! What the next load would change about the tables of the destination.
//! Reads no rows, and changes nothing.

use std::collections::BTreeSet;
use std::time::SystemTime;

use serde::Serialize;

use super::Pipeline;
use super::error::PipelineError;
use super::plan::ResourcePlan;
use super::run::blocking;
use super::schema_fit::Change;
use crate::destination::{self, DestinationError};
use crate::model::{LoadId, PageKind, Resource, SourceSchema, names};

/// What would change about the table of a resource.
#[derive(Clone, Debug, Serialize)]
pub struct Diff {
    /// The resource.
    pub resource: String,
    /// Its table.
    pub table: String,
    /// The changes; none if it fits.
    pub changes: Vec<Change>,
    /// Why the load would refuse them, if it would.
    pub refused: Option<String>,
}

impl Pipeline {
    /// The resources that a load would read, against the tables that are
    /// there.
    pub async fn diff(&self) -> Result<Vec<Diff>, PipelineError> {
        let listed = self.list().await?;
        let described = |resource: &Resource| {
            if self.plans.is_empty() {
                return resource.by_default;
            }
            let by_parent = || {
                let parent = resource.parent.as_ref();
                parent.is_some_and(|parent| self.plans.contains_key(parent))
            };
            self.plans.contains_key(&resource.name) || by_parent()
        };
        let listed: Vec<_> = listed
            .into_iter()
            .filter(|resource| described(resource) && !resource.schema.fields().is_empty())
            .collect();
        let tables: Vec<_> = listed
            .iter()
            .map(|resource| names::table_name(&resource.name))
            .collect();
        let settings = self.destination_settings();
        let look = move || {
            let mut destination = destination::open(settings)?;
            // Given up without a trace.
            let mut load = destination.begin(&LoadId::from_time(SystemTime::now()))?;
            let known = tables.iter().map(|table| load.existing_schema(table));
            known.collect::<Result<Vec<_>, DestinationError>>()
        };
        let known = blocking(look).await??;
        let diff = |(resource, known): (&Resource, Option<arrow_schema::SchemaRef>)| {
            let plan = self.plans.get(&resource.name).cloned();
            Diff::of(resource, &plan.unwrap_or_default(), known.as_deref())
        };
        Ok(listed.iter().zip(known).map(diff).collect())
    }
}

impl Diff {
    fn of(resource: &Resource, plan: &ResourcePlan, known: Option<&arrow_schema::Schema>) -> Self {
        let source = SourceSchema {
            columns: plan.chosen(&resource.schema),
            primary_key: resource.primary_key.clone(),
            siblings: Vec::new(),
        };
        let masking = plan.masking(&resource.name, PageKind::Rows, &source);
        let stored = match &masking {
            Ok(masking) => masking.stored(&source),
            Err(_) => source,
        };
        let stored = plan.announced(&stored);
        let changes = plan.changes(PageKind::Rows, &stored, known);
        let fitted = masking.and(plan.fit(
            &resource.name,
            PageKind::Rows,
            &stored,
            known,
            &BTreeSet::new(),
        ));
        Self {
            resource: resource.name.clone(),
            table: names::table_name(&resource.name),
            changes,
            refused: fitted.err().map(|error| error.to_string()),
        }
    }
}

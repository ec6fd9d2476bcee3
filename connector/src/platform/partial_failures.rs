//! Failures of single organizations, groups and databases while others are
//! read: the notes about them, and the part that was not read.

use super::client::Client;
use super::endpoint::{ColumnSource, Endpoint, Scope, ScopeKey};
use super::endpoints;
use super::failure;
use super::parent_lists::ParentLists;
use super::partitions::{PartitionContext, request_path};
use crate::error::{Category, Error, Result};
use crate::output::{Output, Unread};

/// Number of failed partitions after which a resource fails if none was read and
/// the API is not available: the others would only wait as long.
const MAX_FAILURES: usize = 10;
/// Maximum number of names in the notes.
const MAX_NAMES: usize = 10;

/// Failures of the partitions of one resource.
#[derive(Debug)]
pub(super) struct PartialFailures {
    endpoint: &'static Endpoint,
    refused: Vec<(PartitionContext, Error)>,
    /// Databases and groups that do not exist.
    missing: Vec<(PartitionContext, Error)>,
    successes: u64,
}

impl PartialFailures {
    pub(super) fn new(endpoint: &'static Endpoint) -> Self {
        Self {
            endpoint,
            refused: Vec::new(),
            missing: Vec::new(),
            successes: 0,
        }
    }

    /// Records that a partition was read.
    pub(super) fn record_success(&mut self) {
        self.successes += 1;
    }

    /// Records the failure of a partition. Returns an error that affects the
    /// whole resource.
    pub(super) fn record(&mut self, context: &PartitionContext, error: Error) -> Result<()> {
        if matches!(self.endpoint.scope, Scope::Token | Scope::Region)
            || !failure::is_partial(&error)
        {
            return Err(error);
        }
        if self.successes == 0 && error.retryable && self.refused.len() + 1 >= MAX_FAILURES {
            return Err(error);
        }
        let failures = match (&context.name, error.category) {
            // Deleted after its list was received.
            (Some(_), Category::NotFound) => &mut self.missing,
            _ => &mut self.refused,
        };
        failures.push((context.clone(), error));
        Ok(())
    }

    /// Returns an error if no partition was read. The resource is empty if all
    /// partitions were deleted, which a new list confirms.
    pub(super) async fn check_any_success(
        &mut self,
        client: &Client,
        lists: &mut ParentLists,
        output: &mut Output,
    ) -> Result<()> {
        if self.successes > 0 {
            return Ok(());
        }
        if let Some((_, error)) = self.refused.first() {
            return Err(error.clone());
        }
        let Some((context, error)) = self.missing.first() else {
            return Ok(());
        };
        let list = endpoints::parent(self.endpoint.scope)?;
        let organization = PartitionContext {
            name: None,
            ..context.clone()
        };
        let path = request_path(list, &organization);
        lists.invalidate(&path);
        let entries = lists.entries(client, list, &path, output).await?;
        if entries
            .iter()
            .any(|entry| Some(&entry.name) == context.name.as_ref())
        {
            return Err(error.clone());
        }
        Ok(())
    }

    /// Returns the part that was not read, so that its stored rows are kept. The
    /// part is identified by a column of the scope, which must be read.
    pub(super) fn unread(&self, is_read: impl Fn(&str) -> bool) -> Result<Option<Unread>> {
        let Some((_, error)) = self.refused.first() else {
            return Ok(None);
        };
        let mut contexts = self.refused.iter().map(|(context, _)| context);
        let key = if contexts.clone().all(|context| context.name.is_none()) {
            Some(ScopeKey::Organization)
        } else if contexts.all(|context| context.name.is_some()) {
            Some(ScopeKey::Id)
        } else {
            None
        };
        let mut columns = self.endpoint.scope.columns().iter();
        let column = columns.find(|column| Some(column.source) == key.map(ColumnSource::Scope));
        let values = self.refused.iter().map(|(context, _)| match context.name {
            None => Some(context.organization.clone()),
            Some(_) => context.id.clone(),
        });
        match (column, values.collect::<Option<Vec<_>>>()) {
            (Some(column), Some(values)) if is_read(column.name) => {
                let errors = self.refused.iter().map(|(_, error)| error.clone());
                let failures = values.iter().cloned().zip(errors).collect();
                Ok(Some(Unread {
                    column: column.name.to_owned(),
                    values,
                    failure: Some(error.clone()),
                    failures,
                }))
            }
            (Some(column), Some(_)) => Err(error.clone().hint(format!(
                "add `{}` to `columns`, so that the rows that could not be read are identified",
                column.name
            ))),
            _ => Err(error
                .clone()
                .hint("set `organization` to one that the token can read")),
        }
    }

    /// Returns the notes about the failures.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for (context, error) in self.refused.iter().take(MAX_NAMES) {
            let organization = &context.organization;
            let name = match &context.name {
                Some(name) => format!("`{name}` of `{organization}`"),
                None => format!("organization `{organization}`"),
            };
            notes.push(format!("{name} could not be read: {error}"));
        }
        if self.refused.len() > MAX_NAMES {
            let more = self.refused.len() - MAX_NAMES;
            notes.push(format!("{more} more could not be read"));
        }
        if !self.missing.is_empty() {
            let names: Vec<_> = self
                .missing
                .iter()
                .take(MAX_NAMES)
                .filter_map(|(context, _)| context.name.as_deref())
                .collect();
            notes.push(format!(
                "deleted while the resource was read: {} ({})",
                self.missing.len(),
                names.join(", ")
            ));
        }
        notes
    }
}

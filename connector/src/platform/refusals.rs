//! Organizations, groups and databases that could not be read, while others
//! could: what is said of them, and when it is all that there is to say.

use super::client::Client;
use super::endpoint::{Endpoint, Scope, ScopeKey, Source};
use super::job::is_of_one;
use super::lists::Lists;
use super::record::Context;
use super::units;
use crate::error::{Category, Error, Result};
use crate::output::{Output, Unread};

/// The most of them that are named.
const NAMED: usize = 10;

/// What could not be read.
#[derive(Debug)]
pub(super) struct Refusals {
    endpoint: &'static Endpoint,
    /// The one organization that is read, of those that a list has.
    only: Option<String>,
    refused: Vec<(Context, Error)>,
    /// Databases and groups that are not there any more.
    gone: Vec<(Context, Error)>,
    answered: u64,
}

impl Refusals {
    pub(super) fn new(endpoint: &'static Endpoint) -> Self {
        Self {
            endpoint,
            only: None,
            refused: Vec::new(),
            gone: Vec::new(),
            answered: 0,
        }
    }

    /// Of a list of organizations, only this one is read.
    pub(super) fn keep_only(&mut self, organization: Option<String>) {
        self.only = organization;
    }

    /// That one.
    pub(super) fn only(&self) -> Option<&str> {
        self.only.as_deref()
    }

    /// Something could be read.
    pub(super) fn answered(&mut self) {
        self.answered += 1;
    }

    /// Something could not be read. Gives the error back if that says more
    /// than that.
    pub(super) fn take(&mut self, context: &Context, error: Error) -> Result<()> {
        if matches!(self.endpoint.scope, Scope::Token | Scope::Region) || !is_of_one(&error) {
            return Err(error);
        }
        let list = match (&context.name, error.category) {
            // Deleted since the list was asked for.
            (Some(_), Category::NotFound) => &mut self.gone,
            _ => &mut self.refused,
        };
        list.push((context.clone(), error));
        Ok(())
    }

    /// Nothing could be read: that is a failure of the resource. Unless all
    /// that there was is gone, which the list then says too.
    pub(super) fn judge(
        &mut self,
        client: &Client,
        lists: &mut Lists,
        output: &mut Output,
    ) -> Result<()> {
        if self.answered > 0 {
            return Ok(());
        }
        if let Some((_, error)) = self.refused.first() {
            return Err(error.clone());
        }
        let Some((context, error)) = self.gone.first() else {
            return Ok(());
        };
        let list = super::list_of(self.endpoint.scope)?;
        let path = units::path(
            list,
            &Context {
                name: None,
                ..context.clone()
            },
        );
        lists.forget(&path);
        let entries = lists.entries(client, list, &path, output)?;
        if entries
            .iter()
            .any(|entry| Some(&entry.name) == context.name.as_ref())
        {
            return Err(error.clone());
        }
        Ok(())
    }

    /// The part that could not be read, by a column that tells its rows: what
    /// is known of them stays. Fails where no column that is read does.
    pub(super) fn unread(&self, is_read: impl Fn(&str) -> bool) -> Result<Option<Unread>> {
        let Some((_, error)) = self.refused.first() else {
            return Ok(None);
        };
        let of_organizations = self
            .refused
            .iter()
            .all(|(context, _)| context.name.is_none());
        let of_others = self
            .refused
            .iter()
            .all(|(context, _)| context.name.is_some());
        let key = match (of_organizations, of_others) {
            (true, _) => Some(ScopeKey::Organization),
            (_, true) => Some(ScopeKey::Id),
            _ => None,
        };
        let mut columns = self.endpoint.scope.columns().iter();
        let column = columns.find(|column| Some(column.source) == key.map(Source::Scope));
        let values = self.refused.iter().map(|(context, _)| match context.name {
            None => Some(context.organization.clone()),
            Some(_) => context.id.clone(),
        });
        match (column, values.collect::<Option<Vec<_>>>()) {
            (Some(column), Some(values)) if is_read(column.name) => Ok(Some(Unread {
                column: column.name.to_owned(),
                values,
                failure: Some(error.clone()),
            })),
            (Some(column), Some(_)) => Err(error
                .clone()
                .hint(format!("add `{}` to `columns`: without it, nothing tells the rows of what could not be read", column.name))),
            _ => Err(error
                .clone()
                .hint("set `organization` to one that the token can read")),
        }
    }

    /// What the operator should know.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for (context, error) in self.refused.iter().take(NAMED) {
            let organization = &context.organization;
            let name = match &context.name {
                Some(name) => format!("`{name}` of `{organization}`"),
                None => format!("organization `{organization}`"),
            };
            notes.push(format!(
                "{name} could not be read, the others could: {error}"
            ));
        }
        if self.refused.len() > NAMED {
            let more = self.refused.len() - NAMED;
            notes.push(format!("and {more} others could not be read"));
        }
        if !self.gone.is_empty() {
            let names = self.gone.iter().take(NAMED);
            let names: Vec<_> = names
                .filter_map(|(context, _)| context.name.as_deref())
                .collect();
            notes.push(format!(
                "deleted while this was read: {} ({} in all)",
                names.join(", "),
                self.gone.len()
            ));
        }
        notes
    }
}

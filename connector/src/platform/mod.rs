//! The Platform API: organizations, groups and databases of an account, and
//! what is known about them. Only what its GETs give is read, and nothing that
//! is a secret.
//!
//! Reading order: [`endpoints`] (the table: a row for each resource) with
//! [`endpoint`] (what a row says), [`reading`] (one resource after the other),
//! [`plan`] (what a selection means), [`units`] and [`job`] (what is asked, and
//! how answers are taken), [`client`] and [`pages`] (requests), [`answer`]
//! (where records are), [`record`] (records into rows), [`mod@never`] (what is left
//! out), [`marks`] (where the next read goes on), [`refusals`] (what could not
//! be read), [`check`].

mod answer;
pub mod check;
pub mod client;
pub mod endpoint;
pub mod endpoints;
mod failure;
mod job;
mod json;
mod lists;
pub mod marks;
pub mod never;
mod pages;
mod plan;
pub mod reading;
mod record;
mod refusals;
mod units;

use std::collections::VecDeque;

use self::endpoint::{Endpoint, Scope};
use self::endpoints::ENDPOINTS;
use self::lists::Lists;
use self::record::Context;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::output::Output;
use crate::selection::{ReadOptions, Selection};

pub use self::lists::Entry;
pub use self::plan::cursor;

/// The endpoint of a resource.
#[must_use]
pub fn named(name: &str) -> Option<&'static Endpoint> {
    ENDPOINTS.iter().find(|endpoint| endpoint.name == name)
}

/// The same, unless a query of the config has taken the name.
#[must_use]
pub fn named_in(name: &str, config: &Config) -> Option<&'static Endpoint> {
    let mut queries = config.queries.iter();
    let is_taken = queries.any(|query| query.name == name);
    named(name).filter(|_| !is_taken)
}

/// The resources among those that were asked for; those that are read by
/// default, if nothing was and there is no database.
pub fn selected(
    requested: &[Selection],
    config: &Config,
    options: &ReadOptions,
) -> Result<VecDeque<Selection>> {
    let mut selected = VecDeque::new();
    for selection in requested {
        if named_in(&selection.resource, config).is_some() {
            plan::Plan::of(selection, options)?;
            selected.push_back(selection.clone());
        }
    }
    if requested.is_empty() && config.database.is_none() {
        let by_default = ENDPOINTS.iter().filter(|endpoint| endpoint.by_default);
        selected.extend(by_default.map(|endpoint| Selection {
            resource: endpoint.name.to_owned(),
            ..Selection::default()
        }));
    }
    Ok(selected)
}

/// The databases of an organization, each with its host.
pub fn databases(
    client: &client::Client,
    organization: &str,
    output: &mut Output,
) -> Result<Vec<Entry>> {
    let context = Context {
        organization: organization.to_owned(),
        ..Context::default()
    };
    let list = list_of(Scope::Database)?;
    let path = units::path(list, &context);
    Lists::new().entries(client, list, &path, output)
}

/// The list that an endpoint is fanned out from.
fn list_of(scope: Scope) -> Result<&'static Endpoint> {
    let list = scope.parent().and_then(named);
    list.ok_or_else(|| {
        Error::new(
            crate::error::Category::Internal,
            format!("nothing lists {scope:?}"),
        )
    })
}

/// Whether others are fanned out from an endpoint.
fn is_list(endpoint: &Endpoint) -> bool {
    let mut scopes = [Scope::Organization, Scope::Group, Scope::Database].into_iter();
    scopes.any(|scope| scope.parent() == Some(endpoint.name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::endpoint::Source;
    use super::*;

    #[test]
    fn every_row_of_the_table_can_be_meant() {
        let mut names = BTreeSet::new();
        for endpoint in ENDPOINTS {
            assert!(
                names.insert(endpoint.name),
                "{} is there twice",
                endpoint.name
            );
            assert!(endpoint.name.starts_with("platform_"));
            assert!(!endpoint.description.is_empty() && !endpoint.description.ends_with('.'));
            let columns: Vec<_> = endpoint.all_columns().collect();
            let lower: BTreeSet<_> = columns
                .iter()
                .map(|column| column.name.to_ascii_lowercase())
                .collect();
            assert_eq!(lower.len(), columns.len(), "{}", endpoint.name);
            // Lists within its rows become tables that refer to it.
            assert!(!endpoint.key.is_empty(), "{}", endpoint.name);
            for key in endpoint.key {
                let column = columns.iter().find(|column| column.name == *key);
                assert!(column.is_some_and(|column| !column.is_sensitive), "{key}");
            }
            if let Some(by) = plan::cursor(endpoint) {
                assert!(columns.iter().any(|column| column.name == by), "{by}");
            }
            let holds = |name| endpoint.path.contains(name);
            let (organization, database, group) = (
                holds("{organizationSlug}") || holds("{organizationId}"),
                holds("{databaseName}"),
                holds("{groupName}"),
            );
            let expected = match endpoint.scope {
                Scope::Token | Scope::Region => (false, false, false),
                Scope::Organization => (true, false, false),
                Scope::Database => (true, true, false),
                Scope::Group => (true, false, true),
            };
            assert_eq!(
                (organization, database, group),
                expected,
                "{}",
                endpoint.name
            );
        }
    }

    #[test]
    fn no_field_goes_to_two_columns() {
        for endpoint in ENDPOINTS {
            let mut fields = BTreeSet::new();
            for column in endpoint.all_columns() {
                if let Source::Fields(of) = column.source {
                    for field in of {
                        assert!(fields.insert(field.to_ascii_lowercase()), "{field}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_costs_a_request_for_each_is_off_by_default() {
        for endpoint in ENDPOINTS {
            let is_dear = matches!(endpoint.scope, Scope::Group | Scope::Database);
            assert!(!(is_dear && endpoint.by_default), "{}", endpoint.name);
            assert!(
                !is_dear || endpoint.note.contains("request for each"),
                "{}",
                endpoint.name
            );
        }
    }
}

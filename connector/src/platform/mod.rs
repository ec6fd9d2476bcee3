//! The Platform API: organizations, groups and databases of a Turso account.
//! Sends GETs only, and never stores a secret.
//!
//! | module | job |
//! |---|---|
//! | [`endpoints`], [`endpoint`] | the table of endpoints, and the description of one |
//! | [`reader`], [`resource_reader`], [`received`] | all selected resources, one of them, and the records of its responses |
//! | [`plan`] | validation of a selection |
//! | [`targets`], [`partitions`], [`windows`], [`part`] | the organizations, groups, databases and days of the requests |
//! | [`client`], [`paginator`], [`page`], [`parent_lists`] | requests, pages and lists of parents |
//! | [`record`], [`json`], [`mod@secret_fields`] | records as rows, without secrets |
//! | [`mod@watermarks`], [`positions`] | records that the last read sent, and where the next one starts |
//! | [`partial_failures`], [`failure`] | errors of single objects, and of responses |
//! | [`mod@check`] | findings about the token |

pub mod check;
pub mod client;
pub mod endpoint;
pub mod endpoints;
mod failure;
mod json;
mod page;
mod paginator;
mod parent_lists;
mod part;
mod partial_failures;
mod partitions;
mod plan;
mod positions;
pub mod reader;
mod received;
mod record;
mod resource_reader;
pub mod secret_fields;
mod targets;
mod watermarks;
mod windows;

use std::collections::VecDeque;

use self::endpoint::{Endpoint, Scope};
use self::endpoints::ENDPOINTS;
use self::parent_lists::ParentLists;
use self::partitions::{PartitionContext, request_path};
use self::plan::ResourcePlan;
use crate::config::Config;
use crate::error::Result;
use crate::output::Output;
use crate::selection::{ReadOptions, Selection};

pub use self::endpoints::find;
pub use self::parent_lists::ListEntry;
pub use self::plan::cursor_column;

/// Returns the endpoint of a resource, unless a query of the config has the
/// name.
#[must_use]
pub fn find_in(name: &str, config: &Config) -> Option<&'static Endpoint> {
    let mut queries = config.queries.iter();
    let is_query = queries.any(|query| query.name == name);
    find(name).filter(|_| !is_query)
}

/// Checks that a selection suits its endpoint.
pub fn validate(selection: &Selection, options: &ReadOptions) -> Result<()> {
    ResourcePlan::new(selection, options).map(|_| ())
}

/// Returns the valid selections of the Platform API. If nothing is requested
/// and no database is configured, returns the default resources.
#[must_use]
pub fn selected(requested: &[Selection], config: &Config) -> VecDeque<Selection> {
    let is_selected = |selection: &&Selection| {
        selection.invalid.is_none() && find_in(&selection.resource, config).is_some()
    };
    let mut selected: VecDeque<_> = requested.iter().filter(is_selected).cloned().collect();
    if requested.is_empty() && config.database.is_none() {
        let by_default = ENDPOINTS.iter().filter(|endpoint| endpoint.by_default);
        selected.extend(by_default.map(|endpoint| Selection {
            resource: endpoint.name.to_owned(),
            ..Selection::default()
        }));
    }
    selected
}

/// Returns the databases of an organization, each with its host.
pub async fn databases(
    client: &client::Client,
    organization: &str,
    output: &mut Output,
) -> Result<Vec<ListEntry>> {
    let context = PartitionContext {
        organization: organization.to_owned(),
        ..PartitionContext::default()
    };
    let list = endpoints::parent(Scope::Database)?;
    let path = request_path(list, &context);
    let mut lists = ParentLists::default();
    lists.entries(client, list, &path, output).await
}

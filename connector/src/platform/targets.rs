//! Targets of an endpoint: the organizations, groups or databases for which it
//! is requested.

use super::client::Client;
use super::endpoint::{Endpoint, Scope};
use super::endpoints;
use super::parent_lists::ParentLists;
use super::partial_failures::PartialFailures;
use super::partitions::{PartitionContext, request_path};
use crate::config::Platform;
use crate::error::Result;
use crate::output::Output;

/// Returns the targets of an endpoint. An endpoint of the token has one target.
pub(super) async fn targets(
    endpoint: &'static Endpoint,
    settings: &Platform,
    client: &Client,
    lists: &mut ParentLists,
    failures: &mut PartialFailures,
    output: &mut Output,
) -> Result<Vec<PartitionContext>> {
    if matches!(endpoint.scope, Scope::Token | Scope::Region) {
        return Ok(vec![PartitionContext::default()]);
    }
    let organizations = if let Some(slug) = &settings.organization {
        vec![slug.clone()]
    } else {
        let list = endpoints::parent(Scope::Organization)?;
        let entries = lists.entries(client, list, list.path, output).await?;
        entries.into_iter().map(|entry| entry.name).collect()
    };
    let mut targets = Vec::new();
    for organization in organizations {
        let context = PartitionContext {
            organization,
            ..PartitionContext::default()
        };
        match organization_targets(endpoint, &context, client, lists, output).await {
            Ok(found) => targets.extend(found),
            Err(error) => failures.record(&context, error)?,
        }
    }
    Ok(targets)
}

async fn organization_targets(
    endpoint: &Endpoint,
    organization: &PartitionContext,
    client: &Client,
    lists: &mut ParentLists,
    output: &mut Output,
) -> Result<Vec<PartitionContext>> {
    if endpoint.scope == Scope::Organization {
        let id = if endpoint.path.contains("{organizationId}") {
            Some(
                lists
                    .organization_id(client, &organization.organization, output)
                    .await?,
            )
        } else {
            None
        };
        return Ok(vec![PartitionContext {
            organization_id: id,
            ..organization.clone()
        }]);
    }
    let list = endpoints::parent(endpoint.scope)?;
    let path = request_path(list, organization);
    let entries = lists.entries(client, list, &path, output).await?;
    let contexts = entries.into_iter().map(|entry| PartitionContext {
        id: entry.id,
        name: Some(entry.name),
        ..organization.clone()
    });
    Ok(contexts.collect())
}

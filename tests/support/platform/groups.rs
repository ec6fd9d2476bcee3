//! Groups and their configuration.

use serde_json::{Value as Json, json};

use super::pages;
use super::response::{ApiRequest, EndpointResult};
use super::world::Organization;

pub(super) fn list(request: &ApiRequest<'_>) -> EndpointResult {
    let organization = request.organization()?;
    let records: Vec<Json> = visible(request, organization)
        .map(|group| record(organization, group))
        .collect();
    Ok(json!({"groups": records}))
}

pub(super) fn list_v3(request: &ApiRequest<'_>) -> EndpointResult {
    let organization = request.organization()?;
    let records = visible(request, organization)
        .map(|group| (organization.group_id(group), record(organization, group)))
        .collect();
    let (records, next) = pages::always(request, records)?;
    Ok(json!({"groups": records, "pagination": {"next": next}}))
}

pub(super) fn retrieve(request: &ApiRequest<'_>) -> EndpointResult {
    let (organization, group) = request.group()?;
    Ok(json!({"group": record(organization, group)}))
}

pub(super) fn configuration(request: &ApiRequest<'_>) -> EndpointResult {
    let (_, group) = request.group()?;
    Ok(json!({"delete_protection": protected(group)}))
}

fn visible<'a>(
    request: &ApiRequest<'a>,
    organization: &'a Organization,
) -> impl Iterator<Item = &'a str> {
    let token = request.token;
    let groups = organization.groups.iter().map(String::as_str);
    groups.filter(move |group| token.covers_group(group))
}

/// Returns a record with fields that the document no longer has but clients
/// still read.
fn record(organization: &Organization, group: &str) -> Json {
    json!({
        "name": group,
        "version": "v0.24.32",
        "uuid": organization.group_id(group),
        "locations": ["aws-eu-west-1"],
        "primary": "aws-eu-west-1",
        "delete_protection": protected(group),
        "archived": false,
        "status": {"locations": [{"name": "aws-eu-west-1", "status": "up"}]},
    })
}

fn protected(group: &str) -> bool {
    group == "default"
}

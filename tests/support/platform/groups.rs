//! Groups and their configuration.

use serde_json::{Value as Json, json};

use super::answer::{Answered, Ask};
use super::pages;
use super::world::Organization;

pub(super) fn list(ask: &Ask<'_>) -> Answered {
    let organization = ask.organization()?;
    let records: Vec<Json> = visible(ask, organization)
        .map(|group| record(organization, group))
        .collect();
    Ok(json!({"groups": records}))
}

pub(super) fn list_v3(ask: &Ask<'_>) -> Answered {
    let organization = ask.organization()?;
    let records = visible(ask, organization)
        .map(|group| (organization.group_id(group), record(organization, group)))
        .collect();
    let (records, next) = pages::always(ask, records)?;
    Ok(json!({"groups": records, "pagination": {"next": next}}))
}

pub(super) fn retrieve(ask: &Ask<'_>) -> Answered {
    let (organization, group) = ask.group()?;
    Ok(json!({"group": record(organization, group)}))
}

pub(super) fn configuration(ask: &Ask<'_>) -> Answered {
    let (_, group) = ask.group()?;
    Ok(json!({"delete_protection": protected(group)}))
}

fn visible<'a>(ask: &Ask<'a>, organization: &'a Organization) -> impl Iterator<Item = &'a str> {
    let token = ask.token;
    let groups = organization.groups.iter().map(String::as_str);
    groups.filter(move |group| token.reaches_group(group))
}

/// With fields that the document has lost and clients still read.
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

//! Deleted databases and groups, which can be restored for some time.

use serde_json::{Value as Json, json};

use super::access;
use super::clock;
use super::names;
use super::pages;
use super::response::{ApiRequest, EndpointResult};
use super::world::{Organization, PricingPlan};

/// Time of the first deletion: 2026-11-20.
const FIRST: i64 = 1_795_132_800;
/// Seconds between deletions.
const INTERVAL: i64 = 3600;

pub(super) fn databases(request: &ApiRequest<'_>) -> EndpointResult {
    let organization = request.organization()?;
    // The same path lists existing databases, which every plan includes.
    access::require_plan(organization, PricingPlan::Developer)?;
    let numbers = 1..=organization.deleted_databases;
    let records = numbers
        .map(|number| database(organization, number))
        .filter(|record| {
            let field_matches = |field: &str, condition: &dyn Fn(&str) -> bool| {
                record[field].as_str().is_some_and(condition)
            };
            field_matches("group", &|group| request.token.covers_group(group))
                && request
                    .query("search")
                    .is_none_or(|part| field_matches("Name", &|name| name.contains(part)))
        })
        .map(|record| {
            (
                record["DbId"].as_str().unwrap_or_default().to_owned(),
                record,
            )
        })
        .collect();
    let (records, next) = pages::always(request, records)?;
    Ok(json!({"databases": records, "pagination": {"next": next}}))
}

pub(super) fn groups(request: &ApiRequest<'_>) -> EndpointResult {
    let organization = request.organization()?;
    let numbers = 1..=organization.deleted_groups;
    let records = numbers
        .map(|number| {
            let name = format!("gone-group-{number}");
            let uuid = organization.group_id(&name);
            let record = json!({
                "uuid": uuid,
                "name": name,
                "deleted_at": clock::moment(time(number)),
                "cascade_databases": number % 4,
            });
            (uuid, record)
        })
        .collect();
    let (records, next) = pages::always(request, records)?;
    Ok(json!({"groups": records, "pagination": {"next": next}}))
}

/// Returns a deleted database. Every second was deleted with its group.
fn database(organization: &Organization, number: usize) -> Json {
    let name = format!("gone-{number:04}");
    let group = if number.is_multiple_of(2) {
        "gone-group-1"
    } else {
        "default"
    };
    let mut record = json!({
        "Name": name,
        "DbId": organization.database_id(&name),
        "Hostname": format!("{name}-{}.turso.invalid", organization.slug),
        "group": group,
        "group_id": organization.group_id(group),
        "organization_id": organization.id(),
        "regions": ["aws-eu-west-1"],
        "primaryRegion": "aws-eu-west-1",
        "delete_protection": false,
        "auth_role_id": names::number(&name) % 10_000,
        "deleted_at": clock::moment(time(number)),
    });
    if group != "default" {
        record["group_deleted_at"] = json!(clock::moment(time(number)));
    }
    record
}

fn time(number: usize) -> i64 {
    FIRST + i64::try_from(number).unwrap_or_default() * INTERVAL
}

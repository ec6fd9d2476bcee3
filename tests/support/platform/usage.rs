//! Usage of databases. The load is constant, so that the usage of two adjacent
//! windows adds up to that of the whole.

use serde_json::{Map, Value as Json, json};

use super::clock;
use super::databases::instance_id;
use super::names;
use super::response::{ApiRequest, EndpointResult, Refusal};
use super::world::{Database, Organization};

/// Start of usage: 2026-01-01.
const START: i64 = 1_767_225_600;
/// Smallest whole number that a 64-bit float cannot hold. A client that parses
/// numbers as floats changes it and every second number after it.
const INEXACT_AS_FLOAT: u64 = (1 << 53) + 1;

const FIELDS: [&str; 4] = ["rows_read", "rows_written", "storage_bytes", "bytes_synced"];

pub(super) fn database(request: &ApiRequest<'_>) -> EndpointResult {
    let (organization, database) = request.database()?;
    let from = time(request, "from")?.unwrap_or_else(|| clock::start_of_month(request.world.now));
    let to = time(request, "to")?.unwrap_or(request.world.now);
    if from > to {
        return Err(Refusal::new(400, "invalid from parameter: it is after to"));
    }
    let hours = hours(from, to, request.world.now);
    Ok(json!({"database": record(organization, database, hours)}))
}

/// Returns the usage of the current billing cycle, whatever window is requested.
pub(super) fn organization(request: &ApiRequest<'_>) -> EndpointResult {
    let organization = request.organization()?;
    let now = request.world.now;
    let hours = hours(clock::start_of_month(now), now, now);
    let databases = organization.databases.iter();
    let databases: Vec<Json> = databases
        .map(|database| record(organization, database, hours))
        .collect();
    let mut usage = sum(databases.iter().map(|database| &database["total"]));
    usage["databases"] = json!(organization.databases.len());
    usage["groups"] = json!(organization.groups.len());
    usage["locations"] = json!(2);
    Ok(json!({"organization": {
        "uuid": organization.id(),
        "usage": usage,
        "databases": databases,
    }}))
}

fn time(request: &ApiRequest<'_>, name: &str) -> Result<Option<i64>, Refusal> {
    let Some(text) = request.query(name) else {
        return Ok(None);
    };
    // The message of Go's parser, in which the API is written.
    let refusal = || {
        Refusal::new(
            400,
            format!(
                "invalid {name} parameter: parsing time {text:?} as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\" as \"Z07:00\""
            ),
        )
    };
    clock::parse(text).ok_or_else(refusal).map(Some)
}

/// Returns the number of hours with usage that begin in a window.
fn hours(from: i64, to: i64, now: i64) -> u64 {
    let hour = |time: i64| (time.clamp(START, now.max(START)) - 1).div_euclid(3600);
    u64::try_from(hour(to) - hour(from)).unwrap_or_default()
}

fn record(organization: &Organization, database: &Database, hours: u64) -> Json {
    let instances: Vec<Json> = database
        .regions
        .iter()
        .enumerate()
        .map(|(number, region)| {
            let uuid = instance_id(organization, database, region);
            let usage = usage(&uuid, number == 0, hours);
            json!({"uuid": uuid, "usage": usage})
        })
        .collect();
    json!({
        "uuid": organization.database_id(&database.name),
        "total": sum(instances.iter().map(|instance| &instance["usage"])),
        "instances": instances,
    })
}

fn usage(instance: &str, primary: bool, hours: u64) -> Json {
    let size = names::number(instance) % 1000 * 2;
    let (written, synced) = if primary {
        (1, INEXACT_AS_FLOAT)
    } else {
        (0, 0)
    };
    json!({
        "rows_read": hours * (size + 2),
        "rows_written": hours * written * (size + 4),
        "storage_bytes": 4096 * (size + 1),
        "bytes_synced": synced + size,
    })
}

fn sum<'a>(parts: impl Iterator<Item = &'a Json>) -> Json {
    let mut whole: Map<String, Json> = FIELDS
        .into_iter()
        .map(|field| (field.to_owned(), json!(0)))
        .collect();
    for part in parts {
        for (field, total) in &mut whole {
            *total = json!(
                total.as_u64().unwrap_or_default() + part[field].as_u64().unwrap_or_default()
            );
        }
    }
    whole.into()
}

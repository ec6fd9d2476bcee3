//! What databases read, wrote and hold. Each works evenly, so that what two
//! windows in a row show adds up to what one over both shows.

use serde_json::{Map, Value as Json, json};

use super::answer::{Answered, Ask, Refusal};
use super::clock;
use super::databases::instance_id;
use super::names;
use super::world::{Database, Organization};

/// When every database began to work: 2026-01-01.
const BEGAN: i64 = 1_767_225_600;
/// The least whole number that a 64-bit float cannot hold. It and every second
/// one after it are changed by whoever takes numbers for floats.
const NO_FLOAT: u64 = (1 << 53) + 1;

const FIELDS: [&str; 4] = ["rows_read", "rows_written", "storage_bytes", "bytes_synced"];

pub(super) fn database(ask: &Ask<'_>) -> Answered {
    let (organization, database) = ask.database()?;
    let from = time(ask, "from")?.unwrap_or_else(|| clock::start_of_month(ask.world.now));
    let to = time(ask, "to")?.unwrap_or(ask.world.now);
    if from > to {
        return Err(Refusal::new(400, "invalid from parameter: it is after to"));
    }
    let hours = hours(from, to, ask.world.now);
    Ok(json!({"database": record(organization, database, hours)}))
}

/// Of the current billing cycle, whatever is asked.
pub(super) fn organization(ask: &Ask<'_>) -> Answered {
    let organization = ask.organization()?;
    let now = ask.world.now;
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

fn time(ask: &Ask<'_>, name: &str) -> Result<Option<i64>, Refusal> {
    let Some(text) = ask.query(name) else {
        return Ok(None);
    };
    // As Go's parser has it, which the API is written with.
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

/// The hours that begin in a window, as far as there was any work.
fn hours(from: i64, to: i64, now: i64) -> u64 {
    let hour = |time: i64| (time.clamp(BEGAN, now.max(BEGAN)) - 1).div_euclid(3600);
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
    let (written, synced) = if primary { (1, NO_FLOAT) } else { (0, 0) };
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

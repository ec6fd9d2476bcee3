//! Audit log: newest entry first, without ids, in numbered pages.

use serde_json::{Value as Json, json};

use super::clock;
use super::names;
use super::pages;
use super::response::{ApiRequest, EndpointResult};
use super::secrets;

/// Time of the first entry: 2026-01-01.
const FIRST: i64 = 1_767_225_600;
/// Seconds between entries: a little more than an hour.
const INTERVAL: i64 = 3_607;

pub(super) fn list(request: &ApiRequest<'_>) -> EndpointResult {
    let organization = request.organization()?;
    let codes = request.document.choices("AuditLog", "code");
    let entries = (0..organization.audit_logs).rev();
    let entries = entries
        .map(|number| entry(&organization.slug, number, &codes))
        .collect();
    let (entries, pagination) = pages::numbered(request, entries)?;
    Ok(json!({"audit_logs": entries, "pagination": pagination}))
}

/// Returns an entry. Every tenth has the same time as the previous one. The
/// location and the address of the author are undocumented.
fn entry(slug: &str, number: usize, codes: &[&str]) -> Json {
    let tick = i64::try_from(number - usize::from(number % 10 == 9)).unwrap_or_default();
    let author = names::person(number % 5);
    let code = codes.get(number % codes.len().max(1)).copied();
    json!({
        "code": code.unwrap_or_default(),
        "message": if number.is_multiple_of(4) { "" } else { "updated from the dashboard" },
        "origin": if number.is_multiple_of(2) { "cli" } else { "web" },
        "author": author,
        "created_at": clock::moment(FIRST + tick * INTERVAL),
        "data": data(slug, number),
        "city": secrets::private("city"),
        "country_code": secrets::private("country_code"),
        "latitude": secrets::private("latitude"),
        "longitude": secrets::private("longitude"),
        "ip": secrets::private("ip"),
    })
}

/// Returns data whose shape differs from entry to entry.
fn data(slug: &str, number: usize) -> Json {
    match number % 3 {
        0 => json!({}),
        1 => json!({"database": format!("db-{number:04}"), "organization": slug}),
        _ => json!({
            "group": {"name": "default", "locations": ["aws-eu-west-1"]},
            "number": number,
        }),
    }
}

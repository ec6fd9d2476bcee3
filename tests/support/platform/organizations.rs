//! Organizations, members and invites.

use serde_json::{Value as Json, json};

use super::access::Role;
use super::clock;
use super::names;
use super::response::{ApiRequest, EndpointResult, Refusal};
use super::secrets;
use super::world::Organization;

/// Time of the first invite: 2026-10-01.
const FIRST_INVITE: i64 = 1_790_812_800;

/// Returns the organizations as a bare list, unlike all other endpoints.
pub(super) fn list(request: &ApiRequest<'_>) -> Json {
    visible(request).map(record).collect()
}

pub(super) fn list_v2(request: &ApiRequest<'_>) -> Json {
    let records: Vec<Json> = visible(request)
        .map(|organization| {
            json!({
                "id": organization.id(),
                "name": organization.slug,
                "slug": organization.slug,
                "type": organization.kind,
                "overages": overages(organization),
                "stripe_id": secrets::secret("stripe_id"),
            })
        })
        .collect();
    json!({"organizations": records})
}

pub(super) fn retrieve(request: &ApiRequest<'_>) -> EndpointResult {
    let mut record = record(request.organization()?);
    record["restore_enabled"] = json!(true);
    Ok(json!({"organization": record}))
}

pub(super) fn members(request: &ApiRequest<'_>) -> EndpointResult {
    let count = request.organization()?.members;
    Ok(json!({"members": (0..count).map(person).collect::<Vec<_>>()}))
}

pub(super) fn member(request: &ApiRequest<'_>) -> EndpointResult {
    let name = request.parameter("username");
    let count = request.organization()?.members;
    let number = (0..count)
        .find(|number| names::person(*number) == name)
        .ok_or_else(|| Refusal::new(404, "could not find member"))?;
    Ok(json!({"member": person(number)}))
}

pub(super) fn invites(request: &ApiRequest<'_>) -> EndpointResult {
    let count = request.organization()?.invites;
    let invite = |number| {
        json!({
            "id": number,
            "email": format!("invited{number}@example.com"),
            "role": role(number).name(),
            "created_at": sent(number),
        })
    };
    Ok(json!({"invites": (1..=count).map(invite).collect::<Vec<_>>()}))
}

/// Returns the invites in the format before v2, with their secret tokens.
pub(super) fn invites_v1(request: &ApiRequest<'_>) -> EndpointResult {
    let organization = request.organization()?;
    let invite = |number| {
        json!({
            "ID": number,
            "CreatedAt": sent(number),
            "Email": format!("invited{number}@example.com"),
            "Role": role(number).name(),
            "Token": secrets::secret("Token"),
            "OrganizationID": organization.id(),
            "Accepted": false,
        })
    };
    Ok(json!({"invites": (1..=organization.invites).map(invite).collect::<Vec<_>>()}))
}

fn visible<'a>(request: &ApiRequest<'a>) -> impl Iterator<Item = &'a Organization> {
    let token = request.token;
    let organizations = request.world.organizations.iter();
    organizations.filter(move |organization| token.covers(organization))
}

/// Returns a record with two undocumented fields that clients read.
fn record(organization: &Organization) -> Json {
    json!({
        "name": organization.slug,
        "slug": organization.slug,
        "type": organization.kind,
        "overages": overages(organization),
        "require_mfa": false,
        "blocked_reads": false,
        "blocked_writes": false,
        "plan_id": organization.plan.name(),
        "plan_timeline": "monthly",
        "platform": "",
        "id": organization.id(),
        "stripe_id": secrets::secret("stripe_id"),
    })
}

pub(super) fn overages(organization: &Organization) -> bool {
    organization.kind == "team"
}

fn person(number: usize) -> Json {
    let role = if number == 0 {
        Role::Owner
    } else {
        role(number)
    };
    let username = names::person(number);
    json!({"username": username, "role": role.name(), "email": format!("{username}@example.com")})
}

fn role(number: usize) -> Role {
    [Role::Member, Role::Admin, Role::Viewer][number % 3]
}

fn sent(number: usize) -> String {
    let days = i64::try_from(number).unwrap_or_default();
    clock::moment(FIRST_INVITE + days * 86_400)
}

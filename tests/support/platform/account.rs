//! What belongs to no organization: the user, the token, the locations.

use serde_json::{Value as Json, json};

use super::answer::{Answered, Ask, Refusal};
use super::names;

/// Where the nearest server is, which another origin says.
pub(super) fn closest_region() -> Json {
    json!({"server": "aws-eu-west-1", "client": "aws-us-east-1"})
}

pub(super) fn validate(ask: &Ask<'_>) -> Json {
    json!({"exp": ask.token.expires})
}

pub(super) fn user(ask: &Ask<'_>) -> Json {
    let username = names::person(0);
    let plan = ask
        .world
        .organizations
        .first()
        .map(|first| first.plan.name());
    json!({"user": {
        "username": username,
        "name": "Ada Lovelace",
        "email": format!("{username}@example.com"),
        "avatarUrl": format!("https://avatars.example.com/{username}"),
        "plan": plan.unwrap_or("starter"),
        "mfa": true,
        "has_pending_invites": false,
    }})
}

/// An object and not a list, with codes for keys. The document's own example.
pub(super) fn locations(ask: &Ask<'_>) -> Json {
    json!(ask.document.example("/v1/locations"))
}

pub(super) fn location(ask: &Ask<'_>) -> Answered {
    let code = ask.parameter("locationCode");
    let locations = ask.document.example("/v1/locations");
    let description = locations
        .and_then(|example| example["locations"].get(code))
        .ok_or_else(|| Refusal::new(404, "location not found"))?;
    Ok(json!({"location": {"code": code, "description": description, "closest": []}}))
}

//! Endpoints outside of organizations: the user, the token, the locations.

use serde_json::{Value as Json, json};

use super::names;
use super::response::{ApiRequest, EndpointResult, Refusal};

/// Returns the closest region, served by the other origin.
pub(super) fn closest_region() -> Json {
    json!({"server": "aws-eu-west-1", "client": "aws-us-east-1"})
}

pub(super) fn validate(request: &ApiRequest<'_>) -> Json {
    json!({"exp": request.token.expires})
}

pub(super) fn user(request: &ApiRequest<'_>) -> Json {
    let username = names::person(0);
    let plan = request
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

/// Returns the example of the document: an object with codes as keys, not a list.
pub(super) fn locations(request: &ApiRequest<'_>) -> Json {
    json!(request.document.example("/v1/locations"))
}

pub(super) fn location(request: &ApiRequest<'_>) -> EndpointResult {
    let code = request.parameter("locationCode");
    let locations = request.document.example("/v1/locations");
    let description = locations
        .and_then(|example| example["locations"].get(code))
        .ok_or_else(|| Refusal::new(404, "location not found"))?;
    Ok(json!({"location": {"code": code, "description": description, "closest": []}}))
}

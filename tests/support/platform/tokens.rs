//! Lists of API tokens: their names and scopes, never their values.

use serde_json::{Value as Json, json};

use super::access::{Role, Scope, Token};
use super::clock;
use super::names;
use super::response::{ApiRequest, EndpointResult};

/// Creation time of the first token: 2026-05-21.
const FIRST_TOKEN: i64 = 1_779_321_600;

/// Returns the tokens of the user.
pub(super) fn own(request: &ApiRequest<'_>) -> Json {
    let tokens = request.world.tokens.iter().enumerate();
    let records: Vec<Json> = tokens
        .map(|(number, token)| record(number, token))
        .collect();
    json!({"tokens": records})
}

/// Returns the tokens that are restricted to the organization. Only admins see
/// owners, and the tokens of others.
pub(super) fn list(request: &ApiRequest<'_>) -> EndpointResult {
    let organization = request.organization()?;
    let admin = request.token.role >= Role::Admin;
    let tokens = request.world.tokens.iter().enumerate();
    let records: Vec<Json> = tokens
        .filter(|(_, token)| !matches!(token.scope, Scope::Everything))
        .filter(|(_, token)| token.covers(organization))
        .filter(|(_, token)| admin || token.value == request.token.value)
        .map(|(number, token)| {
            let mut record = record(number, token);
            if admin {
                let username = names::person(number);
                let email = format!("{username}@example.com");
                record["owner"] = json!({"username": username, "email": email});
            }
            record
        })
        .collect();
    Ok(json!({"tokens": records}))
}

/// Returns a record, whose creation date has no time.
fn record(number: usize, token: &Token) -> Json {
    let day = i64::try_from(number).unwrap_or_default();
    let mut record = json!({
        "name": token.name,
        "id": names::uuid(&format!("token {}", token.value)),
        "created_at": clock::date(FIRST_TOKEN + day * 86_400),
    });
    match &token.scope {
        Scope::Everything => {}
        Scope::Organization(slug) => record["organization"] = json!(slug),
        Scope::Group(slug, group) => {
            record["organization"] = json!(slug);
            record["group"] = json!(group);
            record["scopes"] = json!(["read"]);
        }
    }
    record
}

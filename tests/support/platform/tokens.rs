//! The lists of API tokens: what they are called and what they reach, and
//! never what they are.

use serde_json::{Value as Json, json};

use super::access::{Reach, Role, Token};
use super::answer::{Answered, Ask};
use super::clock;
use super::names;

/// When the first token was made: 2026-05-21.
const FIRST_TOKEN: i64 = 1_779_321_600;

/// Those of the user.
pub(super) fn own(ask: &Ask<'_>) -> Json {
    let tokens = ask.world.tokens.iter().enumerate();
    let records: Vec<Json> = tokens
        .map(|(number, token)| record(number, token))
        .collect();
    json!({"tokens": records})
}

/// Those that are restricted to the organization. Only admins see whose they
/// are, and those of others.
pub(super) fn list(ask: &Ask<'_>) -> Answered {
    let organization = ask.organization()?;
    let admin = ask.token.role >= Role::Admin;
    let tokens = ask.world.tokens.iter().enumerate();
    let records: Vec<Json> = tokens
        .filter(|(_, token)| !matches!(token.reach, Reach::Everything))
        .filter(|(_, token)| token.reaches(organization))
        .filter(|(_, token)| admin || token.value == ask.token.value)
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

/// The date has no time.
fn record(number: usize, token: &Token) -> Json {
    let day = i64::try_from(number).unwrap_or_default();
    let mut record = json!({
        "name": token.name,
        "id": names::uuid(&format!("token {}", token.value)),
        "created_at": clock::date(FIRST_TOKEN + day * 86_400),
    });
    match &token.reach {
        Reach::Everything => {}
        Reach::Organization(slug) => record["organization"] = json!(slug),
        Reach::Group(slug, group) => {
            record["organization"] = json!(slug);
            record["group"] = json!(group);
            record["scopes"] = json!(["read"]);
        }
    }
    record
}

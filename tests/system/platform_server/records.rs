//! Records have the irregularities of real ones.

use std::collections::BTreeSet;

use anyhow::Result;
use connector_tests::platform::{Platform, Token, World, secrets};
use serde_json::Value as Json;

use super::{TOKEN, example, get, whole};

#[test]
fn a_database_has_its_host_twice_and_undocumented_fields() -> Result<()> {
    let platform = Platform::shop("127.0.0.1:8080", TOKEN)?;
    let shop = get(&platform, "/v1/organizations/acme/databases/shop")?.1["database"].clone();
    assert_eq!(shop["Hostname"], "127.0.0.1:8080");
    assert_eq!(shop["hostname"], shop["Hostname"]);
    for field in ["auth_role_id", "engine", "group_id", "organization_id"] {
        assert!(shop.get(field).is_some(), "{field} is missing");
    }
    platform.finish()
}

#[test]
fn a_branch_has_a_creation_time_with_nanoseconds() -> Result<()> {
    let platform = Platform::serve(whole())?;
    let (_, response) = get(&platform, "/v1/organizations/acme/databases/shop-next")?;
    let parent = &response["database"]["parent"];
    let moment = parent["branched_at"].as_str().unwrap_or_default();
    assert_eq!(moment.len(), "2026-04-15T00:00:00.123456789Z".len());
    assert!(!moment.ends_with("0Z"), "{moment}");
    let id = parent["id"].as_str().unwrap_or_default();
    let (_, branches) = get(
        &platform,
        &format!("/v1/organizations/acme/databases?parent={id}"),
    )?;
    assert_eq!(branches["databases"][0]["Name"], "shop-next");
    assert_eq!(branches["databases"].as_array().map(Vec::len), Some(1));
    platform.finish()
}

#[test]
fn missing_queries_are_null() -> Result<()> {
    let platform = Platform::serve(whole())?;
    let mut kinds = BTreeSet::new();
    for name in ["shop", "shop-next", "archive"] {
        let (_, stats) = get(
            &platform,
            &format!("/v1/organizations/acme/databases/{name}/stats"),
        )?;
        kinds.insert(stats["top_queries"].is_null());
    }
    assert_eq!(kinds, BTreeSet::from([false, true]));
    platform.finish()
}

#[test]
fn an_upcoming_invoice_has_no_number() -> Result<()> {
    let platform = Platform::serve(whole())?;
    let invoices = |kind: &str| -> Result<Vec<Json>> {
        let path = format!("/v1/organizations/acme/invoices{kind}");
        Ok(get(&platform, &path)?.1["invoices"]
            .as_array()
            .cloned()
            .unwrap_or_default())
    };
    let numbered = |invoices: &[Json]| {
        invoices
            .iter()
            .filter(|one| one.get("invoice_number").is_some())
            .count()
    };
    let (all, upcoming, issued) = (
        invoices("")?,
        invoices("?type=upcoming")?,
        invoices("?type=issued")?,
    );
    assert_eq!((all.len(), numbered(&all)), (6, 5));
    assert_eq!((upcoming.len(), numbered(&upcoming)), (1, 0));
    assert_eq!((issued.len(), numbered(&issued)), (5, 5));
    platform.finish()
}

#[test]
fn usage_adds_up_over_windows_and_has_numbers_that_floats_cannot_hold() -> Result<()> {
    let platform = Platform::serve(whole())?;
    let usage = |from: &str, to: &str| -> Result<Json> {
        let path = format!("/v1/organizations/acme/databases/shop/usage?from={from}&to={to}");
        Ok(get(&platform, &path)?.1["database"]["total"].clone())
    };
    let number = |usage: &Json, field: &str| usage[field].as_u64().unwrap_or_default();
    let half = usage("2026-10-01T00:00:00Z", "2026-10-16T12:00:00Z")?;
    let rest = usage("2026-10-16T14:00:00%2B02:00", "2026-11-01T00:00:00.000Z")?;
    let whole = usage("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z")?;
    for field in ["rows_read", "rows_written"] {
        assert!(number(&half, field) > 0);
        let sum = number(&half, field) + number(&rest, field);
        assert_eq!(sum, number(&whole, field), "{field}");
    }
    let large = number(&whole, "bytes_synced");
    assert!(large > 1 << 53 && large % 2 == 1, "{large}");
    // The future has no usage.
    assert_eq!(
        usage("2026-11-01T00:00:00Z", "2027-11-01T00:00:00Z")?,
        usage("2026-11-01T00:00:00Z", "2026-11-23T12:00:00Z")?
    );
    platform.finish()
}

#[test]
fn a_window_needs_a_time_zone() -> Result<()> {
    let platform = Platform::serve(whole())?;
    let path = "/v1/organizations/acme/databases/shop/usage?from=2023-12-12T00:00:00";
    let (status, response) = get(&platform, path)?;
    assert_eq!(status, 400);
    // The example of the document.
    assert_eq!(
        response["error"],
        "invalid from parameter: parsing time \"2023-12-12T00:00:00\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\" as \"Z07:00\""
    );
    platform.finish()
}

#[test]
fn a_token_has_a_creation_date_without_a_time() -> Result<()> {
    let platform = Platform::serve(whole())?;
    let tokens = get(&platform, "/v1/auth/api-tokens")?.1["tokens"].clone();
    assert_eq!(tokens[0]["created_at"], "2026-05-21");
    assert_eq!(tokens[2]["scopes"][0], "read");
    assert!(!tokens.to_string().contains(TOKEN));
    platform.finish()
}

#[test]
fn fields_that_must_not_be_stored_are_served() -> Result<()> {
    let platform = Platform::serve(whole())?;
    let mut found = String::new();
    for template in connector_tests::platform::served() {
        found.push_str(&get(&platform, &example(template))?.1.to_string());
    }
    for field in ["stripe_id", "Token", "encryption_key"] {
        assert!(
            found.contains(&format!("{}{field}", secrets::SECRET)),
            "{field}"
        );
    }
    for field in secrets::fields(secrets::Reason::Private) {
        assert!(
            found.contains(&format!("{}{field}", secrets::PRIVATE)),
            "{field}"
        );
    }
    platform.finish()
}

#[test]
fn a_world_is_reproducible() -> Result<()> {
    let (one, other) = (Platform::serve(whole())?, Platform::serve(whole())?);
    for template in connector_tests::platform::served() {
        let path = example(template);
        assert_eq!(get(&one, &path)?, get(&other, &path)?);
    }
    one.finish()?;
    other.finish()
}

#[test]
fn the_closest_region_needs_no_token_and_has_another_address() -> Result<()> {
    let platform = Platform::serve(World::new().token(Token::unrestricted(TOKEN)))?;
    let body = ureq::get(platform.region_url())
        .call()?
        .body_mut()
        .read_to_string()?;
    let response: Json = serde_json::from_str(&body)?;
    assert_eq!(response["server"], "aws-eu-west-1");
    platform.finish()
}

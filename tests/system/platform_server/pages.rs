//! Pagination schemes of the API.

use std::collections::BTreeSet;

use anyhow::Result;
use connector_tests::platform::{Organization, Platform, Token, World};
use serde_json::Value as Json;

use super::{TOKEN, get};

#[test]
fn the_list_of_databases_is_complete_unless_a_limit_is_requested_or_set() -> Result<()> {
    let platform = Platform::serve(large())?;
    let list = "/v1/organizations/acme/databases";
    let (_, whole) = get(&platform, list)?;
    assert_eq!(whole["databases"].as_array().map(Vec::len), Some(25));
    assert_eq!(whole.get("pagination"), None);
    assert_eq!(
        lengths(&platform, &format!("{list}?limit=10"), "databases")?,
        [10, 10, 5]
    );
    platform.change(large().page_rows(7));
    assert_eq!(
        lengths(&platform, &format!("{list}?"), "databases")?,
        [7, 7, 7, 4]
    );
    platform.finish()
}

#[test]
fn the_newer_lists_end_with_a_cursor_that_is_null() -> Result<()> {
    let platform = Platform::serve(large().page_rows(4))?;
    let id = Organization::team("acme").id();
    let lists = format!("/v3/organizations/{id}");
    let deleted = format!("{lists}/databases?deleted=true");
    assert_eq!(lengths(&platform, &deleted, "databases")?, [4, 4, 1]);
    let groups = format!("{lists}/deleted-groups?limit=3");
    assert_eq!(lengths(&platform, &groups, "groups")?, [3, 2]);
    let last = get(&platform, &format!("{lists}/deleted-groups?limit=5"))?.1;
    // Five records need two pages of four.
    assert!(last["pagination"]["next"].is_string());
    let last = get(&platform, &format!("{lists}/groups"))?.1;
    assert_eq!(last["pagination"].get("next"), Some(&Json::Null));
    assert_eq!(
        get(&platform, &format!("{lists}/databases?limit=1001"))?.0,
        400
    );
    platform.finish()
}

#[test]
fn a_cursor_must_be_escaped_and_valid() -> Result<()> {
    let platform = Platform::serve(large())?;
    let list = "/v1/organizations/acme/databases?limit=10";
    let next = get(&platform, list)?.1["pagination"]["next"].clone();
    let next = next.as_str().unwrap_or_default();
    assert!(next.contains('+') && next.contains('/'), "{next}");
    assert_eq!(get(&platform, &format!("{list}&cursor={next}"))?.0, 400);
    assert_eq!(get(&platform, &format!("{list}&cursor=garbage"))?.0, 400);
    assert_eq!(
        get(&platform, &format!("{list}&cursor={}", escaped(next)))?.0,
        200
    );
    platform.finish()
}

#[test]
fn the_audit_log_has_numbered_pages_from_the_newest_entry() -> Result<()> {
    let platform = Platform::serve(large())?;
    let list = "/v1/organizations/acme/audit-logs";
    let page = |query: &str| Ok::<_, anyhow::Error>(get(&platform, &format!("{list}{query}"))?.1);
    let first = page("?page_size=100")?;
    assert_eq!(first["pagination"]["total_pages"], 3);
    assert_eq!(first["pagination"]["total_rows"], 230);
    assert_eq!(page("")?["audit_logs"], first["audit_logs"]);
    let mut entries = Vec::new();
    for number in 1..=4 {
        let page = page(&format!("?page_size=100&page={number}"))?;
        assert_eq!(page["pagination"]["page"], number);
        entries.extend(page["audit_logs"].as_array().into_iter().flatten().cloned());
    }
    assert_eq!(entries.len(), 230);
    let times: Vec<_> = entries
        .iter()
        .map(|entry| entry["created_at"].as_str())
        .collect();
    assert!(
        times.is_sorted_by(|newer, older| newer >= older),
        "{times:?}"
    );
    assert_eq!(entries[0].get("id"), None);
    platform.finish()
}

#[test]
fn new_log_entries_shift_older_ones_without_changing_them() -> Result<()> {
    let platform = Platform::serve(large())?;
    let list = "/v1/organizations/acme/audit-logs?page_size=1000";
    let before = get(&platform, list)?.1["audit_logs"].clone();
    let more = acme().audit_logs(235);
    platform.change(
        World::new()
            .organization(more)
            .token(Token::unrestricted(TOKEN)),
    );
    let after = get(&platform, list)?.1["audit_logs"].clone();
    let (before, after) = (before.as_array(), after.as_array());
    assert_eq!(
        before.map(Vec::as_slice),
        after.and_then(|after| after.get(5..))
    );
    platform.finish()
}

fn acme() -> Organization {
    Organization::team("acme")
        .group("default")
        .databases("default", 25)
        .audit_logs(230)
        .deleted_databases(9)
        .deleted_groups(5)
}

fn large() -> World {
    World::new()
        .organization(acme())
        .token(Token::unrestricted(TOKEN))
}

/// Returns the lengths of the pages of a list. No record is on two pages.
fn lengths(platform: &Platform, list: &str, selector: &str) -> Result<Vec<usize>> {
    let (mut lengths, mut seen, mut cursor) = (Vec::new(), BTreeSet::new(), String::new());
    loop {
        let (status, page) = get(platform, &format!("{list}{cursor}"))?;
        assert_eq!(status, 200, "{page}");
        let records = page[selector].as_array().cloned().unwrap_or_default();
        lengths.push(records.len());
        for record in records {
            assert!(seen.insert(record.to_string()), "{record} is on two pages");
        }
        match &page["pagination"]["next"] {
            Json::String(next) => cursor = format!("&cursor={}", escaped(next)),
            _ => return Ok(lengths),
        }
    }
}

fn escaped(cursor: &str) -> String {
    cursor
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D")
}

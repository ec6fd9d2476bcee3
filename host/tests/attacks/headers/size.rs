//! Oversized headers and URLs.

use connector_host::SandboxError;
use connector_host::model::Limit;
use connector_host::network::DenialReason;
use connector_host::network::Uncovered;
use serde_json::json;

use crate::expected::Expected::{Denied, Inexpressible};
use crate::victim::Victim;
use crate::world::{Outcome, World, get};

#[tokio::test]
async fn a_hundred_thousand_headers_are_refused() {
    let server = Victim::listen();
    let world = World::new().allow_private(&server.origin());
    for count in [100_000, 40_000, 5_000] {
        let request = json!({ "authority": server.authority(), "header_flood": count });
        let outcome = world.request(request).await;
        refused(&outcome, &format!("{count} headers"));
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn one_header_of_ten_megabytes_is_refused() {
    let server = Victim::listen();
    let world = World::new().allow_private(&server.origin());
    for bytes in [10 << 20, 1 << 20, 1 << 17] {
        let request = json!({ "authority": server.authority(), "header_bytes": bytes });
        let outcome = world.request(request).await;
        refused(&outcome, &format!("{bytes} bytes"));
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_path_of_a_megabyte_is_inexpressible() {
    let server = Victim::listen();
    let world = World::new().allow_private(&server.origin());
    let path = format!("/{}", "x".repeat(1 << 20));
    let outcome = world.request(get(&server.authority(), &path)).await;
    Inexpressible("path").check("a long path", "", &outcome);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn the_refusal_of_a_long_url_is_short() {
    let server = Victim::listen();
    let world = World::new().allow_private(&server.origin());
    let long = "x".repeat(60_000);
    for request in [
        get("victim.test", &format!("/{long}")),
        get(
            &format!("victim.test:{}", server.port()),
            &format!("/%41{long}"),
        ),
    ] {
        let outcome = world.request(request).await;
        let reason = DenialReason::Uncovered(Uncovered::Origin);
        Denied(reason).check("a long URL", "http://", &outcome);
        let denial = outcome.denial();
        let shown = denial.to_string().len() + denial.remedy().to_string().len();
        assert!(shown < 5000, "{shown}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn an_unsent_request_cannot_hold_a_long_text() {
    let long = "X".repeat(1 << 20);
    let world = World::new();
    for (part, request) in [
        ("method", json!({ "authority": "a.test", "method": long })),
        ("scheme", json!({ "authority": "a.test", "scheme": long })),
        ("authority", json!({ "authority": long })),
    ] {
        let outcome = world.request(request).await;
        Inexpressible("the interface refuses").check(part, "", &outcome);
    }
    // A shorter text is still not a valid method.
    let method = "X".repeat(100);
    let outcome = world
        .request(json!({ "authority": "a.test", "method": method }))
        .await;
    let shown = outcome.denial().to_string();
    assert!(!shown.contains("XXXX"), "{shown}");
}

/// Checks that the error names the limit.
#[track_caller]
fn refused(outcome: &Outcome, case: &str) {
    assert!(
        matches!(outcome.result, Err(SandboxError::Limit(Limit::Headers))),
        "{case}: {:?}",
        outcome.result
    );
}

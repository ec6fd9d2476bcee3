//! Attacks by amount: a set of headers has a bound before it is a request.

use connector_host::model::Limit;
use connector_host::sandbox::SandboxError;
use connector_host::sandbox::egress::Reason;
use connector_host::sandbox::egress::rule::Uncovered;
use serde_json::json;

use crate::verdict::Verdict::{Denied, Unsayable};
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
async fn a_path_of_a_megabyte_cannot_be_said() {
    let server = Victim::listen();
    let world = World::new().allow_private(&server.origin());
    let path = format!("/{}", "x".repeat(1 << 20));
    let outcome = world.request(get(&server.authority(), &path)).await;
    Unsayable("path").check("a long path", "", &outcome);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_refusal_of_a_long_url_is_short() {
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
        let reason = Reason::Uncovered(Uncovered::Origin);
        Denied(reason).check("a long URL", "http://", &outcome);
        let denial = outcome.denial();
        let shown = denial.to_string().len() + denial.remedy().to_string().len();
        assert!(shown < 5000, "{shown}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_request_that_is_never_sent_holds_no_long_text() {
    let long = "X".repeat(1 << 20);
    let world = World::new();
    for (part, request) in [
        ("method", json!({ "authority": "a.test", "method": long })),
        ("scheme", json!({ "authority": "a.test", "scheme": long })),
        ("authority", json!({ "authority": long })),
    ] {
        let outcome = world.request(request).await;
        Unsayable("the interface refuses").check(part, "", &outcome);
    }
    // And what is short enough to be kept is still no method.
    let method = "X".repeat(100);
    let outcome = world
        .request(json!({ "authority": "a.test", "method": method }))
        .await;
    let shown = outcome.denial().to_string();
    assert!(!shown.contains("XXXX"), "{shown}");
}

/// By the limit, which the error names.
#[track_caller]
fn refused(outcome: &Outcome, case: &str) {
    assert!(
        matches!(outcome.result, Err(SandboxError::Limit(Limit::Headers))),
        "{case}: {:?}",
        outcome.result
    );
}

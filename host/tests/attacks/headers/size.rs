//! Attacks by amount: a set of headers has a bound before it is a request.

use serde_json::json;

use crate::victim::Victim;
use crate::world::World;

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
async fn a_host_or_path_of_megabytes_is_refused() {
    let server = Victim::listen();
    let world = World::new().allow_private(&server.origin());
    let long = "x".repeat(1 << 20);
    for (authority, path, words) in [
        (long.clone(), "/".to_owned(), "authority"),
        (server.authority(), format!("/{long}"), "path"),
    ] {
        let request = json!({ "authority": authority, "path": path });
        let outcome = world.request(request).await;
        assert!(outcome.failure().contains(words), "{}", outcome.failure());
    }
    assert_eq!(server.connections(), 0);
}

/// By the interface, which says so to the connector.
#[track_caller]
fn refused(outcome: &crate::world::Outcome, case: &str) {
    let failure = outcome.failure();
    assert!(failure.contains("SizeExceeded"), "{case}: {failure}");
}

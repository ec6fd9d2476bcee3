//! Attacks by redirects: the connector receives them, and the host follows none.

use connector_host::network::DenialReason;
use connector_host::network::Uncovered;
use serde_json::json;

use crate::expected::Expected::Denied;
use crate::victim::Victim;
use crate::world::{World, get};

fn redirecting(status: u16, location: &str) -> Victim {
    Victim::responding_with(format!(
        "HTTP/1.1 {status} Elsewhere\r\nlocation: {location}\r\nrefresh: 0; url={location}\r\ncontent-length: 0\r\n\r\n"
    ))
}

#[tokio::test]
async fn a_redirect_to_a_denied_host_is_returned_and_not_followed() {
    for status in [300, 301, 302, 303, 305, 307, 308] {
        for method in ["GET", "POST"] {
            let victim = Victim::listen();
            let server = redirecting(status, &format!("{}/stolen", victim.origin()));
            let world = World::new().allow_private(&server.origin());
            let request = json!({ "authority": server.authority(), "method": method });
            let outcome = world.request(request).await;
            let response = outcome.response();
            assert!(response.starts_with(&status.to_string()), "{response}");
            assert!(response.contains(&victim.origin()), "{response}");
            assert_eq!((server.connections(), victim.connections()), (1, 0));
        }
    }
}

#[tokio::test]
async fn a_redirect_to_an_allowed_host_is_not_followed() {
    let target = Victim::listen();
    let server = redirecting(302, &format!("{}/", target.origin()));
    let world = World::new()
        .allow_private(&server.origin())
        .allow_private(&target.origin());
    let outcome = world.request(get(&server.authority(), "/")).await;
    assert!(
        outcome.response().starts_with("302"),
        "{}",
        outcome.response()
    );
    assert_eq!((server.requests().len(), target.connections()), (1, 0));
}

#[tokio::test]
async fn a_redirect_to_another_scheme_is_not_followed() {
    let victim = Victim::listen();
    let authority = victim.authority();
    for location in [
        format!("https://{authority}/"),
        format!("//{authority}/"),
        format!("\\\\{authority}\\"),
        format!("ftp://{authority}/"),
        format!("ws://{authority}/"),
        format!("gopher://{authority}/_x"),
        "file:///etc/passwd".to_owned(),
        "data:text/plain,x".to_owned(),
        "javascript:x".to_owned(),
        "/loop".to_owned(),
        String::new(),
    ] {
        let server = redirecting(302, &location);
        let world = World::new().allow_private(&server.origin());
        let outcome = world.request(get(&server.authority(), "/")).await;
        assert!(outcome.response().starts_with("302"), "{location}");
        assert_eq!(server.requests().len(), 1, "{location}");
    }
    assert_eq!(victim.connections(), 0);
}

#[tokio::test]
async fn a_request_after_a_redirect_is_checked() {
    let victim = Victim::listen();
    let server = redirecting(302, &format!("{}/", victim.origin()));
    let world = World::new().allow_private(&server.origin());
    let steps = json!([
        { "request": get(&server.authority(), "/") },
        { "request": get(&victim.authority(), "/") },
    ]);
    let outcome = world.attack(steps).await;
    let reason = DenialReason::Uncovered(Uncovered::Origin);
    Denied(reason).check("second", &victim.origin(), &outcome);
    assert_eq!((server.requests().len(), victim.connections()), (1, 0));
}

#[tokio::test]
async fn a_cookie_is_not_kept() {
    let server = Victim::responding_with(
        "HTTP/1.1 200 OK\r\nset-cookie: session=1; Path=/\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    );
    let world = World::new().allow_private(&server.origin());
    let request = json!({ "request": get(&server.authority(), "/") });
    world.attack(json!([request, request])).await.response();
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert!(!request.to_lowercase().contains("cookie"), "{request}");
        assert!(!request.to_lowercase().contains("referer"), "{request}");
    }
}

//! Attacks through the request target and the authority, which a server could
//! interpret as another host than the checked one.

use connector_host::model::AllowRule;
use connector_host::network::DenialReason;
use connector_host::network::{RuleError, Uncovered};
use connector_host::testing::Rule;
use serde_json::json;

use crate::expected::Expected::{Denied, Inexpressible};
use crate::victim::Victim;
use crate::world::{World, get};

#[tokio::test]
async fn an_absolute_request_target_is_inexpressible() {
    let (server, victim) = (Victim::listen(), Victim::listen());
    let world = World::new().allow_private(&server.origin());
    for path in [
        format!("{}/", victim.origin()),
        victim.origin(),
        format!("http://{}@{}/", server.authority(), victim.authority()),
        format!("HTTP://{}/", victim.authority()),
        format!("https://{}/", victim.authority()),
        format!("@{}/", victim.authority()),
        format!(":80@{}/", victim.authority()),
        format!(".{}/", victim.authority()),
        victim.authority(),
        "*".to_owned(),
        "x".to_owned(),
        "\\\\victim\\".to_owned(),
        "../x".to_owned(),
    ] {
        let outcome = world.request(get(&server.authority(), &path)).await;
        Inexpressible("path").check(&path, "", &outcome);
    }
    assert_eq!((server.connections(), victim.connections()), (0, 0));
}

#[tokio::test]
async fn a_path_that_looks_like_a_host_goes_to_the_checked_host() {
    let (server, victim) = (Victim::listen(), Victim::listen());
    let world = World::new().allow_private(&server.origin());
    for path in [
        format!("//{}/", victim.authority()),
        format!("///{}/", victim.authority()),
        format!("/\\{}/", victim.authority()),
        format!("\\\\{}/", victim.authority()),
        format!("/@{}/", victim.authority()),
        format!("/http://{}/", victim.authority()),
        format!("/:@{}/", victim.authority()),
        format!("?@{}/", victim.authority()),
        format!("?http://{}/", victim.authority()),
        format!("/#@{}/", victim.authority()),
    ] {
        let outcome = world.request(get(&server.authority(), &path)).await;
        if path.starts_with('\\') {
            Inexpressible("path").check(&path, "", &outcome);
            continue;
        }
        assert!(outcome.response().starts_with("200"), "{path}");
        let request = server.requests().pop().unwrap();
        // In origin form, with the checked host and no other.
        assert!(request.starts_with("GET /"), "{path}: {request}");
        let host = format!("\r\nhost: {}\r\n", server.authority());
        assert_eq!(request.matches("host:").count(), 1, "{path}: {request}");
        assert!(request.contains(&host), "{path}: {request}");
    }
    assert_eq!(victim.connections(), 0);
}

#[tokio::test]
async fn a_user_in_the_authority_is_refused() {
    let (server, victim) = (Victim::listen(), Victim::listen());
    let world = World::new().allow_private(&server.origin());
    let (own, other) = (server.authority(), victim.authority());
    for authority in [
        format!("user@{own}"),
        format!("user:password@{own}"),
        format!(":password@{own}"),
        format!("{own}@{other}"),
        format!("{other}@{own}"),
        format!("127.0.0.1@{own}"),
        format!("%75ser@{own}"),
    ] {
        let outcome = world.request(get(&authority, "/")).await;
        let reason = DenialReason::Malformed("it contains a user name or a password".to_owned());
        Denied(reason).check(&authority, "GET", &outcome);
    }
    // An empty user is removed before the check.
    let outcome = world.request(get(&format!("@{other}"), "/")).await;
    assert!(outcome.result.is_err(), "{:?}", outcome.result);
    assert_eq!((server.connections(), victim.connections()), (0, 0));
}

#[tokio::test]
async fn an_authority_with_more_than_host_and_port_is_inexpressible() {
    let (server, victim) = (Victim::listen(), Victim::listen());
    let world = World::new().allow_private(&server.origin());
    let (own, other) = (server.authority(), victim.authority());
    for authority in [
        format!("{own}\r\nhost: {other}"),
        format!("{own}\n"),
        format!("{own}\0"),
        format!("{own} {other}"),
        format!("{own},{other}"),
        format!("{own}/"),
        format!("{own}/@{other}"),
        format!("{own}?@{other}"),
        format!("{own}#@{other}"),
        format!("{own}\\@{other}"),
        format!("{own}:80"),
        format!("http://{own}"),
        format!("a@{own}@{other}"),
        "127.0.0.1:99999".to_owned(),
        "127.0.0.1:-1".to_owned(),
        "127.0.0.1:+80".to_owned(),
        "127.0.0.1:0x50".to_owned(),
        "[".to_owned(),
        "]".to_owned(),
        "[::1]x".to_owned(),
        "[::1]]".to_owned(),
        "[[::1]]".to_owned(),
    ] {
        let outcome = world.request(get(&authority, "/")).await;
        let refused = match &outcome.result {
            Err(connector_host::SandboxError::Denied(denial)) => matches!(
                denial.reason(),
                DenialReason::Malformed(_) | DenialReason::Uncovered(Uncovered::Origin)
            ),
            Err(connector_host::SandboxError::Source(error)) => error.message.contains("authority"),
            _ => false,
        };
        assert!(refused, "{authority:?}: {:?}", outcome.result);
    }
    let nothing = world.request(json!({ "path": "/" })).await;
    assert!(nothing.result.is_err(), "{:?}", nothing.result);
    assert_eq!((server.connections(), victim.connections()), (0, 0));
}

#[tokio::test]
async fn a_method_that_contains_a_request_is_inexpressible() {
    let server = Victim::listen();
    let world = World::new().allow_private(&server.origin());
    for method in [
        "GET /x HTTP/1.1\r\nhost: victim\r\n\r\nGET",
        "GET\r\n",
        "GET ",
        " GET",
        "GET\0",
        "G\tT",
        "GET/",
        "",
        "GÉT",
        "G@T",
    ] {
        let request = json!({ "authority": server.authority(), "method": method });
        let outcome = world.request(request).await;
        Inexpressible("method").check(method, "", &outcome);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_tunnel_is_refused_under_every_rule() {
    let victim = Victim::listen();
    let world = World::new().allow_private(&victim.origin());
    let request = json!({ "authority": victim.authority(), "method": "CONNECT" });
    let outcome = world.request(request).await;
    let reason = DenialReason::Uncovered(Uncovered::Method);
    Denied(reason).check("CONNECT", &victim.origin(), &outcome);
    assert_eq!(victim.connections(), 0);
    // Data in a tunnel could not be checked.
    let rule = Rule::new(&AllowRule {
        origin: victim.origin(),
        methods: vec!["CONNECT".to_owned()],
        private: true,
        ..AllowRule::default()
    });
    assert!(matches!(rule, Err(RuleError::Method(method)) if method == "CONNECT"));
}

#[tokio::test]
async fn an_upgrade_cannot_be_requested() {
    let server = Victim::listen();
    let world = World::new().allow_private(&server.origin());
    for headers in [
        json!([["upgrade", "websocket"]]),
        json!([["Upgrade", "h2c"]]),
        json!([["connection", "upgrade"]]),
        json!([["Connection", "Upgrade, HTTP2-Settings"]]),
        json!([["http2-settings", "AAMAAABkAAQAAP__"]]),
        json!([["HTTP2-Settings", ""]]),
    ] {
        let request = json!({ "authority": server.authority(), "headers": headers });
        let outcome = world.request(request).await;
        Inexpressible("Forbidden").check(&headers.to_string(), "", &outcome);
    }
    assert_eq!(server.connections(), 0);
}

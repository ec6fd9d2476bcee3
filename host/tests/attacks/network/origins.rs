//! Attacks on scheme, host, port and method: the host does not connect without a
//! rule.

use connector_host::model::AllowRule;
use connector_host::network::DenialReason;
use connector_host::network::Uncovered;
use serde_json::json;

use crate::expected::Expected;
use crate::victim::Victim;
use crate::world::{World, get};

#[tokio::test]
async fn an_allowed_server_receives_the_request() {
    let server = Victim::listen();
    let world = World::new().allow_private(&server.origin());
    let outcome = world.request(get(&server.authority(), "/x")).await;
    assert!(
        outcome.response().starts_with("200"),
        "{:?}",
        outcome.result
    );
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn no_request_is_sent_without_a_rule() {
    let victim = Victim::listen();
    let outcome = World::new().request(get(&victim.authority(), "/")).await;
    Expected::Denied(DenialReason::Uncovered(Uncovered::Origin)).check(
        "no rules",
        &victim.origin(),
        &outcome,
    );
    assert_eq!(victim.connections(), 0);
}

#[tokio::test]
async fn a_host_without_a_rule_receives_nothing() {
    let (listed, victim) = Victim::pair();
    let world = World::new().allow_private(&listed.origin());
    let outcome = world.request(get(&victim.authority(), "/")).await;
    Expected::Denied(DenialReason::Uncovered(Uncovered::Origin)).check(
        "another host",
        &victim.origin(),
        &outcome,
    );
    assert_eq!(victim.connections(), 0);
}

#[tokio::test]
async fn a_port_without_a_rule_receives_nothing() {
    let (listed, victim) = (Victim::listen(), Victim::listen());
    let world = World::new().allow_private(&listed.origin());
    let outcome = world.request(get(&victim.authority(), "/")).await;
    Expected::Denied(DenialReason::Uncovered(Uncovered::Origin)).check(
        "another port",
        &victim.origin(),
        &outcome,
    );
    assert_eq!(victim.connections(), 0);
}

#[tokio::test]
async fn a_rule_applies_only_to_its_scheme() {
    let origin = Expected::Denied(DenialReason::Uncovered(Uncovered::Origin));
    let unsayable = Expected::Inexpressible("HttpProtocolError");
    for (granted, requested, expected) in [
        ("https", "http", &origin),
        ("http", "https", &origin),
        ("https", "ws", &unsayable),
        ("http", "ftp", &unsayable),
        ("http", "file", &unsayable),
        ("http", "gopher", &unsayable),
        ("http", "HTTP+unix", &unsayable),
        ("http", "http:", &Expected::Inexpressible("scheme")),
        ("http", "http://x/", &Expected::Inexpressible("scheme")),
    ] {
        let victim = Victim::listen();
        let world = World::new().allow_private(&format!("{granted}://{}", victim.authority()));
        let request = json!({ "authority": victim.authority(), "scheme": requested });
        let outcome = world.request(request).await;
        let subject = format!("{requested}://{}", victim.authority());
        expected.check(&format!("{requested} for {granted}"), &subject, &outcome);
        assert_eq!(victim.connections(), 0, "{requested} for {granted}");
    }
}

#[tokio::test]
async fn a_method_without_a_rule_is_not_sent() {
    let victim = Victim::listen();
    let world = World::new().allow_private(&victim.origin());
    for method in [
        "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD", "CONNECT", "PROPFIND", "PURGE",
        "get", "Get", "post", "GETS", "GE", "PRI",
    ] {
        let request = json!({ "authority": victim.authority(), "method": method });
        let outcome = world.request(request).await;
        let subject = format!("{method} {}", victim.origin());
        Expected::Denied(DenialReason::Uncovered(Uncovered::Method))
            .check(method, &subject, &outcome);
    }
    assert_eq!(victim.connections(), 0);
}

#[tokio::test]
async fn a_method_of_one_rule_does_not_apply_to_the_paths_of_another() {
    let victim = Victim::listen();
    let rule = |methods: &[&str], path: &str| AllowRule {
        origin: victim.origin(),
        methods: methods.iter().map(ToString::to_string).collect(),
        paths: vec![path.to_owned()],
        private: true,
        ..AllowRule::default()
    };
    let world = World::new()
        .allow_with(rule(&["GET"], "/read"))
        .allow_with(rule(&["POST"], "/write"));
    for (method, path) in [("POST", "/read"), ("GET", "/write")] {
        let request = json!({ "authority": victim.authority(), "method": method, "path": path });
        let outcome = world.request(request).await;
        let subject = format!("{method} {}{path}", victim.origin());
        Expected::Denied(DenialReason::Uncovered(Uncovered::Path)).check(path, &subject, &outcome);
    }
    assert_eq!(victim.connections(), 0);
}

#[tokio::test]
async fn a_wildcard_matches_neither_two_labels_nor_the_bare_domain() {
    let victim = Victim::listen();
    let port = victim.port();
    let world = World::new().allow_private(&format!("http://*.example.org:{port}"));
    world.names.set_default(&["127.0.0.1"]);
    let mut tried = 0;
    for host in [
        "example.org",
        "a.b.example.org",
        ".example.org",
        "..example.org",
        "a..example.org",
        "a.example.org.",
        "aexample.org",
        "a-example.org",
        "a.example.org.evil.test",
        "a.example.org:80.evil.test",
        "example.org.",
        "a.example.orga",
        "a.xexample.org",
        "%2a.example.org",
    ] {
        let outcome = world.request(get(&format!("{host}:{port}"), "/")).await;
        assert!(outcome.result.is_err(), "{host}: {:?}", outcome.result);
        if let Err(connector_host::SandboxError::Denied(denial)) = &outcome.result {
            let reason = denial.reason();
            assert!(
                matches!(
                    reason,
                    DenialReason::Uncovered(Uncovered::Origin) | DenialReason::Malformed(_)
                ),
                "{host}: {reason:?}"
            );
        } else {
            let failure = outcome.failure();
            assert!(failure.contains("authority"), "{host}: {failure}");
        }
        tried += 1;
    }
    assert_eq!((tried, victim.connections()), (14, 0));
    let outcome = world
        .request(get(&format!("a.example.org:{port}"), "/"))
        .await;
    assert!(
        outcome.response().starts_with("200"),
        "one label is covered"
    );
}

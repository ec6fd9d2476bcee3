//! Attacks on path rules: a path is checked in the form in which it is sent. A
//! path that servers interpret differently matches no rule with paths.

use connector_host::model::AllowRule;
use connector_host::network::DenialReason;
use connector_host::network::Uncovered;

use crate::expected::Expected::{Denied, Inexpressible};
use crate::victim::Victim;
use crate::world::{World, get};

fn world(server: &Victim, paths: &[&str]) -> World {
    World::new().allow_with(AllowRule {
        origin: server.origin(),
        paths: paths.iter().map(ToString::to_string).collect(),
        private: true,
        ..AllowRule::default()
    })
}

#[tokio::test]
async fn a_path_without_a_rule_is_not_sent() {
    let server = Victim::listen();
    let world = world(&server, &["/v2/*", "/v3/pipeline", "/a*z"]);
    for path in [
        "/",
        "/v1/x",
        "/V2/x",
        "/v2",
        "/v22/x",
        "/v3/pipeline/",
        "/v3/pipelines",
        "/v3/Pipeline",
        "/v3/pipeline;x",
        "/dump",
        "/dump?/v2/x",
        "/x/v2/y",
        "/az/x",
        "/A1z",
        "/v3/pipeline%20",
        "/?x=/v2/",
    ] {
        let outcome = world.request(get(&server.authority(), path)).await;
        let reason = DenialReason::Uncovered(Uncovered::Path);
        Denied(reason).check(path, &server.origin(), &outcome);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn dot_segments_are_resolved_before_the_check() {
    let server = Victim::listen();
    let world = world(&server, &["/v2/*"]);
    for path in [
        "/v2/../dump",
        "/v2/./../dump",
        "/v2/x/../../dump",
        "/v2/%2e%2e/dump",
        "/v2/%2E%2E/dump",
        "/v2/.%2e/dump",
        "/v2/%2e./dump",
        "/v2/%2e/%2e%2e/dump",
        "/v2/..",
        "/v2/%2e%2e",
        "/v2/../v2",
        "/v2/../../../dump",
        "/v2/..\\dump",
        "/v2\\..\\dump",
        "/v2/..?/v2/x",
        "/../v2",
    ] {
        let outcome = world.request(get(&server.authority(), path)).await;
        let reason = DenialReason::Uncovered(Uncovered::Path);
        Denied(reason).check(path, &server.origin(), &outcome);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn an_ambiguous_path_matches_no_rule_with_paths() {
    let server = Victim::listen();
    let world = world(&server, &["/v2/*"]);
    for path in [
        // Encoded separators and dots.
        "/v2/..%2fdump",
        "/v2/..%2Fdump",
        "/v2/%2e%2e%2fdump",
        "/v2/%2e%2e%5cdump",
        "/v2/..%5Cdump",
        "/v2/%252e%252e/dump",
        "/v2/%25%32%65%25%32%65/dump",
        "/v2/x%2f..%2f..%2fdump",
        "/v2/%2fdump",
        "/v2/x%00",
        // Empty segments, which some servers remove.
        "/v2//../../dump//",
        "/v2/x//y",
        // Parameters of a segment, which some servers remove.
        "/v2/..;/dump",
        "/v2/..;x=y/dump",
        "/v2/.;/..;/dump",
        "/v2/..%3b/dump",
        "/v2/..%3B/dump",
        // Overlong and other invalid encodings.
        "/v2/%c0%ae%c0%ae/dump",
        "/v2/%c0%ae%c0%ae%c0%afdump",
        "/v2/..%c0%afdump",
        "/v2/..%c1%9cdump",
        "/v2/..%e0%80%afdump",
        "/v2/%u002e%u002e/dump",
        "/v2/..%u2215dump",
        "/v2/%",
        "/v2/%2",
        "/v2/%zz",
        "/v2/%ff",
        // Control characters.
        "/v2/x%0d%0ahost:%20victim",
        "/v2/x%0a",
        "/v2/..%09/dump",
        "/v2/x%7f",
    ] {
        let outcome = world.request(get(&server.authority(), path)).await;
        match &outcome.result {
            Err(connector_host::SandboxError::Denied(denial)) => assert!(
                matches!(
                    denial.reason(),
                    // `//..` leaves the path of the rule even if it is resolved.
                    DenialReason::Uncovered(Uncovered::AmbiguousPath | Uncovered::Path)
                ),
                "{path}: {denial}"
            ),
            other => panic!("{path}: {other:?}"),
        }
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn paths_with_encoded_characters_match() {
    let server = Victim::listen();
    let world = world(&server, &["/v2/*"]);
    for path in [
        "/v2/a%20b",
        "/v2/b%C3%BCcher",
        "/v2/a:b@c",
        "/v2/a;b",
        "/v2/a.b..c",
        "/v2/...",
        "/v2/~x",
        "/v2/x?q=..%2f//%00",
    ] {
        let outcome = world.request(get(&server.authority(), path)).await;
        assert!(outcome.response().starts_with("200"), "{path}");
        let line = format!("GET {path} HTTP/1.1\r\n");
        let sent = server.requests().pop().unwrap();
        assert!(sent.starts_with(&line), "{path}: {sent}");
    }
}

#[tokio::test]
async fn the_checked_path_is_sent() {
    let server = Victim::listen();
    let world = world(&server, &["/v2/*"]);
    for (path, sent) in [
        ("/v2/./x", "/v2/x"),
        ("/v2/x/../y", "/v2/y"),
        ("/dump/../v2/x", "/v2/x"),
        ("/v2\\x", "/v2/x"),
        ("/v2/%2e/x", "/v2/x"),
        ("/v2/x#/../../dump", "/v2/x"),
        ("/v2//../dump", "/v2/dump"),
        ("/v2/x?a#b", "/v2/x?a"),
    ] {
        let outcome = world.request(get(&server.authority(), path)).await;
        assert!(outcome.response().starts_with("200"), "{path}");
        let line = format!("GET {sent} HTTP/1.1\r\n");
        let seen = server.requests().pop().unwrap();
        assert!(seen.starts_with(&line), "{path}: {seen}");
    }
}

#[tokio::test]
async fn a_path_with_control_characters_is_inexpressible() {
    let server = Victim::listen();
    let world = World::new().allow_private(&server.origin());
    for path in [
        "/x\r\nhost: victim",
        "/x HTTP/1.1\r\nhost: victim\r\n\r\nGET /y",
        "/x\n",
        "/x\r",
        "/x\0",
        "/x y",
        "/x\ty",
        "/x\u{7f}",
        "/x?a b",
        "/x?a\r\nb",
    ] {
        let outcome = world.request(get(&server.authority(), path)).await;
        Inexpressible("path").check(path, "", &outcome);
    }
    assert_eq!(server.connections(), 0);
}

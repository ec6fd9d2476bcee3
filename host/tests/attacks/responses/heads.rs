//! Attacks by heads: endless and invalid ones.

use std::io::Write as _;
use std::time::Duration;

use connector_host::SandboxError;
use connector_host::model::{Limit, Limits};
use serde_json::json;

use crate::victim::Victim;
use crate::world::{Outcome, World, get};

/// Sends a request that is answered with these bytes.
async fn response_to(bytes: impl Into<Vec<u8>>) -> Outcome {
    let server = Victim::responding_with(bytes);
    let world = World::new().allow_private(&server.origin());
    world.request(get(&server.authority(), "/")).await
}

#[track_caller]
fn invalid_http(outcome: &Outcome, case: &str) {
    let failure = outcome.failure();
    assert!(
        ["HttpProtocolError", "ConnectionTerminated"]
            .iter()
            .any(|word| failure.contains(word)),
        "{case}: {failure}"
    );
}

#[track_caller]
fn too_large(outcome: &Outcome, case: &str) {
    assert!(
        matches!(outcome.result, Err(SandboxError::Limit(Limit::Headers))),
        "{case}: {:?}",
        outcome.result
    );
}

/// Sends a request whose response starts with `start` and repeats `more` forever.
async fn endless(start: &'static str, more: &'static str) -> Outcome {
    let server = Victim::responding(move |_, stream| {
        stream.write_all(start.as_bytes())?;
        let more = more.repeat(1000);
        loop {
            stream.write_all(more.as_bytes())?;
        }
    });
    let world = World::new().allow_private(&server.origin());
    world.request(get(&server.authority(), "/")).await
}

#[tokio::test]
async fn endless_headers_are_refused() {
    for line in ["x: y\r\n", "x:\r\n", "set-cookie: a=b\r\n"] {
        too_large(&endless("HTTP/1.1 200 OK\r\n", line).await, line);
    }
}

#[tokio::test]
async fn an_endless_header_is_refused() {
    for start in [
        "HTTP/1.1 200 OK\r\nx: ",
        "HTTP/1.1 200 ",
        "HTTP/1.1 200 OK\r\n",
    ] {
        too_large(&endless(start, "xxxxxxxx").await, start);
    }
    invalid_http(&endless("", "xxxxxxxx").await, "no head at all");
}

#[tokio::test]
async fn too_many_headers_are_refused() {
    let headers = |count: usize| {
        let lines: Vec<_> = (0..count).map(|n| format!("x-{n}: y\r\n")).collect();
        let lines = lines.concat();
        format!("HTTP/1.1 200 OK\r\n{lines}content-length: 0\r\n\r\n")
    };
    too_large(&response_to(headers(128)).await, "129 headers");
    too_large(&response_to(headers(10_000)).await, "10,001 headers");
    let outcome = response_to(headers(100)).await;
    assert!(outcome.response().starts_with("200"));
}

#[tokio::test]
async fn an_invalid_head_is_refused() {
    for head in [
        "hello",
        "<html>a response of HTTP/0.9</html>",
        "HTTP/0.9 200 OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/3 200 OK\r\n\r\n",
        "HTTP/1.2 200 OK\r\n\r\n",
        "http/1.1 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 -200 OK\r\n\r\n",
        "HTTP/1.1 200 \0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: no name\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx\0: y\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: \0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: y\r z\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx : y\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: y\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx y: z\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "\x15\x03\x01\x00\x02\x02\x28",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "",
    ] {
        invalid_http(&response_to(head).await, head);
    }
}

#[tokio::test]
async fn interim_responses_do_not_reach_the_connector() {
    let interim = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
    let server = Victim::responding_with(format!(
        "{}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        interim.repeat(20)
    ));
    let world = World::new().allow_private(&server.origin());
    let outcome = world.request(get(&server.authority(), "/")).await;
    assert!(outcome.response().starts_with("200"));
    assert!(
        !outcome.response().contains("link"),
        "{}",
        outcome.response()
    );
}

/// Runs on two threads like the host: one of them reads the flood.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_limit_ends_a_flood_of_interim_responses() {
    for interim in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n",
        "HTTP/1.1 199 ?\r\n\r\n",
    ] {
        let server = Victim::responding(move |_, stream| {
            let flood = interim.repeat(1000);
            loop {
                stream.write_all(flood.as_bytes())?;
            }
        });
        let world = World::new().allow_private(&server.origin()).limits(Limits {
            time: Duration::from_millis(300),
            ..Limits::default()
        });
        let outcome = world.request(get(&server.authority(), "/")).await;
        assert!(
            matches!(outcome.result, Err(SandboxError::Limit(Limit::Time))),
            "{interim}: {:?}",
            outcome.result
        );
    }
}

#[tokio::test]
async fn an_unrequested_switch_of_protocols_opens_no_tunnel() {
    let server = Victim::responding_with(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: evil\r\nconnection: upgrade\r\n\r\ntunnelled",
    );
    let world = World::new().allow_private(&server.origin());
    let request = json!({ "authority": server.authority(), "keep": true });
    let outcome = world.request(request).await;
    // The connector may receive the status, but no data after it.
    let seen = format!("{:?}", outcome.result);
    assert!(!seen.contains("tunnelled"), "{seen}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn reserved_headers_of_a_response_are_removed() {
    let server = Victim::responding_with(
        "HTTP/1.1 200 OK\r\nproxy-authenticate: Basic\r\nkeep-alive: timeout=5\r\nx-own: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    );
    let world = World::new().allow_private(&server.origin());
    let outcome = world.request(get(&server.authority(), "/")).await;
    let response = outcome.response();
    assert!(response.contains("x-own"), "{response}");
    for name in ["proxy-authenticate", "keep-alive", "connection"] {
        assert!(!response.contains(name), "{response}");
    }
}

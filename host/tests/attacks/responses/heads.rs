//! Attacks by heads: endless ones, and such as are no HTTP.

use std::io::Write as _;
use std::time::Duration;

use connector_host::model::{Limit, Limits};
use connector_host::sandbox::SandboxError;
use serde_json::json;

use crate::victim::Victim;
use crate::world::{Outcome, World, get};

/// How a request ends that gets these bytes for an answer.
async fn answered(bytes: impl Into<Vec<u8>>) -> Outcome {
    let server = Victim::saying(bytes);
    let world = World::new().allow_private(&server.origin());
    world.request(get(&server.authority(), "/")).await
}

#[track_caller]
fn no_http(outcome: &Outcome, case: &str) {
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

/// A request whose answer begins so and goes on like this for ever.
async fn endless(start: &'static str, more: &'static str) -> Outcome {
    let server = Victim::answering(move |_, stream| {
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
    no_http(&endless("", "xxxxxxxx").await, "no head at all");
}

#[tokio::test]
async fn more_headers_than_any_server_needs_are_refused() {
    let headers = |count: usize| {
        let lines: Vec<_> = (0..count).map(|n| format!("x-{n}: y\r\n")).collect();
        let lines = lines.concat();
        format!("HTTP/1.1 200 OK\r\n{lines}content-length: 0\r\n\r\n")
    };
    too_large(&answered(headers(128)).await, "129 headers");
    too_large(&answered(headers(10_000)).await, "10,001 headers");
    let outcome = answered(headers(100)).await;
    assert!(outcome.answer().starts_with("200"));
}

#[tokio::test]
async fn a_head_that_is_no_http_is_refused() {
    for head in [
        "hello",
        "<html>an answer of HTTP/0.9</html>",
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
        no_http(&answered(head).await, head);
    }
}

#[tokio::test]
async fn interim_answers_do_not_reach_the_connector() {
    let interim = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
    let server = Victim::saying(format!(
        "{}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        interim.repeat(20)
    ));
    let world = World::new().allow_private(&server.origin());
    let outcome = world.request(get(&server.authority(), "/")).await;
    assert!(outcome.answer().starts_with("200"));
    assert!(!outcome.answer().contains("link"), "{}", outcome.answer());
}

/// On two threads, as the host runs: one of them reads the flood.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_interim_answers_ends_with_the_time() {
    for interim in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n",
        "HTTP/1.1 199 ?\r\n\r\n",
    ] {
        let server = Victim::answering(move |_, stream| {
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
async fn a_server_that_switches_protocols_unasked_gets_no_tunnel() {
    let server = Victim::saying(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: evil\r\nconnection: upgrade\r\n\r\ntunnelled",
    );
    let world = World::new().allow_private(&server.origin());
    let request = json!({ "authority": server.authority(), "keep": true });
    let outcome = world.request(request).await;
    // The connector may see the status, and nothing of what follows.
    let seen = format!("{:?}", outcome.result);
    assert!(!seen.contains("tunnelled"), "{seen}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn headers_that_are_the_hosts_do_not_come_back_either() {
    let server = Victim::saying(
        "HTTP/1.1 200 OK\r\nproxy-authenticate: Basic\r\nkeep-alive: timeout=5\r\nx-own: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    );
    let world = World::new().allow_private(&server.origin());
    let outcome = world.request(get(&server.authority(), "/")).await;
    let answer = outcome.answer();
    assert!(answer.contains("x-own"), "{answer}");
    for name in ["proxy-authenticate", "keep-alive", "connection"] {
        assert!(!answer.contains(name), "{answer}");
    }
}

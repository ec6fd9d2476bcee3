//! Attacks by false lengths: a body ends where its length says, and later bytes
//! are not another response.

use std::io::Write as _;

use serde_json::json;

use crate::victim::Victim;
use crate::world::{World, get};

#[tokio::test]
async fn a_body_shorter_than_its_length_is_an_error() {
    for response in [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9223372036854775807\r\n\r\nx",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    ] {
        let server = Victim::responding_with(response);
        let world = World::new().allow_private(&server.origin());
        let outcome = world.request(get(&server.authority(), "/")).await;
        let failure = outcome.failure();
        assert!(
            failure.contains("HttpResponseIncomplete"),
            "{response}: {failure}"
        );
    }
}

#[tokio::test]
async fn bytes_after_a_body_are_not_the_next_response() {
    const FORGED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged";
    for first in [
        // A body longer than its length.
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        // A body after a status without one.
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        let server = Victim::responding(move |request, stream| {
            if request.starts_with("GET /first") {
                // One write, so that it arrives at once.
                stream.write_all(format!("{first}{FORGED}").as_bytes())
            } else {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhonest")
            }
        });
        let world = World::new().allow_private(&server.origin());
        let steps = json!([
            { "request": get(&server.authority(), "/first") },
            { "request": get(&server.authority(), "/second") },
        ]);
        let outcome = world.attack(steps).await;
        assert!(
            outcome.response().ends_with("honest"),
            "{}",
            outcome.response()
        );
        assert_eq!(server.connections(), 2, "{first}");
    }
}

#[tokio::test]
async fn a_body_after_a_head_request_is_not_read() {
    let server = Victim::responding(|request, stream| {
        if request.starts_with("HEAD") {
            stream.write_all(
                b"HTTP/1.1 200 OK\r\ncontent-length: 44\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged",
            )
        } else {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhonest")
        }
    });
    let mut world = World::new().allow_private(&server.origin());
    world.allow[0].methods.push("HEAD".to_owned());
    let head = json!({ "authority": server.authority(), "method": "HEAD" });
    let outcome = world.request(head.clone()).await;
    assert!(
        outcome.response().ends_with("\n\n"),
        "{}",
        outcome.response()
    );
    let steps = json!([{ "request": head }, { "request": get(&server.authority(), "/") }]);
    let outcome = world.attack(steps).await;
    assert!(
        outcome.response().ends_with("honest"),
        "{}",
        outcome.response()
    );
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn contradictory_lengths_are_refused() {
    for headers in [
        "content-length: 5\r\ncontent-length: 6",
        "content-length: 6\r\ncontent-length: 5",
        "content-length: 5, 6",
        "content-length: -5",
        "content-length: +5",
        "content-length: 5x",
        "content-length: 0x5",
        "content-length: five",
        "content-length:",
        "content-length: 18446744073709551616",
    ] {
        let server = Victim::responding_with(format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\nhello!"));
        let world = World::new().allow_private(&server.origin());
        let outcome = world.request(get(&server.authority(), "/")).await;
        let failure = outcome.failure();
        assert!(
            ["HttpProtocolError", "ConnectionTerminated"]
                .iter()
                .any(|word| failure.contains(word)),
            "{headers}: {failure}"
        );
    }
}

#[tokio::test]
async fn invalid_chunks_are_an_error() {
    for body in [
        "zz\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloworld\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\nhello\r\n",
        "10000000000000000\r\nhello\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\0\r\nhello\r\n0\r\n\r\n",
        "5;\nhello\r\n0\r\n\r\n",
    ] {
        let server = Victim::responding_with(format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{body}"
        ));
        let world = World::new().allow_private(&server.origin());
        let outcome = world.request(get(&server.authority(), "/")).await;
        let failure = outcome.failure();
        assert!(
            failure.contains("HttpResponseIncomplete"),
            "{body:?}: {failure}"
        );
    }
}

#[tokio::test]
async fn endless_trailers_and_chunk_extensions_are_refused() {
    for start in [
        "5\r\nhello\r\n0\r\n",
        "5\r\nhello\r\n0\r\nx: ",
        "5;",
        "5;x=\"",
    ] {
        let server = Victim::responding(move |_, stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            stream.write_all(start.as_bytes())?;
            let line = if start.ends_with("0\r\n") {
                "x: y\r\n"
            } else {
                "xxxxxx"
            };
            loop {
                stream.write_all(line.repeat(1000).as_bytes())?;
            }
        });
        let world = World::new().allow_private(&server.origin());
        let outcome = world.request(get(&server.authority(), "/")).await;
        let failure = outcome.failure();
        assert!(
            failure.contains("HttpResponseIncomplete"),
            "{start:?}: {failure}"
        );
    }
}

//! Attacks by bodies: endless, slow and compressed ones.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use connector_host::SandboxError;
use connector_host::model::{Limit, Limits};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::victim::Victim;
use crate::world::{Outcome, World, get};

const MIB: u64 = 1 << 20;

#[track_caller]
fn stopped_by(limit: Limit, outcome: &Outcome) {
    match &outcome.result {
        Err(SandboxError::Limit(hit)) => assert_eq!(*hit, limit),
        other => panic!("the attack did not end by a limit: {other:?}"),
    }
}

fn limits(limits: Limits, server: &Victim) -> World {
    World::new().allow_private(&server.origin()).limits(limits)
}

/// Limits a response to one megabyte.
fn small() -> Limits {
    Limits {
        response: MIB,
        ..Limits::default()
    }
}

fn short() -> Limits {
    Limits {
        time: Duration::from_millis(300),
        ..Limits::default()
    }
}

#[tokio::test]
async fn an_endless_body_ends_at_the_limit() {
    for head in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9223372036854775807\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\n",
        "HTTP/1.1 500 Oh\r\n\r\n",
    ] {
        let server = Victim::responding(move |_, stream| {
            stream.write_all(head.as_bytes())?;
            loop {
                stream.write_all(&[b'x'; 1 << 14])?;
            }
        });
        let outcome = limits(small(), &server)
            .request(get(&server.authority(), "/"))
            .await;
        stopped_by(Limit::Response, &outcome);
        // At most the limit and the data in transit are received.
        assert!(
            outcome.egress_stats.bytes() < 2 * MIB,
            "{}",
            outcome.egress_stats.bytes()
        );
    }
}

#[tokio::test]
async fn a_connector_learns_that_a_body_is_too_large() {
    let server =
        Victim::responding_with([b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &[b'x'; 1000]].concat());
    let tiny = Limits {
        response: 100,
        ..Limits::default()
    };
    let mut request = get(&server.authority(), "/");
    // The connector returns what it received, and the reason for the end.
    request["keep"] = json!(true);
    let outcome = limits(tiny, &server).request(request).await;
    let (_, reason) = outcome.response().rsplit_once('\n').unwrap();
    assert!(reason.contains("HttpResponseBodySize(Some("), "{reason}");
}

#[tokio::test]
async fn an_endless_chunked_body_ends_at_the_limit() {
    let server = Victim::responding(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        let chunks = b"1\r\nx\r\n".repeat(1 << 12);
        loop {
            stream.write_all(&chunks)?;
        }
    });
    let outcome = limits(small(), &server)
        .request(get(&server.authority(), "/"))
        .await;
    stopped_by(Limit::Response, &outcome);
    assert!(outcome.egress_stats.bytes() < 2 * MIB);
}

#[tokio::test]
async fn a_body_within_the_limit_is_read() {
    let server =
        Victim::responding_with([b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &[b'x'; 1000]].concat());
    let outcome = limits(small(), &server)
        .request(get(&server.authority(), "/"))
        .await;
    assert!(outcome.response().ends_with("xxx"));
}

#[tokio::test]
async fn a_compressed_body_is_limited_by_its_decompressed_size() {
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..256 {
        bomb.write_all(&zeros).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    // Compressed at least a thousand to one, to less than the limit.
    assert!(bomb.len() as u64 * 1000 < 256 * MIB, "{}", bomb.len());
    assert!((bomb.len() as u64) < MIB);
    for head in [format!("content-length: {}\r\n", bomb.len()), String::new()] {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n{head}\r\n");
        let server = Victim::responding_with([head.as_bytes(), &bomb].concat());
        let outcome = limits(small(), &server)
            .request(get(&server.authority(), "/"))
            .await;
        stopped_by(Limit::Response, &outcome);
        // Decoding stops with the receiving, so memory stays flat.
        assert!(
            outcome.egress_stats.bytes() < 2 * MIB,
            "{}",
            outcome.egress_stats.bytes()
        );
    }
}

#[tokio::test]
async fn an_invalid_gzip_body_is_an_error() {
    let whole = {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(b"hello").unwrap();
        gzip.finish().unwrap()
    };
    let mut checksum = whole.clone();
    let at = checksum.len() - 8;
    checksum[at] ^= 1;
    for (body, code) in [
        (
            b"no gzip at all".to_vec(),
            "HttpResponseContentCoding(None)",
        ),
        (whole[..whole.len() - 9].to_vec(), "HttpResponseIncomplete"),
        (checksum, "HttpResponseContentCoding(None)"),
    ] {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let server = Victim::responding_with([head.as_bytes(), &body].concat());
        let world = World::new().allow_private(&server.origin());
        let outcome = world.request(get(&server.authority(), "/")).await;
        let failure = outcome.failure();
        assert!(failure.contains(code), "{failure}");
    }
}

fn encoded(coding: &str, body: &[u8]) -> Victim {
    let head = format!(
        "HTTP/1.1 200 OK\r\n{coding}content-length: {}\r\n\r\n",
        body.len()
    );
    Victim::responding_with([head.as_bytes(), body].concat())
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text).unwrap();
    gzip.finish().unwrap()
}

#[tokio::test]
async fn every_member_of_a_gzip_stream_is_read() {
    let members = [gzip(b"first,"), gzip(b""), gzip(b"second")].concat();
    for coding in [
        "content-encoding: gzip\r\n",
        "content-encoding: GZIP\r\n",
        "content-encoding: x-gzip\r\n",
        "content-encoding: identity\r\ncontent-encoding: X-Gzip\r\n",
        "Content-Encoding: gzip,\r\n",
    ] {
        let server = encoded(coding, &members);
        let world = World::new().allow_private(&server.origin());
        let outcome = world.request(get(&server.authority(), "/")).await;
        let response = outcome.response();
        assert!(response.ends_with("first,second"), "{coding}: {response}");
    }
    let server = encoded(
        "content-encoding: gzip\r\n",
        &[&members[..], b"rest"].concat(),
    );
    let world = World::new().allow_private(&server.origin());
    let outcome = world.request(get(&server.authority(), "/")).await;
    assert!(outcome.failure().contains("HttpResponseContentCoding"));
}

#[tokio::test]
async fn an_empty_body_is_empty_in_any_coding() {
    for coding in [
        "content-encoding: gzip\r\n",
        "content-encoding: identity\r\n",
        "",
    ] {
        let server = encoded(coding, b"");
        let world = World::new().allow_private(&server.origin());
        let outcome = world.request(get(&server.authority(), "/")).await;
        assert!(outcome.response().starts_with("200"), "{coding}");
    }
}

#[tokio::test]
async fn a_coding_that_the_host_does_not_decode_is_refused() {
    let twice = gzip(&gzip(b"hello"));
    for coding in [
        "content-encoding: gzip, gzip\r\n",
        "content-encoding: gzip\r\ncontent-encoding: gzip\r\n",
        "content-encoding: br\r\n",
        "content-encoding: deflate\r\n",
        "content-encoding: zstd\r\n",
        "content-encoding: compress\r\n",
        "content-encoding: aes128gcm\r\n",
        "content-encoding: gzip;q=1\r\n",
        "content-encoding: \"gzip\"\r\n",
    ] {
        let server = encoded(coding, &twice);
        let world = World::new().allow_private(&server.origin());
        let outcome = world.request(get(&server.authority(), "/")).await;
        let failure = outcome.failure();
        assert!(
            failure.contains("HttpResponseContentCoding"),
            "{coding}: {failure}"
        );
    }
}

#[tokio::test]
async fn the_time_limit_ends_a_stalled_response() {
    // The server sends each of these and then nothing.
    for start in [
        "",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\nx: ",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nx",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        let server = Victim::responding(move |_, stream| {
            stream.write_all(start.as_bytes())?;
            // Until the host closes the connection.
            stream.read_exact(&mut [0])
        });
        let outcome = limits(short(), &server)
            .request(get(&server.authority(), "/"))
            .await;
        stopped_by(Limit::Time, &outcome);
    }
}

#[tokio::test]
async fn the_time_limit_ends_a_connection_that_is_never_accepted() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let world = World::new()
        .allow_private(&format!("http://{authority}"))
        .limits(short());
    let outcome = world.request(get(&authority, "/")).await;
    stopped_by(Limit::Time, &outcome);
}

#[tokio::test]
async fn more_requests_than_granted_are_not_sent() {
    let server = Victim::listen();
    let world = World::new().allow_private(&server.origin()).limits(Limits {
        requests: 3,
        ..Limits::default()
    });
    let request = json!({ "request": get(&server.authority(), "/") });
    let outcome = world.attack(json!(vec![request; 10])).await;
    stopped_by(Limit::Requests, &outcome);
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_request_body_larger_than_granted_is_not_sent() {
    let server = Victim::listen();
    let world = limits(
        Limits {
            request_body: 1000,
            ..Limits::default()
        },
        &server,
    );
    let body = "x".repeat(1001);
    let request = json!({ "authority": server.authority(), "method": "POST", "body": body });
    let outcome = world.request(request).await;
    stopped_by(Limit::RequestBody, &outcome);
    assert_eq!(server.connections(), 0);
}

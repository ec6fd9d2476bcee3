//! Attacks by reflection: a credential that a server returns does not reach the
//! connector.

use std::io::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connector_host::model::Secret;
use connector_host::network::DenialReason;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::placement::{authorized, granting};
use crate::expected::Expected::{Allowed, Denied};
use crate::victim::Victim;
use crate::world::{Outcome, TOKEN, get};

/// Sends a request with the credential, which is answered with these bytes.
async fn echoed(response: impl Into<Vec<u8>>) -> Outcome {
    let server = Victim::responding_with(response);
    let world = granting(&server);
    let outcome = world.request(authorized(&server, "Bearer {token}")).await;
    assert!(server.requests()[0].contains(TOKEN), "it was sent");
    outcome
}

#[track_caller]
fn denied(case: &str, outcome: &Outcome) {
    let reason = DenialReason::Reflection("token".to_owned());
    Denied(reason).check(case, "http://127.0.0.1:", outcome);
    assert!(!outcome.denial().to_string().contains(TOKEN));
    assert!(!outcome.denial().remedy().to_string().contains(TOKEN));
}

fn chunked(parts: &[&str]) -> String {
    let chunk = |part: &&str| format!("{:x}\r\n{part}\r\n", part.len());
    let chunks: String = parts
        .iter()
        .filter(|part| !part.is_empty())
        .map(chunk)
        .collect();
    format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n")
}

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(text.as_bytes()).unwrap();
    let body = gzip.finish().unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

#[tokio::test]
async fn a_credential_in_a_header_is_withheld() {
    for header in [
        format!("x-echo: {TOKEN}"),
        format!("x-echo: Bearer {TOKEN}"),
        format!("x-echo: a{TOKEN}b"),
        format!("authorization: Bearer {TOKEN}"),
        format!("location: http://victim.test/?{TOKEN}"),
        format!("set-cookie: a={TOKEN}"),
        format!("etag: \"{TOKEN}\""),
        format!("x-first: 1\r\nx-first: {TOKEN}"),
        format!("{TOKEN}: 1"),
        format!("x-{TOKEN}-x: 1"),
    ] {
        for status in ["200 OK", "302 Found", "401 No", "500 Oh"] {
            let response = format!("HTTP/1.1 {status}\r\n{header}\r\ncontent-length: 0\r\n\r\n");
            denied(&header, &echoed(response).await);
        }
    }
}

#[tokio::test]
async fn a_credential_in_parts_of_the_headers_is_withheld() {
    for at in 1..TOKEN.len() {
        let (first, second) = TOKEN.split_at(at);
        for headers in [
            format!("x-a: {first}\r\nx-b: {second}"),
            format!("x-b: {second}\r\nx-a: {first}"),
            format!("x-a: before {first}\r\nx-b: {second} after"),
            format!("x-a: {first}\r\nx-a: {second}"),
        ] {
            let response = format!("HTTP/1.1 200 OK\r\n{headers}\r\ncontent-length: 0\r\n\r\n");
            denied(&headers, &echoed(response).await);
        }
    }
    let parts: Vec<_> = TOKEN.as_bytes().chunks(5).rev().enumerate().collect();
    let header = |(number, part): &(usize, &[u8])| {
        format!("x-{number}: {}\r\n", String::from_utf8_lossy(part))
    };
    let headers: String = parts.iter().map(header).collect();
    let response = format!("HTTP/1.1 200 OK\r\n{headers}content-length: 0\r\n\r\n");
    denied(&headers, &echoed(response).await);
}

#[tokio::test]
async fn a_credential_in_a_header_and_the_body_is_withheld() {
    for at in 1..TOKEN.len() {
        let (first, second) = TOKEN.split_at(at);
        let header = format!("x-a: before {first}\r\n");
        for (head, body) in [
            (
                format!("content-length: {}\r\n\r\n", second.len()),
                second.to_owned(),
            ),
            (
                "transfer-encoding: chunked\r\n\r\n".to_owned(),
                format!(
                    "1\r\n{}\r\n{:x}\r\n{} after\r\n0\r\n\r\n",
                    &second[..1],
                    second.len() + 5,
                    &second[1..]
                ),
            ),
        ] {
            let response = format!("HTTP/1.1 200 OK\r\n{header}{head}{body}");
            denied(&header, &echoed(response).await);
        }
    }
}

#[tokio::test]
async fn a_credential_in_two_members_of_a_gzip_stream_is_withheld() {
    let member = |text: &str| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    };
    let (first, second) = TOKEN.split_at(TOKEN.len() / 2);
    let body = [member(first), member(second)].concat();
    for coding in ["gzip", "GZIP", "x-gzip"] {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        denied(coding, &echoed([head.as_bytes(), &body].concat()).await);
    }
}

#[tokio::test]
async fn a_credential_in_a_body_is_withheld() {
    for body in [
        TOKEN.to_owned(),
        format!("Bearer {TOKEN}"),
        format!("{{\"error\":\"bad token {TOKEN}\"}}"),
        format!("{}{TOKEN}{}", "x".repeat(100_000), "y".repeat(100_000)),
        format!("{}{TOKEN}", &TOKEN[..20]),
        format!("\0{TOKEN}\0"),
    ] {
        for status in ["200 OK", "401 No", "500 Oh"] {
            let length = body.len();
            let response = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
            denied(&body[..body.len().min(60)], &echoed(response).await);
        }
    }
}

#[tokio::test]
async fn a_credential_in_two_chunks_is_withheld_at_every_split() {
    for at in 0..=TOKEN.len() {
        let (first, second) = TOKEN.split_at(at);
        denied(&at.to_string(), &echoed(chunked(&[first, second])).await);
        let (first, second) = (format!("before {first}"), format!("{second} after"));
        denied(&at.to_string(), &echoed(chunked(&[&first, &second])).await);
    }
}

#[tokio::test]
async fn a_credential_byte_by_byte_is_withheld() {
    let bytes: Vec<_> = TOKEN.split("").collect();
    denied("chunks", &echoed(chunked(&bytes)).await);
    let server = Victim::responding(|_, stream| {
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
            TOKEN.len()
        )?;
        for byte in TOKEN.bytes() {
            stream.write_all(&[byte])?;
            stream.flush()?;
        }
        Ok(())
    });
    let world = granting(&server);
    let outcome = world.request(authorized(&server, "Bearer {token}")).await;
    denied("packets", &outcome);
}

/// An attacker could keep the bytes before the refusal and guess the rest.
#[tokio::test]
async fn the_start_of_a_credential_is_withheld_too() {
    for at in 1..TOKEN.len() {
        let (first, second) = TOKEN.split_at(at);
        let server = Victim::responding_with(chunked(&["before ", first, second, " after"]));
        let world = granting(&server);
        let mut request = authorized(&server, "Bearer {token}");
        request["keep"] = true.into();
        let config = json!({ "check": [{ "request": request }] }).to_string();
        let mut instance = world.instance().await.unwrap();
        let result = instance.check(&config).await;
        let egress_stats = Arc::clone(instance.egress_stats());
        // The connector ignores the refusal, and the call fails nevertheless.
        denied(
            &at.to_string(),
            &Outcome {
                result,
                egress_stats,
            },
        );
    }
}

#[tokio::test]
async fn text_that_starts_like_a_credential_is_delivered() {
    for at in 1..TOKEN.len() {
        let outcome = echoed(chunked(&[&TOKEN[..at], "?", &TOKEN[..at]])).await;
        let body = format!("{0}?{0}", &TOKEN[..at]);
        assert!(
            outcome.response().ends_with(&body),
            "{}",
            outcome.response()
        );
    }
}

#[tokio::test]
async fn a_compressed_credential_is_withheld() {
    let long = "x".repeat(100_000);
    for text in [
        TOKEN.to_owned(),
        format!("{long}{TOKEN}{long}"),
        format!("{} {TOKEN}", &TOKEN[..22]),
    ] {
        denied("gzip", &echoed(gzip(&text)).await);
    }
}

#[tokio::test]
async fn a_credential_in_a_later_response_is_withheld() {
    for (header, body) in [("x: y".to_owned(), TOKEN), (format!("x: {TOKEN}"), "")] {
        let server = Victim::responding(move |request, stream| {
            if request.starts_with("GET /later") {
                let length = body.len();
                write!(
                    stream,
                    "HTTP/1.1 200 OK\r\n{header}\r\ncontent-length: {length}\r\n\r\n{body}"
                )
            } else {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            }
        });
        let world = granting(&server);
        let steps = json!([
            { "request": authorized(&server, "Bearer {token}") },
            { "request": get(&server.authority(), "/later") },
        ]);
        denied("later", &world.attack(steps).await);
    }
}

#[tokio::test]
async fn parts_that_the_connector_never_receives_are_not_searched() {
    for response in [
        format!("HTTP/1.1 200 {TOKEN}\r\ncontent-length: 2\r\n\r\nok"),
        format!(
            "HTTP/1.1 103 Early\r\nx: {TOKEN}\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
        ),
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x={TOKEN}\r\nok\r\n0\r\n\r\n"
        ),
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x\r\n\r\n2\r\nok\r\n0\r\nx: {TOKEN}\r\n\r\n"
        ),
        format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok{TOKEN}"),
    ] {
        let outcome = echoed(response.clone()).await;
        Allowed.check(&response, "", &outcome);
        assert!(
            !outcome.response().contains(TOKEN),
            "{}",
            outcome.response()
        );
    }
}

/// The documented limit of the search: a server that cooperates with a connector
/// can always encode the value. The operator has granted the value to that
/// server.
#[tokio::test]
async fn an_encoded_credential_is_not_recognized() {
    let base64 = STANDARD.encode(TOKEN);
    let percent: Vec<_> = TOKEN.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let percent = percent.concat();
    let reversed: String = TOKEN.chars().rev().collect();
    let spaced = TOKEN.replace("", " ");
    for body in [base64, percent, reversed, spaced, TOKEN.to_uppercase()] {
        let length = body.len();
        let outcome = echoed(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}"
        ));
        assert!(outcome.await.response().ends_with(&body), "{body}");
    }
}

/// A short value would match by chance.
#[tokio::test]
async fn a_credential_of_less_than_eight_bytes_is_not_searched_for() {
    let server = Victim::responding_with("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n1234567");
    let mut world = granting(&server);
    world
        .secrets
        .insert("token".to_owned(), Secret::new("1234567"));
    let outcome = world.request(authorized(&server, "Bearer {token}")).await;
    assert!(outcome.response().ends_with("1234567"));
}

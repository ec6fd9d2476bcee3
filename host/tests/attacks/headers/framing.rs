//! Request smuggling: the host frames requests by their actual bytes.

use serde_json::json;

use crate::expected::Expected::Inexpressible;
use crate::victim::Victim;
use crate::world::World;

#[tokio::test]
async fn a_second_content_length_is_inexpressible() {
    let server = Victim::listen();
    let world = World::new().allow_private(&server.origin());
    for (first, second) in [("5", "5"), ("5", "0"), ("0", "5"), ("5", "50")] {
        for name in ["content-length", "Content-Length", "CONTENT-LENGTH"] {
            let request = json!({
                "authority": server.authority(),
                "method": "POST",
                "headers": [["content-length", first], [name, second]],
                "body": "hello",
            });
            let outcome = world.request(request).await;
            Inexpressible("InvalidSyntax").check(
                &format!("{first} {name}: {second}"),
                "",
                &outcome,
            );
        }
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_content_length_that_is_not_a_number_is_refused() {
    let server = Victim::listen();
    let world = World::new().allow_private(&server.origin());
    for length in [
        "5, 5",
        "5,0",
        "+5",
        "-5",
        "0x5",
        "5.0",
        "5 5",
        "five",
        "",
        "5;",
        "٥",
        "18446744073709551616",
        "99999999999999999999999999",
        "chunked",
    ] {
        let request = json!({
            "authority": server.authority(),
            "method": "POST",
            "headers": [["content-length", length]],
            "body": "hello",
        });
        let outcome = world.request(request).await;
        // Refused as a header, or when the body is requested.
        let failure = outcome.failure();
        assert!(
            failure.contains("InvalidSyntax") || failure.contains("refuses the body"),
            "{length}: {failure}"
        );
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_false_content_length_is_not_sent() {
    let server = Victim::listen();
    let world = World::new().allow_private(&server.origin());
    for (length, body) in [
        ("4", "hello"),
        ("6", "hello"),
        ("0", "hello"),
        ("5", ""),
        ("1", ""),
    ] {
        let request = json!({
            "authority": server.authority(),
            "method": "POST",
            "headers": [["content-length", length]],
            "body": body,
        });
        let outcome = world.request(request).await;
        assert!(outcome.result.is_err(), "{length}: {:?}", outcome.result);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_request_inside_of_a_body_stays_body() {
    let server = Victim::listen();
    let world = World::new().allow_private(&server.origin());
    let smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: victim\r\n\r\n";
    for method in ["GET", "POST"] {
        for headers in [
            json!([]),
            json!([["content-length", smuggled.len().to_string()]]),
        ] {
            let request = json!({
                "authority": server.authority(),
                "method": method,
                "headers": headers,
                "body": smuggled,
            });
            let before = server.requests().len();
            let outcome = world.request(request).await;
            assert!(outcome.response().starts_with("200"));
            let requests = server.requests().split_off(before);
            assert_eq!(requests.len(), 1, "{requests:?}");
            let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
            assert_eq!(body, smuggled);
            let length = format!("\r\ncontent-length: {}", smuggled.len());
            assert_eq!(head.matches("content-length").count(), 1, "{head}");
            assert!(head.contains(&length), "{head}");
            assert!(!head.contains("transfer-encoding"), "{head}");
        }
    }
}

#[tokio::test]
async fn forbidden_names_in_trailers_are_inexpressible() {
    let server = Victim::listen();
    let world = World::new().allow_private(&server.origin());
    for name in [
        "host",
        "Host",
        "transfer-encoding",
        "connection",
        "te",
        "trailer",
        "upgrade",
        "via",
        "forwarded",
        "x-forwarded-for",
        "proxy-authorization",
        "expect",
        "keep-alive",
    ] {
        let request = json!({
            "authority": server.authority(),
            "method": "POST",
            "body": "hello",
            "trailers": [[name, "victim"]],
        });
        let outcome = world.request(request).await;
        Inexpressible("Forbidden").check(name, "", &outcome);
    }
    for (name, value) in [
        ("x\r\nhost", "victim"),
        ("x", "y\r\nhost: victim"),
        (":path", "/"),
    ] {
        let request = json!({
            "authority": server.authority(),
            "method": "POST",
            "body": "hello",
            "trailers": [[name, value]],
        });
        let outcome = world.request(request).await;
        Inexpressible("InvalidSyntax").check(name, "", &outcome);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn trailers_are_not_sent_at_all() {
    /// Number longer than that of any port.
    const VALUE: &str = "31415926";

    let server = Victim::listen();
    let world = World::new().token().allow_private(&server.origin());
    for name in [
        "x-trailer",
        "authorization",
        "content-length",
        "cookie",
        "content-encoding",
        "content-type",
        "set-cookie",
        "cache-control",
    ] {
        let request = json!({
            "authority": server.authority(),
            "method": "POST",
            "body": "hello",
            "trailers": [[name, VALUE]],
        });
        let outcome = world.request(request).await;
        assert!(outcome.response().starts_with("200"), "{name}");
        let seen = server.requests().pop().unwrap();
        assert!(seen.ends_with("\r\n\r\nhello"), "{name}: {seen}");
        assert!(!seen.contains(VALUE), "{name}: {seen}");
    }
    assert_eq!(server.requests().len(), 8);
}

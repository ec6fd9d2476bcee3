//! Reserved headers, which frame or route a request or identify somebody. The
//! connector cannot set them.

use connector_host::model::AllowRule;
use serde_json::json;

use crate::expected::Expected::Inexpressible;
use crate::victim::Victim;
use crate::world::World;

/// Checks that each header is refused in three spellings.
async fn refused(names: &[&str], words: &'static str) {
    let server = Victim::listen();
    let world = World::new().allow_private(&server.origin());
    for name in names {
        let capital = name[..1].to_uppercase() + &name[1..];
        for spelling in [(*name).to_owned(), name.to_uppercase(), capital] {
            let request = json!({
                "authority": server.authority(),
                "headers": [["accept", "*/*"], [spelling, "x"]],
            });
            let outcome = world.request(request).await;
            Inexpressible(words).check(&spelling, "", &outcome);
        }
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn the_host_header_is_reserved() {
    refused(&["host"], "Forbidden").await;
}

#[tokio::test]
async fn headers_that_frame_a_message_are_reserved() {
    refused(
        &[
            "transfer-encoding",
            "connection",
            "keep-alive",
            "te",
            "trailer",
            "upgrade",
            "http2-settings",
            "expect",
            "proxy-connection",
        ],
        "Forbidden",
    )
    .await;
}

#[tokio::test]
async fn headers_of_proxies_are_reserved() {
    refused(
        &[
            "proxy-authorization",
            "proxy-authenticate",
            "proxy-anything",
            // CGI programs read it as the variable of a proxy.
            "proxy",
            "forwarded",
            "via",
            "x-forwarded",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-forwarded-port",
            "x-forwarded-prefix",
            "x-real-ip",
            "x-client-ip",
            "true-client-ip",
        ],
        "Forbidden",
    )
    .await;
}

#[tokio::test]
async fn headers_that_override_the_method_path_or_host_are_reserved() {
    refused(
        &[
            "x-http-method",
            "x-http-method-override",
            "x-method-override",
            "x-original-url",
            "x-rewrite-url",
            "x-original-host",
            "x-host",
        ],
        "Forbidden",
    )
    .await;
}

#[tokio::test]
async fn a_reserved_header_with_underscores_is_refused() {
    refused(
        &[
            "transfer_encoding",
            "content_length",
            "accept_encoding",
            "keep_alive",
            "proxy_authorization",
            "x_forwarded_for",
            "x-forwarded_host",
            "x_http_method_override",
            "http2_settings",
        ],
        "Forbidden",
    )
    .await;
}

#[tokio::test]
async fn pseudo_headers_are_refused() {
    let server = Victim::listen();
    let world = World::new().allow_private(&server.origin());
    for name in [
        ":authority",
        ":method",
        ":path",
        ":scheme",
        ":status",
        ":protocol",
        ":",
    ] {
        let request = json!({ "authority": server.authority(), "headers": [[name, "victim"]] });
        let outcome = world.request(request).await;
        Inexpressible("InvalidSyntax").check(name, "", &outcome);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn line_breaks_in_names_and_values_are_inexpressible() {
    let server = Victim::listen();
    let world = World::new().allow_private(&server.origin());
    let values = [
        "x\r\nhost: victim",
        "x\nhost: victim",
        "x\rhost: victim",
        "x\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: victim\r\n\r\n",
        "\r\n",
        "\n",
        "\r",
        "x\0y",
        "\0",
        "x\r\n y",
        "x\u{7f}",
        "x\u{8}",
    ];
    let names = [
        "x\r\nhost",
        "x\nhost",
        "x\rhost",
        "host: victim\r\nx",
        "x\0",
        "x:",
        "x: y",
        "x y",
        " x",
        "x ",
        "\tx",
        "",
        "x\u{e9}",
        "ho\u{17f}t",
        "x(y)",
        "x/y",
        "\"x\"",
    ];
    let values = values.iter().map(|value| ("x-name", *value));
    let names = names.iter().map(|name| (*name, "value"));
    for (name, value) in values.chain(names) {
        let request = json!({ "authority": server.authority(), "headers": [[name, value]] });
        let outcome = world.request(request).await;
        let case = format!("{name:?}: {value:?}");
        Inexpressible("InvalidSyntax").check(&case, "", &outcome);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_request_has_the_headers_of_the_host_once() {
    let server = Victim::listen();
    let world = World::new().allow_with(AllowRule {
        origin: server.origin(),
        headers: vec!["x-own".to_owned()],
        private: true,
        ..AllowRule::default()
    });
    let request = json!({
        "authority": server.authority(),
        "headers": [
            ["accept-encoding", "zstd, br, x-evil"],
            ["accept-encoding", "deflate"],
            ["content-length", "0"],
            ["x-own", "1"],
            ["x-own", "2"],
        ],
    });
    let outcome = world.request(request).await;
    assert!(outcome.response().starts_with("200"));
    let seen = server.requests().pop().unwrap();
    for name in ["host:", "accept-encoding:"] {
        assert_eq!(seen.matches(name).count(), 1, "{name} {seen}");
    }
    assert!(seen.contains("accept-encoding: identity\r\n"), "{seen}");
    assert_eq!(seen.matches("x-own:").count(), 2, "{seen}");
    assert!(seen.matches("content-length").count() <= 1, "{seen}");
}

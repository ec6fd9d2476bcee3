//! Attacks by headers that frame, route or speak for somebody: they are the
//! host's, and the connector cannot even put them into a request.

use serde_json::json;

use crate::verdict::Verdict::Unsayable;
use crate::victim::Victim;
use crate::world::World;

/// Tries one header at a time, spelled in three ways.
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
            Unsayable(words).check(&spelling, "", &outcome);
        }
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn the_host_header_is_the_hosts() {
    refused(&["host"], "Forbidden").await;
}

#[tokio::test]
async fn headers_that_frame_a_message_are_the_hosts() {
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
async fn headers_that_speak_for_a_proxy_are_the_hosts() {
    refused(
        &[
            "proxy-authorization",
            "proxy-authenticate",
            "proxy-anything",
            // Read as the proxy to use, by programs behind CGI.
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
async fn headers_that_ask_for_another_method_path_or_host_than_was_judged_are_the_hosts() {
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
async fn an_underscore_is_no_other_name_for_a_reserved_header() {
    refused(
        &[
            "transfer_encoding",
            "content_length",
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
async fn pseudo_headers_are_no_names() {
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
        Unsayable("InvalidSyntax").check(name, "", &outcome);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn line_breaks_in_names_and_values_cannot_be_said() {
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
        Unsayable("InvalidSyntax").check(&case, "", &outcome);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_request_holds_what_the_host_decides_and_nothing_twice() {
    let server = Victim::listen();
    let world = World::new().allow_private(&server.origin());
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
    assert!(outcome.answer().starts_with("200"));
    let seen = server.requests().pop().unwrap();
    for name in ["host:", "accept-encoding:"] {
        assert_eq!(seen.matches(name).count(), 1, "{name} {seen}");
    }
    assert!(seen.contains("accept-encoding: identity\r\n"), "{seen}");
    assert_eq!(seen.matches("x-own:").count(), 2, "{seen}");
    assert!(seen.matches("content-length").count() <= 1, "{seen}");
}

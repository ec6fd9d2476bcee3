//! Headers that choose a tenant, a server or an identity. A connector can set
//! them only where a rule names them.

use connector_host::model::AllowRule;
use connector_host::network::DenialReason;
use serde_json::json;

use crate::expected::Expected::{Allowed, Denied};
use crate::victim::Victim;
use crate::world::World;

const ROUTING: [&str; 51] = [
    // They choose a tenant or a database.
    "x-namespace-bin",
    "x-namespace",
    "x-tenant-id",
    "x-organization",
    "x-scope-orgid",
    "x-database",
    // They choose a server or a region.
    "fly-force-instance-id",
    "fly-prefer-region",
    "fly-replay",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-original-path",
    "x-amz-target",
    "x-served-by",
    "x-backend",
    "x-vercel-forwarded-for",
    // They replace the method, the path or the host.
    "x-original-method",
    "x-original-uri",
    "x-method",
    "x-uri",
    "x-script-name",
    "x-sendfile",
    "x-accel-redirect",
    // They name a user.
    "cookie",
    "x-proxy-authorization",
    "x-authorization",
    "x-api-key",
    "x-auth-token",
    "x-remote-user",
    "remote-user",
    "x-user",
    "x-webauth-user",
    "x-goog-authenticated-user-email",
    "x-goog-iap-jwt-assertion",
    "x-amzn-oidc-data",
    "x-amzn-oidc-identity",
    "x-amz-security-token",
    "x-ms-client-principal",
    "x-ssl-client-cert",
    "x-client-cert",
    "cf-access-jwt-assertion",
    "cf-access-client-id",
    "cf-ipcountry",
    "fly-client-ip",
    "fastly-client-ip",
    "x-azure-clientip",
    "x-originating-ip",
    "origin",
    "referer",
    // They ask for parts of a response.
    "range",
    "if-range",
    "content_type",
];

fn naming(server: &Victim, headers: &[&str]) -> World {
    World::new().token().allow_with(AllowRule {
        origin: server.origin(),
        secrets: vec!["token".to_owned()],
        headers: headers.iter().map(ToString::to_string).collect(),
        private: true,
        ..AllowRule::default()
    })
}

#[tokio::test]
async fn headers_that_no_rule_names_are_denied() {
    let server = Victim::listen();
    let world = naming(&server, &["x-named"]);
    for name in ROUTING {
        for spelling in [name.to_owned(), name.to_uppercase()] {
            let request = json!({
                "authority": server.authority(),
                "headers": [["accept", "*/*"], [spelling, "x"]],
            });
            let outcome = world.request(request).await;
            Denied(DenialReason::UnlistedHeader(name.to_owned())).check(name, name, &outcome);
            let remedy = outcome.denial().remedy().to_string();
            assert!(remedy.contains(&format!("`{name}`")), "{remedy}");
        }
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_header_is_sent_where_a_rule_names_it_and_nowhere_else() {
    let (named, other) = (Victim::listen(), Victim::listen());
    let world = naming(&named, &["X-Namespace-Bin"]).allow_private(&other.origin());
    let headers = json!([["x-namespace-bin", "dGVuYW50LWI"]]);
    let request = json!({ "authority": named.authority(), "headers": headers });
    Allowed.check("named", "", &world.request(request).await);
    let seen = named.requests().pop().unwrap();
    assert!(
        seen.contains("\r\nx-namespace-bin: dGVuYW50LWI\r\n"),
        "{seen}"
    );
    let request = json!({ "authority": other.authority(), "headers": headers });
    let reason = DenialReason::UnlistedHeader("x-namespace-bin".to_owned());
    Denied(reason).check("other", "", &world.request(request).await);
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn headers_that_describe_a_request_need_no_rule() {
    let server = Victim::listen();
    let world = World::new().allow_private(&server.origin());
    for name in [
        "accept",
        "accept-language",
        "content-type",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-unmodified-since",
        "user-agent",
    ] {
        let request = json!({ "authority": server.authority(), "headers": [[name, "x"]] });
        Allowed.check(name, "", &world.request(request).await);
        let seen = server.requests().pop().unwrap();
        assert!(seen.contains(&format!("\r\n{name}: x\r\n")), "{seen}");
    }
}

/// An honest server would return a credential in pieces.
#[tokio::test]
async fn a_request_with_a_credential_asks_for_the_whole_response() {
    let server = Victim::listen();
    for name in ["range", "if-range", "x_range", "if_range"] {
        let world = naming(&server, &[name]);
        let with = |authorization: bool| {
            let mut headers = vec![[name, "bytes=0-9"]];
            headers.extend(authorization.then_some(["authorization", "Bearer {token}"]));
            json!({ "authority": server.authority(), "headers": headers })
        };
        Allowed.check(name, "", &world.request(with(false)).await);
        let outcome = world.request(with(true)).await;
        if name == "x_range" {
            Allowed.check(name, "", &outcome);
        } else {
            let reason = DenialReason::HeaderWithSecret(name.to_owned());
            Denied(reason).check(name, name, &outcome);
        }
    }
}

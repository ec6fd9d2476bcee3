//! Connections, look-ups, rules and secrets are not shared between tenants.

use std::io::Write as _;

use connector_host::SandboxError;
use connector_host::model::Secret;
use connector_host::network::DenialReason;
use connector_host::testing::Grants;
use serde_json::json;
use tracing::Instrument as _;

use super::{tenant, tries};
use crate::lines::Lines;
use crate::victim::Victim;
use crate::world::{TOKEN, World, get};

/// Starts a victim that keeps connections open.
fn server() -> Victim {
    Victim::responding(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
    })
}

#[tokio::test]
async fn no_connection_is_shared() {
    let server = server();
    let world = World::new().allow_private(&server.origin());
    let connector = world.load().unwrap();
    let request = || json!([{ "request": get(&server.authority(), "/") }]);

    let mut first = tenant(&connector, &world).await;
    tries(&mut first, request()).await.unwrap();
    tries(&mut first, request()).await.unwrap();
    assert_eq!(server.connections(), 1, "one tenant keeps its connection");

    let mut second = tenant(&connector, &world).await;
    tries(&mut second, request()).await.unwrap();
    assert_eq!(server.connections(), 2, "another one makes its own");

    // A later instance does not reuse one either.
    drop((first, second));
    let mut third = tenant(&connector, &world).await;
    tries(&mut third, request()).await.unwrap();
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn no_look_up_is_shared() {
    let server = server();
    let authority = format!("db.example:{}", server.port());
    let world = World::new()
        .name("db.example", &["127.0.0.1"])
        .allow_private(&format!("http://{authority}"));
    let connector = world.load().unwrap();
    for tenants in 1..=3 {
        let mut instance = tenant(&connector, &world).await;
        let request = json!([{ "request": get(&authority, "/") }]);
        tries(&mut instance, request).await.unwrap();
        assert_eq!(world.names.lookups("db.example"), tenants);
    }
}

#[tokio::test]
async fn a_name_that_is_allowed_for_one_tenant_is_denied_to_another() {
    let server = server();
    let granted = World::new().allow_private(&server.origin());
    let connector = granted.load().unwrap();
    let request = || json!([{ "request": get(&server.authority(), "/") }]);
    let mut first = tenant(&connector, &granted).await;
    tries(&mut first, request()).await.unwrap();
    let mut second = connector.instantiate(Grants::default()).await.unwrap();
    let error = tries(&mut second, request()).await.unwrap_err();
    assert!(matches!(error, SandboxError::Denied(_)), "{error:?}");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_reference_of_one_tenant_is_useless_to_another() {
    let server = server();
    let mut world = World::new().token().allow_private(&server.origin());
    world.allow[0].secrets = vec!["token".to_owned()];
    let connector = world.load().unwrap();
    let with = |reference: &str| {
        let headers = [("authorization", format!("Bearer {reference}"))];
        json!([{ "request": {
            "authority": server.authority(),
            "headers": headers,
        } }])
    };

    let mut first = tenant(&connector, &world).await;
    let reference = tries(&mut first, json!([{ "secret": "token" }])).await;
    let reference = reference.unwrap();
    tries(&mut first, with(&reference)).await.unwrap();
    assert!(server.requests()[0].contains(TOKEN), "its own one works");

    // Another tenant, another tenant with a secret of the same name, and another
    // instance of the same tenant.
    let mut other = World::new().allow_private(&server.origin());
    other.allow.clone_from(&world.allow);
    let value = Secret::new("another-tenants-value");
    other.secrets.insert("token".to_owned(), value);
    for world in [&other, &world] {
        let mut second = tenant(&connector, world).await;
        match tries(&mut second, with(&reference)).await {
            Err(SandboxError::Denied(denial)) => {
                assert_eq!(
                    denial.reason(),
                    &DenialReason::Header("authorization".to_owned())
                );
            }
            other => panic!("the request was not denied: {other:?}"),
        }
    }
    assert_eq!(server.requests().len(), 1);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_secret_of_one_tenant_is_not_granted_to_another() {
    let world = World::new().token();
    let connector = world.load().unwrap();
    let ask = || json!([{ "secret": "token" }]);
    let mut first = tenant(&connector, &world).await;
    tries(&mut first, ask()).await.unwrap();
    let mut second = tenant(&connector, &World::new()).await;
    second.describe().await.unwrap();
    match tries(&mut second, ask()).await {
        Err(SandboxError::Source(error)) => assert!(error.message.contains("NotGranted")),
        other => panic!("the secret was granted: {other:?}"),
    }
}

#[tokio::test]
async fn every_log_line_is_in_the_span_of_its_tenant() {
    let (lines, _guard) = Lines::capture();
    let server = server();
    let world = World::new().allow_private(&server.origin());
    let connector = world.load().unwrap();
    // Each tenant waits for the server between its lines while the other runs.
    let run = async |letter: &str| {
        let mut instance = tenant(&connector, &world).await;
        let request = json!({ "request": get(&server.authority(), &format!("/{letter}")) });
        let say = json!({ "say": format!("from {letter}") });
        let steps = json!([say, request, say, request, say]);
        tries(&mut instance, steps).await.unwrap();
    };
    tokio::join!(
        run("a").instrument(tracing::info_span!("tenant_a")),
        run("b").instrument(tracing::info_span!("tenant_b")),
    );
    for (letter, other) in [("a", "b"), ("b", "a")] {
        let logged = lines.with(&format!("from {letter}"));
        assert_eq!(logged.len(), 3);
        let requests = lines.with(&format!("path=\"/{letter}\""));
        assert!(requests.len() >= 2, "{requests:?}");
        for line in logged.iter().chain(&requests) {
            assert!(line.contains(&format!("tenant_{letter}")), "{line}");
            assert!(!line.contains(&format!("tenant_{other}")), "{line}");
        }
    }
}

//! Attacks by DNS rebinding. A name is looked up once for each connection, and
//! the connection goes to the checked address.

use std::io::{Read as _, Write as _};
use std::net::Ipv4Addr;

use connector_host::network::Roots;
use serde_json::json;

use crate::tls;
use crate::victim::{SECOND, Victim, bind};
use crate::world::{World, get};

const RESPONSE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nlisted";

/// Sets addresses that change: 127.0.0.1 is the checked address, and 127.0.0.2 the
/// result of a second look-up.
fn rebinding(world: &World) {
    world.names.set(
        "db.example",
        &[&["127.0.0.1"], &["127.0.0.2"], &["127.0.0.2"]],
    );
}

#[tokio::test]
async fn a_connection_goes_to_the_checked_address() {
    let (checked, victim) = Victim::pair();
    let authority = format!("db.example:{}", checked.port());
    let world = World::new().allow_private(&format!("http://{authority}"));
    rebinding(&world);
    let outcome = world.request(get(&authority, "/")).await;
    assert!(
        outcome.response().ends_with("listed"),
        "{}",
        outcome.response()
    );
    assert_eq!(world.names.lookups("db.example"), 1);
    assert_eq!((checked.connections(), victim.connections()), (1, 0));
}

#[tokio::test]
async fn a_reused_connection_needs_no_look_up() {
    let (checked, victim) = Victim::pair();
    let authority = format!("db.example:{}", checked.port());
    let world = World::new().allow_private(&format!("http://{authority}"));
    rebinding(&world);
    let steps: Vec<_> = (0..5)
        .map(|_| json!({ "request": get(&authority, "/") }))
        .collect();
    let outcome = world.attack(json!(steps)).await;
    assert!(outcome.response().ends_with("listed"));
    assert_eq!(world.names.lookups("db.example"), 1);
    assert_eq!((checked.connections(), victim.connections()), (1, 0));
}

#[tokio::test]
async fn a_new_connection_is_checked_again() {
    // The server closes after every response. The name then has no address, or
    // another one.
    let server = Victim::responding_with(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    );
    let authority = format!("db.example:{}", server.port());
    let world = World::new().allow_private(&format!("http://{authority}"));
    world.names.set("db.example", &[&["127.0.0.1"], &[]]);
    let steps = json!([
        { "request": get(&authority, "/first") },
        { "request": get(&authority, "/second") },
    ]);
    let outcome = world.attack(steps).await;
    assert!(
        outcome.failure().contains("DnsError"),
        "{}",
        outcome.failure()
    );
    assert_eq!(world.names.lookups("db.example"), 2);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_failed_connection_is_not_retried_with_another_look_up() {
    let (checked, victim) = Victim::pair();
    let port = checked.port();
    // No server listens on 127.0.0.3.
    let authority = format!("db.example:{port}");
    let world = World::new().allow_private(&format!("http://{authority}"));
    world
        .names
        .set("db.example", &[&["127.0.0.3"], &["127.0.0.2"]]);
    let outcome = world.request(get(&authority, "/")).await;
    assert!(
        outcome.failure().contains("ConnectionRefused"),
        "{}",
        outcome.failure()
    );
    assert_eq!(world.names.lookups("db.example"), 1);
    assert_eq!((checked.connections(), victim.connections()), (0, 0));
}

#[tokio::test]
async fn an_encrypted_connection_goes_to_the_checked_address() {
    let (checked, root) = tls::listen(Ipv4Addr::LOCALHOST, 0, "db.example", RESPONSE);
    let port = checked.port();
    let (victim, other) = tls::listen(SECOND, port, "db.example", RESPONSE);
    let authority = format!("db.example:{port}");
    let mut world = World::new().allow_private(&format!("https://{authority}"));
    // Even a victim with a trusted certificate receives nothing.
    world.roots = Roots::Only(vec![root, other]);
    rebinding(&world);
    let request = json!({ "scheme": "https", "authority": authority });
    let outcome = world.request(request).await;
    assert!(outcome.response().ends_with("listed"));
    assert_eq!(world.names.lookups("db.example"), 1);
    assert_eq!((checked.connections(), victim.connections()), (1, 0));
    assert!(checked.requests()[0].contains(&format!("host: {authority}\r\n")));
}

#[tokio::test]
async fn a_certificate_is_verified_against_the_name_not_the_address() {
    // Trusted certificates of another name, of the address, and of a wildcard
    // above the domain.
    for name in [
        "other.example",
        "127.0.0.1",
        "*.db.example",
        "*.example.org",
    ] {
        let (victim, root) = tls::listen(Ipv4Addr::LOCALHOST, 0, name, RESPONSE);
        let authority = format!("db.example:{}", victim.port());
        let mut world = World::new()
            .name("db.example", &["127.0.0.1"])
            .allow_private(&format!("https://{authority}"));
        world.roots = Roots::Only(vec![root]);
        let request = json!({ "scheme": "https", "authority": authority });
        let outcome = world.request(request).await;
        assert!(
            outcome.failure().contains("TlsCertificateError"),
            "{name}: {}",
            outcome.failure()
        );
        assert!(victim.requests().is_empty(), "{name}");
    }
}

#[tokio::test]
async fn a_certificate_of_an_untrusted_authority_is_refused() {
    let (victim, _) = tls::listen(Ipv4Addr::LOCALHOST, 0, "db.example", RESPONSE);
    let (_, root) = tls::listen(Ipv4Addr::LOCALHOST, 0, "db.example", RESPONSE);
    let authority = format!("db.example:{}", victim.port());
    let mut world = World::new()
        .name("db.example", &["127.0.0.1"])
        .allow_private(&format!("https://{authority}"));
    world.roots = Roots::Only(vec![root]);
    let outcome = world
        .request(json!({ "scheme": "https", "authority": authority }))
        .await;
    assert!(
        outcome.failure().contains("TlsCertificateError"),
        "{}",
        outcome.failure()
    );
    assert!(victim.requests().is_empty());
}

#[tokio::test]
async fn a_rebound_name_fails_the_certificate_check() {
    let closing = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let (checked, root) = tls::listen(Ipv4Addr::LOCALHOST, 0, "db.example", closing);
    let port = checked.port();
    let (victim, other) = tls::listen(SECOND, port, "victim.example", RESPONSE);
    let authority = format!("db.example:{port}");
    let mut world = World::new().allow_private(&format!("https://{authority}"));
    world.roots = Roots::Only(vec![root, other]);
    rebinding(&world);
    let request = json!({ "scheme": "https", "authority": authority });
    let outcome = world
        .attack(json!([{ "request": request }, { "request": request }]))
        .await;
    assert!(
        outcome.failure().contains("TlsCertificateError"),
        "{}",
        outcome.failure()
    );
    assert_eq!(world.names.lookups("db.example"), 2);
    assert!(victim.requests().is_empty());
}

#[tokio::test]
async fn a_server_without_tls_receives_no_plain_request() {
    let listener = bind(Ipv4Addr::LOCALHOST, 0).unwrap();
    let victim = Victim::serving(listener, |mut stream, saw| {
        let mut bytes = [0; 4096];
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        while let Ok(length @ 1..) = stream.read(&mut bytes) {
            saw(String::from_utf8_lossy(&bytes[..length]).into_owned());
        }
    });
    let authority = format!("db.example:{}", victim.port());
    let world = World::new()
        .token()
        .name("db.example", &["127.0.0.1"])
        .allow_private(&format!("https://{authority}"));
    let request = json!({ "scheme": "https", "authority": authority, "path": "/canary" });
    let outcome = world.request(request).await;
    assert!(
        outcome.failure().contains("TlsProtocolError"),
        "{}",
        outcome.failure()
    );
    let seen = victim.requests().concat();
    assert!(!seen.contains("HTTP") && !seen.contains("canary"), "{seen}");
}

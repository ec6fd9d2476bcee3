//! Attacks on what may be reached.

use connector_host::sandbox::egress::Reason;
use connector_host::sandbox::egress::address::Special;
use connector_host::sandbox::egress::rule::Uncovered;

use crate::victim::Victim;
use crate::world::{World, get};

#[tokio::test]
async fn a_granted_server_is_reached() {
    let server = Victim::listen();
    let world = World::new().allow_private(&server.origin());
    let outcome = world.request(get(&server.authority(), "/x")).await;
    assert!(outcome.answer().starts_with("200"), "{:?}", outcome.result);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_host_that_no_rule_names_sees_nothing() {
    let victim = Victim::listen();
    let world = World::new().allow_private("http://127.0.0.1:1");
    let outcome = world.request(get(&victim.authority(), "/")).await;
    assert_eq!(outcome.reason(), &Reason::Uncovered(Uncovered::Origin));
    assert_eq!(victim.connections(), 0);
}

#[tokio::test]
async fn a_name_with_a_loopback_address_is_not_connected_to() {
    let victim = Victim::listen();
    let authority = format!("db.example:{}", victim.port());
    let world = World::new()
        .name("db.example", &["127.0.0.1"])
        .allow(&format!("http://{authority}"));
    let outcome = world.request(get(&authority, "/")).await;
    assert_eq!(outcome.reason(), &Reason::Address(Special::Loopback));
    assert_eq!(victim.connections(), 0);
}

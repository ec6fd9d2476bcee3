//! Attacks through the addresses of names: every address is checked, one
//! forbidden address refuses the name, and `private` applies only to its origin.

use connector_host::network::DenialReason;
use connector_host::network::Special;

use crate::expected::Expected::Denied;
use crate::victim::Victim;
use crate::world::{World, get};

/// Checks names with these addresses under a public rule: each is looked up once
/// and not connected to.
async fn refused(cases: &[(&[&str], Special)]) {
    let (first, second) = Victim::pair();
    let authority = format!("db.example:{}", first.port());
    let origin = format!("http://{authority}");
    for (addresses, special) in cases {
        let world = World::new().name("db.example", addresses).allow(&origin);
        let outcome = world.request(get(&authority, "/")).await;
        Denied(DenialReason::Address(*special)).check(&format!("{addresses:?}"), &origin, &outcome);
        assert_eq!(world.names.lookups("db.example"), 1);
    }
    assert_eq!((first.connections(), second.connections()), (0, 0));
}

#[tokio::test]
async fn a_name_with_a_loopback_address_is_not_connected_to() {
    refused(&[
        (&["127.0.0.1"], Special::Loopback),
        (&["127.0.0.2"], Special::Loopback),
        (&["127.255.255.254"], Special::Loopback),
        (&["::1"], Special::Loopback),
        (&["::ffff:127.0.0.1"], Special::Loopback),
        (&["::127.0.0.1"], Special::Loopback),
        (&["0.0.0.0"], Special::Unspecified),
        (&["0.0.0.1"], Special::Unspecified),
        (&["::"], Special::Unspecified),
    ])
    .await;
}

#[tokio::test]
async fn a_name_with_a_private_address_is_not_connected_to() {
    refused(&[
        (&["10.0.0.1"], Special::Private),
        (&["172.16.0.1"], Special::Private),
        (&["172.31.255.255"], Special::Private),
        (&["192.168.0.1"], Special::Private),
        (&["100.64.0.1"], Special::SharedAddressSpace),
        (&["fd00::1"], Special::Private),
        (&["fec0::1"], Special::Private),
        (&["::ffff:10.0.0.1"], Special::Private),
        (&["::ffff:0:10.0.0.1"], Special::Private),
        (&["fe80::5efe:a00:1"], Special::Private),
        (&["224.0.0.251"], Special::Multicast),
        (&["ff02::1"], Special::Multicast),
        (&["255.255.255.255"], Special::Broadcast),
        (&["240.0.0.1"], Special::Reserved),
        (&["192.0.2.1"], Special::Documentation),
        (&["198.18.0.1"], Special::Benchmarking),
    ])
    .await;
}

#[tokio::test]
async fn a_name_of_the_metadata_service_is_not_connected_to() {
    refused(&[
        (&["169.254.169.254"], Special::LinkLocal),
        (&["169.254.170.2"], Special::LinkLocal),
        (&["::ffff:169.254.169.254"], Special::LinkLocal),
        (&["fe80::1"], Special::LinkLocal),
        (&["fd00:ec2::254"], Special::Private),
        (&["fd20:ce::254"], Special::Private),
        (&["100.100.100.200"], Special::SharedAddressSpace),
        (&["192.0.0.192"], Special::Reserved),
    ])
    .await;
}

#[tokio::test]
async fn one_private_address_among_several_refuses_the_name() {
    refused(&[
        (&["93.184.216.34", "127.0.0.1"], Special::Loopback),
        (&["127.0.0.1", "93.184.216.34"], Special::Loopback),
        (&["2606:4700::1111", "10.0.0.1"], Special::Private),
        (
            &["1.1.1.1", "8.8.8.8", "9.9.9.9", "169.254.169.254"],
            Special::LinkLocal,
        ),
        (&["1.1.1.1", "::ffff:127.0.0.2"], Special::Loopback),
    ])
    .await;
}

#[tokio::test]
async fn ipv6_forms_of_private_addresses_are_not_connected_to() {
    refused(&[
        // NAT64, with the well-known and the local prefix.
        (&["64:ff9b::127.0.0.1"], Special::Loopback),
        (&["64:ff9b::169.254.169.254"], Special::LinkLocal),
        (&["64:ff9b::10.0.0.1"], Special::Private),
        (&["64:ff9b:1::10.0.0.1"], Special::Private),
        // 6to4.
        (&["2002:7f00:1::"], Special::Loopback),
        (&["2002:a00:1::1"], Special::Private),
        (&["2002:a9fe:a9fe::"], Special::LinkLocal),
        // Teredo.
        (&["2001:0:4136:e378:8000:63bf:80ff:fffe"], Special::Loopback),
        (&["2001:0:4136:e378:8000:63bf:f5ff:fffe"], Special::Private),
        (&["2001::5601:5601"], Special::LinkLocal),
        // Tunnels are refused even to public addresses.
        (&["2002:808:808::"], Special::Reserved),
    ])
    .await;
}

#[tokio::test]
async fn a_name_without_an_address_does_not_bypass_the_check() {
    let victim = Victim::listen();
    let authority = format!("db.example:{}", victim.port());
    for world in [
        // An empty answer, and no answer.
        World::new().name("db.example", &[]),
        World::new(),
    ] {
        let world = world.allow(&format!("http://{authority}"));
        let outcome = world.request(get(&authority, "/")).await;
        assert!(
            outcome.failure().contains("DnsError"),
            "{}",
            outcome.failure()
        );
    }
    assert_eq!(victim.connections(), 0);
}

#[tokio::test]
async fn a_name_of_this_machine_is_checked_like_any_other() {
    let victim = Victim::listen();
    for host in ["localhost", "LOCALHOST", "a.localhost", "ip6-localhost"] {
        let authority = format!("{host}:{}", victim.port());
        let world = World::new().allow(&format!("http://{authority}"));
        world.names.set_default(&["127.0.0.1"]);
        let outcome = world.request(get(&authority, "/")).await;
        Denied(DenialReason::Address(Special::Loopback)).check(host, "localhost", &outcome);
    }
    assert_eq!(victim.connections(), 0);
}

#[tokio::test]
async fn a_private_rule_applies_only_to_its_port() {
    let (own, victim) = (Victim::listen(), Victim::listen());
    let at = |victim: &Victim| format!("db.example:{}", victim.port());
    let world = World::new()
        .name("db.example", &["127.0.0.1"])
        .allow_private(&format!("http://{}", at(&own)))
        .allow(&format!("http://{}", at(&victim)));
    // The connection to one port stays open during the attack on the other.
    let steps = serde_json::json!([
        { "request": get(&at(&own), "/") },
        { "request": get(&at(&victim), "/") },
    ]);
    let outcome = world.attack(steps).await;
    Denied(DenialReason::Address(Special::Loopback)).check("name", &at(&victim), &outcome);
    assert_eq!((own.connections(), victim.connections()), (1, 0));

    let world = World::new()
        .allow_private(&own.origin())
        .allow(&victim.origin());
    let outcome = world.request(get(&victim.authority(), "/")).await;
    Denied(DenialReason::Address(Special::Loopback)).check("address", &victim.origin(), &outcome);
    assert_eq!(victim.connections(), 0);
}

#[tokio::test]
async fn a_private_rule_applies_only_to_its_name() {
    let victim = Victim::listen();
    let at = |host: &str| format!("{host}:{}", victim.port());
    let world = World::new()
        .name("own.example", &["127.0.0.1"])
        .name("evil.example", &["127.0.0.1"])
        .allow_private(&format!("http://{}", at("own.example")))
        .allow(&format!("http://{}", at("evil.example")));
    let outcome = world.request(get(&at("evil.example"), "/")).await;
    Denied(DenialReason::Address(Special::Loopback)).check("name", "evil.example", &outcome);
    assert_eq!(victim.connections(), 0);
}

#[tokio::test]
async fn a_private_rule_applies_only_to_its_paths_and_methods() {
    let server = Victim::listen();
    let authority = format!("db.example:{}", server.port());
    let origin = format!("http://{authority}");
    let rule = |method: &str, path: &str, private| connector_host::model::AllowRule {
        origin: origin.clone(),
        methods: vec![method.to_owned()],
        paths: vec![path.to_owned()],
        private,
        ..Default::default()
    };
    let world = World::new()
        .name("db.example", &["127.0.0.1"])
        .allow_with(rule("GET", "/inside", true))
        .allow_with(rule("GET", "/outside", false))
        .allow_with(rule("POST", "/inside", false));
    let post = serde_json::json!({ "authority": authority, "path": "/inside", "method": "POST" });
    for (number, last) in [get(&authority, "/outside"), post].into_iter().enumerate() {
        let first = get(&authority, "/inside");
        let steps = serde_json::json!([{ "request": first }, { "request": last }]);
        let outcome = world.attack(steps).await;
        // The open connection of one rule is not used by the other.
        Denied(DenialReason::Address(Special::Loopback)).check("path", &origin, &outcome);
        assert_eq!(server.connections(), number + 1);
        assert_eq!(server.requests().len(), number + 1);
    }
}

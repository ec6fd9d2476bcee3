//! Attacks by spelling: another spelling of a host is either the allowed host,
//! or it is denied. The host connects to the host that it checked.

use connector_host::network::DenialReason;
use connector_host::network::Special;
use connector_host::network::Uncovered;

use crate::expected::Expected::{self, Allowed, Denied, Inexpressible};
use crate::victim::Victim;
use crate::world::{World, get};

const ORIGIN: Expected = Denied(DenialReason::Uncovered(Uncovered::Origin));
const AUTHORITY: Expected = Inexpressible("authority");

/// Requests spellings of the only allowed host. All other names have the address
/// of the victim.
async fn spell(listed_host: &str, cases: &[(&str, Expected)]) {
    let (listed, victim) = Victim::pair();
    let port = listed.port();
    let world = World::new()
        .name("db.example", &["127.0.0.1"])
        .name("xn--bcher-kva.example", &["127.0.0.1"])
        .allow_private(&format!("http://{listed_host}:{port}"));
    world.names.set_default(&["127.0.0.2"]);
    let mut allowed = 0;
    for (spelling, expected) in cases {
        let outcome = world.request(get(&format!("{spelling}:{port}"), "/")).await;
        expected.check(spelling, "GET", &outcome);
        if *expected == Allowed {
            assert!(outcome.response().ends_with("listed"), "{spelling}");
            allowed += 1;
        }
        assert_eq!(victim.connections(), 0, "{spelling}");
    }
    assert_eq!(listed.connections(), allowed);
}

fn malformed(why: &str) -> Expected {
    Denied(DenialReason::Malformed(why.to_owned()))
}

#[tokio::test]
async fn case_does_not_change_a_name_and_a_final_dot_does() {
    spell(
        "db.example",
        &[
            ("db.example", Allowed),
            ("DB.EXAMPLE", Allowed),
            ("dB.eXample", Allowed),
            ("db.example.", ORIGIN),
            ("db.example..", ORIGIN),
            ("DB.example.", ORIGIN),
            (".db.example", ORIGIN),
            ("db..example", ORIGIN),
            ("db.example:", AUTHORITY),
            ("db.example%2e", AUTHORITY),
            ("d%62.example", AUTHORITY),
            ("db%00.example", AUTHORITY),
            ("db.example%00", AUTHORITY),
            ("db.example\0", AUTHORITY),
            ("db.example ", AUTHORITY),
            (" db.example", AUTHORITY),
            ("db.example\t", AUTHORITY),
            ("db.example\r\nhost: victim", AUTHORITY),
            ("db_example", ORIGIN),
            ("db.example.victim.test", ORIGIN),
            ("victimdb.example", ORIGIN),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_international_name_equals_its_punycode_and_no_homograph() {
    for listed in ["bücher.example", "xn--bcher-kva.example", "BÜCHER.example"] {
        spell(
            listed,
            &[
                ("xn--bcher-kva.example", Allowed),
                ("XN--BCHER-KVA.example", Allowed),
                // The interface accepts only ASCII.
                ("bücher.example", AUTHORITY),
                ("BÜCHER.example", AUTHORITY),
                ("bu\u{308}cher.example", AUTHORITY),
                ("b%C3%BCcher.example", AUTHORITY),
                ("bucher.example", ORIGIN),
                (
                    "xn--bucher-.example",
                    malformed("invalid international domain name"),
                ),
                // Cyrillic and full-width letters that look the same.
                ("b\u{fc}\u{441}her.example", AUTHORITY),
                (
                    "xn--bher-hoa41l.example",
                    malformed("invalid international domain name"),
                ),
                ("\u{ff42}\u{fc}cher.example", AUTHORITY),
                // A character that looks like a full stop.
                ("b\u{fc}cher\u{3002}example", AUTHORITY),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn a_homograph_of_a_listed_name_is_another_name() {
    spell(
        "db.example",
        &[
            ("d\u{432}.example", AUTHORITY),
            // Punycode of the name with a Cyrillic `е`.
            ("db.xn--xample-2of", ORIGIN),
            ("\u{ff44}\u{ff42}.example", AUTHORITY),
            ("db\u{ff0e}example", AUTHORITY),
            ("db\u{2024}example", AUTHORITY),
            ("db\u{ad}.example", AUTHORITY),
            ("d\u{200d}b.example", AUTHORITY),
            ("\u{24b9}b.example", AUTHORITY),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_address_is_the_same_in_every_base_and_another_in_ipv6() {
    spell(
        "127.0.0.1",
        &[
            ("127.0.0.1", Allowed),
            ("2130706433", Allowed),
            ("0x7f000001", Allowed),
            ("0X7F000001", Allowed),
            ("017700000001", Allowed),
            ("0177.0.0.1", Allowed),
            ("127.1", Allowed),
            ("127.0.1", Allowed),
            ("0x7f.1", Allowed),
            ("127.0.0.1.", Allowed),
            ("127.0.0.01", Allowed),
            ("127.0.0.0x1", Allowed),
            ("00000000000000000000177.0.0.1", Allowed),
            ("127.0.0.2", ORIGIN),
            ("2130706434", ORIGIN),
            ("0x7f.2", ORIGIN),
            ("127.0.0.02", ORIGIN),
            ("[::ffff:127.0.0.1]", ORIGIN),
            ("[::ffff:7f00:1]", ORIGIN),
            ("[0:0:0:0:0:ffff:127.0.0.1]", ORIGIN),
            ("[::127.0.0.1]", ORIGIN),
            ("[::1]", ORIGIN),
            ("[64:ff9b::127.0.0.1]", ORIGIN),
            ("[2002:7f00:1::]", ORIGIN),
            ("0", ORIGIN),
            ("0.0.0.0", ORIGIN),
            ("127.0.0.256", malformed("invalid IPv4 address")),
            ("4294967296", malformed("invalid IPv4 address")),
            ("127.0.0.0.1", malformed("invalid IPv4 address")),
            ("127.0.0.1..", ORIGIN),
            ("127.0.0.09", malformed("invalid IPv4 address")),
            ("0x7g.1", malformed("invalid IPv4 address")),
            ("127.0.0.1%00", AUTHORITY),
            ("\u{ff11}27.0.0.1", AUTHORITY),
            ("[127.0.0.1]", malformed("invalid IPv6 address")),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_address_with_a_zone_is_refused() {
    spell(
        "[::1]",
        &[
            ("[::1%25lo]", malformed("invalid IPv6 address")),
            ("[::1%lo]", malformed("invalid IPv6 address")),
            ("[::1%251]", malformed("invalid IPv6 address")),
            ("[::1%25]", malformed("invalid IPv6 address")),
            ("[fe80::1%25eth0]", malformed("invalid IPv6 address")),
            ("[::ffff:127.0.0.1%25lo]", malformed("invalid IPv6 address")),
            ("[::1", AUTHORITY),
            ("::1", AUTHORITY),
            ("[v1.x]", malformed("invalid IPv6 address")),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_address_of_this_machine_is_refused_in_every_spelling() {
    let (victim, second) = Victim::pair();
    let port = victim.port();
    let mut tried = 0;
    for (host, special) in [
        ("127.0.0.1", Special::Loopback),
        ("2130706433", Special::Loopback),
        ("0x7f000001", Special::Loopback),
        ("0177.0.0.1", Special::Loopback),
        ("127.1", Special::Loopback),
        ("127.0.0.1.", Special::Loopback),
        ("127.0.0.2", Special::Loopback),
        ("[::1]", Special::Loopback),
        ("[0:0:0:0:0:0:0:1]", Special::Loopback),
        ("[::ffff:127.0.0.1]", Special::Loopback),
        ("[::ffff:7f00:2]", Special::Loopback),
        ("[::127.0.0.1]", Special::Loopback),
        ("[64:ff9b::127.0.0.1]", Special::Loopback),
        ("[64:ff9b::7f00:2]", Special::Loopback),
        ("[64:ff9b:1::7f00:1]", Special::Loopback),
        ("[2002:7f00:1::]", Special::Loopback),
        ("[2001:0:4136:e378:8000:63bf:80ff:fffe]", Special::Loopback),
        ("0", Special::Unspecified),
        ("0.0.0.0", Special::Unspecified),
        ("[::]", Special::Unspecified),
        ("[::ffff:0.0.0.0]", Special::Unspecified),
        ("169.254.169.254", Special::LinkLocal),
        ("2852039166", Special::LinkLocal),
        ("0xa9fea9fe", Special::LinkLocal),
        ("0251.0376.0251.0376", Special::LinkLocal),
        ("[::ffff:169.254.169.254]", Special::LinkLocal),
        ("[64:ff9b::a9fe:a9fe]", Special::LinkLocal),
        ("[2002:a9fe:a9fe::]", Special::LinkLocal),
        ("[fe80::a9fe:a9fe]", Special::LinkLocal),
        ("[fd00:ec2::254]", Special::Private),
        ("[fd20:ce::254]", Special::Private),
        ("10.0.0.1", Special::Private),
        ("012.0.0.1", Special::Private),
        ("172.16.0.1", Special::Private),
        ("192.168.1.1", Special::Private),
        ("192.168.257", Special::Private),
        ("100.100.100.200", Special::SharedAddressSpace),
        ("192.0.0.192", Special::Reserved),
        ("255.255.255.255", Special::Broadcast),
        ("224.0.0.1", Special::Multicast),
    ] {
        let world = World::new().allow(&format!("http://{host}:{port}"));
        let outcome = world.request(get(&format!("{host}:{port}"), "/")).await;
        Denied(DenialReason::Address(special)).check(host, "http://", &outcome);
        tried += 1;
    }
    assert_eq!(tried, 40);
    assert_eq!((victim.connections(), second.connections()), (0, 0));
}

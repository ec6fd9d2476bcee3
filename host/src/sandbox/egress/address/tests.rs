//! Classification of addresses, compared with a table of every special block.

use super::*;

fn classified(address: &str) -> Option<Special> {
    special(address.parse().unwrap())
}

#[test]
fn public_addresses_pass() {
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "99.255.255.255",
        "172.15.0.1",
        "172.32.0.1",
        "192.167.1.1",
        "100.63.0.1",
        "100.128.0.1",
        "2606:4700::1111",
        "2a00:1450::1",
        "64:ff9b::8.8.8.8",
        "::ffff:8.8.8.8",
    ] {
        assert_eq!(classified(address), None, "{address}");
    }
}

#[test]
fn special_addresses_are_named() {
    for (address, expected) in [
        ("0.0.0.0", Special::Unspecified),
        ("0.1.2.3", Special::Unspecified),
        ("10.0.0.1", Special::Private),
        ("172.31.255.255", Special::Private),
        ("192.168.0.1", Special::Private),
        ("100.64.0.1", Special::SharedAddressSpace),
        ("127.0.0.1", Special::Loopback),
        ("127.255.255.255", Special::Loopback),
        ("169.254.169.254", Special::LinkLocal),
        ("192.0.0.170", Special::Reserved),
        ("192.0.2.1", Special::Documentation),
        ("198.18.0.1", Special::Benchmarking),
        ("224.0.0.1", Special::Multicast),
        ("240.0.0.1", Special::Reserved),
        ("255.255.255.255", Special::Broadcast),
        ("::", Special::Unspecified),
        ("::1", Special::Loopback),
        ("::ffff:127.0.0.1", Special::Loopback),
        ("::ffff:169.254.169.254", Special::LinkLocal),
        ("::127.0.0.1", Special::Loopback),
        ("::ffff:0:10.0.0.1", Special::Private),
        ("64:ff9b::a00:1", Special::Private),
        ("64:ff9b:1::a00:1", Special::Private),
        ("2002:7f00:1::", Special::Loopback),
        ("2002:808:808::", Special::Reserved),
        ("2001:0:4136:e378:8000:63bf:80ff:fffe", Special::Loopback),
        ("fe80::1", Special::LinkLocal),
        ("fec0::1", Special::Private),
        ("fd00:ec2::254", Special::Private),
        ("ff02::1", Special::Multicast),
        ("2001:db8::1", Special::Documentation),
        ("3fff::1", Special::Documentation),
        ("2001:2::1", Special::Benchmarking),
        ("2001:20::1", Special::Reserved),
        ("100::1", Special::Reserved),
        ("5f00::1", Special::Reserved),
    ] {
        assert_eq!(classified(address), Some(expected), "{address}");
    }
}

/// A line of the table.
struct Entry {
    family: u32,
    base: u128,
    length: u32,
    is: Is,
}

#[derive(Clone, Copy)]
enum Is {
    Kind(Special),
    Carrier {
        shift: u32,
        inverted: bool,
        public: Option<Special>,
    },
}

fn kind(word: &str) -> Option<Special> {
    Some(match word {
        "public" => return None,
        "unspecified" => Special::Unspecified,
        "loopback" => Special::Loopback,
        "private" => Special::Private,
        "link-local" => Special::LinkLocal,
        "shared" => Special::SharedAddressSpace,
        "multicast" => Special::Multicast,
        "broadcast" => Special::Broadcast,
        "documentation" => Special::Documentation,
        "benchmarking" => Special::Benchmarking,
        "reserved" => Special::Reserved,
        other => panic!("{other}"),
    })
}

fn table() -> Vec<Entry> {
    let lines = include_str!("special.txt").lines();
    let entries = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let entry = |line: &str| {
        let mut words = line.split_whitespace();
        let (base, length) = words.next().unwrap().split_once('/').unwrap();
        let (family, base) = bits(base.parse().unwrap());
        let word = words.next().unwrap();
        let is = match word.split_once("v4@") {
            Some((inverted, shift)) => Is::Carrier {
                shift: shift.parse().unwrap(),
                inverted: inverted == "!",
                public: kind(words.next().unwrap()),
            },
            None => Is::Kind(kind(word).unwrap()),
        };
        let length = length.parse().unwrap();
        Entry {
            family,
            base,
            length,
            is,
        }
    };
    entries.map(entry).collect()
}

fn bits(address: IpAddr) -> (u32, u128) {
    match address {
        IpAddr::V4(v4) => (32, v4.to_bits().into()),
        IpAddr::V6(v6) => (128, v6.to_bits()),
    }
}

fn address(family: u32, bits: u128) -> IpAddr {
    if family == 32 {
        Ipv4Addr::from_bits(u32::try_from(bits).unwrap()).into()
    } else {
        Ipv6Addr::from_bits(bits).into()
    }
}

impl Entry {
    /// First and last address.
    fn ends(&self) -> (u128, u128) {
        let host = (1_u128 << (self.family - self.length)).wrapping_sub(1);
        let host = if self.length == 0 { u128::MAX } else { host };
        assert_eq!(self.base & host, 0, "bits after the prefix");
        (self.base, self.base | host)
    }
}

/// Kind of an address by the table.
fn expected(table: &[Entry], address: IpAddr) -> Option<Special> {
    let (family, bits) = bits(address);
    let entry = table
        .iter()
        .filter(|entry| entry.family == family)
        .filter(|entry| (entry.ends().0..=entry.ends().1).contains(&bits))
        .max_by_key(|entry| entry.length)?;
    match entry.is {
        Is::Kind(kind) => Some(kind),
        Is::Carrier {
            shift,
            inverted,
            public,
        } => {
            let carried = u32::try_from(bits >> shift & 0xffff_ffff).unwrap();
            let carried = if inverted { !carried } else { carried };
            expected(table, Ipv4Addr::from_bits(carried).into()).or(public)
        }
    }
}

#[test]
fn every_entry_of_the_registries_is_classified_to_its_last_address() {
    let table = table();
    for entry in &table {
        let (first, last) = entry.ends();
        for at in [first, last] {
            let address = address(entry.family, at);
            let kind = special(address);
            assert_eq!(kind, expected(&table, address), "{address}");
            match entry.is {
                Is::Kind(_) => assert!(kind.is_some(), "{address}"),
                Is::Carrier { .. } => assert!(kind.is_some() || at == last, "{address}"),
            }
        }
        let mask = if entry.family == 32 {
            u32::MAX.into()
        } else {
            u128::MAX
        };
        for at in [first.wrapping_sub(1) & mask, last.wrapping_add(1) & mask] {
            let address = address(entry.family, at);
            assert_eq!(special(address), expected(&table, address), "{address}");
        }
    }
}

#[test]
fn the_neighbours_of_special_blocks_are_public() {
    // Neighbours that are not next to another special block.
    for address in [
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "191.255.255.255",
        "192.0.1.0",
        "192.0.1.255",
        "192.0.3.0",
        "192.31.195.255",
        "192.31.197.0",
        "192.52.192.255",
        "192.52.194.0",
        "192.88.98.255",
        "192.88.100.0",
        "192.167.255.255",
        "192.169.0.0",
        "192.175.47.255",
        "192.175.49.0",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "198.51.101.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "2000::",
        "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:200::",
        "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:db9::",
        "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2003::",
        "2620:4f:7fff:ffff:ffff:ffff:ffff:ffff",
        "2620:4f:8001::",
        "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "3fff:1000::",
        "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ] {
        assert_eq!(classified(address), None, "{address}");
    }
}

/// An IPv6 form: its name, a function that wraps an IPv4 address in it, and its
/// kind around a public address.
type Wrap = (&'static str, fn(u32) -> Ipv6Addr, Option<Special>);

#[test]
fn a_wrapped_address_is_classified_by_the_address_inside() {
    let table = table();
    let wraps: [Wrap; 8] = [
        ("mapped", |v4| wrapped(0xffff << 32, v4, 0), None),
        ("NAT64", |v4| wrapped(0x64_ff9b << 96, v4, 0), None),
        (
            "local NAT64",
            |v4| wrapped(0x64_ff9b_0001 << 80, v4, 0),
            Some(Special::Reserved),
        ),
        (
            "translated",
            |v4| wrapped(0xffff << 48, v4, 0),
            Some(Special::Reserved),
        ),
        (
            "6to4",
            |v4| wrapped(0x2002 << 112, v4, 80),
            Some(Special::Reserved),
        ),
        (
            "Teredo",
            |v4| wrapped(0x2001_0000 << 96 | 0x0808_0808 << 64, !v4, 0),
            Some(Special::Reserved),
        ),
        (
            "ISATAP",
            |v4| wrapped(0x2606_4700 << 96 | 0x5efe << 32, v4, 0),
            Some(Special::Reserved),
        ),
        (
            "ISATAP, global",
            |v4| wrapped(0x2606_4700 << 96 | 0x0200_5efe << 32, v4, 0),
            Some(Special::Reserved),
        ),
    ];
    let inside = table.iter().filter(|entry| entry.family == 32);
    for at in inside.flat_map(|entry| [entry.ends().0, entry.ends().1]) {
        let v4 = Ipv4Addr::from_bits(u32::try_from(at).unwrap());
        for (name, wrap, _) in wraps {
            let address = wrap(v4.to_bits());
            assert_eq!(
                special(address.into()),
                special(v4.into()),
                "{name} {v4}: {address}"
            );
        }
        // `::` and `::1` are kinds themselves.
        if v4.to_bits() > 1 {
            let compatible = Ipv6Addr::from_bits(at);
            assert_eq!(
                special(compatible.into()),
                special(v4.into()),
                "{compatible}"
            );
        }
    }
    for v4 in ["1.1.1.1", "223.255.255.255"] {
        let v4: Ipv4Addr = v4.parse().unwrap();
        for (name, wrap, public) in wraps {
            let address = wrap(v4.to_bits());
            assert_eq!(special(address.into()), public, "{name} {v4}: {address}");
        }
        assert_eq!(
            special(v4.to_ipv6_compatible().into()),
            Some(Special::Reserved)
        );
    }
}

fn wrapped(around: u128, v4: u32, shift: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits(around | u128::from(v4) << shift)
}

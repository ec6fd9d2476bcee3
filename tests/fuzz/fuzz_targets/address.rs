//! Classification of addresses, compared with a match of the table of special
//! blocks bit by bit.

#![no_main]
#![expect(clippy::unwrap_used, reason = "the table is part of the source")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use connector_host::network::Special;
use connector_host::testing::special;
use libfuzzer_sys::fuzz_target;

/// Line of the table.
struct Block {
    family: u32,
    base: u128,
    length: u32,
    carrier: Option<Carrier>,
    /// Class of the block. For a carrier, the class of public IPv4 addresses in
    /// it.
    kind: String,
}

/// Position of IPv4 addresses in a block of IPv6.
struct Carrier {
    shift: u32,
    inverted: bool,
}

static TABLE: LazyLock<Vec<Block>> = LazyLock::new(|| {
    include_str!("../../../host/src/sandbox/egress/address/special.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(block)
        .collect()
});

fn block(line: &str) -> Block {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (base, length) = words[0].split_once('/').unwrap();
    let (family, base) = bits(base.parse().unwrap());
    let carrier = words[1].split_once("v4@").map(|(sign, shift)| Carrier {
        shift: shift.parse().unwrap(),
        inverted: sign == "!",
    });
    let kind = words[if carrier.is_some() { 2 } else { 1 }].to_owned();
    let length = length.parse().unwrap();
    Block {
        family,
        base,
        length,
        carrier,
        kind,
    }
}

fn bits(address: IpAddr) -> (u32, u128) {
    match address {
        IpAddr::V4(v4) => (32, v4.to_bits().into()),
        IpAddr::V6(v6) => (128, v6.to_bits()),
    }
}

impl Block {
    fn holds(&self, family: u32, address: u128) -> bool {
        let bit = |number: u128, at: u32| number >> (family - 1 - at) & 1;
        self.family == family && (0..self.length).all(|at| bit(self.base, at) == bit(address, at))
    }
}

fn expected(address: IpAddr) -> &'static str {
    let (family, number) = bits(address);
    let blocks = TABLE.iter().filter(|block| block.holds(family, number));
    let Some(block) = blocks.max_by_key(|block| block.length) else {
        return isatap(family, number).map_or("public", |v4| or_reserved(expected(v4)));
    };
    match &block.carrier {
        None => match isatap(family, number) {
            Some(v4) => or_reserved(expected(v4)),
            None => &block.kind,
        },
        Some(carrier) => {
            let held = low_32(number >> carrier.shift);
            let held = if carrier.inverted { !held } else { held };
            match expected(Ipv4Addr::from_bits(held).into()) {
                "public" => &block.kind,
                kind => kind,
            }
        }
    }
}

/// Returns the IPv4 address in an ISATAP interface identifier, under any prefix.
fn isatap(family: u32, number: u128) -> Option<IpAddr> {
    let is_isatap = family == 128 && low_32(number >> 32) & !0x0200_0000 == 0x5efe;
    is_isatap.then(|| Ipv4Addr::from_bits(low_32(number)).into())
}

fn low_32(number: u128) -> u32 {
    u32::try_from(number & 0xffff_ffff).unwrap()
}

fn or_reserved(kind: &'static str) -> &'static str {
    if kind == "public" { "reserved" } else { kind }
}

fn class(special: Option<Special>) -> &'static str {
    match special {
        None => "public",
        Some(Special::Unspecified) => "unspecified",
        Some(Special::Loopback) => "loopback",
        Some(Special::Private) => "private",
        Some(Special::LinkLocal) => "link-local",
        Some(Special::SharedAddressSpace) => "shared",
        Some(Special::Multicast) => "multicast",
        Some(Special::Broadcast) => "broadcast",
        Some(Special::Documentation) => "documentation",
        Some(Special::Benchmarking) => "benchmarking",
        Some(Special::Reserved) => "reserved",
        // Not in the table, so that it differs from every entry.
        Some(_) => "unknown",
    }
}

/// Derives an address from the input: a random one, one in a block of the table,
/// or one that differs from a block in a bit.
fn address(data: &[u8]) -> Option<IpAddr> {
    let (&[choice, flip], rest) = data.split_first_chunk()?;
    let mut host = [0; 16];
    let length = rest.len().min(16);
    host[16 - length..].copy_from_slice(&rest[..length]);
    let host = u128::from_be_bytes(host);
    let (family, number) = match TABLE.get(usize::from(choice)) {
        None if choice % 2 == 0 => (32, host & 0xffff_ffff),
        None => (128, host),
        Some(block) => {
            let inside = (1_u128 << (block.family - block.length).min(127)) - 1;
            let flipped = match u32::from(flip).checked_sub(1) {
                Some(at) if at < block.family => 1_u128 << at,
                _ => 0,
            };
            (block.family, (block.base | host & inside) ^ flipped)
        }
    };
    Some(if family == 32 {
        Ipv4Addr::from_bits(low_32(number)).into()
    } else {
        Ipv6Addr::from_bits(number).into()
    })
}

fuzz_target!(|data: &[u8]| {
    let Some(address) = address(data) else { return };
    assert_eq!(class(special(address)), expected(address), "{address}");
    if let IpAddr::V4(v4) = address {
        let mapped = v4.to_ipv6_mapped();
        assert_eq!(special(address), special(mapped.into()), "{mapped}");
    }
});

//! Classifies IP addresses: public ones, to which a connector may connect, and
//! special ones.
//!
//! A pure function over IANA's special-purpose registries and over the
//! unassigned part of the IPv6 address space. It must not look anything up.
//!
//! Stricter than the registries on purpose. They call some blocks globally
//! reachable that are refused here because they serve no data: anycast
//! services (PCP, TURN, DNS-SD, AMT), sinks of reverse DNS (AS112) and
//! identifiers (`ORCHIDv2`, drones). These blocks are 192.0.0.9, 192.0.0.10,
//! 192.31.196.0/24, 192.52.193.0/24, 192.175.48.0/24, `2001:1::1` to
//! `2001:1::3`, `2001:3::/32`, `2001:4:112::/48`, `2001:20::/28`,
//! `2001:30::/28` and `2620:4f:8000::/48`. NAT64 (`64:ff9b::/96`) and mapped
//! addresses are classified by the IPv4 address inside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Kind of an address that is not part of the public internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Special {
    /// 0.0.0.0/8, ::.
    Unspecified,
    /// 127.0.0.0/8, `::1`.
    Loopback,
    /// 10/8, 172.16/12, 192.168/16, `fc00::/7`, `fec0::/10`.
    Private,
    /// 169.254/16, which includes the metadata services of clouds, and `fe80::/10`.
    LinkLocal,
    /// 100.64/10, used between a provider and its customers.
    SharedAddressSpace,
    /// 224/4, `ff00::/8`.
    Multicast,
    /// 255.255.255.255.
    Broadcast,
    /// Blocks for documentation and examples.
    Documentation,
    /// Blocks for benchmarks of networks.
    Benchmarking,
    /// Blocks reserved for protocols or for the future.
    Reserved,
}

impl Special {
    /// Returns the article and adjective for messages, such as "a private".
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "an unspecified",
            Self::Loopback => "a loopback",
            Self::Private => "a private",
            Self::LinkLocal => "a link-local",
            Self::SharedAddressSpace => "a shared (carrier-grade NAT)",
            Self::Multicast => "a multicast",
            Self::Broadcast => "the broadcast",
            Self::Documentation => "a documentation",
            Self::Benchmarking => "a benchmarking",
            Self::Reserved => "a reserved",
        }
    }
}

/// Returns the kind of a special address, or `None` for a public one. An IPv6
/// address that carries an IPv4 address is classified by that one.
#[must_use]
pub fn special(address: IpAddr) -> Option<Special> {
    match address {
        IpAddr::V4(v4) => special_v4(v4),
        IpAddr::V6(v6) => special_v6(v6),
    }
}

#[expect(
    clippy::match_same_arms,
    reason = "one arm for each kind of entry in the registries"
)]
fn special_v4(address: Ipv4Addr) -> Option<Special> {
    let [a, b, c, d] = address.octets();
    Some(match (a, b, c, d) {
        (0, ..) => Special::Unspecified,
        (10, ..) | (172, 16..=31, ..) | (192, 168, ..) => Special::Private,
        (100, 64..=127, ..) => Special::SharedAddressSpace,
        (127, ..) => Special::Loopback,
        (169, 254, ..) => Special::LinkLocal,
        (192, 0, 2, _) | (198, 51, 100, _) | (203, 0, 113, _) => Special::Documentation,
        (198, 18 | 19, ..) => Special::Benchmarking,
        // Protocol assignments, AS112, 6to4 relays, direct delegation.
        (192, 0, 0, _)
        | (192, 31, 196, _)
        | (192, 52, 193, _)
        | (192, 88, 99, _)
        | (192, 175, 48, _) => Special::Reserved,
        (224..=239, ..) => Special::Multicast,
        (255, 255, 255, 255) => Special::Broadcast,
        (240.., ..) => Special::Reserved,
        _ => return None,
    })
}

fn special_v6(address: Ipv6Addr) -> Option<Special> {
    if let Some(v4) = embedded_v4(address) {
        // `::1` and `::` look like IPv4-compatible addresses.
        return match address {
            Ipv6Addr::LOCALHOST => Some(Special::Loopback),
            Ipv6Addr::UNSPECIFIED => Some(Special::Unspecified),
            _ => special_v4(v4).or(carrier_of(address)),
        };
    }
    let [first, second, third, ..] = address.segments();
    Some(match (first, second, third) {
        (0xfc00..=0xfdff | 0xfec0..=0xfeff, ..) => Special::Private,
        (0xfe80..=0xfebf, ..) => Special::LinkLocal,
        (0xff00.., ..) => Special::Multicast,
        (0x2001, 0x0db8, _) | (0x3fff, 0x0000..=0x0fff, _) => Special::Documentation,
        (0x2001, 0x0002, 0x0000) => Special::Benchmarking,
        // Protocol assignments (ORCHID, drone IDs, anycast services, ...) and
        // the direct delegation of AS112.
        (0x2001, 0x0000..=0x01ff, _) | (0x2620, 0x004f, 0x8000) => Special::Reserved,
        // Everything outside global unicast: discard-only, dummy prefix, SRv6
        // identifiers, unassigned blocks.
        (first, ..) if first & 0xe000 != 0x2000 => Special::Reserved,
        _ => return None,
    })
}

/// Returns the IPv4 address inside a mapped, compatible, translated, NAT64, 6to4,
/// Teredo or ISATAP form.
#[expect(
    clippy::match_same_arms,
    reason = "one arm for each kind of entry in the registries"
)]
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let low = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match s {
        [0, 0, 0, 0, 0, 0xffff | 0, h, l] | [0, 0, 0, 0, 0xffff, 0, h, l] => Some(low(h, l)),
        // NAT64: the well-known prefix, and the local-use one (RFC 8215).
        [0x64, 0xff9b, 0, 0, 0, 0, h, l] | [0x64, 0xff9b, 1, _, _, _, h, l] => Some(low(h, l)),
        [0x2002, h, l, ..] => Some(low(h, l)),
        // Teredo hides the client's address by inverting its bits.
        [0x2001, 0, _, _, _, _, h, l] => Some(low(!h, !l)),
        [_, _, _, _, 0 | 0x0200, 0x5efe, h, l] => Some(low(h, l)),
        _ => None,
    }
}

/// Classifies an IPv6 address that carries a public IPv4 address. Tunnels are
/// refused: a connector has no use for one, and its far end was not checked.
#[expect(
    clippy::match_same_arms,
    reason = "one arm for each kind of entry in the registries"
)]
fn carrier_of(address: Ipv6Addr) -> Option<Special> {
    match address.segments() {
        // Dual-stack sockets show IPv4 addresses in this form.
        [0, 0, 0, 0, 0, 0xffff, ..] => None,
        // An IPv6-only network connects to the IPv4 internet through NAT64.
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => None,
        _ => Some(Special::Reserved),
    }
}

#[cfg(test)]
mod tests;

//! Judges addresses: which ones a connector may connect to.
//!
//! A pure function over the special-purpose registries of IANA. It must not
//! look anything up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is not one of the public internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// 0.0.0.0/8, ::.
    Unspecified,
    /// 127.0.0.0/8, `::1`.
    Loopback,
    /// 10/8, 172.16/12, 192.168/16, `fc00::/7`, `fec0::/10`.
    Private,
    /// 169.254/16 (the metadata services of clouds among them), `fe80::/10`.
    LinkLocal,
    /// 100.64/10, between a provider and its customers.
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
    /// The word for it in messages.
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

/// What kind of special address this is; `None` for one of the public
/// internet. IPv6 forms that carry an IPv4 address are judged by that one.
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
        // `::1` and `::` look like IPv4-compatible addresses; name them well.
        return match address {
            Ipv6Addr::LOCALHOST => Some(Special::Loopback),
            Ipv6Addr::UNSPECIFIED => Some(Special::Unspecified),
            _ => special_v4(v4).or(carrier_of(address)),
        };
    }
    let [first, second, ..] = address.segments();
    Some(match (first, second) {
        (0xfc00..=0xfdff | 0xfec0..=0xfeff, _) => Special::Private,
        (0xfe80..=0xfebf, _) => Special::LinkLocal,
        (0xff00.., _) => Special::Multicast,
        (0x2001, 0x0db8) | (0x3fff, 0x0000..=0x0fff) => Special::Documentation,
        (0x2001, 0x0002) => Special::Benchmarking,
        // Protocol assignments (ORCHID, drone IDs, anycast services, ...).
        (0x2001, 0x0000..=0x01ff) => Special::Reserved,
        // Everything outside global unicast: discard-only, SRv6 identifiers.
        (first, _) if first & 0xe000 != 0x2000 => Special::Reserved,
        _ => return None,
    })
}

/// The IPv4 address inside a mapped, compatible, translated, NAT64, 6to4,
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

/// Tunnels are refused even around a public address: nobody needs them, and
/// what lies at their end is not what was judged.
#[expect(
    clippy::match_same_arms,
    reason = "one arm for each kind of entry in the registries"
)]
fn carrier_of(address: Ipv6Addr) -> Option<Special> {
    match address.segments() {
        // Mapped addresses are what dual-stack sockets show: as good as IPv4.
        [0, 0, 0, 0, 0, 0xffff, ..] => None,
        // NAT64 is how an IPv6-only network reaches the IPv4 internet.
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => None,
        _ => Some(Special::Reserved),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(address: &str) -> Option<Special> {
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
            assert_eq!(judged(address), None, "{address}");
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
            assert_eq!(judged(address), Some(expected), "{address}");
        }
    }
}

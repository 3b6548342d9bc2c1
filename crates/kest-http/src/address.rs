//! Which addresses a question may reach, however they are spelled.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::Host;

/// Which addresses the servers of a client may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reach {
    /// Any: the configuration names every server.
    Anywhere,
    /// None that leads to a private address: not this machine, not its network segment, not the metadata service of a cloud, which
    /// trusts what reaches it. Private networks are allowed, since issuers live there.
    Public,
    /// As [`Public`](Self::Public), and this machine too: for servers that were named by one on it.
    PublicOrLoopback,
}

impl Reach {
    /// Whether a connection to `address` may be opened.
    ///
    /// An IPv6 address that carries an IPv4 address is judged by both: a translator or a tunnel may take it there.
    #[must_use]
    pub fn admits(self, address: IpAddr) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Public => {
                !is_loopback(address) && !carries(address, |it| is_inward(it) || it.is_loopback())
            }
            Self::PublicOrLoopback => is_loopback(address) || !carries(address, is_inward),
        }
    }
}

/// Whether a host is this machine; a name is only when it is never looked up.
pub(crate) fn is_this_machine<Name: AsRef<str>>(host: &Host<Name>) -> bool {
    match host {
        Host::Domain(name) => is_localhost(name.as_ref()),
        Host::Ipv4(address) => is_loopback(IpAddr::V4(*address)),
        Host::Ipv6(address) => is_loopback(IpAddr::V6(*address)),
    }
}

/// RFC 6761 section 6.3: this name is for loopback addresses and is not to be looked up.
pub(crate) fn is_localhost(name: &str) -> bool {
    name.strip_suffix('.').unwrap_or(name).eq_ignore_ascii_case("localhost")
}

/// 127.0.0.0/8 and `::1`; an IPv4 address in IPv6 clothes (RFC 4291 section 2.5.5.2) is an IPv4 address.
fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Whether `wrong` holds for the address or for one that it carries.
fn carries(address: IpAddr, wrong: impl Fn(IpAddr) -> bool) -> bool {
    let IpAddr::V6(outer) = address else { return wrong(address) };
    wrong(address) || embedded(outer).into_iter().flatten().any(|it| wrong(IpAddr::V4(it)))
}

/// Link-local, the address of no single machine, or the metadata service of a cloud.
fn is_inward(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(it) => {
            // RFC 6890: 0.0.0.0/8 is this network, 192.0.0.0/24 is for protocols, 240.0.0.0/4 is for nothing yet.
            let [first, second, third, _] = it.octets();
            first == 0
                || first >= 240
                || (first, second, third) == (192, 0, 0)
                || it.is_link_local()
                || it.is_multicast()
                || METADATA_V4.contains(&it)
        }
        IpAddr::V6(it) => {
            let site_local = it.segments().first().is_some_and(|first| first & 0xffc0 == 0xfec0);
            it.is_unspecified()
                || it.is_multicast()
                || it.is_unicast_link_local()
                || site_local
                || METADATA_V6.contains(&it)
        }
    }
}

/// The IPv4 addresses that an IPv6 address may stand for, by every way of writing one into another.
fn embedded(address: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let bytes = address.octets();
    let at = |places: [usize; 4]| {
        let octet = |place: usize| bytes.get(place).copied().unwrap_or_default();
        let [a, b, c, d] = places.map(octet);
        Some(Ipv4Addr::new(a, b, c, d))
    };
    let last = at([12, 13, 14, 15]);
    match address.segments() {
        // Unspecified and loopback are no IPv4 addresses.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => [None, None],
        // RFC 4291 section 2.5.5: compatible and mapped; RFC 2765 section 2.1: translated; RFC 6052: NAT64.
        [0, 0, 0, 0, 0, 0 | 0xffff, _, _]
        | [0, 0, 0, 0, 0xffff, 0, _, _]
        | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => [last, None],
        // RFC 8215: a prefix for local use, in which a network may choose the length (RFC 6052 section 2.2).
        [0x64, 0xff9b, 1, 0, 0, 0, _, _] => [last, None],
        [0x64, 0xff9b, 1, ..] => [last, at([6, 7, 9, 10])],
        // RFC 3056: 6to4.
        [0x2002, ..] => [at([2, 3, 4, 5]), None],
        // RFC 4380: Teredo, the relay and the client behind it, whose bits are turned.
        [0x2001, 0, ..] => {
            let client = last.map(|it| Ipv4Addr::from_bits(!it.to_bits()));
            [at([4, 5, 6, 7]), client]
        }
        // RFC 5214 section 6.1: ISATAP.
        [_, _, _, _, 0 | 0x0200, 0x5efe, _, _] => [last, None],
        _ => [None, None],
    }
}

/// Metadata services outside of link-local space: Alibaba Cloud, Azure.
const METADATA_V4: [Ipv4Addr; 2] = [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16)];

/// The same: AWS, Google Cloud.
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, outward: bool, or_loopback: bool) {
        let parsed: IpAddr = address.parse().unwrap();
        assert_eq!(Reach::Public.admits(parsed), outward, "{address}");
        assert_eq!(Reach::PublicOrLoopback.admits(parsed), or_loopback, "{address}");
        assert!(Reach::Anywhere.admits(parsed), "{address}");
    }

    #[test]
    fn servers_outside_and_in_private_networks_are_reached() {
        for address in [
            "192.0.2.1",
            "8.8.8.8",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "2001:db8::1",
            "fd12::1",
            "64:ff9b::808:808",
            "64:ff9b:1::808:808",
            "2002:808:808::1",
            "::ffff:8.8.8.8",
        ] {
            check(address, true, true);
        }
    }

    #[test]
    fn loopback_is_this_machine_in_every_spelling() {
        for address in ["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"] {
            check(address, false, true);
        }
    }

    #[test]
    fn addresses_of_the_segment_and_of_metadata_services_are_reached_in_no_clothes() {
        for address in [
            "169.254.169.254",
            "0.0.0.0",
            "0.1.2.3",
            "255.255.255.255",
            "240.0.0.1",
            "224.0.0.1",
            "192.0.0.192",
            "100.100.100.200",
            "168.63.129.16",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "::",
            "ff02::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            // The same, carried.
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::169.254.169.254",
            "64:ff9b:1:a9fe:a9:fe00::",
            "2002:a9fe:a9fe::1",
            "2001:0:808:808:0:0:5601:5601",
            "2001:0:a9fe:a9fe::",
            "2001:db8::5efe:169.254.169.254",
            "2001:db8::200:5efe:169.254.169.254",
            "::ffff:0.0.0.0",
        ] {
            check(address, false, false);
        }
    }

    #[test]
    fn loopback_that_a_translator_would_reach_is_refused_even_beside_loopback() {
        for address in ["64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1", "::ffff:0:127.0.0.1"] {
            assert!(!Reach::Public.admits(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn only_two_spellings_of_a_name_are_this_machine() {
        for name in ["localhost", "localhost.", "LOCALHOST"] {
            assert!(is_localhost(name), "{name}");
        }
        for name in ["localhost..", "localhost.example", "a.localhost", "", ".", "localhos"] {
            assert!(!is_localhost(name), "{name}");
        }
    }
}

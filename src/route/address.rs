//! The order in which a host's addresses are tried.
//!
//! Owns [`Family`] and the filter on addresses. Promises: an address that can only be our own machine or nobody's is never
//! tried, so a wrong A record cannot make the engine talk to itself; a bounded number is tried. Pure.

use std::net::IpAddr;

use super::host::shuffle;

/// Most addresses tried of one host.
const ADDRESSES_MAX: usize = 8;

/// Which IP versions are used, and which goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// IPv4 only: the reputation of an IPv6 range takes as long to build as that of an IPv4 one.
    #[default]
    OnlyIpv4,
    /// IPv6 only.
    OnlyIpv6,
    /// IPv4, then IPv6.
    Ipv4First,
    /// IPv6, then IPv4.
    Ipv6First,
}

impl Family {
    /// Lower goes first; `None` is not used.
    const fn rank(self, address: IpAddr) -> Option<u8> {
        match (self, address) {
            (Self::OnlyIpv4 | Self::Ipv4First, IpAddr::V4(_))
            | (Self::OnlyIpv6 | Self::Ipv6First, IpAddr::V6(_)) => Some(0),
            (Self::Ipv4First, IpAddr::V6(_)) | (Self::Ipv6First, IpAddr::V4(_)) => Some(1),
            _ => None,
        }
    }
}

/// The addresses worth trying, in order. `dice` is in 0..1 and spreads letters over equals (RFC 5321 §5.1).
pub fn addresses(known: &[IpAddr], family: Family, dice: f64) -> Vec<IpAddr> {
    let mut ranked: Vec<(u8, IpAddr)> = known
        .iter()
        .filter(|address| can_be_remote(**address))
        .filter_map(|address| Some((family.rank(*address)?, *address)))
        .collect();
    ranked.sort_unstable();
    ranked.dedup();
    for equals in ranked.chunk_by_mut(|one, other| one.0 == other.0) {
        shuffle(equals, dice);
    }
    let found = ranked.into_iter().map(|(_, address)| address);
    found.take(ADDRESSES_MAX).collect()
}

/// Whether some other machine may have this address. Private ranges may: receivers inside a company network do.
fn can_be_remote(address: IpAddr) -> bool {
    match address.to_canonical() {
        // Link-local addresses are for neighbours without a router; 169.254.169.254 is a cloud's own control desk.
        IpAddr::V4(four) => {
            let nobodys = four.octets()[0] == 0 || four.is_broadcast() || four.is_link_local();
            !(nobodys || special(address))
        }
        IpAddr::V6(six) => !(six.is_unicast_link_local() || special(address)),
    }
}

fn special(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_loopback() || address.is_unspecified() || address.is_multicast()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(family: Family, known: &str, expected: &str) {
        let known: Vec<IpAddr> = known.split(' ').map(|text| text.parse().unwrap()).collect();
        let found: Vec<String> = addresses(&known, family, 0.0)
            .iter()
            .map(IpAddr::to_string)
            .collect();
        assert_eq!(found.join(" "), expected);
    }

    #[test]
    fn the_family_decides_the_order() {
        let both = "2001:db8::1 192.0.2.1";
        check(Family::OnlyIpv4, both, "192.0.2.1");
        check(Family::OnlyIpv6, both, "2001:db8::1");
        check(Family::Ipv4First, both, "192.0.2.1 2001:db8::1");
        check(Family::Ipv6First, both, "2001:db8::1 192.0.2.1");
    }

    #[test]
    fn addresses_that_lead_to_ourselves_are_not_tried() {
        check(
            Family::Ipv4First,
            "127.0.0.1 0.0.0.0 0.1.2.3 255.255.255.255 224.0.0.1 169.254.169.254 192.0.2.1",
            "192.0.2.1",
        );
        check(
            Family::Ipv4First,
            "::1 :: ff02::1 fe80::1 ::ffff:127.0.0.1 2001:db8::1",
            "2001:db8::1",
        );
    }

    proptest! {
        #[test]
        fn a_host_with_many_addresses_is_tried_a_bounded_number_of_times(known in prop::collection::vec(any::<[u8; 4]>(), 0..60), dice in 0.0..1.0) {
            let known: Vec<IpAddr> = known.into_iter().map(IpAddr::from).collect();
            let found = addresses(&known, Family::Ipv4First, dice);
            prop_assert!(found.len() <= ADDRESSES_MAX);
            prop_assert!(found.iter().all(|address| known.contains(address)));
        }
    }
}

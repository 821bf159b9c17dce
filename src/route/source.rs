//! Which of our own addresses and names a letter leaves from.
//!
//! Owns [`Source`]. Leaves the choice among several to `engine::pace`.

use std::net::IpAddr;

use crate::mail::Domain;

/// A local address and the name it goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name in the configuration, reports and metrics.
    pub name: String,
    /// The local address; `None` lets the system choose.
    pub address: Option<IpAddr>,
    /// The name it says in EHLO; its PTR record should say the same.
    pub ehlo: Domain,
    /// How much of a pool's mail it takes, beside the others' weights.
    pub weight: u32,
}

impl Source {
    /// Whether it can open a connection to that address.
    pub fn reaches(&self, to: IpAddr) -> bool {
        self.address
            .is_none_or(|from| from.is_ipv4() == to.is_ipv4())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_reaches_its_own_ip_version_only() {
        let check = |address: Option<&str>, to: &str, expected: bool| {
            let source = Source {
                name: "s1".to_owned(),
                address: address.map(|address| address.parse().unwrap()),
                ehlo: Domain::parse("mail.example.com").unwrap(),
                weight: 1,
            };
            assert_eq!(
                source.reaches(to.parse().unwrap()),
                expected,
                "{address:?} to {to}"
            );
        };
        check(Some("192.0.2.1"), "198.51.100.1", true);
        check(Some("192.0.2.1"), "2001:db8::99", false);
        check(Some("2001:db8::1"), "2001:db8::99", true);
        check(None, "2001:db8::99", true);
    }
}

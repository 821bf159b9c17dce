//! Which of our own addresses and names a letter leaves from.
//!
//! Owns [`Source`] and the choice. Promises: a source is chosen only if it can reach the receiver's IP version; a letter that
//! was greylisted keeps its source (RFC 6647 §3.1). Leaves pools per stream and warm-up to `policy`.

use std::net::IpAddr;

use super::host::throw;
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

/// The source for a letter to that address: the one `kept` from an earlier attempt, else one by the dice, in 0..1.
pub fn choose_source<'a>(
    pool: &'a [Source],
    to: IpAddr,
    kept: Option<&str>,
    dice: f64,
) -> Option<&'a Source> {
    let able: Vec<&Source> = pool.iter().filter(|source| source.reaches(to)).collect();
    let same = able.iter().find(|source| Some(&source.name[..]) == kept);
    same.or_else(|| able.get(throw(able.len(), dice).0))
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(to: &str, kept: Option<&str>, dice: f64, expected: Option<&str>) {
        let source = |name: &str, address: &str| Source {
            name: name.to_owned(),
            address: Some(address.parse().unwrap()),
            ehlo: Domain::parse("mail.example.com").unwrap(),
            weight: 1,
        };
        let pool = [
            source("a", "192.0.2.1"),
            source("b", "192.0.2.2"),
            source("c", "2001:db8::1"),
        ];
        let found = choose_source(&pool, to.parse().unwrap(), kept, dice);
        assert_eq!(found.map(|source| &source.name[..]), expected);
    }

    #[test]
    fn a_source_must_speak_the_receivers_ip_version() {
        check("198.51.100.1", None, 0.1, Some("a"));
        check("198.51.100.1", None, 0.9, Some("b"));
        check("2001:db8::99", None, 0.9, Some("c"));
    }

    #[test]
    fn a_greylisted_letter_keeps_its_source() {
        check("198.51.100.1", Some("b"), 0.1, Some("b"));
        check("198.51.100.1", Some("retired"), 0.1, Some("a"));
        check("198.51.100.1", Some("c"), 0.1, Some("a"));
    }

    #[test]
    fn an_empty_pool_has_no_source() {
        assert_eq!(choose_source(&[], [192, 0, 2, 1].into(), None, 0.5), None);
    }
}

//! The name of the set of hosts that takes a domain's mail.
//!
//! Owns [`Site`]. Promises: domains with the same mail hosts share one site, whatever the order and spelling of their MX
//! records, so that limits count per operator and not per customer; different sets have different names; a name is
//! at most [`NAME_MAX`] octets. Leaves what a site may do to `policy`.

use std::fmt;

/// Longest name. Sites are labels and keys, and Google's five hosts must still fit in plain text.
const NAME_MAX: usize = 120;

/// A set of mail hosts by its name: `mxs.mail.ru`, `{mx1,mx2}.example.com`, `{alt1.aspmx.l,aspmx.l}.google.com`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site(String);

impl Site {
    /// The site of those hosts, which are valid names in lower case.
    pub(super) fn of<'a>(hosts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hosts: Vec<&str> = hosts.into_iter().collect();
        hosts.sort_unstable();
        hosts.dedup();
        let name = rolled_up(&hosts);
        if name.len() <= NAME_MAX {
            return Self(name);
        }
        Self(abbreviated(&hosts))
    }

    /// The site of a fixed route.
    pub(super) fn of_fixed(host: &str, port: u16) -> Self {
        Self(format!("{host}:{port}"))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The common end of all names once, the rest in braces; no name has braces or commas of its own.
fn rolled_up(hosts: &[&str]) -> String {
    let end = common_end(hosts);
    let heads: Vec<&str> = hosts
        .iter()
        .map(|host| &host[..host.len() - end.len()])
        .collect();
    match heads[..] {
        [] => String::new(),
        [head] => format!("{head}{end}"),
        _ => format!("{{{}}}{end}", heads.join(",")),
    }
}

/// The longest end in whole labels, dot included, that all names share and none consists of.
fn common_end<'a>(hosts: &[&'a str]) -> &'a str {
    let Some((first, others)) = hosts.split_first() else {
        return "";
    };
    let mut ends = first.match_indices('.').map(|(at, _)| &first[at..]);
    let shared = |end: &&str| others.iter().all(|host| host.ends_with(end));
    ends.find(shared).unwrap_or_default()
}

/// First host, how many more, and a fingerprint of all of them. FNV-1a: names need to differ, not to withstand attack.
fn abbreviated(hosts: &[&str]) -> String {
    let first = hosts.first().copied().unwrap_or_default();
    let first = first.get(..64).unwrap_or(first);
    let print = hosts
        .iter()
        .flat_map(|host| host.bytes().chain([b',']))
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
            (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    format!("{first}+{}#{print:016x}", hosts.len().saturating_sub(1))
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn check(hosts: &[&str], expected: &str) {
        assert_eq!(Site::of(hosts.iter().copied()).as_str(), expected);
    }

    #[test]
    fn a_site_is_named_after_its_hosts() {
        check(&["mxs.mail.ru"], "mxs.mail.ru");
        check(
            &["mx2.example.com", "mx1.example.com"],
            "{mx1,mx2}.example.com",
        );
        check(
            &["mx.example.com", "mx.example.org"],
            "{mx.example.com,mx.example.org}",
        );
        check(
            &[
                "aspmx.l.google.com",
                "alt1.aspmx.l.google.com",
                "alt2.aspmx.l.google.com",
            ],
            "{alt1.aspmx,alt2.aspmx,aspmx}.l.google.com",
        );
    }

    #[test]
    fn a_long_list_is_shortened_but_stays_the_same_site() {
        let names: Vec<String> = (0..100).map(|n| format!("mx{n}.example.com")).collect();
        let there: Vec<&str> = names.iter().map(String::as_str).collect();
        let back: Vec<&str> = there.iter().rev().copied().collect();
        check(&there, "mx0.example.com+99#a550aa0fc400a9db");
        assert_eq!(Site::of(there), Site::of(back));
    }

    proptest! {
        #[test]
        fn different_hosts_have_different_sites(
            one in prop::collection::btree_set("[ab]{1,2}\\.[ab]{1,2}\\.(com|org)", 1..6),
            other in prop::collection::btree_set("[ab]{1,2}\\.[ab]{1,2}\\.(com|org)", 1..6),
        ) {
            let site = |hosts: &BTreeSet<String>| Site::of(hosts.iter().map(String::as_str));
            prop_assert_eq!(site(&one) == site(&other), one == other);
        }

        #[test]
        fn a_name_is_never_long(hosts in prop::collection::vec("[a-z]{1,60}(\\.[a-z]{1,60}){1,3}", 1..40)) {
            let site = Site::of(hosts.iter().map(String::as_str));
            prop_assert!(site.as_str().len() <= NAME_MAX);
        }
    }
}

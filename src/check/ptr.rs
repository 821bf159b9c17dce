//! Names of our addresses: PTR, back again, and EHLO.
//!
//! Owns the findings about each source. Promises: forward-confirmed reverse DNS as Gmail, Yahoo and Outlook ask for it.

use std::net::IpAddr;

use super::{
    book::{Book, Seen},
    finding::{Findings, Fix},
    rules,
    subject::{Source, Subject},
};

/// Words that receivers take for the name of somebody's home.
const GENERIC: [&str; 14] = [
    "dynamic",
    "dyn",
    "dhcp",
    "pool",
    "dsl",
    "adsl",
    "ppp",
    "pppoe",
    "cable",
    "broadband",
    "client",
    "customer",
    "unassigned",
    "in-addr",
];

pub(super) fn examine(subject: &Subject, book: &Book, found: &mut Findings) {
    if subject.sources.is_empty() {
        let fix = Fix::words(
            "name each source in postrider.toml: smtp.sources = [{ name = \"s1\", address = \"...\", ehlo = \"...\" }]",
        );
        found.add(
            &rules::SOURCE_NONE,
            "smtp.sources",
            "no source is named",
            vec![fix],
        );
    }
    for source in &subject.sources {
        one(source, book, found);
    }
}

fn one(source: &Source, book: &Book, found: &mut Findings) {
    let Some(address) = source.address else {
        let fix = Fix::words(format!(
            "set address, or public_address behind NAT, of the source {}",
            source.name
        ));
        return found.add(
            &rules::SOURCE_NONE,
            source.name.as_str(),
            "its address is not known",
            vec![fix],
        );
    };
    if is_private(address) {
        let fix = Fix::words(format!(
            "set public_address of the source {}: what receivers see",
            source.name
        ));
        return found.add(
            &rules::SOURCE_PRIVATE,
            source.name.as_str(),
            address.to_string(),
            vec![fix],
        );
    }
    let before = found.troubles();
    reverse(source, address, book, found);
    forward(source, address, book, found);
    found.fine(
        before,
        &rules::PTR_OK,
        &address.to_string(),
        "its name leads back to it",
    );
}

/// Addresses that nobody on the internet sees; documentation networks are left alone, because examples live there.
const fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => {
            let shared = four.octets()[0] == 100 && four.octets()[1] & 0xc0 == 64;
            four.is_private()
                || four.is_loopback()
                || four.is_link_local()
                || four.is_unspecified()
                || shared
        }
        IpAddr::V6(six) => {
            six.is_loopback() || six.is_unspecified() || (six.segments()[0] & 0xfe00) == 0xfc00
        }
    }
}

fn reverse(source: &Source, address: IpAddr, book: &Book, found: &mut Findings) {
    let about = address.to_string();
    let publish = || {
        vec![Fix::publish(
            reverse_name(address),
            "PTR",
            format!("{}.", source.ehlo),
        )]
    };
    let Some(names) = book.names(address) else {
        return;
    };
    let names = match names {
        Seen::Trouble(what) => {
            let fix = Fix::words(format!(
                "ask the owner of the address block: `dig -x {address}` must answer"
            ));
            return found.add(&rules::PTR_TROUBLE, about, what, vec![fix]);
        }
        Seen::None => return found.add(&rules::PTR_MISSING, about, "it has no name", publish()),
        Seen::Some(names) => names,
    };
    if names.len() > 1 {
        found.add(
            &rules::PTR_SEVERAL,
            about.as_str(),
            names.join(", "),
            publish(),
        );
    }
    let confirmed: Option<Vec<bool>> = names
        .iter()
        .map(|name| leads_back(name, address, book))
        .collect();
    let Some(confirmed) = confirmed else { return };
    if !confirmed.contains(&true) {
        let mut fixes = publish();
        fixes.push(Fix::address(&source.ehlo, address));
        let seen = format!(
            "it is called {}, which does not lead back to it",
            names.join(", ")
        );
        found.add(&rules::PTR_UNCONFIRMED, about.as_str(), seen, fixes);
    }
    if !names
        .iter()
        .any(|name| name.eq_ignore_ascii_case(&source.ehlo))
    {
        let seen = format!(
            "it is called {} and calls itself {}",
            names.join(", "),
            source.ehlo
        );
        found.add(&rules::PTR_EHLO, about.as_str(), seen, publish());
    }
    if let Some(name) = names.iter().find(|name| is_generic(name, address)) {
        found.add(&rules::PTR_GENERIC, about, name.as_str(), publish());
    }
}

fn leads_back(name: &str, address: IpAddr, book: &Book) -> Option<bool> {
    match book.addresses(name)? {
        Seen::Some(addresses) => Some(addresses.contains(&address)),
        _ => Some(false),
    }
}

fn forward(source: &Source, address: IpAddr, book: &Book, found: &mut Findings) {
    let name = source.ehlo.as_str();
    let fix = || vec![Fix::address(name, address)];
    match book.addresses(name) {
        Some(Seen::None) => found.add(&rules::EHLO_NO_ADDRESS, name, "it has no address", fix()),
        Some(Seen::Some(addresses)) if !addresses.contains(&address) => {
            let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            let seen = format!("it leads to {}, not to {address}", list.join(", "));
            found.add(&rules::EHLO_ELSEWHERE, name, seen, fix());
        }
        _ => {}
    }
}

/// Whether a name looks like one that a provider gave to everybody: a telling word, or the address in it.
fn is_generic(name: &str, address: IpAddr) -> bool {
    let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    if words.iter().any(|word| GENERIC.contains(word)) {
        return true;
    }
    let IpAddr::V4(four) = address else {
        return false;
    };
    let octets: Vec<String> = four.octets().iter().map(ToString::to_string).collect();
    let numbers: Vec<&str> = name
        .split(|c: char| !c.is_ascii_digit())
        .filter(|n| !n.is_empty())
        .collect();
    let forth: Vec<&str> = octets.iter().map(String::as_str).collect();
    let back: Vec<&str> = forth.iter().rev().copied().collect();
    let has = |wanted: &[&str]| numbers.windows(wanted.len()).any(|run| run == wanted);
    has(&forth) || has(&back) || has(&forth[2..])
}

/// `10.2.0.192.in-addr.arpa` (RFC 1035 §3.5, RFC 3596 §2.5).
pub(super) fn reverse_name(address: IpAddr) -> String {
    match address {
        IpAddr::V4(_) => format!("{}.in-addr.arpa", reversed(address)),
        IpAddr::V6(_) => format!("{}.ip6.arpa", reversed(address)),
    }
}

/// The address as labels, the last first.
pub(super) fn reversed(address: IpAddr) -> String {
    let labels: Vec<String> = match address {
        IpAddr::V4(four) => four
            .octets()
            .iter()
            .rev()
            .map(ToString::to_string)
            .collect(),
        IpAddr::V6(six) => {
            let octets = six.octets();
            let nibbles = octets
                .iter()
                .rev()
                .flat_map(|octet| [octet & 15, octet >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}")).collect()
        }
    };
    labels.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: bool) {
        assert_eq!(
            is_generic(name, IpAddr::from([192, 0, 2, 10])),
            expected,
            "{name}"
        );
    }

    #[test]
    fn names_of_homes() {
        check("mx1.example.com", false);
        check("mx10.example.com", false);
        check("out-2.mail.example.com", false);
        check("192-0-2-10.example.net", true);
        check("host-10-2-0-192.example.net", true);
        check("s2-10.example.net", true);
        check("dhcp.pool7.example.net", true);
        check("poolside.example.net", false);
    }

    #[test]
    fn addresses_backwards() {
        assert_eq!(
            reverse_name(IpAddr::from([192, 0, 2, 10])),
            "10.2.0.192.in-addr.arpa"
        );
        let six = reverse_name("2001:db8::1".parse().unwrap());
        assert!(six.starts_with("1.0.0.0.0.0"), "{six}");
        assert!(six.ends_with("8.b.d.0.1.0.0.2.ip6.arpa"), "{six}");
    }
}

//! Block lists in DNS (RFC 5782): are our addresses and domains on one?
//!
//! Owns what an answer means. Promises: an answer that says "you ask from a public resolver" is never taken for a listing.

use std::net::{IpAddr, Ipv4Addr};

use super::{
    book::{Book, Seen},
    finding::{Findings, Fix},
    ptr::reversed,
    rules,
    subject::Subject,
};
use crate::mail::Domain;

pub(super) fn examine(subject: &Subject, book: &Book, found: &mut Findings) {
    let before = found.troubles();
    for address in subject.addresses() {
        for list in &subject.lists.addresses {
            ask(
                &address.to_string(),
                &format!("{}.{list}", reversed(address)),
                list,
                book,
                found,
            );
        }
    }
    let mut domains: Vec<&str> = vec![subject.domain.as_str()];
    domains.extend(subject.return_path.as_ref().map(Domain::as_str));
    for domain in domains {
        for list in &subject.lists.domains {
            ask(domain, &format!("{domain}.{list}"), list, book, found);
        }
    }
    let asked = subject.lists.addresses.len() + subject.lists.domains.len();
    if asked > 0 {
        found.fine(
            before,
            &rules::LISTS_OK,
            subject.domain.as_str(),
            "no block list that was asked names it",
        );
    }
}

fn ask(what: &str, name: &str, list: &str, book: &Book, found: &mut Findings) {
    let about = format!("{what} at {list}");
    let own_resolver = || {
        vec![Fix::words(
            "run a resolver of your own (unbound, knot-resolver), name it in dns.servers, and see whether the list asks for an account",
        )]
    };
    match book.addresses(name) {
        None | Some(Seen::None) => {}
        Some(Seen::Trouble(why)) => found.add(&rules::LIST_SILENT, about, why, own_resolver()),
        Some(Seen::Some(answers)) => match answers.iter().map(|answer| meaning(*answer)).max() {
            Some(Meaning::Listed(code)) => {
                let says = explained(list, code);
                let fix = Fix::words(format!(
                    "find and stop the cause first, then ask for removal at the web site of {list}; hold mail of the source meanwhile"
                ));
                let rule = if what.parse::<IpAddr>().is_ok() {
                    &rules::LIST_ADDRESS
                } else {
                    &rules::LIST_DOMAIN
                };
                found.add(rule, about, format!("{code}{says}"), vec![fix]);
            }
            Some(Meaning::NotAnswering(code)) => {
                found.add(
                    &rules::LIST_RESOLVER,
                    about,
                    format!("{code}: the list does not answer this resolver"),
                    own_resolver(),
                );
            }
            Some(Meaning::Nonsense(code)) => {
                let fix = Fix::words(format!(
                    "take {list} out of check.address_lists and check.domain_lists"
                ));
                found.add(
                    &rules::LIST_BROKEN,
                    about,
                    format!("{code} is no answer of a block list"),
                    vec![fix],
                );
            }
            None => {}
        },
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Meaning {
    Nonsense(IpAddr),
    NotAnswering(Ipv4Addr),
    Listed(Ipv4Addr),
}

/// 127.255.255.0/24 is about who asks (252: a misspelt list, 254: a public resolver, 255: too many questions).
const fn meaning(answer: IpAddr) -> Meaning {
    match answer {
        IpAddr::V4(four) => match four.octets() {
            [127, 255, 255, _] => Meaning::NotAnswering(four),
            [127, ..] => Meaning::Listed(four),
            _ => Meaning::Nonsense(answer),
        },
        IpAddr::V6(_) => Meaning::Nonsense(answer),
    }
}

/// The words behind the codes of the list that most receivers ask.
fn explained(list: &str, code: Ipv4Addr) -> &'static str {
    if !list.ends_with("spamhaus.org") && !list.ends_with("spamhaus.net") {
        return "";
    }
    match code.octets() {
        [127, 0, 0, 2] => ": SBL, a known sender of spam",
        [127, 0, 0, 3] => ": CSS, low-reputation mail was seen from it",
        [127, 0, 0, 4..=7] => ": XBL, a machine under foreign control",
        [127, 0, 0, 9] => ": DROP, a hijacked network",
        [127, 0, 0, 10 | 11] => ": PBL, an address that should not send mail directly",
        [127, 0, 1, 2] => ": a spam domain",
        [127, 0, 1, 4] => ": a phishing domain",
        [127, 0, 1, 5 | 6] => ": a domain of malware",
        [127, 0, 1, 102..=106] => ": a good domain that is being abused",
        _ => "",
    }
}

//! The domains themselves: do they exist, have a start of authority, take replies?
//!
//! Owns the findings about the From domain and the return path's zone.

use super::{
    align,
    book::{Book, Lookup, Question, Seen, key},
    finding::{Findings, Fix},
    rules,
    subject::Subject,
};

pub(super) fn examine(subject: &Subject, book: &Book, found: &mut Findings) {
    let domain = subject.domain.as_str();
    let before = found.troubles();
    authority(domain, book, found);
    if let Some(path) = &subject.return_path {
        authority(path.as_str(), book, found);
    }
    replies(domain, book, found);
    found.fine(
        before,
        &rules::DOMAIN_OK,
        domain,
        "it exists and has a start of authority",
    );
}

/// Yahoo wants the zone's SOA; names inside a zone have that of the zone.
fn authority(domain: &str, book: &Book, found: &mut Findings) {
    let mut is_known = true;
    for at in std::iter::once(domain).chain(align::parents(domain)) {
        match book.lookup(Question::Soa(key(at))) {
            None => is_known = false,
            Some(Lookup::Trouble(what)) => {
                let fix = Fix::words(format!(
                    "look whether its name servers answer: `dig +trace SOA {at}`"
                ));
                return found.add(&rules::DOMAIN_TROUBLE, at, what.as_str(), vec![fix]);
            }
            Some(Lookup::Found(data)) if !data.is_empty() => return,
            Some(_) => {}
        }
    }
    if is_known {
        let fix = Fix::words(format!(
            "have the zone of {domain} set up at your DNS host, and delegated by its registry: `dig SOA {domain}` must answer"
        ));
        found.add(
            &rules::DOMAIN_AUTHORITY,
            domain,
            "neither it nor a parent has an SOA record",
            vec![fix],
        );
    }
}

fn replies(domain: &str, book: &Book, found: &mut Findings) {
    match book.hosts(domain) {
        Some(Seen::Some(hosts)) if hosts.iter().all(|(_, host)| host.is_empty()) => {
            let fixes = vec![
                Fix::Remove {
                    name: domain.to_owned(),
                    kind: "MX",
                    value: "0 .".to_owned(),
                },
                Fix::words("then publish the MX of the server that takes the mail of your people"),
            ];
            found.add(
                &rules::FROM_NULL_MX,
                domain,
                "0 . (RFC 7505: it takes no mail)",
                fixes,
            );
        }
        Some(Seen::None) => {
            if let Some(Seen::None) = book.addresses(domain) {
                let fix = Fix::words(format!(
                    "publish an MX record of {domain} that leads to the server of your people's mail, or set Reply-To to an address that takes replies"
                ));
                found.add(
                    &rules::FROM_NO_REPLIES,
                    domain,
                    "neither MX nor address",
                    vec![fix],
                );
            }
        }
        _ => {}
    }
}

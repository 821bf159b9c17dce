//! The domains whose mail must come to us: return path, complaints, unsubscribe letters.
//!
//! Owns the way from an MX record to our listener. Promises: a listener counts as ours when it takes a recipient under our
//! secret and refuses the same with one wrong character; a stranger, or a node with another secret, does not.

use std::net::IpAddr;

use super::{
    book::{Book, Door, Seen},
    finding::{Findings, Fix},
    rules,
    subject::{Inbound, Subject},
};

pub(super) fn examine(subject: &Subject, book: &Book, found: &mut Findings) {
    for inbound in &subject.inbound {
        let before = found.troubles();
        one(subject, inbound, book, found);
        found.fine(
            before,
            &rules::DOOR_OK,
            inbound.domain.as_str(),
            "its mail leads to our listener",
        );
    }
}

fn lead_here(subject: &Subject, domain: &str) -> Vec<Fix> {
    match &subject.inbound_host {
        Some(host) => vec![Fix::publish(domain, "MX", format!("10 {host}."))],
        None => vec![Fix::words(format!(
            "set inbound.host in postrider.toml and publish an MX record of {domain} that leads to it"
        ))],
    }
}

fn one(subject: &Subject, inbound: &Inbound, book: &Book, found: &mut Findings) {
    let domain = inbound.domain.as_str();
    let Some(hosts) = book.hosts(domain) else {
        return;
    };
    match hosts {
        Seen::Trouble(what) => {
            let fix = Fix::words(format!(
                "look whether its name servers answer: `dig +trace MX {domain}`"
            ));
            found.add(&rules::MX_TROUBLE, domain, what, vec![fix]);
        }
        Seen::None => without_mx(subject, inbound, book, found),
        Seen::Some(hosts) if hosts.iter().any(|(_, host)| host.is_empty()) => {
            let remove = Fix::Remove {
                name: domain.to_owned(),
                kind: "MX",
                value: "0 .".to_owned(),
            };
            let fixes = [remove]
                .into_iter()
                .chain(lead_here(subject, domain))
                .collect();
            found.add(
                &rules::MX_NULL,
                domain,
                "0 . (RFC 7505: it takes no mail)",
                fixes,
            );
        }
        Seen::Some(hosts) => {
            for (_, host) in &hosts {
                one_host(subject, inbound, host, book, found);
            }
        }
    }
}

fn without_mx(subject: &Subject, inbound: &Inbound, book: &Book, found: &mut Findings) {
    let domain = inbound.domain.as_str();
    match book.addresses(domain) {
        Some(Seen::Some(addresses)) => {
            found.add(
                &rules::MX_IMPLICIT,
                domain,
                "an address without an MX",
                lead_here(subject, domain),
            );
            knock(subject, inbound, domain, &addresses, book, found);
        }
        Some(_) => found.add(
            &rules::MX_MISSING,
            domain,
            "neither MX nor address",
            lead_here(subject, domain),
        ),
        None => {}
    }
}

fn one_host(subject: &Subject, inbound: &Inbound, host: &str, book: &Book, found: &mut Findings) {
    let domain = inbound.domain.as_str();
    if host.parse::<IpAddr>().is_ok() {
        return found.add(
            &rules::MX_LITERAL,
            domain,
            format!("MX {host}"),
            lead_here(subject, domain),
        );
    }
    if let Some(Seen::Some(to)) = book.alias(host) {
        let seen = format!("MX {host}, which is an alias of {}", to.join(", "));
        let fix = Fix::publish(
            domain,
            "MX",
            format!("10 {}.", to.first().map_or("", String::as_str)),
        );
        found.add(&rules::MX_ALIAS, domain, seen, vec![fix]);
    }
    match book.addresses(host) {
        Some(Seen::Some(addresses)) => knock(subject, inbound, host, &addresses, book, found),
        Some(Seen::None) => {
            let fixes = match subject.addresses().first() {
                Some(address) if subject.inbound_host.as_deref() == Some(host) => {
                    vec![Fix::address(host, *address)]
                }
                _ => lead_here(subject, domain),
            };
            found.add(
                &rules::MX_DANGLING,
                domain,
                format!("MX {host}, which has no address"),
                fixes,
            );
        }
        Some(Seen::Trouble(what)) => {
            let fix = Fix::words(format!(
                "look whether its name servers answer: `dig +trace A {host}`"
            ));
            found.add(&rules::MX_TROUBLE, host, what, vec![fix]);
        }
        None => {}
    }
}

fn knock(
    subject: &Subject,
    inbound: &Inbound,
    host: &str,
    at: &[IpAddr],
    book: &Book,
    found: &mut Findings,
) {
    let Some((genuine, forged)) = &inbound.probe else {
        return;
    };
    let domain = inbound.domain.as_str();
    for address in at {
        match book.door(*address, genuine, forged) {
            Some(Door::Silent(what)) => {
                let fix = Fix::words(format!(
                    "let `postrider serve` listen at port 25 of {address} (inbound.smtp), and let the firewall pass it"
                ));
                found.add(
                    &rules::DOOR_SILENT,
                    domain,
                    format!("{host} at {address}: {what}"),
                    vec![fix],
                );
            }
            Some(Door::Foreign(line)) => {
                let fixes = lead_here(subject, domain);
                found.add(
                    &rules::DOOR_FOREIGN,
                    domain,
                    format!("{host} at {address}: {line}"),
                    fixes,
                );
            }
            Some(Door::Ours) | None => {}
        }
    }
}

//! SPF (RFC 7208): may each source send for the return path and under its EHLO name?
//!
//! Owns the findings. Leaves reading a record to [`terms`], counting look-ups to [`walk`], and the judgement that a receiver
//! would pass to `mail-auth`, by way of [`evaluate()`].

mod evaluate;
mod exists;
mod terms;
mod walk;

use std::net::IpAddr;

pub use evaluate::{Verdict, evaluate};
use walk::{LOOKUPS_MAX, VOIDS_MAX, Walk};

use super::{
    align,
    book::{Book, Seen},
    finding::{Findings, Fix},
    rules,
    subject::{Source, Subject, spf_term},
};
use crate::mail::Domain;

/// What a record looks like, for the version tag is followed by a blank or the end (RFC 7208 §4.5).
pub(super) fn is_spf(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower == "v=spf1" || lower.starts_with("v=spf1 ")
}

pub(super) fn examine(subject: &Subject, book: &Book, found: &mut Findings) {
    if let Some(domain) = &subject.return_path {
        let before = found.troubles();
        return_path(subject, domain, book, found);
        found.fine(
            before,
            &rules::SPF_OK,
            domain.as_str(),
            "every source may send for it",
        );
    }
    for source in &subject.sources {
        ehlo(subject, source, book, found);
    }
}

fn return_path(subject: &Subject, domain: &Domain, book: &Book, found: &mut Findings) {
    let name = domain.as_str();
    let Some(texts) = book.texts(name) else {
        return;
    };
    let records: Vec<String> = match texts {
        Seen::Trouble(what) => return found.add(&rules::SPF_TROUBLE, name, what, retry(name)),
        Seen::None => Vec::new(),
        Seen::Some(texts) => texts.into_iter().filter(|text| is_spf(text)).collect(),
    };
    let publish = Fix::text(name, subject.spf_text());
    match records.as_slice() {
        [] => found.add(
            &rules::SPF_MISSING,
            name,
            "no TXT record begins with v=spf1",
            vec![publish],
        ),
        [record] => one_record(subject, domain, record, book, found),
        several => {
            let drop = several.iter().map(|text| Fix::remove_text(name, text));
            let fixes = drop.chain([publish]).collect();
            let seen = format!("{} records: {}", several.len(), several.join(" | "));
            found.add(&rules::SPF_MULTIPLE, name, seen, fixes);
        }
    }
    if align::related(name, subject.domain.as_str(), book) == Some(false) {
        let seen = format!("{name} and {} share no domain", subject.domain);
        let fix = format!(
            "set identity.return_path_domain to a domain below {}, such as bounce.{}",
            subject.domain, subject.domain
        );
        found.add(&rules::SPF_UNALIGNED, name, seen, vec![Fix::words(fix)]);
    }
}

fn retry(name: &str) -> Vec<Fix> {
    let words = format!(
        "look whether the name servers of {name} answer: `dig +trace TXT {name}`; then check again"
    );
    vec![Fix::words(words)]
}

fn one_record(subject: &Subject, domain: &Domain, record: &str, book: &Book, found: &mut Findings) {
    let name = domain.as_str();
    let addresses = subject.addresses();
    let walk = Walk::of(book, name, record, &addresses);
    let plain = || vec![Fix::text(name, subject.spf_text())];
    for (at, fault) in &walk.faults {
        let seen = format!("{at}: {fault}");
        found.add(&rules::SPF_SYNTAX, at.as_str(), seen, plain());
    }
    for at in &walk.missing {
        let fixes = vec![Fix::text(name, without(record, at))];
        found.add(
            &rules::SPF_INCLUDE,
            at.as_str(),
            format!("{at} has no SPF record"),
            fixes,
        );
    }
    for (at, what) in &walk.troubles {
        found.add(&rules::SPF_TROUBLE, at.as_str(), what.as_str(), retry(at));
    }
    count(name, &walk, plain(), found);
    habits(name, record, &walk, plain(), found);
    if !walk.is_complete {
        return;
    }
    for source in subject
        .sources
        .iter()
        .filter(|source| source.address.is_some())
    {
        allowed(source, domain, record, book, found);
    }
}

fn count(name: &str, walk: &Walk, plain: Vec<Fix>, found: &mut Findings) {
    if walk.lookups > LOOKUPS_MAX {
        let seen = format!(
            "{} look-ups, of which {LOOKUPS_MAX} are allowed",
            walk.lookups
        );
        found.add(&rules::SPF_LOOKUPS, name, seen, plain);
    } else if walk.lookups + 1 >= LOOKUPS_MAX {
        let seen = format!("{} of {LOOKUPS_MAX} look-ups are used up", walk.lookups);
        found.add(&rules::SPF_NEAR_LIMIT, name, seen, plain);
    }
    if walk.voids.len() > VOIDS_MAX {
        let names: Vec<&str> = walk.voids.iter().map(String::as_str).collect();
        let seen = format!("nothing is found at {}", names.join(", "));
        let fix = Fix::words(format!(
            "take the terms that lead to {} out of the record",
            names.join(", ")
        ));
        found.add(&rules::SPF_VOID, name, seen, vec![fix]);
    }
}

fn habits(name: &str, record: &str, walk: &Walk, plain: Vec<Fix>, found: &mut Findings) {
    match walk.ending {
        Some('+') => found.add(&rules::SPF_OPEN, name, record, plain.clone()),
        Some('?') | None if walk.faults.is_empty() => {
            found.add(&rules::SPF_ENDLESS, name, record, plain.clone());
        }
        _ => {}
    }
    if walk.uses_ptr {
        found.add(&rules::SPF_PTR, name, record, plain);
    }
}

fn allowed(source: &Source, domain: &Domain, record: &str, book: &Book, found: &mut Findings) {
    let Some(address) = source.address else {
        return;
    };
    let sender = format!("postmaster@{domain}");
    let Some(verdict) = evaluate(book, address, &sender, &source.ehlo) else {
        return;
    };
    // What is wrong with the record itself was said above.
    if matches!(
        verdict,
        Verdict::Fail | Verdict::SoftFail | Verdict::Neutral
    ) {
        let seen = format!(
            "{}: {address} is not allowed to send for {domain}",
            verdict.name()
        );
        let fix = Fix::text(domain.as_str(), with(record, address));
        found.add(
            &rules::SPF_FAIL,
            format!("{address} for {domain}"),
            seen,
            vec![fix],
        );
    }
}

/// Bounces travel without a return path: then the EHLO name is checked (RFC 7208 §2.4).
fn ehlo(subject: &Subject, source: &Source, book: &Book, found: &mut Findings) {
    let Some(address) = source.address else {
        return;
    };
    let name = source.ehlo.as_str();
    let Some(Seen::Some(texts)) = book.texts(name) else {
        return;
    };
    let Some(record) = texts.iter().find(|text| is_spf(text)) else {
        return;
    };
    let walk = Walk::of(book, name, record, &[address]);
    if !walk.is_complete {
        return;
    }
    let Some(verdict) = evaluate(book, address, "", name) else {
        return;
    };
    if verdict != Verdict::Pass {
        let seen = format!(
            "{}: {address} is not allowed to call itself {name}",
            verdict.name()
        );
        let fix = Fix::text(name, subject.ehlo_spf_text(name));
        found.add(&rules::SPF_EHLO, name, seen, vec![fix]);
    }
}

/// The record with one more address, before its end.
fn with(record: &str, address: IpAddr) -> String {
    let (head, rest) = record.split_once(' ').unwrap_or((record, "-all"));
    format!("{head}{} {rest}", spf_term(address))
}

/// The record without the term that leads to a name.
fn without(record: &str, name: &str) -> String {
    let leads = |term: &&str| !term.to_ascii_lowercase().ends_with(&format!(":{name}"));
    record
        .split(' ')
        .filter(leads)
        .collect::<Vec<_>>()
        .join(" ")
}

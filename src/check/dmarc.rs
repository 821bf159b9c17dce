//! DMARC (RFC 7489, RFC 9989): is there a policy, does it fit our letters, do reports arrive?
//!
//! Owns the findings about the record, and which record holds for a domain. Leaves SPF and DKIM to their own files.

use super::{
    align,
    book::{Book, Seen},
    dkim,
    finding::{Findings, Fix},
    rules,
    spf::{self, Verdict},
    subject::Subject,
    tags::{self, Tags},
};

/// The record that holds for a domain.
pub(super) struct Record {
    /// The domain where it stands, without `_dmarc.`.
    pub(super) at: String,
    pub(super) text: String,
    pub(super) tags: Tags,
}

/// How the search for a record ended.
pub(super) enum Search {
    Found(Record),
    Nothing,
    Several(String, Vec<String>),
    Broken(String, String, String),
    Trouble(String, String),
}

/// The record of a domain or of the closest parent that has one; `None` while the book lacks answers.
pub(super) fn search(domain: &str, book: &Book) -> Option<Search> {
    for at in std::iter::once(domain).chain(align::parents(domain)) {
        let records = match book.texts(&format!("_dmarc.{at}"))? {
            Seen::Trouble(what) => return Some(Search::Trouble(at.to_owned(), what)),
            Seen::None => continue,
            Seen::Some(texts) => tags::of_version(&texts, "DMARC1"),
        };
        match records.as_slice() {
            [] => {}
            [text] => return Some(read(at, text)),
            _ => return Some(Search::Several(at.to_owned(), records)),
        }
    }
    Some(Search::Nothing)
}

fn read(at: &str, text: &str) -> Search {
    let (at, text) = (at.to_owned(), text.to_owned());
    match Tags::parse(&text).map_err(|part| format!("`{part}` is no tag")) {
        Ok(tags) => match fault(&tags) {
            None => Search::Found(Record { at, text, tags }),
            Some(why) => Search::Broken(at, text, why),
        },
        Err(why) => Search::Broken(at, text, why),
    }
}

fn fault(tags: &Tags) -> Option<String> {
    if !tags.begins("v", "DMARC1") {
        return Some("the record must begin with v=DMARC1".to_owned());
    }
    for (name, allowed) in [
        ("p", &["none", "quarantine", "reject"][..]),
        ("sp", &["none", "quarantine", "reject"]),
        ("np", &["none", "quarantine", "reject"]),
        ("adkim", &["r", "s"]),
        ("aspf", &["r", "s"]),
    ] {
        match tags.get(name) {
            None if name == "p" => return Some("there is no p=".to_owned()),
            Some(value) if !allowed.contains(&value.to_ascii_lowercase().as_str()) => {
                return Some(format!("{name}={value} is none of {}", allowed.join(", ")));
            }
            _ => {}
        }
    }
    let pct = tags.get("pct").map(str::parse::<u8>);
    if pct.is_some_and(|pct| !pct.is_ok_and(|pct| pct <= 100)) {
        return Some("pct= must be a number from 0 to 100".to_owned());
    }
    let uris = ["rua", "ruf"].into_iter().filter_map(|name| tags.get(name));
    let mut each = uris.flat_map(|list| list.split(','));
    let odd = each.find(|uri| !uri.trim().to_ascii_lowercase().starts_with("mailto:"));
    odd.map(|uri| format!("`{}` is no mailto: address", uri.trim()))
}

pub(super) fn examine(subject: &Subject, book: &Book, found: &mut Findings) {
    let domain = subject.domain.as_str();
    let before = found.troubles();
    let Some(search) = search(domain, book) else {
        return;
    };
    let wanted = || vec![Fix::text(format!("_dmarc.{domain}"), subject.dmarc_text())];
    match search {
        Search::Trouble(at, what) => {
            let fix = Fix::words(format!(
                "look whether the name servers answer: `dig +trace TXT _dmarc.{at}`"
            ));
            found.add(
                &rules::DMARC_TROUBLE,
                format!("_dmarc.{at}"),
                what,
                vec![fix],
            );
        }
        Search::Nothing => {
            found.add(
                &rules::DMARC_MISSING,
                format!("_dmarc.{domain}"),
                "no record",
                wanted(),
            );
        }
        Search::Several(at, texts) => {
            let name = format!("_dmarc.{at}");
            let drop = texts
                .iter()
                .map(|text| Fix::remove_text(name.as_str(), text));
            let fixes = drop
                .chain([Fix::text(name.as_str(), subject.dmarc_text())])
                .collect();
            found.add(
                &rules::DMARC_MULTIPLE,
                name.as_str(),
                texts.join(" | "),
                fixes,
            );
        }
        Search::Broken(at, text, why) => {
            let name = format!("_dmarc.{at}");
            let fixes = vec![Fix::text(name.as_str(), subject.dmarc_text())];
            found.add(&rules::DMARC_SYNTAX, name, format!("{why}: {text}"), fixes);
        }
        Search::Found(record) => one_record(subject, &record, book, found),
    }
    misplaced(subject, book, found);
    found.fine(
        before,
        &rules::DMARC_OK,
        domain,
        "a policy is published, and our letters pass it",
    );
}

/// Some put the record at the domain itself, where nobody looks.
fn misplaced(subject: &Subject, book: &Book, found: &mut Findings) {
    let domain = subject.domain.as_str();
    if let Some(Seen::Some(texts)) = book.texts(domain)
        && let Some(text) = tags::of_version(&texts, "DMARC1").first()
    {
        let fixes = vec![
            Fix::remove_text(domain, text),
            Fix::text(format!("_dmarc.{domain}"), text),
        ];
        found.add(&rules::DMARC_MISPLACED, domain, text.as_str(), fixes);
    }
}

fn one_record(subject: &Subject, record: &Record, book: &Book, found: &mut Findings) {
    let name = format!("_dmarc.{}", record.at);
    let policy = record.tags.get("p").unwrap_or("none");
    if policy.eq_ignore_ascii_case("none") {
        let fix = Fix::words(
            "when `postrider report dmarc` shows that all your sources pass, change p=none to p=quarantine, later to p=reject",
        );
        found.add(
            &rules::DMARC_MONITOR,
            name.as_str(),
            record.text.as_str(),
            vec![fix],
        );
    }
    let below = record.tags.get("sp").filter(|sp| rank(sp) < rank(policy));
    if let Some(sp) = below {
        let fix = Fix::text(name.as_str(), replaced(&record.text, "sp", policy));
        found.add(
            &rules::DMARC_SUBDOMAINS,
            name.as_str(),
            format!("p={policy} and sp={sp}"),
            vec![fix],
        );
    }
    if let Some(pct) = record.tags.get("pct").filter(|pct| *pct != "100") {
        let fix = Fix::text(name.as_str(), replaced(&record.text, "pct", "100"));
        found.add(
            &rules::DMARC_PART,
            name.as_str(),
            format!("pct={pct}"),
            vec![fix],
        );
    }
    reports(subject, record, book, found);
    alignment(subject, record, book, found);
}

fn rank(policy: &str) -> usize {
    let order = ["none", "quarantine", "reject"];
    let policy = policy.to_ascii_lowercase();
    order.iter().position(|one| *one == policy).unwrap_or(0)
}

/// The record with another value of a tag.
fn replaced(text: &str, name: &str, value: &str) -> String {
    let each = text
        .split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    let kept = each.map(|part| match part.split_once('=') {
        Some((tag, _)) if tag.trim().eq_ignore_ascii_case(name) => format!("{name}={value}"),
        _ => part.to_owned(),
    });
    kept.collect::<Vec<_>>().join("; ")
}

fn reports(subject: &Subject, record: &Record, book: &Book, found: &mut Findings) {
    let name = format!("_dmarc.{}", record.at);
    let Some(rua) = record.tags.get("rua").filter(|rua| !rua.is_empty()) else {
        let to = subject
            .reports_to
            .as_deref()
            .unwrap_or("an address of yours");
        let fix = Fix::text(
            name.as_str(),
            format!(
                "{}; rua=mailto:{to}",
                record.text.trim_end_matches([';', ' '])
            ),
        );
        return found.add(
            &rules::DMARC_NO_REPORTS,
            name,
            record.text.as_str(),
            vec![fix],
        );
    };
    for uri in rua.split(',') {
        let address = uri.trim().get("mailto:".len()..).unwrap_or("");
        let address = address.split(['!', '?']).next().unwrap_or("");
        let Some((_, domain)) = address.rsplit_once('@') else {
            continue;
        };
        let domain = domain.to_ascii_lowercase();
        authorised(record, &domain, book, found);
        if let (Some(Seen::None), Some(Seen::None)) = (book.hosts(&domain), book.addresses(&domain))
        {
            let seen = format!("{domain} has neither MX nor address");
            let fix = match &subject.reports_to {
                Some(to) => Fix::text(
                    name.as_str(),
                    replaced(&record.text, "rua", &format!("mailto:{to}")),
                ),
                None => Fix::words("name an address that takes mail"),
            };
            found.add(&rules::DMARC_UNREACHABLE, address, seen, vec![fix]);
        }
    }
}

/// RFC 7489 §7.1: a stranger must say that it wants the reports.
fn authorised(record: &Record, domain: &str, book: &Book, found: &mut Findings) {
    if align::related(&record.at, domain, book) != Some(false) {
        return;
    }
    let name = format!("{}._report._dmarc.{domain}", record.at);
    let agrees = match book.texts(&name) {
        None => return,
        Some(Seen::Some(texts)) => !tags::of_version(&texts, "DMARC1").is_empty(),
        Some(_) => false,
    };
    if !agrees {
        let fix = Fix::text(name.as_str(), "v=DMARC1");
        found.add(
            &rules::DMARC_UNAUTHORISED,
            domain,
            format!("{name} does not exist"),
            vec![fix],
        );
    }
}

fn alignment(subject: &Subject, record: &Record, book: &Book, found: &mut Findings) {
    let domain = subject.domain.as_str();
    let name = format!("_dmarc.{}", record.at);
    let is_strict = |tag| {
        record
            .tags
            .get(tag)
            .is_some_and(|mode| mode.eq_ignore_ascii_case("s"))
    };
    let strict = |tag| vec![Fix::text(name.as_str(), replaced(&record.text, tag, "r"))];
    let signs_elsewhere = subject
        .signing_domain
        .as_ref()
        .is_some_and(|d| *d != subject.domain);
    let dkim_bars = is_strict("adkim") && signs_elsewhere;
    if dkim_bars {
        let seen = format!("adkim=s, and {domain} is signed by its parent");
        found.add(&rules::DMARC_STRICT_DKIM, domain, seen, strict("adkim"));
    }
    let returns_elsewhere = subject
        .return_path
        .as_ref()
        .is_some_and(|path| *path != subject.domain);
    let spf_bars = is_strict("aspf") && returns_elsewhere;
    if spf_bars {
        found.add(
            &rules::DMARC_STRICT_SPF,
            domain,
            "aspf=s, and bounces come back elsewhere",
            strict("aspf"),
        );
    }
    let by_dkim = dkim::verifies(subject, book).map(|verifies| verifies && !dkim_bars);
    let by_spf = spf_passes(subject, book).map(|passes| passes && !spf_bars);
    if by_dkim == Some(false) && by_spf == Some(false) {
        let seen = "neither DKIM nor SPF passes in alignment with From";
        let fix = Fix::words(
            "mend what is said about DKIM and SPF of this domain; one of them is enough, both are asked for",
        );
        found.add(&rules::DMARC_FAILS, domain, seen, vec![fix]);
    }
}

/// Whether each source passes SPF under a return path that belongs to the From domain.
fn spf_passes(subject: &Subject, book: &Book) -> Option<bool> {
    let Some(path) = &subject.return_path else {
        return Some(false);
    };
    if !align::related(path.as_str(), subject.domain.as_str(), book)? {
        return Some(false);
    }
    let known = subject
        .sources
        .iter()
        .filter(|source| source.address.is_some());
    for source in known {
        let address = source.address?;
        let sender = format!("postmaster@{path}");
        if spf::evaluate(book, address, &sender, &source.ehlo)? != Verdict::Pass {
            return Some(false);
        }
    }
    Some(true)
}

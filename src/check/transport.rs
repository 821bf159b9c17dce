//! Encryption on the way to us: MTA-STS (RFC 8461) and reports about TLS (RFC 8460) of the domains that lead here.
//!
//! Owns reading both records and the policy file.

use super::{
    book::{Book, Certificate, Page, Question, Seen},
    finding::{Findings, Fix},
    rules,
    subject::{Inbound, Subject},
    tags::{self, Tags},
};

pub(super) fn examine(subject: &Subject, book: &Book, found: &mut Findings) {
    for inbound in &subject.inbound {
        let before = found.troubles();
        mta_sts(inbound, book, found);
        tls_reports(subject, inbound, book, found);
        found.fine(
            before,
            &rules::TRANSPORT_OK,
            inbound.domain.as_str(),
            "nothing stands in the way of encryption",
        );
    }
}

fn mta_sts(inbound: &Inbound, book: &Book, found: &mut Findings) {
    let name = format!("_mta-sts.{}", inbound.domain);
    let records = match book.texts(&name) {
        Some(Seen::Some(texts)) => tags::of_version(&texts, "STSv1"),
        _ => return,
    };
    let fix = || vec![Fix::text(name.as_str(), "v=STSv1; id=1")];
    match records.as_slice() {
        [] => return,
        [text] if has_good_id(text) => {}
        [text] => return found.add(&rules::STS_SYNTAX, name.as_str(), text.as_str(), fix()),
        _ => {
            return found.add(
                &rules::STS_SYNTAX,
                name.as_str(),
                records.join(" | "),
                fix(),
            );
        }
    }
    let url = format!("https://mta-sts.{}/.well-known/mta-sts.txt", inbound.domain);
    match book.page(Question::Get(url.clone())) {
        None => {}
        Some(Err(what)) => found.add(
            &rules::STS_UNREACHABLE,
            url.as_str(),
            what.as_str(),
            serve(&url),
        ),
        Some(Ok(page)) => policy(inbound, &url, page, book, found),
    }
}

fn serve(url: &str) -> Vec<Fix> {
    vec![Fix::words(format!(
        "serve the policy at {url} with a certificate of that name, or take the _mta-sts record away"
    ))]
}

/// RFC 8461 §3.1: one to 32 letters and digits.
fn has_good_id(text: &str) -> bool {
    Tags::parse(text).is_ok_and(|tags| {
        let id = tags.get("id").unwrap_or("");
        tags.begins("v", "STSv1")
            && (1..=32).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

fn policy(inbound: &Inbound, url: &str, page: &Page, book: &Book, found: &mut Findings) {
    let distrust = match &page.certificate {
        Certificate::Ended => Some("its certificate has ended"),
        Certificate::Distrusted(why) => Some(why.as_str()),
        Certificate::Good | Certificate::EndsSoon => None,
    };
    if let Some(why) = distrust {
        return found.add(&rules::STS_UNREACHABLE, url, why, serve(url));
    }
    if page.status != 200 {
        return found.add(
            &rules::STS_UNREACHABLE,
            url,
            format!("status {}", page.status),
            serve(url),
        );
    }
    let body = String::from_utf8_lossy(&page.body);
    let lines: Vec<(&str, &str)> = body
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(key, value)| (key.trim(), value.trim()))
        .collect();
    let value = |key: &str| {
        lines
            .iter()
            .find(|(name, _)| *name == key)
            .map(|(_, value)| *value)
    };
    let mode = value("mode").unwrap_or("");
    let age = value("max_age").and_then(|age| age.parse::<u32>().ok());
    let is_good = value("version") == Some("STSv1")
        && ["enforce", "testing", "none"].contains(&mode)
        && age.is_some_and(|age| age <= 31_557_600);
    if !is_good {
        let clipped: String = body.chars().take(120).collect();
        let fix = Fix::words(
            "the file needs the lines `version: STSv1`, `mode: testing`, `max_age: 86400` and one `mx: HOST` for each MX host",
        );
        return found.add(&rules::STS_POLICY, url, clipped, vec![fix]);
    }
    let patterns: Vec<&str> = lines
        .iter()
        .filter(|(key, _)| *key == "mx")
        .map(|(_, mx)| *mx)
        .collect();
    let Some(Seen::Some(hosts)) = book.hosts(inbound.domain.as_str()) else {
        return;
    };
    for (_, host) in hosts.iter().filter(|_| mode != "none") {
        if !patterns.iter().any(|pattern| fits(pattern, host)) {
            let seen = format!(
                "{host} is an MX host of {}, and the policy does not name it",
                inbound.domain
            );
            let fix = Fix::words(format!(
                "add the line `mx: {host}` to {url} and change the id of the _mta-sts record"
            ));
            found.add(&rules::STS_MX, url, seen, vec![fix]);
        }
    }
}

/// `*.` stands for exactly one label (RFC 8461 §4.1).
fn fits(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => host
            .split_once('.')
            .is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
        None => pattern.eq_ignore_ascii_case(host),
    }
}

fn tls_reports(subject: &Subject, inbound: &Inbound, book: &Book, found: &mut Findings) {
    let name = format!("_smtp._tls.{}", inbound.domain);
    let to = subject
        .reports_to
        .as_deref()
        .unwrap_or("an address of yours");
    let fix = || {
        vec![Fix::text(
            name.as_str(),
            format!("v=TLSRPTv1; rua=mailto:{to}"),
        )]
    };
    let records = match book.texts(&name) {
        None | Some(Seen::Trouble(_)) => return,
        Some(Seen::None) => Vec::new(),
        Some(Seen::Some(texts)) => tags::of_version(&texts, "TLSRPTv1"),
    };
    match records.as_slice() {
        [] => found.add(
            &rules::TLS_REPORTS_MISSING,
            name.as_str(),
            "no record",
            fix(),
        ),
        [text] if is_report_record(text) => {}
        _ => found.add(
            &rules::TLS_REPORTS_SYNTAX,
            name.as_str(),
            records.join(" | "),
            fix(),
        ),
    }
}

fn is_report_record(text: &str) -> bool {
    Tags::parse(text).is_ok_and(|tags| {
        let rua = tags.get("rua").unwrap_or("");
        let is_uri =
            |uri: &str| uri.trim().starts_with("mailto:") || uri.trim().starts_with("https://");
        tags.begins("v", "TLSRPTv1") && rua.split(',').all(is_uri)
    })
}

//! BIMI: a logo beside our letters, where a record says so.
//!
//! Owns the form of the record and what it needs of DMARC. A domain without a record has no finding.

use super::{
    book::{Book, Seen},
    dmarc::{self, Search},
    finding::{Findings, Fix},
    rules,
    subject::Subject,
    tags::{self, Tags},
};

pub(super) fn examine(subject: &Subject, book: &Book, found: &mut Findings) {
    let name = format!("default._bimi.{}", subject.domain);
    let Some(Seen::Some(texts)) = book.texts(&name) else {
        return;
    };
    let records = tags::of_version(&texts, "BIMI1");
    let [text] = records.as_slice() else {
        if records.len() > 1 {
            let drop = records
                .iter()
                .skip(1)
                .map(|text| Fix::remove_text(name.as_str(), text));
            found.add(
                &rules::BIMI_SYNTAX,
                name.as_str(),
                records.join(" | "),
                drop.collect(),
            );
        }
        return;
    };
    if let Some(why) = fault(text) {
        let fix =
            Fix::words("write it as `v=BIMI1; l=https://HOST/logo.svg; a=https://HOST/mark.pem`");
        return found.add(
            &rules::BIMI_SYNTAX,
            name,
            format!("{why}: {text}"),
            vec![fix],
        );
    }
    if let Some(Search::Found(record)) = dmarc::search(subject.domain.as_str(), book) {
        let policy = record.tags.get("p").unwrap_or("none").to_ascii_lowercase();
        let is_whole = record.tags.get("pct").is_none_or(|pct| pct == "100");
        if policy == "none" || !is_whole {
            let fix = Fix::words(format!(
                "change the policy in _dmarc.{} to p=quarantine or p=reject, without pct",
                record.at
            ));
            found.add(&rules::BIMI_POLICY, name, record.text.as_str(), vec![fix]);
        }
    }
}

fn fault(text: &str) -> Option<String> {
    let tags = match Tags::parse(text) {
        Ok(tags) => tags,
        Err(part) => return Some(format!("`{part}` is no tag")),
    };
    let Some(logo) = tags.get("l") else {
        return Some("there is no l=".to_owned());
    };
    // An empty l= declines to take part.
    let is_svg = logo.starts_with("https://") && logo.to_ascii_lowercase().ends_with(".svg");
    if !is_svg && !logo.is_empty() {
        return Some("l= must be an https address of an SVG".to_owned());
    }
    let mark = tags.get("a").unwrap_or("");
    let is_address = mark.is_empty() || mark.starts_with("https://");
    (!is_address).then(|| "a= must be an https address".to_owned())
}

//! DKIM (RFC 6376): does DNS show the public half of each key, so that everybody can use it?
//!
//! Owns the findings about selectors. Leaves keys and their record texts to `dkim`, the choice of who signs to the desk.

use std::time::Duration;

use data_encoding::BASE64;

use super::{
    book::{Book, Seen},
    finding::{Findings, Fix, Rule},
    rules,
    subject::{Key, KeyPhase, Subject},
    tags::Tags,
};
use crate::mail::Timestamp;

/// Octets of an RSA key of 1024 bits, with its frame (RFC 8301 §3.2: what is shorter counts as no key).
const OCTETS_1024: usize = 162;
/// Of 2048 bits, which Gmail and Yahoo ask for.
const OCTETS_2048: usize = 294;
const DAY: Duration = Duration::from_hours(24);

pub(super) fn examine(subject: &Subject, book: &Book, now: Timestamp, found: &mut Findings) {
    let before = found.troubles();
    let domain = subject.domain.as_str();
    let mut signing = subject
        .keys
        .iter()
        .filter(|key| key.phase == KeyPhase::Signing);
    if signing.next().is_none() {
        let fix = Fix::Run(format!("postrider dkim new {domain}"));
        found.add(
            &rules::DKIM_NO_KEY,
            domain,
            "there is no key that signs",
            vec![fix],
        );
        return;
    }
    for key in &subject.keys {
        one_key(subject, key, book, now, found);
    }
    found.fine(
        before,
        &rules::DKIM_OK,
        domain,
        "DNS shows the keys that sign",
    );
}

/// Whether strangers can verify some key that signs; `None` while the book lacks the answer.
pub(super) fn verifies(subject: &Subject, book: &Book) -> Option<bool> {
    for key in subject
        .keys
        .iter()
        .filter(|key| key.phase == KeyPhase::Signing)
    {
        if let Seen::Some(texts) = book.texts(&name(subject, key))?
            && let [text] = texts.as_slice()
            && fault(text, key).is_none()
        {
            return Some(true);
        }
    }
    Some(false)
}

fn name(subject: &Subject, key: &Key) -> String {
    let domain = subject.signing_domain.as_ref().unwrap_or(&subject.domain);
    format!("{}._domainkey.{domain}", key.selector)
}

fn one_key(subject: &Subject, key: &Key, book: &Book, now: Timestamp, found: &mut Findings) {
    let name = name(subject, key);
    let Some(seen) = book.texts(&name) else {
        return;
    };
    match (key.phase, seen) {
        (_, Seen::Trouble(what)) => {
            let fix = Fix::words(format!(
                "look whether the name servers answer: `dig +trace TXT {name}`"
            ));
            found.add(&rules::DKIM_TROUBLE, name, what, vec![fix]);
        }
        (KeyPhase::Retired, seen) => retired(key, &name, seen, now, found),
        (KeyPhase::Next, Seen::None) => {
            let fixes = vec![Fix::text(name.as_str(), key.text.as_str())];
            found.add(
                &rules::DKIM_NEXT,
                name,
                "DNS does not show the next key yet",
                fixes,
            );
        }
        (KeyPhase::Signing, Seen::None) => {
            let fixes = vec![Fix::text(name.as_str(), key.text.as_str())];
            found.add(&rules::DKIM_MISSING, name, "no TXT record", fixes);
        }
        (_, Seen::Some(texts)) => published(key, &name, &texts, found),
    }
    if key.phase == KeyPhase::Signing {
        age(subject, key, now, found);
    }
}

fn age(subject: &Subject, key: &Key, now: Timestamp, found: &mut Findings) {
    let Some(since) = key.since else { return };
    let age = now.since(since);
    if age > DAY * subject.key_age_days {
        let domain = subject.signing_domain.as_ref().unwrap_or(&subject.domain);
        let seen = format!("it was made {} days ago", age.as_secs() / DAY.as_secs());
        let fix = Fix::Run(format!("postrider dkim rotate {domain}"));
        found.add(&rules::DKIM_OLD, name(subject, key), seen, vec![fix]);
    }
}

fn retired(key: &Key, name: &str, seen: Seen<String>, now: Timestamp, found: &mut Findings) {
    let is_due = key.revoke_at.is_some_and(|at| at <= now);
    let shows_key = match seen {
        Seen::Some(texts) => texts.iter().any(|text| {
            let tags = Tags::parse(text);
            tags.is_ok_and(|tags| tags.packed("p").is_some_and(|p| !p.is_empty()))
        }),
        _ => false,
    };
    if is_due && shows_key {
        let fix = Fix::text(name, "v=DKIM1; p=");
        found.add(
            &rules::DKIM_REVOKE,
            name,
            "it still shows a key that signs no more",
            vec![fix],
        );
    } else if !is_due && !shows_key && key.revoke_at.is_some() {
        let seen = "letters signed with it may still be on their way, and nobody can verify them";
        let fix = Fix::text(name, key.text.as_str());
        found.add(&rules::DKIM_EARLY, name, seen, vec![fix]);
    }
}

fn published(key: &Key, name: &str, texts: &[String], found: &mut Findings) {
    let fixes = vec![Fix::text(name, key.text.as_str())];
    if let [text] = texts {
        if let Some((rule, seen)) = fault(text, key) {
            found.add(rule, name, seen, fixes);
        } else if is_testing(text) {
            found.add(&rules::DKIM_TESTING, name, "the record says t=y", fixes);
        }
        return;
    }
    let drop = texts.iter().map(|text| Fix::remove_text(name, text));
    let fixes: Vec<Fix> = drop.chain(fixes).collect();
    if is_split(key, texts) {
        let seen = format!("the key lies in {} records, each with a part", texts.len());
        found.add(&rules::DKIM_SPLIT, name, seen, fixes);
    } else {
        let seen = format!("{} TXT records", texts.len());
        found.add(&rules::DKIM_MULTIPLE, name, seen, fixes);
    }
}

/// The strings of one record, published as several: joined in some order they would be the key.
fn is_split(key: &Key, texts: &[String]) -> bool {
    let wanted = BASE64.encode(&key.octets);
    let packed = |text: &String| text.split_ascii_whitespace().collect::<String>();
    let parts: Vec<String> = texts.iter().map(packed).collect();
    if parts.iter().any(|part| part.contains(&wanted)) {
        return false;
    }
    let forth = parts.concat();
    let back: String = parts.iter().rev().map(String::as_str).collect();
    forth.contains(&wanted) || back.contains(&wanted)
}

fn is_testing(text: &str) -> bool {
    let tags = Tags::parse(text);
    let flags = |tags: &Tags| {
        tags.get("t")
            .is_some_and(|t| t.split(':').any(|flag| flag.trim() == "y"))
    };
    tags.as_ref().is_ok_and(flags)
}

/// Why this record lets nobody verify this key.
fn fault(text: &str, key: &Key) -> Option<(&'static Rule, String)> {
    let tags = match Tags::parse(text) {
        Ok(tags) => tags,
        Err(part) => return Some((&rules::DKIM_SYNTAX, format!("`{}` is no tag", clip(&part)))),
    };
    // RFC 6376 §3.6.1: the version may be left out, but must come first and be this one.
    if tags.get("v").is_some() && !tags.begins("v", "DKIM1") {
        return Some((
            &rules::DKIM_SYNTAX,
            "the record does not begin with v=DKIM1".to_owned(),
        ));
    }
    let Some(packed) = tags.packed("p") else {
        return Some((&rules::DKIM_SYNTAX, "there is no p=".to_owned()));
    };
    if packed.is_empty() {
        return Some((
            &rules::DKIM_REVOKED,
            "p= is empty, which revokes the key".to_owned(),
        ));
    }
    let Ok(octets) = BASE64.decode(packed.as_bytes()) else {
        return Some((
            &rules::DKIM_SYNTAX,
            format!("p= is not base64: `{}`", clip(&packed)),
        ));
    };
    if octets != key.octets {
        return Some(other_key(&tags, &octets));
    }
    limits(&tags)
}

fn other_key(tags: &Tags, octets: &[u8]) -> (&'static Rule, String) {
    let is_rsa = tags.get("k").is_none_or(|kind| kind == "rsa");
    if is_rsa && octets.len() < OCTETS_1024 {
        return (
            &rules::DKIM_WEAK,
            "another key, of less than 1024 bits".to_owned(),
        );
    }
    if is_rsa && octets.len() < OCTETS_2048 {
        return (
            &rules::DKIM_SHORT,
            "another key, of less than 2048 bits".to_owned(),
        );
    }
    (
        &rules::DKIM_MISMATCH,
        "DNS shows another key than the one that signs".to_owned(),
    )
}

/// What a record can forbid.
fn limits(tags: &Tags) -> Option<(&'static Rule, String)> {
    let lacks = |name: &str, wanted: &[&str]| {
        let value = tags.get(name)?;
        let mut listed = value.split(':').map(str::trim);
        (!listed.any(|one| wanted.contains(&one))).then(|| format!("{name}={value}"))
    };
    if let Some(seen) = lacks("h", &["sha256"]) {
        return Some((&rules::DKIM_HASH, seen));
    }
    lacks("s", &["*", "email"]).map(|seen| (&rules::DKIM_SERVICE, seen))
}

fn clip(text: &str) -> String {
    text.chars().take(40).collect()
}

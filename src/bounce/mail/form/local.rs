//! Notices that list local parts only, as AOL did: the domain is that of the returned letter's recipient, or else the
//! reporter's own.

use super::Case;
use crate::bounce::mail::{draft::Draft, original, phrase::Sign};

/// No local part has more octets (RFC 5321 §4.5.3.1.1).
const LOCAL_MAX_BYTES: usize = 64;

pub(super) fn read(case: &Case<'_, '_>) -> Vec<Draft> {
    let from = original::addresses(&case.mail.head, "From");
    let domain = from.first().and_then(|from| from.split('@').nth(1));
    let Some(domain) = domain.filter(|_| case.notice.has(Sign::Failed)) else {
        return Vec::new();
    };
    let sent_to = original::recipients(case.letter);
    let words = super::words(case.notice);
    let locals = case
        .notice
        .text
        .lines()
        .filter(|line| is_indented_word(line));
    let draft = |local: &str| {
        let known = sent_to
            .iter()
            .find(|to| to.split('@').next() == Some(local.trim()));
        let address = known
            .cloned()
            .unwrap_or_else(|| format!("{}@{domain}", local.trim()));
        Draft::new(&address, &words)
    };
    locals.map(draft).collect()
}

/// A line with nothing but one indented word that could be a local part.
fn is_indented_word(line: &str) -> bool {
    let word = line.trim();
    let fits = (2..=LOCAL_MAX_BYTES).contains(&word.len());
    let plain = word
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte));
    fits && plain
        && line.starts_with(['\t', ' '])
        && word.starts_with(|c: char| c.is_ascii_alphanumeric())
}

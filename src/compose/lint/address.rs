//! Who the letter says it is from.

use mail_parser::{Addr, Message};

use super::{Draft, Flaws, rules};

pub(super) fn look(draft: &Draft<'_>, message: &Message<'_>, flaws: &mut Flaws) {
    let authors: Vec<&Addr<'_>> = message
        .from()
        .map(|from| from.iter().collect())
        .unwrap_or_default();
    let [author] = authors.as_slice() else {
        return flaws.add(&rules::FROM_COUNT, format!("{} addresses", authors.len()));
    };
    let domain = author
        .address()
        .and_then(|address| address.rsplit_once('@'));
    let domain = domain
        .map(|(_, domain)| domain.to_ascii_lowercase())
        .unwrap_or_default();
    name(author.name().unwrap_or(""), &domain, message, flaws);
    if let Some(signer) = draft.signer
        && !is_related(&domain, signer)
    {
        flaws.add(
            &rules::SIGNER_UNALIGNED,
            format!("From {domain}, signed by {signer}"),
        );
    }
    if let Some(path) = draft.return_path
        && !is_related(&domain, path)
    {
        flaws.add(
            &rules::PATH_UNALIGNED,
            format!("From {domain}, bounces to {path}"),
        );
    }
}

fn name(name: &str, domain: &str, message: &Message<'_>, flaws: &mut Flaws) {
    let named_domain = name
        .rsplit_once('@')
        .map(|(_, rest)| rest.trim_matches(['>', ' ', '"']).to_ascii_lowercase());
    if named_domain.is_some_and(|named| named != domain) {
        flaws.add(&rules::NAME_ADDRESS, name);
    }
    if name.chars().any(is_picture) {
        flaws.add(&rules::NAME_EMOJI, name);
    }
    let reader = message
        .to()
        .and_then(|to| to.iter().next())
        .and_then(Addr::name)
        .unwrap_or("");
    if !reader.is_empty() && name.to_lowercase().contains(&reader.to_lowercase()) {
        flaws.add(&rules::NAME_READER, name);
    }
}

/// Emoji, dingbats and other pictures; check marks are the usual trick.
const fn is_picture(c: char) -> bool {
    matches!(c, '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}' | '\u{fe0f}')
}

/// Relaxed alignment without DNS: one within the other, or the same two last labels.
fn is_related(one: &str, other: &str) -> bool {
    let within = |name: &str, parent: &str| {
        name.strip_suffix(parent)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let tail = |name: &str| -> Vec<String> {
        name.rsplit('.')
            .take(2)
            .map(str::to_ascii_lowercase)
            .collect()
    };
    within(one, other) || within(other, one) || tail(one) == tail(other)
}

//! Whether two domains belong to one organisation.
//!
//! Owns relaxed alignment (RFC 7489 §3.1) without a list of public suffixes: one lies within the other, or a DMARC record stands
//! at a parent of both (the tree walk of RFC 9989 §4.10).

use super::{
    book::{Book, Seen},
    tags,
};

/// `None` while the book lacks the answer.
pub(super) fn related(one: &str, other: &str, book: &Book) -> Option<bool> {
    if within(one, other) || within(other, one) {
        return Some(true);
    }
    for parent in parents(one).filter(|parent| within(other, parent)) {
        let texts = book.texts(&format!("_dmarc.{parent}"))?;
        if let Seen::Some(texts) = texts
            && !tags::of_version(&texts, "DMARC1").is_empty()
        {
            return Some(true);
        }
    }
    Some(false)
}

/// Whether a name is another one or lies below it.
pub(super) fn within(name: &str, parent: &str) -> bool {
    let rest = name.strip_suffix(parent);
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The names above a name, the closest first, down to two labels.
pub(super) fn parents(name: &str) -> impl Iterator<Item = &str> {
    let above = std::iter::successors(Some(name), |name| {
        name.split_once('.').map(|(_, rest)| rest)
    });
    above.skip(1).filter(|name| name.contains('.'))
}

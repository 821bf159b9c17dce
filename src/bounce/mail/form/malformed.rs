//! Exim about an address that it could not parse: `a@b.example <c@d.example>: malformed address: ...`.

use super::Case;
use crate::bounce::mail::{address, any_of::AnyOf, draft::Draft};

pub(super) fn read(case: &Case<'_, '_>) -> Vec<Draft> {
    static HERE: AnyOf = AnyOf::new(&[": malformed address:"]);
    if !HERE.is_in(case.notice.text) {
        return Vec::new();
    }
    let line = case
        .notice
        .text
        .lines()
        .find(|line| line.contains(": malformed address:"));
    let Some((before, reason)) = line.and_then(|line| line.split_once(": malformed address:"))
    else {
        return Vec::new();
    };
    // The last one is the address, what stands before it a display name without quotes.
    let found = address::all(before).last();
    let draft =
        found.map(|found| Draft::new(found.address, &format!("malformed address:{reason}")));
    draft.into_iter().collect()
}

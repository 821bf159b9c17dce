//! Notices that name no recipient: it is told by `X-Failed-Recipients`, or it is the one to whom the returned letter went.

use super::Case;
use crate::bounce::mail::{address, draft::Draft, original};

pub(super) fn read(case: &Case<'_, '_>) -> Vec<Draft> {
    let failed: Vec<String> = case
        .mail
        .head
        .all("X-Failed-Recipients")
        .flat_map(|value| named(&value))
        .collect();
    let list = if failed.is_empty() {
        sent_to(case)
    } else {
        failed
    };
    let reasons = super::reasons(case.notice);
    let draft = |address: String| Draft {
        address,
        words: reasons.clone(),
        ..Draft::default()
    };
    list.into_iter().map(draft).collect()
}

fn named(value: &str) -> Vec<String> {
    address::all(value)
        .map(|found| found.address.to_owned())
        .collect()
}

/// The one recipient of the returned letter; of several nobody knows which.
fn sent_to(case: &Case<'_, '_>) -> Vec<String> {
    let to = original::addresses(case.letter, "To");
    if to.len() == 1 { to } else { Vec::new() }
}

//! Notices that name no recipient: it is told by `X-Failed-Recipients`, or it is the one to whom the returned letter went.

use super::Case;
use crate::bounce::mail::{address, code::Wording, draft::Draft, original};

/// The recipients that the head of the report names.
pub(super) fn named_in_head(case: &Case<'_, '_>) -> Vec<Draft> {
    let values: Vec<_> = case.mail.head.all("X-Failed-Recipients").collect();
    let named = values.iter().flat_map(|value| address::all(value));
    drafts(case, named.map(|found| found.address.to_owned()).collect())
}

/// The one recipient of the returned letter; of several nobody knows which.
pub(super) fn sent_to(case: &Case<'_, '_>) -> Vec<Draft> {
    let to = original::recipients(case.letter);
    drafts(case, if to.len() == 1 { to } else { Vec::new() })
}

fn drafts(case: &Case<'_, '_>, list: Vec<String>) -> Vec<Draft> {
    let mut words = super::replies(case.notice);
    words.extend(group(case));
    words.push(super::words(case.notice));
    let words: Vec<Wording> = words.into_iter().map(Wording::from).collect();
    let draft = |address: String| Draft {
        address,
        words: words.clone(),
        ..Draft::default()
    };
    list.into_iter().map(draft).collect()
}

/// Google Groups refuses in forty languages; its help page is the same in all of them.
fn group(case: &Case<'_, '_>) -> Option<String> {
    let page = "groups.google.com/support";
    case.notice.text.contains(page).then(|| page.to_owned())
}

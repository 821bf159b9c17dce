//! The talk that Postfix sends to its postmaster: `In:` and `Out:` lines of a session that went wrong.

use super::Case;
use crate::bounce::mail::{address, any_of::AnyOf, draft::Draft};

pub(super) fn read(case: &Case<'_, '_>) -> Vec<Draft> {
    static OUT: AnyOf = AnyOf::new(&[" Out: "]);
    let text = case.notice.text;
    if !OUT.is_in(text) || !text.contains(" In: ") {
        return Vec::new();
    }
    let mut drafts: Vec<Draft> = Vec::new();
    let mut trouble = String::new();
    for line in text.lines().map(str::trim) {
        if let Some(said) = line.strip_prefix("Out:").map(str::trim) {
            if said.starts_with(['4', '5']) {
                said.clone_into(&mut trouble);
            }
        } else if let Some(asked) = line.strip_prefix("In:").map(str::trim) {
            let recipient = asked
                .get(..8)
                .is_some_and(|verb| verb.eq_ignore_ascii_case("RCPT TO:"));
            let found = address::first(asked).filter(|_| recipient);
            drafts.extend(found.map(|found| Draft::new(found.address, "")));
        }
    }
    for draft in &mut drafts {
        draft.words.push(trouble.clone().into());
    }
    drafts
}

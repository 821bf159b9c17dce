//! DSN fields (RFC 3464 §2) that stand among the words for people: Amazon `WorkMail`, and reports whose MIME was lost.

use super::Case;
use crate::bounce::mail::{any_of::AnyOf, draft::Draft, dsn};

pub(super) fn read(case: &Case<'_, '_>) -> Vec<Draft> {
    static RECIPIENT: AnyOf = AnyOf::in_any_case(&["final-recipient", "original-recipient"]);
    let text = case.notice.text;
    if !RECIPIENT.is_in(text) {
        return Vec::new();
    }
    let named = |name: &str| text.lines().any(|line| starts(line, name));
    if named("Final-Recipient") || named("Original-Recipient") && named("Action") {
        dsn::read(text)
    } else {
        Vec::new()
    }
}

fn starts(line: &str, name: &str) -> bool {
    line.get(..name.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(name))
}

//! Ends that a letter came to after the talk with its receiver was over.
//!
//! Owns the telling of them. Leaves to `words` whether anybody spoke them, to `fates` what they mean for an end before.

use super::Facts;
use crate::mail::{Event, EventKind, LetterId};

/// Whether an end of a letter was told by a report that came later.
pub(super) fn is_late(event: &Event) -> bool {
    let words = event.text.as_deref().unwrap_or_default();
    words.starts_with("late report")
}

/// Whether a report that came later ended a letter as bounced.
pub(super) fn bounced_late(facts: &Facts, id: LetterId) -> bool {
    let row = facts.letters.get(&id);
    row.is_some_and(|row| {
        let mut events = row.events.iter();
        events.any(|event| event.kind == EventKind::Bounced && is_late(event))
    })
}

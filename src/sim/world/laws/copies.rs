//! Promise 2: twice only when it is unknowable.
//!
//! Owns the laws about copies. A copy is unknowable when no living process read the whole reply to its final dot, or when
//! the machine of the process that did stopped before the store knew.

use super::{
    Breaches, Facts,
    fates::{history, named},
};
use crate::{
    mail::{EventKind, LetterId},
    sim::world::{book::Copy, desk::HOLDING, store::Row},
};

/// Every copy but the last was unknowable; a stream that holds never sends a second one.
pub(super) fn a_second_copy_only_when_it_is_unknowable(facts: &Facts) -> Breaches {
    let breach = |(id, row): (&LetterId, &Row)| {
        let copies = facts.copies(*id);
        let (_, earlier) = copies.split_last()?;
        let known = earlier.iter().find(|(_, copy)| !is_unknowable(copy));
        let holds = row.letter.stream == HOLDING;
        let why = match known {
            Some((queue_id, _)) => format!("{queue_id} was known to be taken"),
            None if holds && !earlier.is_empty() => "its stream holds".to_owned(),
            None => return None,
        };
        Some(format!("{} came {} times, though {why}: {}", named(*id, row), copies.len(), history(row)))
    };
    facts.letters.iter().filter_map(breach).collect()
}

/// A letter with an unknowable copy says so in its history.
pub(super) fn every_doubt_is_counted(facts: &Facts) -> Breaches {
    let silent = facts.letters.iter().filter(|(id, row)| {
        let copies = facts.copies(**id);
        let is_doubtful = copies.iter().any(|(_, copy)| copy.heard_by.is_none());
        let says_so = row
            .events
            .iter()
            .any(|event| matches!(event.kind, EventKind::InDoubt | EventKind::LateOutcome));
        is_doubtful && !says_so
    });
    silent
        .map(|(id, row)| format!("{} came unheard: {}", named(*id, row), history(row)))
        .collect()
}

fn is_unknowable(copy: &Copy) -> bool {
    copy.heard_by.is_none() || copy.is_forgotten
}

//! Promise 2: twice only when it is unknowable.
//!
//! Owns the laws about copies. Whoever has read the whole reply to a final dot knows; copies may arrive in another order
//! than they were sent, so what counts is when somebody knew.

use super::{
    Breaches, Facts,
    fates::{history, named},
};
use crate::{
    mail::{EventKind, LetterId},
    sim::world::{desk::HOLDING, store::Row},
};

/// One copy at most is known to be taken, and after that nothing is tried; a stream that holds never sends a second one.
pub(super) fn a_second_copy_only_when_it_is_unknowable(facts: &Facts) -> Breaches {
    let breach = |(id, row): (&LetterId, &Row)| {
        let why = why_too_many(facts, *id, row)?;
        let copies = facts.copies(*id).len();
        Some(format!(
            "{} came {copies} times, though {why}: {}",
            named(*id, row),
            history(row)
        ))
    };
    facts.letters.iter().filter_map(breach).collect()
}

fn why_too_many(facts: &Facts, id: LetterId, row: &Row) -> Option<String> {
    let copies = facts.copies(id);
    if row.letter.stream == HOLDING && copies.len() > 1 {
        return Some("its stream holds".to_owned());
    }
    let mut known = copies.iter().filter(|(_, copy)| facts.is_known(id, copy));
    let (queue_id, copy) = known.next()?;
    let (_, since) = copy.heard?;
    let tried_after = tried(facts, id).find(|at| *at > since);
    match (known.next(), tried_after) {
        (Some((other, _)), _) => Some(format!("{queue_id} and {other} are known to be taken")),
        (None, Some(at)) => Some(format!(
            "{queue_id} was known to be taken at {since:?} and it was tried at {at:?}"
        )),
        (None, None) => None,
    }
}

/// When a letter was named to a receiver.
fn tried(facts: &Facts, id: LetterId) -> impl Iterator<Item = std::time::Duration> {
    let attempts = facts.pages.attempts.iter();
    let ours = attempts.filter(move |attempt| {
        let letter = facts.letter(&attempt.return_path);
        letter.is_some_and(|letter| letter.id == id)
    });
    ours.map(|attempt| attempt.at)
}

/// A letter with an unknowable copy says so in its history.
pub(super) fn every_doubt_is_counted(facts: &Facts) -> Breaches {
    let silent = facts.letters.iter().filter(|(id, row)| {
        let copies = facts.copies(**id);
        let is_doubtful = copies.iter().any(|(_, copy)| copy.heard.is_none());
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

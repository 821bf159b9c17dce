//! Promise 1: nothing is lost.
//!
//! Owns the laws about states, terminal events and mailboxes.

use super::{
    Breaches, Facts,
    late::{bounced_late, is_late},
};
use crate::{
    mail::{Event, EventKind, LetterId, State},
    sim::world::store::Row,
};

/// After healing no letter is open, and none is in two places or in none.
pub(super) fn every_letter_has_one_fate(facts: &Facts) -> Breaches {
    let open = facts.letters.iter().filter(|(_, row)| row.state.is_none());
    let open = open.map(|(id, row)| format!("{} has no end: {}", named(*id, row), history(row)));
    let torn = facts.torn.iter();
    let torn = torn.map(|id| format!("letter {id} is in the queue and finished, or in neither"));
    open.chain(torn).collect()
}

/// A final state, exactly one event that says so; doubts that were resolved come before it.
pub(super) fn every_letter_has_one_terminal_event(facts: &Facts) -> Breaches {
    let finished = facts
        .letters
        .iter()
        .filter_map(|(id, row)| Some((id, row, row.state?)));
    finished
        .filter(|(_, row, state)| !ends_once(row, *state))
        .map(|(id, row, state)| {
            format!(
                "{} is {}, and its history says {}",
                named(*id, row),
                state.name(),
                history(row)
            )
        })
        .collect()
}

fn ends_once(row: &Row, state: State) -> bool {
    let ends: Vec<&Event> = row
        .events
        .iter()
        .filter(|event| is_terminal(event))
        .collect();
    let sure: Vec<&&Event> = ends
        .iter()
        .filter(|event| event.kind != EventKind::InDoubt)
        .collect();
    let last = ends.last().map(|event| event.kind.name());
    // A late report moves `delivered` to `bounced`: the one end that follows another.
    let moved = match sure[..] {
        [first, second] => {
            first.kind == EventKind::Delivered
                && second.kind == EventKind::Bounced
                && is_late(second)
        }
        _ => false,
    };
    let wanted = usize::from(state != State::InDoubt) + usize::from(moved);
    sure.len() == wanted && last == Some(state.name())
}

fn is_terminal(event: &Event) -> bool {
    match event.kind {
        EventKind::Queued
        | EventKind::Deferred
        | EventKind::LeaseExpired
        | EventKind::LateOutcome
        | EventKind::Complained
        | EventKind::Unsubscribed
        | EventKind::Reported
        | EventKind::Held
        | EventKind::Released
        | EventKind::Postponed => false,
        EventKind::InDoubt => event.due.is_none(),
        EventKind::Delivered
        | EventKind::Bounced
        | EventKind::Expired
        | EventKind::Suppressed
        | EventKind::Cancelled
        | EventKind::Failed => true,
    }
}

/// A `delivered` names a copy that lies in the recipient's mailbox; a copy that nobody admits is in doubt.
pub(super) fn delivered_means_in_the_mailbox(facts: &Facts) -> Breaches {
    let mut breaches = Breaches::new();
    for (id, row) in &facts.letters {
        let copies = facts.copies(*id);
        let delivered = row
            .events
            .iter()
            .filter(|event| event.kind == EventKind::Delivered);
        for event in delivered {
            let words = event.text.as_deref().unwrap_or_default();
            if !copies.iter().any(|(queue_id, _)| words.ends_with(queue_id)) {
                breaches.push(format!(
                    "{} is delivered ({words}), and no mailbox has it",
                    named(*id, row)
                ));
            }
        }
        let admits =
            |event: &Event| matches!(event.kind, EventKind::Delivered | EventKind::InDoubt);
        let is_admitted = row.events.iter().any(admits) || bounced_late(facts, *id);
        if !copies.is_empty() && !is_admitted {
            breaches.push(format!(
                "{} lies in its mailbox: {}",
                named(*id, row),
                history(row)
            ));
        }
    }
    breaches
}

/// A reply that a process heard is not forgotten, whoever dies, unless its machine stopped.
pub(super) fn what_was_heard_is_delivered(facts: &Facts) -> Breaches {
    let heard = facts.letters.iter().filter(|(id, row)| {
        let copies = facts.copies(**id);
        let is_known = copies.iter().any(|(_, copy)| facts.is_known(**id, copy));
        is_known && row.state != Some(State::Delivered) && !bounced_late(facts, **id)
    });
    heard
        .map(|(id, row)| {
            format!(
                "{} was heard to be taken: {}",
                named(*id, row),
                history(row)
            )
        })
        .collect()
}

/// A letter in words.
pub(super) fn named(id: LetterId, row: &Row) -> String {
    format!("letter {id} to {}", row.letter.to.mailbox.address)
}

/// A history in words.
pub(super) fn history(row: &Row) -> String {
    let words: Vec<&str> = row.events.iter().map(|event| event.kind.name()).collect();
    words.join(" ")
}

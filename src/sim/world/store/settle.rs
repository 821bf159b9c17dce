//! Writing verdicts: the twin of `store/settle.rs`.
//!
//! Owns what a verdict changes. Promises: as there, a claim that was lost leaves a line of history and nothing else, unless
//! the letter was put in doubt under that very claim and waits for just this news.

use super::tables::{Queued, Tables};
use crate::{
    mail::{Event, EventKind, LetterId, Next, State},
    port::Settlement,
};

impl Tables {
    pub(in super::super) fn settle(&mut self, settlements: &[Settlement]) -> Vec<LetterId> {
        let late = settlements
            .iter()
            .filter(|settlement| !self.settle_one(settlement));
        let late: Vec<&Settlement> = late.collect();
        for settlement in &late {
            self.history(settlement.id, late_outcome(&settlement.verdict.event));
        }
        late.into_iter().map(|settlement| settlement.id).collect()
    }

    /// Whether it counted.
    fn settle_one(&mut self, settlement: &Settlement) -> bool {
        let is_ours = self
            .queue
            .get(&settlement.id)
            .is_some_and(|queued| claims(queued, settlement));
        let counts = if is_ours {
            self.move_on(settlement);
            true
        } else {
            self.resolve(settlement)
        };
        if counts {
            self.history(settlement.id, settlement.verdict.event.clone());
            if let Some(entry) = &settlement.verdict.suppress {
                self.ban(entry);
            }
        }
        counts
    }

    /// `finished` and `retried`.
    fn move_on(&mut self, settlement: &Settlement) {
        let is_doubt = settlement.verdict.event.kind == EventKind::InDoubt;
        match settlement.verdict.next {
            Next::Finish(state) => {
                let queued = self.queue.remove(&settlement.id);
                let doubted = queued
                    .and_then(|queued| queued.in_doubt_lease)
                    .filter(|_| is_doubt);
                if let Some(row) = self.letters.get_mut(&settlement.id) {
                    row.state = Some(state);
                    row.in_doubt_lease = doubted;
                }
            }
            Next::Retry { due } => {
                if let Some(queued) = self.queue.get_mut(&settlement.id) {
                    queued.ready = false;
                    queued.lease = None;
                    queued.due = due;
                    queued.attempts = settlement.attempts;
                    queued.source = settlement.kept_source();
                    queued.in_doubt_lease = queued.in_doubt_lease.filter(|_| is_doubt);
                }
            }
        }
    }

    /// `resolved`: a letter left in doubt for good learns better.
    fn resolve(&mut self, settlement: &Settlement) -> bool {
        let (Next::Finish(state), Some(row)) = (
            settlement.verdict.next,
            self.letters.get_mut(&settlement.id),
        ) else {
            return false;
        };
        let waits =
            row.state == Some(State::InDoubt) && row.in_doubt_lease == Some(settlement.lease);
        let knows = settlement.verdict.event.kind != EventKind::InDoubt;
        if waits && knows {
            row.state = Some(state);
            row.in_doubt_lease = None;
        }
        waits && knows
    }
}

/// Whether a queue row is under the claim of a verdict, or was, and waits for a word that says more than "in doubt".
fn claims(queued: &Queued, settlement: &Settlement) -> bool {
    let knows = settlement.verdict.event.kind != EventKind::InDoubt;
    queued.lease == Some(settlement.lease)
        || (queued.in_doubt_lease == Some(settlement.lease) && knows)
}

fn late_outcome(event: &Event) -> Event {
    let name = event.kind.name();
    let text = event
        .text
        .as_ref()
        .map_or_else(|| name.to_owned(), |text| format!("{name}: {text}"));
    Event {
        kind: EventKind::LateOutcome,
        text: Some(text),
        due: None,
        ..event.clone()
    }
}

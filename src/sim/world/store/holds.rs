//! Letters that are put aside: the twin of `store/holds.rs` and `store/quiet.rs`.
//!
//! Owns those statements. Promises: as there, a letter goes only under a hold that is in force at that moment.

use super::tables::{Queued, Tables};
use crate::{
    mail::{Aside, Event, EventKind, Hold, HoldId, HoldOn, LetterId, Quiet, Timestamp},
    port::Parked,
};

/// After everybody's time.
const FAR: Timestamp = Timestamp::from_seconds(253_370_764_800);

impl Tables {
    pub(super) fn lay(&mut self, on: HoldOn, now: Timestamp) -> HoldId {
        let id = HoldId(i32::try_from(self.holds.len() + 1).unwrap_or(i32::MAX));
        let hold = Hold {
            id,
            on,
            author: "operator".to_owned(),
            reason: "a look first".to_owned(),
            since: now,
        };
        self.holds.push((hold, true));
        id
    }

    pub(super) fn lift(&mut self, id: HoldId) {
        if let Some((_, in_force)) = self.holds.iter_mut().find(|(hold, _)| hold.id == id) {
            *in_force = false;
        }
    }

    pub(in super::super) fn in_force(&self) -> Vec<Hold> {
        let holds = self.holds.iter().filter(|(_, in_force)| *in_force);
        holds.map(|(hold, _)| hold.clone()).collect()
    }

    pub(in super::super) fn park(&mut self, letters: &[Parked], now: Timestamp) {
        for parked in letters {
            match &parked.aside {
                Aside::Hold(hold) => self.hold(parked, *hold, now),
                Aside::Quiet(quiet) => self.put_off(parked, quiet, now),
            }
        }
    }

    fn put_off(&mut self, parked: &Parked, quiet: &Quiet, now: Timestamp) {
        let queued = self.queue.get_mut(&parked.id);
        let Some(queued) = queued.filter(|queued| queued.lease == Some(parked.lease)) else {
            return;
        };
        queued.lease = None;
        queued.ready = false;
        queued.due = quiet.until;
        let postponed = Event {
            text: Some(quiet.why.clone()),
            due: Some(quiet.until),
            ..Event::bare(now, EventKind::Postponed)
        };
        self.history(parked.id, postponed);
    }

    fn hold(&mut self, parked: &Parked, hold: HoldId, now: Timestamp) {
        let words = self.words(hold);
        let valid = self.letters.get(&parked.id);
        let until = valid.and_then(|row| row.letter.valid_until);
        let queued = self.queue.get_mut(&parked.id);
        let Some(queued) = queued.filter(|queued| queued.lease == Some(parked.lease)) else {
            return;
        };
        queued.lease = None;
        queued.ready = words.is_none();
        queued.hold = words.is_some().then_some(hold);
        queued.due = if words.is_some() {
            until.unwrap_or(FAR)
        } else {
            now
        };
        if words.is_some() {
            let event = Event {
                text: words,
                ..Event::bare(now, EventKind::Held)
            };
            self.history(parked.id, event);
        }
    }

    pub(super) fn has_lifted(&self) -> bool {
        self.queue.values().any(|queued| self.is_lifted(queued))
    }

    pub(in super::super) fn let_go(&mut self, now: Timestamp, max: u32) -> u64 {
        let lifted = self.queue.iter();
        let lifted = lifted.filter(|(_, queued)| self.is_lifted(queued));
        let mut lifted: Vec<(Option<HoldId>, LetterId)> =
            lifted.map(|(id, queued)| (queued.hold, *id)).collect();
        lifted.sort();
        lifted.truncate(max as usize);
        for (_, id) in &lifted {
            if let Some(queued) = self.queue.get_mut(id) {
                queued.hold = None;
                queued.ready = true;
                queued.due = now;
            }
            self.history(*id, Event::bare(now, EventKind::Released));
        }
        lifted.len() as u64
    }

    fn is_lifted(&self, queued: &Queued) -> bool {
        queued.hold.is_some_and(|hold| self.words(hold).is_none())
    }

    /// What a hold says, while it is in force.
    fn words(&self, id: HoldId) -> Option<String> {
        let (hold, _) = self
            .holds
            .iter()
            .find(|(hold, in_force)| hold.id == id && *in_force)?;
        let kind = hold.on.kind().split('-').next().unwrap_or_default();
        let on = [kind, &*hold.on.value()].join(" ");
        let (on, author, reason) = (on.trim_end(), &hold.author, &hold.reason);
        Some(format!("{on} is held by {author}: {reason}"))
    }
}

//! The rows and the door.
//!
//! Owns the tables, as `migrations/0001_tables.sql` has them, and what is not a statement of the engine: enqueueing,
//! suppressing, looking. Promises: a letter is in the queue or finished, never both. The engine's statements are in `lease`,
//! `settle` and `claims`.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    mail::{
        Event, EventKind, Hold, HoldId, Incoming, IncomingId, Letter, LetterId, Reason, Scope,
        State, Statistics, Suppression, Timestamp, Unsendable,
    },
    policy::{StreamKind, suppress::stops},
    port::{Broken, Lane, LeaseId, LeasedLetter, inbound::Understood},
};

/// How a letter stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its state.
    pub state: State,
    /// When it is due, while it waits.
    pub due: Option<Timestamp>,
    /// Its history.
    pub events: Vec<Event>,
}

/// A letter as it was asked for, and how it ended.
#[derive(Clone, Debug)]
pub(in super::super) struct Row {
    pub(in super::super) letter: Letter,
    /// `None` is `open`.
    pub(in super::super) state: Option<State>,
    /// Under whose claim it was put in doubt.
    pub(super) in_doubt_lease: Option<LeaseId>,
    pub(in super::super) events: Vec<Event>,
    /// What is wrong with the row, if something is.
    pub(super) flaw: Option<Unsendable>,
}

/// A letter that is still to be done.
#[derive(Clone, Debug)]
pub(super) struct Queued {
    pub(super) lease: Option<LeaseId>,
    pub(super) due: Timestamp,
    pub(super) lane: Lane,
    pub(super) priority: u8,
    pub(super) attempts: u16,
    pub(super) ready: bool,
    pub(super) source: Option<String>,
    pub(super) hold: Option<HoldId>,
    pub(super) in_doubt_lease: Option<LeaseId>,
}

/// A mail that came in.
#[derive(Clone, Debug)]
pub(in super::super) struct Mail {
    /// As it came.
    pub(in super::super) incoming: Incoming,
    /// When it is read next, while it is unread.
    pub(super) due: Timestamp,
    /// What it turned out to be, once it was read.
    pub(in super::super) understood: Option<Understood>,
}

/// Everything that is stored.
#[derive(Debug, Default)]
pub(in super::super) struct Tables {
    pub(in super::super) letters: BTreeMap<LetterId, Row>,
    pub(super) queue: BTreeMap<LetterId, Queued>,
    lanes: BTreeMap<String, Lane>,
    pub(in super::super) suppressions: BTreeMap<(String, Scope), Suppression>,
    streams: BTreeMap<String, StreamKind>,
    pub(in super::super) inbound: BTreeMap<IncomingId, Mail>,
    /// Which late words were heard about which letters.
    pub(super) late_words: BTreeSet<(LetterId, &'static str, [u8; 32])>,
    /// Reports in sum by reporter, id and domain: each is kept once.
    statistics: BTreeMap<(String, String, String), Statistics>,
    /// Holds that were ever laid; `false` when lifted.
    pub(super) holds: Vec<(Hold, bool)>,
    /// Address keys whose entries have changed in this statement.
    marks: Vec<String>,
    /// What nodes have told each other about pace.
    pub(in super::super) paces: super::paces::Paces,
}

impl Tables {
    pub(super) fn of(streams: impl IntoIterator<Item = (String, StreamKind)>) -> Self {
        Self {
            streams: streams.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Keeps a report in sum; the first of its name stays.
    pub(in super::super) fn keep_statistics(&mut self, report: &Statistics) {
        let name = (
            report.reporter.clone(),
            report.report_id.clone(),
            report.domain.clone(),
        );
        self.statistics
            .entry(name)
            .or_insert_with(|| report.clone());
    }

    pub(super) fn enqueue(&mut self, letter: Letter, priority: u8) -> bool {
        let now = letter.enqueued_at;
        if self.why_suppressed(&letter, now).is_some() {
            return false;
        }
        let (id, due) = (letter.id, letter.send_at.map_or(now, |at| at.max(now)));
        let queued = Queued {
            lease: None,
            due,
            lane: self.lane(letter.to.mailbox.address.domain().as_str()),
            priority,
            attempts: 0,
            source: None,
            ready: due <= now,
            hold: None,
            in_doubt_lease: None,
        };
        self.queue.insert(id, queued);
        let queued = Event {
            due: letter.send_at,
            ..Event::bare(now, EventKind::Queued)
        };
        let row = Row {
            letter,
            state: None,
            in_doubt_lease: None,
            events: vec![queued],
            flaw: None,
        };
        self.letters.insert(id, row);
        true
    }

    fn lane(&mut self, domain: &str) -> Lane {
        let next = Lane(i32::try_from(self.lanes.len() + 1).unwrap_or(i32::MAX));
        *self.lanes.entry(domain.to_owned()).or_insert(next)
    }

    /// An entry made by hand replaces the one of the same address and scope, whatever it says.
    pub(super) fn suppress(&mut self, entry: Suppression) {
        let key = (entry.address.key(), entry.scope.clone());
        self.suppressions.insert(key, entry);
    }

    /// An entry made by a verdict never shortens one that is there.
    pub(in super::super) fn ban(&mut self, entry: &Suppression) {
        let key = (entry.address.key(), entry.scope.clone());
        let known = self.suppressions.get(&key);
        let is_longer = known.is_none_or(|known| match (known.until, entry.until) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(known), Some(new)) => new > known,
        });
        if is_longer {
            self.marks.push(key.0.clone());
            self.suppressions.insert(key, entry.clone());
        }
    }

    pub(super) fn take_marks(&mut self) -> Vec<String> {
        std::mem::take(&mut self.marks)
    }

    /// Why a letter must not be sent at that moment; of several entries the first by scope, as SQL orders them.
    pub(super) fn why_suppressed(&self, letter: &Letter, now: Timestamp) -> Option<Reason> {
        let address = letter.to.mailbox.address.key();
        let kind = self.streams.get(&letter.stream).copied();
        let kind = kind.unwrap_or(StreamKind::Marketing);
        let entries = self.suppressions.iter().filter(|((of, scope), entry)| {
            let is_live = entry.until.is_none_or(|until| until > now);
            *of == address && is_live && stops(scope, &letter.stream, kind)
        });
        entries
            .min_by_key(|((_, scope), _)| scope.name())
            .map(|(_, entry)| entry.reason)
    }

    pub(super) fn has_work(&self) -> bool {
        self.queue.values().any(|queued| queued.ready)
    }

    /// Letters that are in the queue and finished, or in neither: there are none.
    pub(in super::super) fn torn(&self) -> Vec<LetterId> {
        let queued: BTreeSet<LetterId> = self.queue.keys().copied().collect();
        let open = |id: &LetterId| self.letters.get(id).is_some_and(|row| row.state.is_none());
        let known = self.letters.keys().chain(queued.iter());
        let torn: BTreeSet<LetterId> = known
            .filter(|id| queued.contains(id) != open(id))
            .copied()
            .collect();
        torn.into_iter().collect()
    }

    pub(super) fn standing(&self, id: LetterId) -> Option<Standing> {
        let row = self.letters.get(&id)?;
        let queued = self.queue.get(&id);
        let waiting = queued.map(|queued| match queued.lease {
            Some(_) => State::Leased,
            None => State::Queued,
        });
        Some(Standing {
            state: row.state.or(waiting)?,
            due: queued
                .filter(|queued| queued.hold.is_none())
                .map(|queued| queued.due),
            events: row.events.clone(),
        })
    }

    /// Adds a line to a letter's history.
    pub(in super::super) fn history(&mut self, id: LetterId, event: Event) {
        if let Some(row) = self.letters.get_mut(&id) {
            row.events.push(event);
        }
    }

    /// A letter under a claim, as the engine gets it.
    pub(super) fn leased(
        &self,
        id: LetterId,
        lease: LeaseId,
        (lane, priority): (Lane, u8),
        attempts: u16,
    ) -> Option<LeasedLetter> {
        let row = self.letters.get(&id)?;
        let shard = row.letter.shard;
        let letter = match row.flaw.clone() {
            Some(fault) => Err(Broken { id, shard, fault }),
            None => Ok(Box::new(row.letter.clone())),
        };
        Some(LeasedLetter {
            lease,
            lane,
            priority,
            attempts,
            suppressed: None,
            source: None,
            letter,
        })
    }
}

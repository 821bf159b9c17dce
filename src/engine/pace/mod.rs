//! The pace of every route: how many letters, how many connections, and when.
//!
//! Owns the live state of all routes. Answers three questions: how many letters may be leased for a lane now, may one more
//! connection be opened, when may the next letter leave. Promises: no answer ever exceeds this node's part of a limit, and
//! without a fresh sign of life in the store there is no part. Numbers come from `policy::shaping`, changes from
//! `policy::governor`; [`beat`] talks to the other nodes. Read [`gate`] next.

pub(super) mod beat;
mod drill;
mod gate;
mod lanes;
mod paths;
mod tickets;
mod voice;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

pub use self::drill::Drill;
use self::paths::tell;
use self::{gate::Gate, lanes::Lanes, voice::Voice};
pub(super) use self::{
    gate::Moment,
    paths::{Path, Paths},
    tickets::day as day_of,
};
use crate::{
    mail::RouteKey,
    policy::{Shaping, shaping::Count, warmup::Plans},
    port::{Lane, LaneRoom},
    route::Source,
};

/// A letter waits so long at most for its turn; one that would wait longer goes back.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whoever waits looks so often whether its connection is one too many by now.
pub(super) const LOOK: Duration = Duration::from_millis(500);

/// A letter that has to go is not kept by less than this.
const NOW: Duration = Duration::from_micros(500);

/// A route without letters is forgotten after so long; what the governor knows of it is written down.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(5);

/// Every route of one engine.
#[derive(Debug)]
pub(super) struct Pace {
    origin: Instant,
    lanes: Lanes,
    warmups: Plans,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    voices: BTreeMap<String, Arc<Voice>>,
    gates: HashMap<RouteKey, Arc<Gate>>,
    /// What is written down of routes that are not in use here.
    known: HashMap<RouteKey, crate::port::pace::RouteNews>,
}

impl Pace {
    pub(super) fn new(sources: &[Source], warmups: Plans) -> Self {
        let voices = sources
            .iter()
            .map(|source| (source.name.clone(), Arc::new(Voice::new(Instant::now()))));
        let book = Book {
            voices: voices.collect(),
            ..Book::default()
        };
        Self {
            origin: Instant::now(),
            lanes: Lanes::default(),
            warmups,
            book: Mutex::new(book),
        }
    }

    /// The ways of a pool to a site.
    pub(super) fn paths<'a>(
        &self,
        sources: impl IntoIterator<Item = &'a Source>,
        counts: &[Count],
        moment: Moment,
    ) -> Arc<Paths> {
        let mut book = self.book();
        let paths = sources.into_iter().map(|source| {
            // What is within a provider's count is within its warm-up too.
            let gates = counts.iter().enumerate().map(|(place, count)| {
                let is_planned = || self.warmups.of(&source.name, &count.target).is_some();
                let is_warmed_up = place == 0 && is_planned();
                book.gate(&source.name, count, is_warmed_up, self.origin, moment)
            });
            Arc::new(Path {
                source: source.clone(),
                gates: gates.collect(),
            })
        });
        let paths = paths.collect();
        Arc::new(Paths { paths })
    }

    /// The count of a recipient domain for one source, where a rule names it.
    fn of_domain(
        &self,
        source: &str,
        domain: &str,
        shaping: &Shaping,
        moment: Moment,
    ) -> Option<Arc<Gate>> {
        let count = shaping.domain(domain)?;
        Some(self.book().gate(source, &count, false, self.origin, moment))
    }

    /// Waits for a letter's turn on a path. The turn ends when what is returned is dropped.
    pub(super) async fn turn(
        &self,
        path: &Path,
        domain: &str,
        shaping: &Shaping,
        moment: impl Fn() -> Moment,
    ) -> Result<Turn, NoTurn> {
        let mut gates = path.gates.clone();
        if shaping.has_domains() {
            gates.extend(self.of_domain(&path.source.name, domain, shaping, moment()));
        }
        loop {
            let places = self.places(&gates, moment()).ok_or(NoTurn::TooLong)?;
            let at = places.iter().map(|place| place.at).max();
            let wake = self.origin + at.ok_or(NoTurn::TooLong)?;
            while wake > moment().instant + NOW {
                sleep_until(wake.min(moment().instant + LOOK)).await;
                if path.must_leave(moment()) {
                    return Err(NoTurn::MustLeave);
                }
            }
            if let Some(turn) = Turn::begin(&gates, &places, moment()) {
                return Ok(turn);
            }
        }
    }

    /// A place in each count, all at or after the latest of them.
    fn places(&self, gates: &[Arc<Gate>], moment: Moment) -> Option<Vec<gate::Place>> {
        let now = moment.instant.saturating_duration_since(self.origin);
        let mut at = now;
        for gate in gates {
            at = at.max(gate.earliest(moment)?);
        }
        if at > now + PATIENCE {
            return None;
        }
        gates.iter().map(|gate| gate.take(at, moment)).collect()
    }

    /// Waits until one more connection may be opened; `false` when that is too long.
    pub(super) async fn opening(&self, path: &Path, moment: Moment) -> bool {
        let mut at = Duration::ZERO;
        for gate in &path.gates {
            match gate.opening(moment) {
                Some(free) => at = at.max(free),
                None => return false,
            }
        }
        let wake = self.origin + at;
        let in_time = wake <= moment.instant + PATIENCE;
        if in_time && wake > moment.instant {
            sleep_until(wake).await;
        }
        in_time
    }

    /// Routes that are warmed up and lack the cap of that day.
    pub(super) fn without_cap(&self, today: i32) -> Vec<RouteKey> {
        let gates = self.gates();
        let without = gates.iter().filter(|gate| gate.wants_cap(today));
        without.map(|gate| gate.key.clone()).collect()
    }

    /// The cap of a day.
    pub(super) fn set_cap(&self, route: &RouteKey, day: i32, letters: Option<u32>) {
        if let Some(gate) = self.book().gates.get(route) {
            gate.set_cap(day, letters);
        }
    }

    /// What time brings to every route; those that nobody would miss are forgotten.
    fn tend(&self, moment: Moment) {
        for gate in self.gates() {
            if let Some(state) = gate.tend(moment) {
                tell(&gate.key, &state);
            }
        }
        self.book().gates.retain(|_, gate| {
            Arc::strong_count(gate) > 1 || !gate.is_idle(moment, FORGOTTEN_AFTER)
        });
    }

    /// The lane's letters go one of these ways.
    pub(super) fn learn(&self, lane: Lane, is_urgent: bool, paths: &Arc<Paths>, now: Instant) {
        self.lanes.learn(lane, is_urgent, paths, now);
    }

    /// Letters of this lane had to go back.
    pub(super) fn overflowed(&self, lane: Lane, now: Instant) {
        self.lanes.overflowed(lane, now);
    }

    /// What each lane may give to the next lease, where that is not just the usual.
    pub(super) fn room(&self, usual: u32, moment: Moment) -> Vec<(Lane, LaneRoom)> {
        self.lanes.room(usual, moment)
    }

    /// Which of the lanes that were meant to be asked gave letters, and whether all were.
    pub(super) fn gave(
        &self,
        asked: &[(Lane, LaneRoom)],
        gave: impl Fn(Lane) -> bool,
        were_all_asked: bool,
    ) {
        self.lanes.gave(asked, gave, were_all_asked);
    }

    fn gates(&self) -> Vec<Arc<Gate>> {
        let mut gates: Vec<_> = self.book().gates.values().map(Arc::clone).collect();
        // One order wherever the engine runs.
        gates.sort_by(|one, other| one.key.cmp(&other.key));
        gates
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn gate(
        &mut self,
        source: &str,
        count: &Count,
        is_warmed_up: bool,
        origin: Instant,
        moment: Moment,
    ) -> Arc<Gate> {
        let key = RouteKey {
            source: source.to_owned(),
            target: count.target.clone(),
        };
        if let Some(gate) = self.gates.get(&key) {
            gate.obey(count.profile.clone());
            return Arc::clone(gate);
        }
        let voice = self
            .voices
            .entry(source.to_owned())
            .or_insert_with(|| Arc::new(Voice::new(Instant::now())));
        let gate = Gate::new(
            key.clone(),
            Arc::clone(voice),
            origin,
            count.profile.clone(),
            is_warmed_up,
            moment,
        );
        let gate = Arc::new(gate);
        if let Some(news) = self.known.get(&key) {
            gate.adopt(news, moment);
        }
        self.gates.insert(key, Arc::clone(&gate));
        gate
    }
}

/// Why a letter goes back instead of waiting for its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoTurn {
    /// It would take too long.
    TooLong,
    /// Its connection is one too many by now and must end.
    MustLeave,
}

/// A letter's turn: it may go to the provider now.
#[derive(Debug)]
pub(super) struct Turn(Vec<Arc<Gate>>);

impl Turn {
    /// Begins if every place is still worth something.
    fn begin(gates: &[Arc<Gate>], places: &[gate::Place], moment: Moment) -> Option<Self> {
        let mut turn = Self(Vec::with_capacity(gates.len()));
        for (gate, place) in gates.iter().zip(places) {
            if !gate.go(*place, moment) {
                return None;
            }
            turn.0.push(Arc::clone(gate));
        }
        Some(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        for gate in &self.0 {
            gate.said();
        }
    }
}

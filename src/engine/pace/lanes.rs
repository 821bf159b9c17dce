//! Which lanes lead where, and what each may give to the next lease.
//!
//! Owns the dealing out of room. Promises: a lane whose letters may not go now is left out of the lease, however many wait in
//! it; lanes that share a route share its room, those that gave letters lately by turns and evenly, the others a letter at a
//! time; memory is bounded. A lane that is not known here gets the usual room, and is known from then on.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    gate::{Moment, URGENT_MORE},
    paths::Paths,
};
use crate::port::{Lane, LaneRoom};

/// So many lanes are not dealt out anew for every lease: what is too much meanwhile waits a little longer, or goes back.
const MANY: usize = 1_000;
const DEALT_FOR: Duration = Duration::from_millis(100);

/// Lanes remembered. The letters of others are leased, found to be too many, and given back.
const LANES_MAX: usize = 50_000;

/// Lanes are forgotten after so long without a letter.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(10);

/// Of the lanes that gave nothing lately, so many at a time may give one letter.
const COLD_AT_A_TIME: usize = 32;

/// After letters had to go back, their lane rests so long.
const BACK_OFF: Duration = Duration::from_millis(500);

#[derive(Debug, Default)]
pub(super) struct Lanes(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    lanes: BTreeMap<Lane, Entry>,
    /// Grows with every dealing, so that turns go round.
    turn: usize,
    /// What was dealt last, and when.
    dealt: Option<(Instant, Vec<(Lane, LaneRoom)>)>,
}

#[derive(Debug, Default)]
struct Entry {
    normal: Option<Arc<Paths>>,
    urgent: Option<Arc<Paths>>,
    seen: Option<Instant>,
    /// It gave a letter when it was last asked.
    is_hot: bool,
    rests_until: Option<Instant>,
}

impl Lanes {
    /// A letter of this lane goes one of those ways.
    pub(super) fn learn(&self, lane: Lane, is_urgent: bool, paths: &Arc<Paths>, now: Instant) {
        let mut book = self.lock();
        if book.lanes.len() >= LANES_MAX && !book.lanes.contains_key(&lane) {
            book.forget(now);
        }
        if book.lanes.len() >= LANES_MAX {
            return;
        }
        let entry = book.lanes.entry(lane).or_default();
        entry.seen = Some(now);
        entry.is_hot = true;
        let side = if is_urgent {
            &mut entry.urgent
        } else {
            &mut entry.normal
        };
        if side.as_ref().is_none_or(|known| !Arc::ptr_eq(known, paths)) {
            *side = Some(Arc::clone(paths));
        }
    }

    /// Letters of this lane had to go back: it rests a moment.
    pub(super) fn overflowed(&self, lane: Lane, now: Instant) {
        if let Some(entry) = self.lock().lanes.get_mut(&lane) {
            entry.rests_until = Some(now + BACK_OFF);
        }
    }

    /// Which lanes gave letters; whether those that did not were all asked, so that they have none.
    pub(super) fn gave(
        &self,
        asked: &[(Lane, LaneRoom)],
        gave: impl Fn(Lane) -> bool,
        were_all_asked: bool,
    ) {
        let mut book = self.lock();
        for (lane, _) in asked.iter().filter(|(_, room)| room.normal > 0) {
            if let Some(entry) = book.lanes.get_mut(lane) {
                entry.is_hot = gave(*lane) || (entry.is_hot && !were_all_asked);
            }
        }
    }

    /// The room of every known lane that has not just the usual one.
    pub(super) fn room(&self, usual: u32, moment: Moment) -> Vec<(Lane, LaneRoom)> {
        let mut book = self.lock();
        let is_fresh = |at: &Instant| moment.instant.saturating_duration_since(*at) < DEALT_FOR;
        if let Some((_, rooms)) = book.dealt.as_ref().filter(|(at, _)| is_fresh(at)) {
            return rooms.clone();
        }
        book.turn = book.turn.wrapping_add(1);
        let turn = book.turn;
        let mut routes: HashMap<*const Paths, Vec<Lane>> = HashMap::new();
        let mut order: Vec<*const Paths> = Vec::new();
        for (lane, entry) in &book.lanes {
            let Some(paths) = entry.normal.as_ref().or(entry.urgent.as_ref()) else {
                continue;
            };
            let lanes = routes.entry(Arc::as_ptr(paths)).or_insert_with(|| {
                order.push(Arc::as_ptr(paths));
                Vec::new()
            });
            lanes.push(*lane);
        }
        let mut rooms = Vec::new();
        for route in order {
            book.deal(&routes[&route], usual, turn, moment, &mut rooms);
        }
        if book.lanes.len() >= MANY {
            book.dealt = Some((moment.instant, rooms.clone()));
        }
        rooms
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// Deals the room of one route out to its lanes.
    fn deal(
        &self,
        lanes: &[Lane],
        usual: u32,
        turn: usize,
        moment: Moment,
        rooms: &mut Vec<(Lane, LaneRoom)>,
    ) {
        let entries = lanes
            .iter()
            .filter_map(|lane| Some((*lane, self.lanes.get(lane)?)));
        let entries: Vec<(Lane, &Entry)> = entries.collect();
        let Some((_, first)) = entries.first() else {
            return;
        };
        let urgent = Entry::urgent_room(first, moment);
        let room = first
            .normal
            .as_ref()
            .map_or(usual, |paths| paths.room(moment));
        let (hot, cold): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|(_, entry)| entry.is_hot);
        let even = room / u32::try_from(hot.len()).unwrap_or(u32::MAX).max(1);
        if even >= usual && urgent >= usual {
            return;
        }
        // More lanes than room: each has its turn.
        let with_more = (room as usize).saturating_sub(even as usize * hot.len());
        for (place, (lane, entry)) in hot.iter().enumerate() {
            let is_turn = (place + hot.len() - turn % hot.len().max(1)) % hot.len() < with_more;
            let normal = even + u32::from(is_turn);
            rooms.push((
                *lane,
                entry.rested(normal.min(usual), urgent.min(usual), moment),
            ));
        }
        let stretch = cold.len().div_ceil(COLD_AT_A_TIME).max(1);
        for (place, (lane, entry)) in cold.iter().enumerate() {
            let is_turn = place / COLD_AT_A_TIME == turn % stretch;
            let normal = u32::from(is_turn && room > 0);
            rooms.push((*lane, entry.rested(normal, urgent.min(usual), moment)));
        }
    }

    fn forget(&mut self, now: Instant) {
        self.lanes.retain(|_, entry| {
            entry
                .seen
                .is_some_and(|seen| now.saturating_duration_since(seen) < FORGOTTEN_AFTER)
        });
    }
}

impl Entry {
    fn urgent_room(entry: &Self, moment: Moment) -> u32 {
        let Some(paths) = entry.urgent.as_ref().or(entry.normal.as_ref()) else {
            return u32::MAX;
        };
        if paths.is_closed(moment) {
            0
        } else {
            paths.room(moment).saturating_add(URGENT_MORE)
        }
    }

    fn rested(&self, normal: u32, urgent: u32, moment: Moment) -> LaneRoom {
        let rests = self.rests_until.is_some_and(|until| until > moment.instant);
        if rests {
            LaneRoom::NONE
        } else {
            LaneRoom { normal, urgent }
        }
    }
}

//! Claiming letters: the twin of `store/lease.sql`.
//!
//! Owns the order of the walk: priorities first, in each the lanes after the cursor and then those up to it, in each lane the
//! letters that have been due longest. Promises: no lane beyond its room over all priorities; every letter to one claim.

use std::collections::BTreeMap;

use super::tables::Tables;
use crate::{
    mail::LetterId,
    port::{Cursor, Lane, LaneRoom, LeaseAsk, Leased, LeasedLetter, URGENT},
};

/// Lanes that one look walks through.
const LANES_MAX: usize = 2_000;

/// Lanes have their turn by priority and by the half of the circle they stand in.
type Turn = (u8, bool, Lane);

impl Tables {
    pub(in super::super) fn lease(&mut self, ask: &LeaseAsk) -> Leased {
        if !self.has_work() {
            return Leased::default();
        }
        let lanes = self.ready_lanes(ask);
        let room: BTreeMap<Lane, LaneRoom> = ask.room.iter().copied().collect();
        let room = |turn: Turn| {
            let room = room.get(&turn.2).copied();
            let room = room.unwrap_or(LaneRoom::both(ask.per_lane));
            let room = if turn.0 <= URGENT {
                room.urgent
            } else {
                room.normal
            };
            room as usize
        };
        let max = ask.max as usize;
        let walk = lanes.iter().take(LANES_MAX).flat_map(|(turn, letters)| {
            let letters = letters.iter().take(room(*turn));
            letters.map(|(_, id)| (*turn, *id))
        });
        let taken: Vec<(Turn, LetterId)> = walk.take(max).collect();
        let resume = if taken.len() >= max {
            let last = taken.iter().map(|(turn, _)| *turn).max();
            last.map(|turn| Cursor::After(turn.2))
        } else {
            let last = lanes.keys().nth(LANES_MAX - 1);
            last.map(|turn| Cursor::Within(turn.0, turn.2))
        };
        let mut by_lane: BTreeMap<Lane, usize> = BTreeMap::new();
        let kept = taken.into_iter().filter(|(turn, _)| {
            let count = by_lane.entry(turn.2).or_default();
            *count += 1;
            *count <= room(*turn)
        });
        let kept: Vec<LetterId> = kept.map(|(_, id)| id).collect();
        let mut letters = self.claim(&kept, ask);
        letters.sort_by_key(|(priority, _)| *priority);
        Leased {
            letters: letters.into_iter().map(|(_, letter)| letter).collect(),
            resume,
        }
    }

    /// Ready letters in the order of the walk.
    fn ready_lanes(
        &self,
        ask: &LeaseAsk,
    ) -> BTreeMap<Turn, Vec<(crate::mail::Timestamp, LetterId)>> {
        let after = ask.after.map_or(Lane(0), Cursor::lane);
        let within = ask.after.and_then(Cursor::priority);
        let is_ahead = |priority, lane| within.is_none_or(|w| (priority, lane) > (w, after));
        let mut lanes: BTreeMap<Turn, Vec<_>> = BTreeMap::new();
        for (id, queued) in self.queue.iter().filter(|(_, queued)| {
            queued.ready
                && queued.priority <= ask.priority_max
                && is_ahead(queued.priority, queued.lane)
        }) {
            let is_behind = within.is_none() && queued.lane <= after;
            let turn = (queued.priority, is_behind, queued.lane);
            lanes.entry(turn).or_default().push((queued.due, *id));
        }
        for letters in lanes.values_mut() {
            letters.sort();
        }
        lanes
    }

    /// Claims these letters but for the content beyond the wish, which goes back at once.
    fn claim(&mut self, ids: &[LetterId], ask: &LeaseAsk) -> Vec<(u8, LeasedLetter)> {
        let mut claimed: Vec<(u8, LeasedLetter)> = Vec::new();
        let mut octets = 0_u64;
        for id in ids {
            let Some(row) = self.letters.get(id) else {
                continue;
            };
            octets += row.letter.octets() as u64;
            let suppressed = self.why_suppressed(&row.letter, ask.now);
            let is_too_much = octets > ask.octets && !claimed.is_empty();
            let Some(queued) = self.queue.get_mut(id) else {
                continue;
            };
            if is_too_much {
                queued.due = ask.now;
                continue;
            }
            queued.ready = false;
            queued.lease = Some(ask.lease);
            queued.due = ask.until;
            queued.in_doubt_lease = None;
            queued.hold = None;
            let (priority, lane, attempts) = (queued.priority, queued.lane, queued.attempts);
            let source = queued.source.clone();
            if let Some(leased) = self.leased(*id, ask.lease, (lane, priority), attempts) {
                claimed.push((
                    priority,
                    LeasedLetter {
                        suppressed,
                        source,
                        ..leased
                    },
                ));
            }
        }
        claimed
    }
}

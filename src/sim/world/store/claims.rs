//! Keeping claims, giving them back, taking them over, and the end of waiting: the twins of `store/claims.rs`,
//! `store/promote.rs` and `store/recall.rs`.
//!
//! Owns those statements. Promises: only a claim that is still the caller's is touched; a leased letter is never made ready
//! by time alone.

use std::collections::BTreeSet;

use super::tables::{Queued, Tables};
use crate::{
    mail::{Event, EventKind, LetterId, Shard, State, Timestamp},
    port::{AdoptAsk, Claim, Lane, LeaseId, LeasedLetter, Tenure},
};

type Held = [(LeaseId, Shard, LetterId)];

impl Tables {
    pub(in super::super) fn renew(&mut self, held: &Held, until: Timestamp) -> Vec<LetterId> {
        let mut lost = Vec::new();
        for (lease, _, id) in held {
            match self.ours(*id, *lease) {
                Some(queued) => queued.due = until,
                None => lost.push(*id),
            }
        }
        lost
    }

    pub(in super::super) fn release(&mut self, held: &Held, now: Timestamp) {
        for (lease, _, id) in held {
            if let Some(queued) = self.ours(*id, *lease) {
                free(queued, now);
            }
        }
    }

    pub(in super::super) fn release_leases(&mut self, leases: &[LeaseId], now: Timestamp) -> u64 {
        let held = self.queue.values_mut().filter(|queued| {
            !queued.ready && queued.lease.is_some_and(|lease| leases.contains(&lease))
        });
        held.map(|queued| free(queued, now)).count() as u64
    }

    pub(in super::super) fn promote(&mut self, now: Timestamp, max: u32) -> u64 {
        let due = self.waiting(max, |queued| queued.lease.is_none() && queued.due <= now);
        for id in &due {
            if let Some(queued) = self.queue.get_mut(id) {
                queued.ready = true;
                queued.hold = None;
            }
        }
        due.len() as u64
    }

    pub(in super::super) fn tenures(&self, max: u32) -> Vec<Tenure> {
        let standing: BTreeSet<_> = self.queue.values().filter_map(tenure).collect();
        let by_end: BTreeSet<_> = standing
            .into_iter()
            .map(|tenure| (tenure.until, tenure.lease))
            .collect();
        let first = by_end.into_iter().take(max as usize);
        first
            .map(|(until, lease)| Tenure { lease, until })
            .collect()
    }

    pub(in super::super) fn adopt(&mut self, ask: &AdoptAsk) -> Vec<LeasedLetter> {
        let ended = self.waiting(ask.max, |queued| {
            tenure(queued).is_some_and(|tenure| ask.forsaken.contains(&tenure))
        });
        let mut claims = Vec::new();
        for id in ended {
            let Some(queued) = self.queue.get_mut(&id) else {
                continue;
            };
            queued.in_doubt_lease = queued.in_doubt_lease.or(queued.lease);
            queued.lease = Some(ask.lease);
            queued.due = ask.until;
            let attempts = queued.attempts;
            let shard = self
                .letters
                .get(&id)
                .map_or(Shard(0), |row| row.letter.shard);
            self.history(id, Event::bare(ask.now, EventKind::LeaseExpired));
            claims.push(Claim {
                lease: ask.lease,
                shard,
                id,
                attempts,
            });
        }
        self.recall(&claims)
    }

    /// What a careless store does: claims whose written end lies before `moment` are free again.
    #[cfg(test)]
    pub(in super::super) fn reclaim(&mut self, moment: Timestamp) {
        let ended = self.queue.values_mut();
        let ended = ended.filter(|queued| queued.lease.is_some() && queued.due < moment);
        ended.for_each(|queued| free(queued, moment));
    }

    pub(in super::super) fn recall(&self, claims: &[Claim]) -> Vec<LeasedLetter> {
        let open = |id: &LetterId| {
            let row = self.letters.get(id);
            row.is_some_and(|row| matches!(row.state, None | Some(State::InDoubt)))
        };
        let claims = claims.iter().filter(|claim| open(&claim.id));
        // Nobody leases by what was read here.
        claims
            .filter_map(|claim| self.leased(claim.id, claim.lease, Lane(0), claim.attempts))
            .collect()
    }

    fn ours(&mut self, id: LetterId, lease: LeaseId) -> Option<&mut Queued> {
        let queued = self.queue.get_mut(&id)?;
        (queued.lease == Some(lease)).then_some(queued)
    }

    /// Letters that are not ready and of which `is_meant` holds, those due first in front.
    fn waiting(&self, max: u32, is_meant: impl Fn(&Queued) -> bool) -> Vec<LetterId> {
        let waiting = self
            .queue
            .iter()
            .filter(|(_, queued)| !queued.ready && is_meant(queued));
        let waiting: BTreeSet<_> = waiting.map(|(id, queued)| (queued.due, *id)).collect();
        waiting
            .into_iter()
            .take(max as usize)
            .map(|(_, id)| id)
            .collect()
    }
}

fn tenure(queued: &Queued) -> Option<Tenure> {
    let (lease, until) = (queued.lease?, queued.due);
    Some(Tenure { lease, until })
}

fn free(queued: &mut Queued, now: Timestamp) {
    queued.ready = true;
    queued.lease = None;
    queued.due = now;
}

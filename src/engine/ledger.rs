//! Which letters this node holds right now, and how many more it may take.
//!
//! Owns the count of letters in flight, by lane and in all. Promises: a letter is in the ledger from the moment its
//! lease is ours until its verdict is settled or the claim is given back, so memory is bounded by `Room::total`, and
//! no lane holds more than `Room::per_lane`, and a site that holds `Room::per_site` closes its lanes until some leave; a
//! lease that was asked for is known until it is sure that it holds no letter. Does not talk to the store: see `keeper`.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::Notify, time::Instant};

use super::{
    marks::{Heard, Marks},
    sites::Sites,
};
use crate::{
    mail::{LetterId, Shard, Timestamp},
    port::{AddressMark, Lane, LeaseId, LeasedLetter},
};

/// How many letters may be in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// In all lanes together.
    pub(super) total: usize,
    /// In one lane.
    pub(super) per_lane: usize,
    /// To one site, however many lanes lead there.
    pub(super) per_site: usize,
    /// To one site, when its lanes were not known yet: what is more goes back.
    pub(super) per_site_max: usize,
}

/// The letters in flight.
#[derive(Debug)]
pub(super) struct Ledger {
    room: Room,
    pages: Mutex<Pages>,
    freed: Notify,
    /// Somebody handed letters back.
    handed_back: Notify,
}

#[derive(Debug, Default)]
struct Pages {
    held: HashMap<LetterId, Held>,
    lanes: HashMap<Lane, usize>,
    pauses: HashMap<Lane, Timestamp>,
    sites: Sites,
    marks: Marks,
    octets: usize,
    /// Letters on their way back to the store: held, and their claims renewed, until it has them, but for those whose
    /// task died.
    returning: Vec<(LeaseId, Shard, LetterId)>,
    /// Leases that are being asked for.
    asked: HashSet<LeaseId>,
    /// Leases whose answer was lost, and until when they may still come into being.
    lost: HashMap<LeaseId, Instant>,
}

/// When a claim ends unless renewed, by both clocks: the wall clock is the store's and may be set back, the monotonic one
/// is nobody's and goes on while a process is frozen.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) at: Timestamp,
    pub(super) deadline: Instant,
}

impl End {
    fn ends_before(&self, other: Self) -> bool {
        self.at < other.at || self.deadline < other.deadline
    }

    fn has_come(&self, now: Timestamp, instant: Instant) -> bool {
        self.at <= now || self.deadline <= instant
    }
}

/// One claim on one letter.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// Under which claim.
    pub(super) lease: LeaseId,
    /// Where its rows live.
    pub(super) shard: Shard,
    /// Its line in the queue.
    lane: Lane,
    /// Whether its final dot was let go.
    is_gone: bool,
    /// How much of it lies in memory.
    octets: usize,
    /// Its site, once routed.
    site: Option<Arc<str>>,
    /// When the claim ends unless renewed.
    until: End,
    /// How far we had heard of suppressions before it was leased.
    heard: Heard,
}

/// Whether a leased letter may be handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is ours, and nothing new is known about its recipient.
    Ours,
    /// The claim was taken: it is somebody else's.
    Lost,
    /// The claim has run out, and nobody may have taken it yet.
    RanOut,
    /// Its recipient may have been suppressed since it was leased.
    InQuestion,
}

impl Ledger {
    /// An empty ledger with that much room.
    pub(super) fn new(room: Room) -> Self {
        Self {
            room,
            pages: Mutex::default(),
            freed: Notify::new(),
            handed_back: Notify::new(),
        }
    }

    /// Notes a lease that is being asked for.
    pub(super) fn ask(&self, lease: LeaseId) {
        self.pages().asked.insert(lease);
    }

    /// Forgets a lease that was not asked for after all.
    pub(super) fn unask(&self, lease: LeaseId) {
        self.pages().asked.remove(&lease);
    }

    /// Notes that the answer to a lease was lost: it may hold letters that nobody knows.
    pub(super) fn lose(&self, lease: LeaseId, until: Instant) {
        let mut pages = self.pages();
        pages.asked.remove(&lease);
        pages.lost.insert(lease, until);
    }

    /// Leases whose answer was lost, to be given back by the caller.
    pub(super) fn lost(&self) -> Vec<LeaseId> {
        self.pages().lost.keys().copied().collect()
    }

    /// Forgets those of the lost leases that had ended when the store, asked at `asked`, gave them back.
    pub(super) fn gave_back(&self, asked: Instant) {
        self.pages().lost.retain(|_, until| *until > asked);
    }

    /// Every lease that may hold letters.
    pub(super) fn leases(&self) -> HashSet<LeaseId> {
        let pages = self.pages();
        let held = pages.held.values().map(|held| held.lease);
        let returning = pages.returning.iter().map(|(lease, ..)| lease);
        let unknown = pages.asked.iter().chain(pages.lost.keys()).chain(returning);
        held.chain(unknown.copied()).collect()
    }

    /// Enters the letters that a lease has brought; `heard` was noted before the store was asked for them.
    pub(super) fn enter(&self, lease: LeaseId, letters: &[LeasedLetter], until: End, heard: Heard) {
        let mut pages = self.pages();
        pages.asked.remove(&lease);
        for letter in letters {
            let held = Held {
                lease: letter.lease,
                shard: letter.shard(),
                lane: letter.lane,
                is_gone: false,
                octets: letter.letter.as_ref().map_or(0, |letter| letter.octets()),
                site: None,
                until,
                heard,
            };
            // A letter whose older claim ran out here can come back under a new one before the old copy's turn.
            pages.strike(letter.id(), None);
            pages.octets += held.octets;
            pages.held.insert(letter.id(), held);
            *pages.lanes.entry(letter.lane).or_default() += 1;
        }
    }

    /// Strikes claims out: settled, given back or lost.
    pub(super) fn leave(&self, claims: impl IntoIterator<Item = (LeaseId, LetterId)>) {
        let mut pages = self.pages();
        for (lease, id) in claims {
            pages.strike(id, Some(lease));
        }
        drop(pages);
        self.freed.notify_one();
    }

    /// How this letter stands at hand-off; `mark` is that of its recipient.
    pub(super) fn standing(
        &self,
        letter: &LeasedLetter,
        mark: impl FnOnce() -> AddressMark,
        now: Timestamp,
    ) -> Standing {
        let pages = self.pages();
        match pages.held.get(&letter.id()) {
            Some(held) if held.lease != letter.lease => Standing::Lost,
            // A node that was frozen wakes up with claims that others may have taken long ago.
            Some(held) if held.until.has_come(now, Instant::now()) => Standing::RanOut,
            Some(held) if pages.marks.concern(mark, held.heard) => Standing::InQuestion,
            Some(_) => Standing::Ours,
            None => Standing::Lost,
        }
    }

    /// Lets the final dot go if this claim is ours and has not run out; from then on the letter may have arrived.
    pub(super) fn let_go(&self, letter: &LeasedLetter, now: Timestamp) -> bool {
        let mut pages = self.pages();
        let held = pages.held.get_mut(&letter.id());
        held.is_some_and(|held| {
            held.is_gone = held.lease == letter.lease && !held.until.has_come(now, Instant::now());
            held.is_gone
        })
    }

    /// Whether the final dot of this letter was let go.
    pub(super) fn is_gone(&self, letter: &LeasedLetter) -> bool {
        let pages = self.pages();
        let held = pages.held.get(&letter.id());
        held.is_some_and(|held| held.lease == letter.lease && held.is_gone)
    }

    /// How far we have heard of suppressions.
    pub(super) fn heard(&self) -> Heard {
        self.pages().marks.heard()
    }

    /// Notes that an address was suppressed.
    pub(super) fn note(&self, mark: AddressMark) {
        self.pages().marks.note(mark);
    }

    /// Notes that anybody may have been suppressed.
    pub(super) fn miss(&self) {
        self.pages().marks.miss();
    }

    /// Letters in flight.
    pub(super) fn len(&self) -> usize {
        self.pages().held.len()
    }

    /// Whether nothing is in flight.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many more letters may be leased.
    pub(super) fn free(&self) -> usize {
        self.room.total.saturating_sub(self.len())
    }

    /// Content of the letters in flight, in octets.
    pub(super) fn octets(&self) -> usize {
        self.pages().octets
    }

    /// Waits until letters have left since the last wait.
    pub(super) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// Notes that these letters go to that site; returns how many of them it may hold.
    pub(super) fn routed(&self, letters: &[LeasedLetter], site: &str) -> usize {
        let mut pages = self.pages();
        let pages = &mut *pages;
        let mut fit = 0;
        for letter in letters {
            let name = pages.sites.name(site, letter.lane);
            let free = self
                .room
                .per_site_max
                .saturating_sub(pages.sites.held(site));
            if let Some(held) = pages.held.get_mut(&letter.id()).filter(|_| free > 0) {
                pages.sites.enter(&name);
                held.site = Some(name);
            }
            fit += usize::from(free > 0);
        }
        fit
    }

    /// Keeps a lane out of the lease until that moment: nobody answers there.
    pub(super) fn pause(&self, lane: Lane, until: Timestamp) {
        self.pages().pauses.insert(lane, until);
    }

    /// Free permits of the lanes that hold letters, are paused, or lead to a full site; all others have `per_lane`.
    pub(super) fn room(&self, now: Timestamp) -> Vec<(Lane, u32)> {
        let mut pages = self.pages();
        pages.pauses.retain(|_, until| *until > now);
        let busy = pages.lanes.iter().map(|(lane, held)| {
            let free = self.room.per_lane.saturating_sub(*held);
            (*lane, u32::try_from(free).unwrap_or(u32::MAX))
        });
        let mut closed = pages.sites.full(self.room.per_site);
        closed.extend(pages.pauses.keys());
        busy.filter(|(lane, _)| !closed.contains(lane))
            .chain(closed.iter().map(|lane| (*lane, 0)))
            .collect()
    }

    /// Permits of a lane that holds no letter.
    pub(super) fn per_lane(&self) -> u32 {
        u32::try_from(self.room.per_lane).unwrap_or(u32::MAX)
    }

    /// Claims that end before that moment by either clock: one that was set back must not keep a claim from being renewed.
    pub(super) fn ending_before(&self, moment: End) -> Vec<(LeaseId, Shard, LetterId)> {
        let pages = self.pages();
        let ending = pages
            .held
            .iter()
            .filter(|(_, held)| held.until.ends_before(moment));
        ending
            .map(|(id, held)| (held.lease, held.shard, *id))
            .collect()
    }

    /// Notes that claims now end at `until`.
    pub(super) fn renewed(
        &self,
        claims: impl IntoIterator<Item = (LeaseId, LetterId)>,
        until: End,
    ) {
        let mut pages = self.pages();
        for (lease, id) in claims {
            if let Some(held) = pages.held.get_mut(&id).filter(|held| held.lease == lease) {
                held.until = until;
            }
        }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        // A panic while the pages were open leaves counts that are at worst too high for one letter.
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    /// Strikes a letter out, if its claim is that one; `None` strikes any.
    fn strike(&mut self, id: LetterId, lease: Option<LeaseId>) -> Option<Held> {
        let is_that = |held: &Held| lease.is_none_or(|lease| lease == held.lease);
        let Entry::Occupied(entry) = self.held.entry(id) else {
            return None;
        };
        if !is_that(entry.get()) {
            return None;
        }
        let held = entry.remove();
        self.octets = self.octets.saturating_sub(held.octets);
        if let Some(site) = &held.site {
            self.sites.leave(site);
        }
        if let Some(count) = self.lanes.get_mut(&held.lane) {
            *count -= 1;
            if *count == 0 {
                self.lanes.remove(&held.lane);
            }
        }
        Some(held)
    }
}

mod back;
#[cfg(test)]
mod tests;

//! Which letters this node holds right now, and how many more it may take.
//!
//! Owns the count of letters in flight, by lane and in all. Promises: a letter is in the ledger from the moment its
//! lease is ours until its verdict is settled or the claim is given back, so memory is bounded by `Room::total`, and
//! no lane holds more than `Room::per_lane`. Does not talk to the store: see `keeper` for renewals.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::marks::{Heard, Marks};
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
}

/// The letters in flight.
#[derive(Debug)]
pub(super) struct Ledger {
    room: Room,
    pages: Mutex<Pages>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Pages {
    held: HashMap<LetterId, Held>,
    lanes: HashMap<Lane, usize>,
    pauses: HashMap<Lane, Timestamp>,
    marks: Marks,
}

/// One claim on one letter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// Under which claim.
    pub(super) lease: LeaseId,
    /// Where its rows live.
    pub(super) shard: Shard,
    /// Its line in the queue.
    lane: Lane,
    /// When the claim ends unless renewed.
    until: Timestamp,
    /// How far we had heard of suppressions before it was leased.
    heard: Heard,
}

/// Whether a leased letter may be handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is ours, and nothing new is known about its recipient.
    Ours,
    /// The claim has run out or was taken: it is, or will be, somebody else's.
    Lost,
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
        }
    }

    /// Enters letters just leased until `until`; `heard` was noted before the store was asked for them.
    pub(super) fn enter(&self, letters: &[LeasedLetter], until: Timestamp, heard: Heard) {
        let mut pages = self.pages();
        for letter in letters {
            let held = Held {
                lease: letter.lease,
                shard: letter.shard(),
                lane: letter.lane,
                until,
                heard,
            };
            // A letter whose older claim ran out here can come back under a new one before the old copy's turn.
            pages.strike(letter.id(), None);
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
            // A node that was frozen wakes up with claims that others may have taken long ago.
            Some(held) if held.lease != letter.lease || held.until <= now => Standing::Lost,
            Some(held) if pages.marks.concern(mark, held.heard) => Standing::InQuestion,
            Some(_) => Standing::Ours,
            None => Standing::Lost,
        }
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

    /// Waits until letters have left since the last wait.
    pub(super) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// Keeps a lane out of the lease until that moment: nobody answers there.
    pub(super) fn pause(&self, lane: Lane, until: Timestamp) {
        self.pages().pauses.insert(lane, until);
    }

    /// Free permits of the lanes that hold letters or are paused; all others have `per_lane`.
    pub(super) fn room(&self, now: Timestamp) -> Vec<(Lane, u32)> {
        let mut pages = self.pages();
        pages.pauses.retain(|_, until| *until > now);
        let busy = pages.lanes.iter().map(|(lane, held)| {
            let free = self.room.per_lane.saturating_sub(*held);
            (*lane, u32::try_from(free).unwrap_or(u32::MAX))
        });
        let busy = busy.filter(|(lane, _)| !pages.pauses.contains_key(lane));
        busy.chain(pages.pauses.keys().map(|lane| (*lane, 0)))
            .collect()
    }

    /// Permits of a lane that holds no letter.
    pub(super) fn per_lane(&self) -> u32 {
        u32::try_from(self.room.per_lane).unwrap_or(u32::MAX)
    }

    /// Claims that end before `deadline`.
    pub(super) fn ending_before(&self, deadline: Timestamp) -> Vec<(LeaseId, Shard, LetterId)> {
        let pages = self.pages();
        let ending = pages.held.iter().filter(|(_, held)| held.until < deadline);
        ending
            .map(|(id, held)| (held.lease, held.shard, *id))
            .collect()
    }

    /// Notes that claims now end at `until`.
    pub(super) fn renewed(
        &self,
        claims: impl IntoIterator<Item = (LeaseId, LetterId)>,
        until: Timestamp,
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
    fn strike(&mut self, id: LetterId, lease: Option<LeaseId>) {
        let Some(held) = self.held.get(&id).copied() else {
            return;
        };
        if lease.is_some_and(|lease| lease != held.lease) {
            return;
        }
        self.held.remove(&id);
        if let Some(count) = self.lanes.get_mut(&held.lane) {
            *count -= 1;
            if *count == 0 {
                self.lanes.remove(&held.lane);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{mail::Unsendable, port::Broken};

    const NOON: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn leased(number: u128, lane: i32) -> LeasedLetter {
        let fault = Unsendable::new("letter", "of no matter here");
        let broken = Broken {
            id: LetterId(Uuid::from_u128(number)),
            shard: Shard(0),
            fault,
        };
        LeasedLetter {
            lease: LeaseId(Uuid::nil()),
            lane: Lane(lane),
            attempts: 0,
            suppressed: None,
            letter: Err(broken),
        }
    }

    fn claim(number: u128) -> (LeaseId, LetterId) {
        (LeaseId(Uuid::nil()), LetterId(Uuid::from_u128(number)))
    }

    fn check(ledger: &Ledger, letter: &LeasedLetter, now: Timestamp, expected: Standing) {
        let mark = || AddressMark("anna".to_owned());
        assert_eq!(ledger.standing(letter, mark, now), expected);
    }

    fn roomy() -> Ledger {
        Ledger::new(Room {
            total: 10,
            per_lane: 2,
        })
    }

    #[test]
    fn a_letter_is_not_ours_once_its_claim_has_run_out() {
        let ledger = roomy();
        let letter = leased(1, 7);
        ledger.enter(std::slice::from_ref(&letter), NOON, ledger.heard());
        let before = Timestamp::from_seconds(NOON.seconds() - 1);
        check(&ledger, &letter, before, Standing::Ours);
        check(&ledger, &letter, NOON, Standing::Lost);
    }

    #[test]
    fn a_letter_that_came_back_under_a_new_claim_is_held_once() {
        let ledger = roomy();
        let old = leased(1, 7);
        let new = LeasedLetter {
            lease: LeaseId(Uuid::from_u128(9)),
            ..leased(1, 7)
        };
        let before = Timestamp::from_seconds(NOON.seconds() - 1);
        ledger.enter(std::slice::from_ref(&old), NOON, ledger.heard());
        ledger.enter(std::slice::from_ref(&new), NOON, ledger.heard());
        check(&ledger, &old, before, Standing::Lost);
        ledger.leave([claim(1)]);
        check(&ledger, &new, before, Standing::Ours);
        assert_eq!(ledger.room(before), [(Lane(7), 1)]);
    }

    #[test]
    fn a_letter_is_in_question_when_its_recipient_was_suppressed_after_the_lease() {
        let ledger = roomy();
        let (early, late) = (leased(1, 7), leased(2, 7));
        let before = Timestamp::from_seconds(NOON.seconds() - 1);
        ledger.enter(std::slice::from_ref(&early), NOON, ledger.heard());
        ledger.note(AddressMark("anna".to_owned()));
        ledger.enter(std::slice::from_ref(&late), NOON, ledger.heard());
        check(&ledger, &early, before, Standing::InQuestion);
        check(&ledger, &late, before, Standing::Ours);
        ledger.miss();
        check(&ledger, &late, before, Standing::InQuestion);
    }

    #[test]
    fn a_lane_that_is_full_has_no_room_and_the_others_all_of_it() {
        let ledger = Ledger::new(Room {
            total: 10,
            per_lane: 2,
        });
        ledger.enter(&[leased(1, 7), leased(2, 7)], NOON, Heard::default());
        assert_eq!(ledger.room(NOON), [(Lane(7), 0)]);
        assert_eq!((ledger.free(), ledger.per_lane()), (8, 2));
        ledger.leave([claim(1)]);
        assert_eq!(ledger.room(NOON), [(Lane(7), 1)]);
    }

    #[test]
    fn leaving_twice_frees_once() {
        let ledger = Ledger::new(Room {
            total: 10,
            per_lane: 2,
        });
        ledger.enter(&[leased(1, 7)], NOON, Heard::default());
        ledger.leave([claim(1), claim(1)]);
        assert!(ledger.is_empty());
        assert!(ledger.room(NOON).is_empty());
    }

    #[test]
    fn a_paused_lane_has_no_room_until_its_pause_ends() {
        let ledger = Ledger::new(Room {
            total: 10,
            per_lane: 2,
        });
        ledger.pause(Lane(3), NOON);
        assert_eq!(
            ledger.room(Timestamp::from_seconds(NOON.seconds() - 1)),
            [(Lane(3), 0)]
        );
        assert!(ledger.room(NOON).is_empty());
    }
}

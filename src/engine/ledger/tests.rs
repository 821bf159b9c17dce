//! Claims, room, and who stands where at hand-off.

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
        per_site: 3,
        per_site_max: 5,
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
        per_site: 3,
        per_site_max: 5,
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
        per_site: 3,
        per_site_max: 5,
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
        per_site: 3,
        per_site_max: 5,
    });
    ledger.pause(Lane(3), NOON);
    assert_eq!(
        ledger.room(Timestamp::from_seconds(NOON.seconds() - 1)),
        [(Lane(3), 0)]
    );
    assert!(ledger.room(NOON).is_empty());
}

#[test]
fn a_site_that_holds_its_part_closes_all_its_lanes_until_letters_leave() {
    let ledger = Ledger::new(Room {
        total: 100,
        per_lane: 50,
        per_site: 3,
        per_site_max: 5,
    });
    let letters: Vec<LeasedLetter> = (1..=7).map(|n| leased(n, i32::from(n > 4))).collect();
    ledger.enter(&letters, NOON, ledger.heard());
    assert_eq!(ledger.routed(&letters, "mx.example.com"), 5);
    let room: HashMap<Lane, u32> = ledger.room(NOON).into_iter().collect();
    assert_eq!(room, [(Lane(0), 0), (Lane(1), 0)].into());
    ledger.leave([claim(6), claim(7), claim(5), claim(4), claim(3)]);
    let room: HashMap<Lane, u32> = ledger.room(NOON).into_iter().collect();
    assert_eq!(room, [(Lane(0), 48)].into());
}

//! Claims, room, and who stands where at hand-off.

use uuid::Uuid;

use super::*;
use crate::{
    engine::pace::{Moment, Pace},
    mail::{Domain, Unsendable},
    policy::{Shaping, warmup::Plans},
    port::Broken,
    route::Source,
};

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
        priority: 5,
        attempts: 0,
        suppressed: None,
        source: None,
        letter: Err(broken),
    }
}

fn path() -> Arc<Path> {
    let source = Source {
        name: "s1".to_owned(),
        address: None,
        ehlo: Domain::parse("mail.example.com").unwrap(),
        weight: 1,
    };
    let counts = Shaping::free().counts(["mx.example.com"], "mx.example.com");
    let moment = Moment {
        instant: Instant::now(),
        now: NOON,
    };
    let pace = Pace::new(std::slice::from_ref(&source), Plans::default());
    let paths = pace.paths([&source], &counts, moment);
    Arc::clone(paths.choose(None, |_| true, false, moment, || 0.0).unwrap())
}

fn claim(number: u128) -> (LeaseId, LetterId) {
    (LeaseId(Uuid::nil()), LetterId(Uuid::from_u128(number)))
}

fn check(ledger: &Ledger, letter: &LeasedLetter, now: Timestamp, expected: Standing) {
    let mark = || AddressMark("anna".to_owned());
    assert_eq!(ledger.standing(letter, mark, now), expected);
}

fn enter(ledger: &Ledger, letters: &[LeasedLetter], heard: Heard) {
    let end = End {
        at: NOON,
        deadline: Instant::now() + std::time::Duration::from_hours(1),
    };
    ledger.enter(LeaseId(Uuid::nil()), letters, end, heard);
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
    enter(&ledger, std::slice::from_ref(&letter), ledger.heard());
    let before = Timestamp::from_seconds(NOON.seconds() - 1);
    check(&ledger, &letter, before, Standing::Ours);
    check(&ledger, &letter, NOON, Standing::RanOut);
    assert!(!ledger.is_gone(&letter));
    assert!(ledger.let_go(&letter, before));
    assert!(ledger.is_gone(&letter));
    assert!(!ledger.let_go(&letter, NOON));
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_was_set_back_does_not_lengthen_a_claim() {
    let ledger = roomy();
    let letter = leased(1, 7);
    enter(&ledger, std::slice::from_ref(&letter), ledger.heard());
    let before = Timestamp::from_seconds(NOON.seconds() - 1);
    tokio::time::advance(std::time::Duration::from_hours(2)).await;
    check(&ledger, &letter, before, Standing::RanOut);
    assert!(!ledger.let_go(&letter, before));
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_was_set_back_does_not_keep_a_claim_from_being_renewed() {
    let ledger = roomy();
    let letter = leased(1, 7);
    enter(&ledger, std::slice::from_ref(&letter), ledger.heard());
    let hour = std::time::Duration::from_hours(1);
    let soon = |at: Timestamp| End {
        at,
        deadline: Instant::now() + hour / 2,
    };
    let yesterday = NOON.minus(hour * 24);
    assert_eq!(ledger.ending_before(soon(yesterday)), []);
    tokio::time::advance(hour).await;
    let ending = ledger.ending_before(soon(yesterday));
    assert_eq!(ending, [(letter.lease, letter.shard(), letter.id())]);
}

#[test]
fn a_lease_without_an_answer_is_known_until_it_was_given_back_after_its_end() {
    let ledger = roomy();
    let (asked, lost) = (LeaseId(Uuid::from_u128(1)), LeaseId(Uuid::from_u128(2)));
    ledger.ask(asked);
    ledger.ask(lost);
    let before = Instant::now();
    let end = before + std::time::Duration::from_secs(1);
    ledger.lose(lost, end);
    // What is being asked for may be answered yet: it is not given back.
    assert_eq!(ledger.lost(), [lost]);
    ledger.gave_back(before);
    assert_eq!(ledger.leases(), [asked, lost].into());
    ledger.gave_back(end);
    assert_eq!(ledger.lost(), []);
    assert_eq!(ledger.leases(), [asked].into());
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
    enter(&ledger, std::slice::from_ref(&old), ledger.heard());
    enter(&ledger, std::slice::from_ref(&new), ledger.heard());
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
    enter(&ledger, std::slice::from_ref(&early), ledger.heard());
    ledger.note(AddressMark("anna".to_owned()));
    enter(&ledger, std::slice::from_ref(&late), ledger.heard());
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
    enter(&ledger, &[leased(1, 7), leased(2, 7)], Heard::default());
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
    enter(&ledger, &[leased(1, 7)], Heard::default());
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
    enter(&ledger, &letters, ledger.heard());
    assert_eq!(ledger.routed(&letters, "mx.example.com", &path()), 5);
    let room: HashMap<Lane, u32> = ledger.room(NOON).into_iter().collect();
    assert_eq!(room, [(Lane(0), 0), (Lane(1), 0)].into());
    ledger.leave([claim(6), claim(7), claim(5), claim(4), claim(3)]);
    let room: HashMap<Lane, u32> = ledger.room(NOON).into_iter().collect();
    assert_eq!(room, [(Lane(0), 48)].into());
}

#[test]
fn a_letter_whose_task_died_is_given_back_unless_it_may_have_arrived() {
    let ledger = roomy();
    let letters = [leased(1, 7), leased(2, 7)];
    enter(&ledger, &letters, ledger.heard());
    assert!(ledger.let_go(&letters[1], Timestamp::from_seconds(0)));
    ledger.abandon(claim(1));
    ledger.abandon(claim(2));
    ledger.abandon(claim(3));
    assert!(ledger.is_empty());
    assert_eq!(ledger.leases().len(), 1, "the journal still tells of it");
    let back = ledger.returning();
    assert_eq!(back.len(), 1);
    assert_eq!(back[0].2, claim(1).1);
    ledger.took_back(1);
    assert_eq!(ledger.leases().len(), 0);
}

#[test]
fn a_letter_handed_back_is_held_until_the_store_took_it() {
    let ledger = roomy();
    let letters = [leased(1, 7), leased(2, 7)];
    enter(&ledger, &letters, ledger.heard());
    ledger.hand_back(&letters[..1]);
    assert_eq!(ledger.len(), 2);
    let back = ledger.returning();
    ledger.hand_back(&letters[1..]);
    ledger.took_back(back.len());
    assert_eq!(ledger.len(), 1);
    assert_eq!(
        ledger.returning(),
        [(letters[1].lease, letters[1].shard(), letters[1].id())]
    );
}

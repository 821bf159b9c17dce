//! What is written reads back; what is torn, locked, settled or from before the reboot reads as just that.

use std::{net::IpAddr, time::Duration};

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    mail::{Evidence, Reply, Shard, Stage, Timestamp, Trouble, TroubleKind},
    port::AttemptRecord,
};

fn claim(number: u128) -> Claim {
    Claim {
        lease: LeaseId(Uuid::from_u128(7)),
        shard: Shard(3),
        id: LetterId(Uuid::from_u128(number)),
        attempts: 2,
    }
}

fn accepted(number: u128) -> Word {
    Word {
        claim: claim(number),
        at: Timestamp::from_seconds(1_800_000_000),
        evidence: Evidence::Accepted(Reply::new(Stage::FinalDot, 250, "2.0.0 Ok")),
        attempt: None,
    }
}

/// A journal whose process is gone with something left open, and the heir's own.
fn dead(notes: impl FnOnce(&FileJournal)) -> (tempfile::TempDir, FileJournal) {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = FileJournal::create(folder.path()).expect("a journal");
    journal.asked(claim(0).lease).expect("noted");
    notes(&journal);
    drop(journal);
    let heir = FileJournal::create(folder.path()).expect("a journal");
    (folder, heir)
}

fn only(heir: &FileJournal) -> Legacy {
    let mut found = heir.inherit().expect("readable");
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn files(folder: &Path) -> usize {
    fs::read_dir(folder).expect("a folder").count()
}

#[test]
fn whoever_comes_next_reads_what_was_known_and_what_was_not() {
    let (folder, heir) = dead(|journal| {
        for number in 1..=3 {
            journal.dotted(claim(number)).expect("noted");
        }
        journal.heard(&accepted(2)).expect("noted");
        journal.dotted(claim(4)).expect("noted");
        journal.heard(&accepted(4)).expect("noted");
        journal.settled(&[(claim(4).lease, claim(4).id)]);
    });
    let legacy = only(&heir);
    assert_eq!(legacy.leases, [claim(0).lease]);
    assert_eq!(legacy.dotted, [claim(1), claim(3)]);
    assert_eq!(legacy.words, [accepted(2)]);
    assert_eq!(legacy.is_whole, !read::boot().is_empty());
    // It is in one pair of hands until it is buried.
    let third = FileJournal::create(folder.path()).expect("a journal");
    assert_eq!(third.inherit().expect("readable"), []);
    heir.bury(&legacy.name).expect("buried");
    assert_eq!(files(folder.path()), 2);
}

#[test]
fn the_journal_of_a_living_process_is_nobodys_business() {
    let folder = tempfile::tempdir().expect("a folder");
    let alive = FileJournal::create(folder.path()).expect("a journal");
    alive.dotted(claim(1)).expect("noted");
    let other = FileJournal::create(folder.path()).expect("a journal");
    assert_eq!(other.inherit().expect("readable"), []);
    // Not even while it is made anew.
    alive.shorten(&HashSet::new()).expect("shortened");
    assert_eq!(other.inherit().expect("readable"), []);
}

#[test]
fn a_process_that_leaves_nothing_open_leaves_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = FileJournal::create(folder.path()).expect("a journal");
    journal.asked(claim(1).lease).expect("noted");
    journal.dotted(claim(1)).expect("noted");
    journal.settled(&[(claim(1).lease, claim(1).id)]);
    journal.shorten(&HashSet::new()).expect("shortened");
    drop(journal);
    assert_eq!(files(folder.path()), 0);
}

#[test]
fn an_heir_that_dies_leaves_the_legacy_to_the_next() {
    let (folder, heir) = dead(|journal| journal.dotted(claim(1)).expect("noted"));
    let first = only(&heir);
    drop(heir);
    let next = FileJournal::create(folder.path()).expect("a journal");
    assert_eq!(only(&next), first);
}

#[test]
fn a_journal_is_shortened_to_what_is_open() {
    let (_folder, heir) = dead(|journal| {
        let mut number = 0;
        while !journal.is_long() {
            number += 1;
            journal.dotted(claim(number)).expect("noted");
            journal.settled(&[(claim(number).lease, claim(number).id)]);
        }
        journal.dotted(claim(1)).expect("noted");
        journal
            .shorten(&[LeaseId(Uuid::from_u128(9))].into())
            .expect("shortened");
        assert!(journal.book().end < 1_000);
        journal.heard(&accepted(2)).expect("noted");
    });
    let legacy = only(&heir);
    assert_eq!(legacy.leases, [LeaseId(Uuid::from_u128(9))]);
    assert_eq!(
        (legacy.dotted, legacy.words),
        (vec![claim(1)], vec![accepted(2)])
    );
}

#[test]
fn a_journal_has_an_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = FileJournal::create(folder.path()).expect("a journal");
    journal.book().end = FULL + 1;
    let refused = journal.dotted(claim(1)).expect_err("too long");
    assert_eq!(refused.to_string(), "noting a final dot");
    journal.shorten(&HashSet::new()).expect("shortened");
    journal.dotted(claim(1)).expect("noted");
}

#[test]
fn before_the_last_start_of_the_machine_no_silence_proves_anything() {
    let mut octets = Entry::Opened("before".to_owned()).frame();
    octets.extend(Entry::Dotted(claim(1)).frame());
    let legacy = |boot| read::legacy("x".to_owned(), &octets, boot);
    assert!(legacy("before").is_whole);
    assert!(!legacy("after").is_whole);
    assert_eq!(legacy("after").dotted, [claim(1)]);
    let nameless = Entry::Opened(String::new()).frame();
    assert!(!read::legacy("x".to_owned(), &nameless, "").is_whole);
}

prop_compose! {
    fn any_attempt()(
        site in ".{0,40}", host in prop::option::of("[a-z.]{1,30}"), remote in prop::option::of(any::<u32>()),
        tls in prop::option::of("TLS.{0,20}"), prepare in 0_u64..u64::MAX / 2, size_bytes in 0_usize..usize::MAX / 2,
    ) -> AttemptRecord {
        AttemptRecord {
            site: site.clone(),
            provider: "google",
            host,
            remote: remote.map(|bits| IpAddr::from(bits.to_be_bytes())),
            source: site,
            tls,
            prepare: Duration::from_micros(prepare),
            talk: Duration::from_micros(prepare / 2),
            size_bytes,
        }
    }
}

fn any_evidence() -> impl Strategy<Value = Evidence> {
    let stage = || prop::sample::select(Stage::ALL.to_vec());
    let reply = (stage(), 200_u16..600, ".{0,200}");
    let reply = reply.prop_map(|(stage, code, text)| Reply::new(stage, code, text));
    let kind = prop::sample::select(vec![TroubleKind::Closed, TroubleKind::Garbage]);
    let trouble = (stage(), kind, ".{0,200}");
    let trouble = trouble.prop_map(|(stage, kind, text)| Trouble::new(stage, kind, text));
    prop_oneof![
        reply.clone().prop_map(Evidence::Accepted),
        reply.prop_map(Evidence::Refused),
        trouble.clone().prop_map(Evidence::Broken),
        trouble.prop_map(Evidence::LostReply),
    ]
}

prop_compose! {
    fn any_word()(
        number: u128, lease: u128, shard: i16, attempts: u16, at: i64,
        evidence in any_evidence(), attempt in prop::option::of(any_attempt()),
    ) -> Word {
        let claim = Claim {
            lease: LeaseId(Uuid::from_u128(lease)),
            shard: Shard(shard),
            id: LetterId(Uuid::from_u128(number)),
            attempts,
        };
        Word { claim, at: Timestamp::from_micros(at), evidence, attempt }
    }
}

proptest! {
    #[test]
    fn a_word_reads_back_as_it_was(word in any_word(), rest in prop::collection::vec(any::<u8>(), 0..20)) {
        let mut frame = entry::word_frame(&word);
        frame.extend(&rest);
        let (read, left) = Entry::read(&frame).expect("a whole frame");
        prop_assert_eq!(read, Entry::Heard(Box::new(word)));
        prop_assert_eq!(left, &rest[..]);
    }

    #[test]
    fn a_torn_or_changed_note_reads_as_none_and_spoils_none_before(
        word in any_word(), cut in 0.0..1.0_f64, flip in 1_u8..=255,
    ) {
        let first = Entry::Dotted(claim(1)).frame();
        let second = entry::word_frame(&word);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in the frame")]
        #[expect(clippy::cast_precision_loss, reason = "a place in the frame")]
        let at = (cut * second.len() as f64) as usize;
        let torn = [&first[..], &second[..at]].concat();
        prop_assert_eq!(read::legacy(String::new(), &torn, "").dotted, vec![claim(1)]);
        let mut changed = [&first[..], &second[..]].concat();
        changed[first.len() + at] ^= flip;
        let legacy = read::legacy(String::new(), &changed, "");
        prop_assert_eq!((legacy.dotted.len(), legacy.words.len()), (1, 0));
    }

    #[test]
    fn any_octets_are_read_without_harm(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let legacy = read::legacy(String::new(), &octets, "here");
        prop_assert!(legacy.words.len() + legacy.dotted.len() <= octets.len());
    }
}

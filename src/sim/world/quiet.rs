//! Worlds that begin in quiet hours: crashes, lost statements and broken wires wake nobody.

use std::{collections::BTreeSet, time::Duration};

use jiff::civil::time;

use super::{
    clock::EPOCH,
    day::{Terms, run},
    desk::{HOLDING, Habits},
    facts::Facts,
    laws::LAWS,
    setting::Setting,
};
use crate::{
    mail::{EventKind, Letter, LetterId, Timestamp},
    policy::{QuietHours, Zone},
};

const LETTERS: usize = 60;
const SEEDS: u64 = 16;

/// A place where it is evening when every world begins at noon, and where nobody is left alone then.
const AWAKE: &str = "Asia/Tokyo";

/// The hours end 80 seconds after the beginning, at 11:08 in UTC.
fn hours() -> Option<QuietHours> {
    let (from, to) = (time(10, 0, 0, 0), time(11, 8, 0, 0));
    QuietHours::new(from, to, false, Zone::parse("UTC")?)
}

const END: Duration = Duration::from_secs(80);

/// Every second reader lives elsewhere, and some letters are worth nothing soon. All nodes know what time it is.
fn setting(seed: u64) -> Setting {
    let mut setting = Setting::of(seed, LETTERS).unwrap();
    setting.weather.clock_jump = Duration::ZERO;
    setting.weather.clock_offset = Duration::ZERO;
    for order in setting.orders.iter_mut().step_by(2) {
        order.letter.to.time_zone = Some(AWAKE.to_owned());
    }
    for order in setting.orders.iter_mut().skip(1).step_by(10) {
        let letter = &mut order.letter;
        let begins = letter.send_at.unwrap_or(letter.enqueued_at);
        letter.valid_until = Some(begins.plus(Duration::from_secs(30)));
    }
    setting
}

fn is_quiet(letter: &Letter) -> bool {
    letter.stream == HOLDING && letter.to.time_zone.is_none()
}

/// Whom receivers heard of before the end of the hours.
fn early(facts: &Facts) -> BTreeSet<LetterId> {
    let early = facts
        .pages
        .attempts
        .iter()
        .filter(|attempt| attempt.at < END);
    early
        .filter_map(|attempt| facts.letter(&attempt.return_path))
        .map(|letter| letter.id)
        .collect()
}

#[test]
fn no_letter_wakes_its_reader_whatever_happens() {
    let (mut postponed, mut ended_in_time, mut woken) = (0, 0, 0);
    for seed in 0..SEEDS {
        let mut terms = Terms::usual();
        terms.habits = Habits {
            quiet: hours(),
            ..Habits::default()
        };
        let facts = run(&setting(seed), terms).unwrap();
        for law in &LAWS {
            assert_eq!(
                (law.judge)(&facts),
                Vec::<String>::new(),
                "seed {seed}: {}",
                law.name
            );
        }
        let early = early(&facts);
        for (id, row) in &facts.letters {
            let kept = row
                .events
                .iter()
                .filter(|event| event.kind == EventKind::Postponed);
            let kept: Vec<Option<Timestamp>> = kept.map(|event| event.due).collect();
            if !is_quiet(&row.letter) {
                assert_eq!(kept, [], "seed {seed}: {id} is not for the night");
                woken += usize::from(early.contains(id));
                continue;
            }
            assert!(
                !early.contains(id),
                "seed {seed}: {id} was spoken of in quiet hours"
            );
            let end = EPOCH.plus(END);
            let expected = row.letter.valid_until.map_or(end, |until| until.min(end));
            assert!(
                kept.iter().all(|due| *due == Some(expected)),
                "seed {seed}: {id} {kept:?}"
            );
            postponed += usize::from(!kept.is_empty());
            ended_in_time += usize::from(expected < end && !kept.is_empty());
        }
    }
    assert!(postponed > 100, "{postponed} letters met quiet hours");
    assert!(
        ended_in_time > 0,
        "no letter was worth nothing in the morning"
    );
    assert!(woken > 100, "{woken} letters went while others waited");
}
